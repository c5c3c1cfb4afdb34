package jinja

import "maps"

// builtinFilters are Jinja's own filters by name.
var builtinFilters = mergeTables(textFilters, numberFilters, sequenceFilters, selectFilters, htmlFilters, miscFilters)

func mergeTables(tables ...map[string]*builtin) map[string]*builtin {
	all := make(map[string]*builtin)
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

package cli

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// longestItemName is how long, in letters, a value may be that an item is called by.
const longestItemName = 40

// itemNames finds words for the items of the tasks among some executions, by their
// ids: the value of the parameter that tells the items of a task apart. An item
// called "hv1" says more than the third one. Where no parameter is another one for
// every item there are no words.
func itemNames(list []*tree) map[string]string {
	tasks := map[string][]*tree{}
	for _, n := range list {
		if n.Item != nil {
			tasks[n.Task] = append(tasks[n.Task], n)
		}
	}
	names := map[string]string{}
	for _, items := range tasks {
		maps.Copy(names, toldApart(items))
	}
	return names
}

// toldApart is itemNames for the items of one task.
func toldApart(items []*tree) map[string]string {
	values := make([]map[string]string, len(items))
	for i, n := range items {
		if n.values == nil {
			var doc any
			_ = json.Unmarshal(n.parameters, &doc) // none: there is no name in it
			n.values = map[string]string{}
			shortValues(n.values, "", doc)
		}
		values[i] = n.values
	}
	var best string
	for path := range values[0] {
		if (best == "" || comparePaths(path, best) < 0) && distinct(values, path) {
			best = path
		}
	}
	if best == "" {
		return nil
	}
	names := map[string]string{}
	for i, n := range items {
		names[n.ID] = values[i][best]
	}
	return names
}

// shortValues collects the values in a document that are short enough, by their
// paths. Lists are left out, unless they hold one such value.
func shortValues(into map[string]string, path string, doc any) {
	switch v := doc.(type) {
	case map[string]any:
		for name, below := range v {
			shortValues(into, strings.TrimPrefix(path+"."+name, "."), below)
		}
	case []any:
		if len(v) != 1 {
			return
		}
		switch v[0].(type) {
		case string, float64:
			shortValues(into, path, v[0])
		}
	case string:
		if n := utf8.RuneCountInString(v); n > 0 && n <= longestItemName && !strings.ContainsAny(v, "\n\x1b") && v != "********" {
			into[path] = v
		}
	case float64:
		if text, err := json.Marshal(v); err == nil {
			into[path] = string(text)
		}
	}
}

// comparePaths puts what things are called by in front: where they come from, their
// name, their machine; then what is not deep inside.
func comparePaths(x, y string) int {
	rank := func(path string) int {
		last := path[strings.LastIndexByte(path, '.')+1:]
		if i := slices.Index([]string{"source", "name", "host", "hosts"}, last); i >= 0 {
			return i
		}
		return 4 + strings.Count(path, ".")
	}
	return cmp.Or(cmp.Compare(rank(x), rank(y)), strings.Compare(x, y))
}

// distinct reports whether every item has a value of its own there.
func distinct(values []map[string]string, path string) bool {
	seen := map[string]bool{}
	for _, v := range values {
		if word, ok := v[path]; !ok || seen[word] {
			return false
		}
		seen[v[path]] = true
	}
	return true
}

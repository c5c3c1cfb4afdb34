package chain

import (
	"fmt"
	"slices"
	"strconv"

	"squall/internal/expr/value"
)

// This file holds a definition against the schema of StackStorm. Of several
// violations the outermost is told, and of those the last by its place: what
// Python's library calls the best match.

// kinds are the types of a level's properties; "!" marks one that must be there.
type kinds map[string]string

var (
	chainKinds = kinds{"chain": "array!", "default": "string", "vars": "object"}
	nodeKinds  = kinds{"name": "string!", "ref": "string!", "params": "object", "parameters": "object",
		"on-success": "string", "on-failure": "string", "publish": "object", "notify": "object"}
	notifyKinds = kinds{"on-complete": "object", "on-failure": "object", "on-success": "object"}
)

type violation struct {
	path []string
	text string
}

func check(doc *value.Dict) error {
	found := violations(doc, chainKinds, nil)
	if list, ok := get[*value.List](doc, "chain"); ok && len(list.Items) > 0 {
		// st2's schema gives one schema in a list: it is for the first task.
		at := []string{"chain", "0"}
		if first, ok := list.Items[0].(*value.Dict); !ok {
			found = append(found, violation{at, typeText(list.Items[0], "object")})
		} else {
			found = append(found, violations(first, nodeKinds, at)...)
			if n, ok := get[*value.Dict](first, "notify"); ok {
				found = append(found, violations(n, notifyKinds, append(slices.Clone(at), "notify"))...)
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	best := slices.MaxFunc(found, func(a, b violation) int {
		if len(a.path) != len(b.path) {
			return len(b.path) - len(a.path)
		}
		return slices.Compare(a.path, b.path)
	})
	return value.Errorf("ValidationError", "%s", best.text)
}

func violations(d *value.Dict, want kinds, at []string) (found []violation) {
	for k, v := range d.All() {
		name, _ := k.(string)
		kind, known := want[name]
		if !known {
			found = append(found, violation{at, extraText(d, want)})
			continue
		}
		kind, _ = cutMark(kind)
		if !isKind(v, kind) {
			found = append(found, violation{append(slices.Clone(at), name), typeText(v, kind)})
		}
	}
	for name, kind := range want {
		if _, there := d.GetStr(name); there {
			continue
		}
		if _, required := cutMark(kind); required {
			found = append(found, violation{append(slices.Clone(at), "required"), value.StrRepr(name) + " is a required property"})
		}
	}
	return found
}

func cutMark(kind string) (string, bool) {
	if n := len(kind) - 1; kind[n] == '!' {
		return kind[:n], true
	}
	return kind, false
}

func isKind(v any, kind string) bool {
	switch kind {
	case "string":
		return value.IsString(v)
	case "array":
		_, ok := v.(*value.List)
		return ok
	}
	_, ok := v.(*value.Dict)
	return ok
}

func typeText(v any, kind string) string {
	shown, err := value.Repr(nil, v)
	if err != nil {
		shown = value.TypeName(v)
	}
	return fmt.Sprintf("%s is not of type '%s'", shown, kind)
}

// extraText names all properties that should not be there.
func extraText(d *value.Dict, want kinds) string {
	list, verb := "", "was"
	for k := range d.All() {
		name, isText := k.(string)
		if _, known := want[name]; known && isText {
			continue
		}
		shown, err := value.Repr(nil, k)
		if err != nil {
			shown = strconv.Quote(value.TypeName(k))
		}
		if list != "" {
			list, verb = list+", ", "were"
		}
		list += shown
	}
	return fmt.Sprintf("Additional properties are not allowed (%s %s unexpected)", list, verb)
}

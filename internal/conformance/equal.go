package conformance

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"squall/internal/expr/value"
)

// difference tells how got differs from the recorded value, or "" when it is
// equal in value and type. Key order does not count.
func difference(want, got any, path string) string {
	at := func(format string, args ...any) string {
		if path == "" {
			path = "value"
		}
		return path + ": " + fmt.Sprintf(format, args...)
	}
	if t, ok := want.(Typed); ok {
		if !sameTyped(t, got) {
			return at("want %s %s%d, got %s", t.Kind, t.Text, t.Num, show(got))
		}
		return ""
	}
	wrong := func() string { return at("want %s, got %s", show(want), show(got)) }
	switch w := want.(type) {
	case *value.List:
		g, ok := got.(*value.List)
		if !ok {
			return wrong()
		}
		return differentItems(w.Items, g.Items, path, wrong)
	case value.Tuple:
		g, ok := got.(value.Tuple)
		if !ok {
			return wrong()
		}
		return differentItems(w, g, path, wrong)
	case *value.Dict:
		g, ok := got.(*value.Dict)
		if !ok || g.Len() != w.Len() {
			return wrong()
		}
		for k, v := range w.All() {
			x, ok := g.Get(k)
			if !ok {
				return wrong()
			}
			if d := difference(v, x, fmt.Sprintf("%s[%s]", path, show(k))); d != "" {
				return d
			}
		}
		return ""
	case *value.Set:
		g, ok := got.(*value.Set)
		if !ok || !sameMembers(w.Items(), g.Items()) {
			return wrong()
		}
		return ""
	case wantMap:
		g, ok := got.(*value.Dict)
		if !ok {
			return wrong()
		}
		var want, have []any
		for _, p := range w {
			want = append(want, value.Tuple(p[:]))
		}
		for k, v := range g.All() {
			have = append(have, value.Tuple{k, v})
		}
		if !sameMembers(want, have) {
			return wrong()
		}
		return ""
	case wantSet:
		g, ok := got.(*value.Set)
		if !ok || !sameMembers(w, g.Items()) {
			return wrong()
		}
		return ""
	case *big.Int:
		if g, ok := got.(*big.Int); !ok || g.Cmp(w) != 0 {
			return wrong()
		}
		return ""
	case float64:
		// Compared by text: NaN equals itself, and -0.0 is not 0.0.
		if g, ok := got.(float64); !ok || value.FloatRepr(g) != value.FloatRepr(w) {
			return wrong()
		}
		return ""
	case nil, bool, int64, string:
		if want != got {
			return wrong()
		}
		return ""
	}
	return at("cannot compare %T", want)
}

// sameMembers pairs the members off in any order.
func sameMembers(want, got []any) bool {
	if len(want) != len(got) {
		return false
	}
	rest := slices.Clone(got)
	for _, w := range want {
		i := slices.IndexFunc(rest, func(g any) bool { return difference(w, g, "") == "" })
		if i < 0 {
			return false
		}
		rest = slices.Delete(rest, i, i+1)
	}
	return true
}

func differentItems(want, got []any, path string, wrong func() string) string {
	if len(want) != len(got) {
		return wrong()
	}
	for i := range want {
		if d := difference(want[i], got[i], fmt.Sprintf("%s[%d]", path, i)); d != "" {
			return d
		}
	}
	return ""
}

func sameTyped(want Typed, got any) bool {
	switch want.Kind {
	case "datetime":
		g, ok := got.(value.DateTime)
		if !ok {
			return false
		}
		text, err := value.Str(nil, g)
		return err == nil && strings.Replace(text, " ", "T", 1) == want.Text
	case "timespan":
		g, ok := got.(value.TimeSpan)
		return ok && int64(g) == want.Num
	case "markup":
		g, ok := got.(value.Markup)
		return ok && string(g) == want.Text
	case "bytes":
		_, ok := got.(value.Bytes)
		return ok
	case "undefined":
		return strings.HasSuffix(value.TypeName(got), "Undefined")
	case "opaque":
		switch got.(type) {
		case nil, bool, int64, *big.Int, float64, string, *value.List, *value.Dict, value.Tuple, *value.Set:
			return false
		}
		return true
	}
	return false
}

// show writes a value with its type for a person.
func show(v any) string {
	if t, ok := v.(Typed); ok {
		return fmt.Sprintf("%s(%s%d)", t.Kind, t.Text, t.Num)
	}
	switch x := v.(type) {
	case wantSet:
		return "set of " + show(value.NewList(x...))
	case wantMap:
		return fmt.Sprintf("dict with %d entries", len(x))
	}
	text, err := value.Repr(nil, v)
	if err != nil {
		text = fmt.Sprintf("%v", v)
	}
	if len(text) > 300 {
		text = text[:300] + "..."
	}
	return value.TypeName(v) + " " + text
}

package yaql

import (
	"strconv"
	"strings"

	"squall/internal/expr/value"
)

// strOf is Python's str(v); the function str of the language differs for null
// and booleans.
func strOf(b *value.Budget, v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	if !needsOwnRepr(v) {
		return value.Str(b, v)
	}
	return reprOf(b, v)
}

// reprOf is Python's repr(v). Input lists print as the tuples they stand for.
func reprOf(b *value.Budget, v any) (string, error) {
	var w textWriter
	w.budget = b
	if err := w.repr(v, 0); err != nil {
		return "", err
	}
	return w.String(), nil
}

func needsOwnRepr(v any) bool {
	switch v.(type) {
	case value.Tuple, *value.List, *value.Dict, *value.Set, *list, *dict, *view:
		return true
	}
	return false
}

// reprDate is the repr of a datetime, whose zones are dateutil's here.
func reprDate(d value.DateTime) (string, error) {
	s, err := value.Repr(nil, value.DateTime{Time: d.Time, Naive: true})
	if err != nil || d.Naive {
		return s, err
	}
	zone := "tzutc()"
	if off := d.Offset(); off != 0 {
		zone = "tzoffset(None, " + strconv.FormatInt(int64(off/value.Second), 10) + ")"
	}
	return strings.TrimSuffix(s, ")") + ", tzinfo=" + zone + ")", nil
}

type textWriter struct {
	strings.Builder
	budget *value.Budget
}

func (w *textWriter) seq(open string, items []any, close string, depth int) error {
	w.WriteString(open)
	for i, x := range items {
		if i > 0 {
			w.WriteString(", ")
		}
		if err := w.repr(x, depth+1); err != nil {
			return err
		}
	}
	w.WriteString(close)
	return nil
}

func (w *textWriter) repr(v any, depth int) error {
	if depth > maxNesting {
		return tooNested()
	}
	if err := w.budget.Step(1); err != nil {
		return err
	}
	if items, ok := tupleItems(v); ok {
		if len(items) == 1 {
			return w.seq("(", items, ",)", depth)
		}
		return w.seq("(", items, ")", depth)
	}
	if d, ok := mapping(v); ok {
		return w.dict(d, depth)
	}
	switch v := v.(type) {
	case value.DateTime:
		s, err := reprDate(v)
		w.WriteString(s)
		return err
	case *list:
		return w.seq("[", v.items, "]", depth)
	case *value.Set:
		name := "set"
		if v.Frozen {
			name = "frozenset"
		}
		switch {
		case v.Len() == 0:
			w.WriteString(name + "()")
			return nil
		case v.Frozen:
			return w.seq(name+"({", v.Items(), "})", depth)
		}
		return w.seq("{", v.Items(), "}", depth)
	case *view:
		if d, ok := v.of.(*dict); ok && !d.frozen {
			return w.seq(v.TypeName()+"([", v.elements(), "])", depth)
		}
		w.WriteString(v.TypeName() + "(")
		if err := w.repr(v.of, depth+1); err != nil {
			return err
		}
		w.WriteByte(')')
		return nil
	}
	s, err := value.Repr(w.budget, v)
	if err != nil {
		return err
	}
	if err := w.budget.Alloc(int64(len(s))); err != nil {
		return err
	}
	w.WriteString(s)
	return nil
}

func (w *textWriter) dict(d *value.Dict, depth int) error {
	w.WriteByte('{')
	first := true
	for k, x := range d.All() {
		if !first {
			w.WriteString(", ")
		}
		first = false
		if err := w.repr(k, depth+1); err != nil {
			return err
		}
		w.WriteString(": ")
		if err := w.repr(x, depth+1); err != nil {
			return err
		}
	}
	w.WriteByte('}')
	return nil
}

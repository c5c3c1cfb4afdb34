package value

import (
	"errors"
	"testing"
)

// touchy is an object every use of which raises, like a strict undefined.
type touchy struct{}

var errTouched = Errorf("UndefinedError", "'x' is undefined")

func (touchy) TypeName() string                             { return "Undefined" }
func (touchy) StrText() (string, error)                     { return "", errTouched }
func (touchy) Truth() (bool, error)                         { return false, errTouched }
func (touchy) Iter() (Iterator, error)                      { return nil, errTouched }
func (touchy) Length() (int, error)                         { return 0, errTouched }
func (touchy) EqualTo(any) (bool, bool, error)              { return false, true, errTouched }
func (touchy) HashCode() (uint64, error)                    { return 0, errTouched }
func (touchy) Contains(any) (bool, error)                   { return false, errTouched }
func (touchy) Attr(string) (any, bool, error)               { return nil, false, errTouched }
func (touchy) Item(any) (any, bool, error)                  { return nil, false, errTouched }
func (touchy) UnaryOp(string) (any, bool, error)            { return nil, true, errTouched }
func (touchy) IntValue() (any, error)                       { return nil, errTouched }
func (touchy) FloatValue() (float64, error)                 { return 0, errTouched }
func (touchy) CompareTo(string, any) (a, b bool, err error) { return false, true, errTouched }
func (touchy) BinaryOp(string, any, bool) (any, bool, error) {
	return nil, true, errTouched
}

// TestObjectsDecideForThemselves checks that every operation asks an object,
// on whichever side it stands, and passes its error on.
func TestObjectsDecideForThemselves(t *testing.T) {
	x := touchy{}
	call := func(obj any, name string, args ...any) error {
		_, err := CallMethod(nil, obj, name, args, nil)
		return err
	}
	uses := map[string]func() error{
		"str":          func() error { _, err := Str(nil, x); return err },
		"truth":        func() error { _, err := Truth(x); return err },
		"iter":         func() error { _, err := Iter(x); return err },
		"len":          func() error { _, err := Length(x); return err },
		"hash":         func() error { _, err := Hash(x); return err },
		"set member":   func() error { _, err := SetFrom([]any{x}); return err },
		"attribute":    func() error { _, err := GetAttr(nil, x, "a"); return err },
		"item":         func() error { _, err := GetItem(nil, x, "a"); return err },
		"slice":        func() error { _, err := Slice(nil, x, nil, nil, nil); return err },
		"contains":     func() error { _, err := Contains(nil, x, 1); return err },
		"in list":      func() error { _, err := Contains(nil, NewList(int64(1), x), "a"); return err },
		"equal":        func() error { _, err := EqualIn(nil, x, int64(1)); return err },
		"equal right":  func() error { _, err := EqualIn(nil, "a", x); return err },
		"equal inside": func() error { _, err := EqualIn(nil, NewList(x), NewList(int64(1))); return err },
		"less":         func() error { _, err := Less(nil, x, int64(1)); return err },
		"less right":   func() error { _, err := Less(nil, "a", x); return err },
		"sort":         func() error { _, err := Sorted(nil, NewList(int64(1), x), nil, false); return err },
		"neg":          func() error { _, err := Neg(nil, x); return err },
		"abs":          func() error { _, err := Abs(nil, x); return err },
		"int":          func() error { _, err := ToInt(nil, x); return err },
		"float":        func() error { _, err := ToFloat(x); return err },
		"printf":       func() error { _, err := Printf(nil, "%s", Tuple{x}); return err },
		"printf int":   func() error { _, err := Printf(nil, "%d", Tuple{x}); return err },
		"format":       func() error { return call("{}", "format", x) },
		"join":         func() error { return call(",", "join", x) },
		"list.index":   func() error { return call(NewList(int64(1)), "index", x) },
		"list.count":   func() error { return call(NewList(int64(1)), "count", x) },
	}
	for _, op := range []string{"+", "-", "*", "/", "//", "%", "**", "&", "|", "^", "<<", ">>"} {
		for name, left := range map[string]any{"int": int64(1), "list": NewList(), "dict": NewDict(0), "None": nil} {
			uses[name+op] = func() error { _, err := BinaryOp(nil, op, left, x); return err }
		}
		uses[op] = func() error { _, err := BinaryOp(nil, op, x, int64(1)); return err }
	}
	uses["str+"] = func() error { _, err := Add(nil, "a", x); return err }
	uses["str*"] = func() error { _, err := Mul(nil, "a", x); return err }
	for name, use := range uses {
		t.Run(name, func(t *testing.T) {
			if err := use(); !errors.Is(err, errTouched) {
				t.Errorf("error %v, want the object's own", err)
			}
		})
	}
}

func TestMethodsBindTheirReceiver(t *testing.T) {
	l := NewList(int64(1))
	m, ok := Method(nil, l, "append")
	if !ok {
		t.Fatal("list has no append")
	}
	if _, err := m.Call([]any{"x"}, nil); err != nil {
		t.Fatal(err)
	}
	if text, _ := Repr(nil, l); text != "[1, 'x']" {
		t.Errorf("after append: %s", text)
	}
	if self, name, ok := Receiver(m); !ok || self != any(l) || name != "append" {
		t.Errorf("receiver %v, %s", self, name)
	}
	if _, ok := Method(nil, l, "push"); ok {
		t.Error("list has a method push")
	}
	if _, err := GetAttr(nil, "text", "foo"); MessageOf(err) != "'str' object has no attribute 'foo'" {
		t.Errorf("missing attribute: %v", err)
	}
	if _, err := Call(int64(5), nil, nil); MessageOf(err) != "'int' object is not callable" {
		t.Errorf("calling an int: %v", err)
	}
}

func TestDictViewsAreLive(t *testing.T) {
	d := DictOf("a", int64(1))
	v, err := CallMethod(nil, d, "items", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	it, err := Iter(v)
	if err != nil {
		t.Fatal(err)
	}
	d.SetStr("b", int64(2))
	if text, _ := Repr(nil, v); text != "dict_items([('a', 1), ('b', 2)])" {
		t.Errorf("view shows %s", text)
	}
	if _, _, err := it.Next(); ClassOf(err) != "RuntimeError" {
		t.Errorf("iterating over a changed dict: %v", err)
	}
	keys := &DictView{Dict: d}
	both, err := And(nil, keys, NewList("b", "c"))
	if err != nil || !Equal(both, NewSet("b")) {
		t.Errorf("keys & list = %v, %v", both, err)
	}
	if !Equal(keys, NewSet("b", "a")) || !Equal(NewSet("a", "b"), keys) {
		t.Error("keys differ from the set of them")
	}
}

package value

// ViewKind says what a DictView shows.
type ViewKind uint8

// The three live views of a dict.
const (
	ViewKeys ViewKind = iota
	ViewValues
	ViewItems
)

// DictView is d.keys(), d.values() or d.items(): it shows the dict as it is now.
type DictView struct {
	Dict *Dict
	Kind ViewKind
}

// TypeName implements Object.
func (v *DictView) TypeName() string {
	switch v.Kind {
	case ViewValues:
		return "dict_values"
	case ViewItems:
		return "dict_items"
	}
	return "dict_keys"
}

// Iter implements Iterable.
func (v *DictView) Iter() (Iterator, error) {
	return &dictIter{d: v.Dict, kind: v.Kind, want: v.Dict.Len()}, nil
}

// Length implements Lengther.
func (v *DictView) Length() (int, error) { return v.Dict.Len(), nil }

// Truth implements Truther.
func (v *DictView) Truth() (bool, error) { return v.Dict.Len() > 0, nil }

// Contains implements Container.
func (v *DictView) Contains(x any) (bool, error) {
	switch v.Kind {
	case ViewKeys:
		_, ok, err := v.Dict.Lookup(x)
		return ok, err
	case ViewItems:
		pair, ok := x.(Tuple)
		if !ok || len(pair) != 2 {
			return false, nil
		}
		val, ok, err := v.Dict.Lookup(pair[0])
		if !ok || err != nil {
			return false, err
		}
		return SameOrEqual(nil, val, pair[1])
	}
	for _, val := range v.Dict.All() {
		if eq, err := SameOrEqual(nil, val, x); eq || err != nil {
			return eq, err
		}
	}
	return false, nil
}

// set returns the elements of a keys or items view as a set.
func (v *DictView) set() (*Set, error) {
	s := &Set{}
	for k, val := range v.Dict.All() {
		var item any = k
		if v.Kind == ViewItems {
			item = Tuple{k, val}
		}
		if err := s.Add(item); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// viewSet returns the set a set-like operand stands for.
func viewSet(v any) (s *Set, ok bool, err error) {
	switch x := v.(type) {
	case *Set:
		return x, true, nil
	case *DictView:
		if x.Kind != ViewValues {
			s, err := x.set()
			return s, true, err
		}
	}
	return nil, false, nil
}

func setOfView(s *Set, v *DictView) (bool, error) {
	if v.Kind == ViewValues || s.Len() != v.Dict.Len() {
		return false, nil
	}
	for item := range s.All() {
		if in, err := v.Contains(item); !in || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (c *comparer) views(v *DictView, other any) (bool, error) {
	if v.Kind == ViewValues {
		return any(v) == other, nil
	}
	switch y := other.(type) {
	case *Set:
		return setOfView(y, v)
	case *DictView:
		if y.Kind == ViewValues || v.Dict.Len() != y.Dict.Len() {
			return false, nil
		}
		for k, val := range v.Dict.All() {
			var item any = k
			if v.Kind == ViewItems {
				item = Tuple{k, val}
			}
			if in, err := y.Contains(item); !in || err != nil {
				return false, err
			}
		}
		return true, nil
	}
	return false, nil
}

package value

// setOp computes - & | ^ of sets and of dict views, which act like sets.
func setOp(bud *Budget, op string, x, y any) (any, bool, error) {
	_, xSet := x.(*Set)
	_, xView := x.(*DictView)
	_, yView := y.(*DictView)
	if !xSet && !xView && !yView {
		if op == "|" {
			return dictUnion(bud, x, y)
		}
		return nil, false, nil
	}
	s, ok, err := viewSet(x)
	if err != nil {
		return nil, false, err
	}
	t, ok2, err := viewSet(y)
	if err != nil {
		return nil, false, err
	}
	if !ok && !yView || !ok2 && !xView {
		return nil, false, nil
	}
	// A view combines with any iterable, on either side.
	if s, err = setOperand(bud, x, s, ok); err != nil {
		return nil, false, err
	}
	if t, err = setOperand(bud, y, t, ok2); err != nil {
		return nil, false, err
	}
	if err := bud.allocItems(s.Len() + t.Len()); err != nil {
		return nil, false, err
	}
	switch op {
	case "-":
		return s.Minus(t), true, nil
	case "&":
		return s.Intersect(t), true, nil
	case "|":
		return s.Union(t), true, nil
	}
	return s.SymmetricMinus(t), true, nil
}

func setOperand(bud *Budget, v any, s *Set, ok bool) (*Set, error) {
	if ok {
		return s, nil
	}
	return MakeSet(bud, v)
}

// MakeSet returns set(v) of an iterable.
func MakeSet(bud *Budget, v any) (*Set, error) {
	if s, ok := v.(*Set); ok {
		c := s.Clone()
		c.Frozen = false
		return c, nil
	}
	s := &Set{}
	err := Each(bud, v, func(item any) (bool, error) {
		if err := bud.Alloc(48); err != nil {
			return false, err
		}
		return true, s.Add(item)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func dictUnion(bud *Budget, x, y any) (any, bool, error) {
	d, ok := x.(*Dict)
	e, ok2 := y.(*Dict)
	if !ok || !ok2 {
		return nil, false, nil
	}
	if err := bud.allocItems(3 * (d.Len() + e.Len())); err != nil {
		return nil, false, err
	}
	c := d.Clone()
	c.Update(e)
	return c, true, nil
}

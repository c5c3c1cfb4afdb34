package value

var setMethods = map[string]*method{
	"add": oneArg(func(c *call) (any, error) {
		if err := c.b.allocItems(4); err != nil {
			return nil, err
		}
		return nil, c.self.(*Set).Add(c.args[0])
	}),
	"clear":               noArgs(func(c *call) (any, error) { *c.self.(*Set) = Set{}; return nil, nil }),
	"copy":                noArgs(mSetCopy),
	"difference":          variadic(mDifference),
	"difference_update":   variadic(setFold(minusStep, true)),
	"discard":             oneArg(func(c *call) (any, error) { _, err := c.self.(*Set).Discard(c.args[0]); return nil, err }),
	"intersection":        variadic(setFold(intersectStep, false)),
	"intersection_update": variadic(mIntersectUpdate),
	"isdisjoint": oneArg(func(c *call) (any, error) {
		other, err := asSet(c.b, c.args[0])
		if err != nil {
			return nil, err
		}
		return c.self.(*Set).Intersect(other).Len() == 0, nil
	}),
	"issubset": oneArg(func(c *call) (any, error) {
		other, err := asSet(c.b, c.args[0])
		if err != nil {
			return nil, err
		}
		return c.self.(*Set).SubsetOf(other), nil
	}),
	"issuperset": oneArg(func(c *call) (any, error) {
		other, err := asSet(c.b, c.args[0])
		if err != nil {
			return nil, err
		}
		return other.SubsetOf(c.self.(*Set)), nil
	}),
	"pop": noArgs(func(c *call) (any, error) {
		s := c.self.(*Set)
		for v := range s.All() {
			_, err := s.Discard(v)
			return v, err
		}
		return nil, KeyError("pop from an empty set")
	}),
	"remove": oneArg(func(c *call) (any, error) {
		found, err := c.self.(*Set).Discard(c.args[0])
		if err == nil && !found {
			err = KeyError(c.args[0])
		}
		return nil, err
	}),
	"symmetric_difference":        oneArg(mSymmetric),
	"symmetric_difference_update": oneArg(mSymmetricUpdate),
	"union":                       variadic(setFold(unionStep, false)),
	"update":                      variadic(setFold(unionStep, true)),
}

func mSetCopy(c *call) (any, error) {
	s := c.self.(*Set)
	if err := c.b.allocItems(3 * s.Len()); err != nil {
		return nil, err
	}
	return s.Clone(), nil
}

// asSet returns any iterable as a set, a set itself without copying.
func asSet(b *Budget, v any) (*Set, error) {
	if s, ok := v.(*Set); ok {
		return s, nil
	}
	return MakeSet(b, v)
}

// setFold folds the arguments into the receiver, or into a copy of it, one by
// one. CPython's steps are followed because they show in the order of the result.
func setFold(step func(b *Budget, s *Set, arg any) (*Set, error), inPlace bool) methodFunc {
	return func(c *call) (any, error) {
		self := c.self.(*Set)
		out := self
		if !inPlace {
			out = self.Clone()
		}
		for _, a := range c.args {
			n, _ := Length(a)
			if err := c.b.allocItems(3 * (out.Len() + n)); err != nil {
				return nil, err
			}
			var err error
			if out, err = step(c.b, out, a); err != nil {
				return nil, err
			}
		}
		if inPlace {
			if out != self {
				*self = *out
			}
			return nil, nil
		}
		return out, nil
	}
}

func unionStep(b *Budget, s *Set, arg any) (*Set, error) {
	if t, ok := arg.(*Set); ok {
		s.merge(t)
		return s, nil
	}
	return s, Each(b, arg, func(v any) (bool, error) { return true, s.Add(v) })
}

// minusStep removes in place.
func minusStep(b *Budget, s *Set, arg any) (*Set, error) {
	if arg == any(s) {
		return &Set{Frozen: s.Frozen}, nil
	}
	return s, Each(b, arg, func(v any) (bool, error) {
		_, err := s.Discard(v)
		return true, err
	})
}

func intersectStep(b *Budget, s *Set, arg any) (*Set, error) {
	if t, ok := arg.(*Set); ok {
		return s.Intersect(t), nil
	}
	out := &Set{Frozen: s.Frozen}
	return out, Each(b, arg, func(v any) (bool, error) {
		in, err := s.Has(v)
		if in && err == nil {
			err = out.Add(v)
		}
		return true, err
	})
}

func mIntersectUpdate(c *call) (any, error) {
	out, err := setFold(intersectStep, false)(c)
	if err != nil {
		return nil, err
	}
	*c.self.(*Set) = *out.(*Set)
	return nil, nil
}

// mDifference subtracts the first set as "-" does, further ones in place.
func mDifference(c *call) (any, error) {
	out := c.self.(*Set)
	for i, a := range c.args {
		t, ok := a.(*Set)
		if d, isDict := a.(*Dict); isDict {
			ok, t = true, NewSet(d.Keys()...)
		}
		if ok && i == 0 {
			out = out.Minus(t)
			continue
		}
		if i == 0 {
			out = out.Clone()
		}
		var err error
		if out, err = minusStep(c.b, out, a); err != nil {
			return nil, err
		}
	}
	if len(c.args) == 0 {
		return mSetCopy(c)
	}
	return out, nil
}

func mSymmetric(c *call) (any, error) {
	other, err := asSet(c.b, c.args[0])
	if err != nil {
		return nil, err
	}
	return c.self.(*Set).SymmetricMinus(other), nil
}

func mSymmetricUpdate(c *call) (any, error) {
	s := c.self.(*Set)
	other, err := asSet(c.b, c.args[0])
	if err != nil {
		return nil, err
	}
	if other == s {
		*s = Set{}
		return nil, nil
	}
	for v := range other.All() {
		found, err := s.Discard(v)
		if err == nil && !found {
			err = s.Add(v)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

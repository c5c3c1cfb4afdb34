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
	"difference":          variadic(setCombine((*Set).Minus, false)),
	"difference_update":   variadic(setCombine((*Set).Minus, true)),
	"discard":             oneArg(func(c *call) (any, error) { _, err := c.self.(*Set).Discard(c.args[0]); return nil, err }),
	"intersection":        variadic(setCombine((*Set).Intersect, false)),
	"intersection_update": variadic(setCombine((*Set).Intersect, true)),
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
	"symmetric_difference":        oneArg(setCombine((*Set).SymmetricMinus, false)),
	"symmetric_difference_update": oneArg(setCombine((*Set).SymmetricMinus, true)),
	"union":                       variadic(setCombine((*Set).Union, false)),
	"update":                      variadic(setCombine((*Set).Union, true)),
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

// setCombine makes a method that folds its arguments into the receiver, or into
// a copy of it.
func setCombine(op func(s, t *Set) *Set, inPlace bool) methodFunc {
	return func(c *call) (any, error) {
		self := c.self.(*Set)
		out := self.Clone()
		for _, a := range c.args {
			other, err := asSet(c.b, a)
			if err != nil {
				return nil, err
			}
			if err := c.b.allocItems(3 * (out.Len() + other.Len())); err != nil {
				return nil, err
			}
			out = op(out, other)
		}
		if inPlace {
			*self = *out
			return nil, nil
		}
		return out, nil
	}
}

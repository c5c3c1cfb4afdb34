package yaql

// addCommon adds equality and the order of null: below everything.
func addCommon(l *library) {
	l.add("*equal", asFunction, "left: any, right: any", func(c *call) (any, error) { return equal(c.ev.budget, c.args[0], c.args[1]) })
	l.add("*not_equal", asFunction, "left: any, right: any", func(c *call) (any, error) {
		eq, err := equal(c.ev.budget, c.args[0], c.args[1])
		return !eq, err
	})
	always := func(v bool) func(*call) (any, error) { return func(*call) (any, error) { return v, nil } }
	for _, o := range []struct {
		op                        string
		valueNull, nullValue, two bool
	}{
		{"<", false, true, false}, {"<=", false, true, true},
		{">", true, false, false}, {">=", true, false, true},
	} {
		l.add("#operator_"+o.op, asFunction, "left: any!, right: null", always(o.valueNull))
		l.add("#operator_"+o.op, asFunction, "left: null, right: any!", always(o.nullValue))
		l.add("#operator_"+o.op, asFunction, "left: null, right: null", always(o.two))
	}
}

func addBoolean(l *library) {
	l.add("#operator_and", asFunction, "left: Lambda, right: Lambda", func(c *call) (any, error) { return c.logic(false) })
	l.add("#operator_or", asFunction, "left: Lambda, right: Lambda", func(c *call) (any, error) { return c.logic(true) })
	l.add("#unary_operator_not", asFunction, "arg: any", func(c *call) (any, error) {
		t, err := truth(c.args[0])
		return !t, err
	})
	l.add("bool", asFunction, "value: any", func(c *call) (any, error) { return truth(c.args[0]) })
	l.add("isBoolean", asFunction, "value: any", func(c *call) (any, error) {
		_, ok := c.args[0].(bool)
		return ok, nil
	})
}

// logic gives the first operand whose truth is stop, else the second.
func (c *call) logic(stop bool) (any, error) {
	for i := range 2 {
		l := c.lambda(i)
		v, err := l.call0()
		if err != nil || i == 1 {
			return v, err
		}
		if t, err := truth(v); err != nil || t == stop {
			return v, err
		}
	}
	return nil, nil
}

func addBranching(l *library) {
	l.add("switch", asFunction|withPairs, "*args: LazyRule", func(c *call) (any, error) {
		for _, a := range c.rest {
			r := a.(*lazyRule)
			if ok, err := lambdaTrue(r.key); err != nil {
				return nil, err
			} else if ok {
				return r.val.call0()
			}
		}
		return nil, nil
	})
	l.add("selectCase", asFunction, "*args: Lambda", func(c *call) (any, error) {
		for i, a := range c.rest {
			if ok, err := lambdaTrue(a); err != nil || ok {
				return int64(i), err
			}
		}
		return int64(len(c.rest)), nil
	})
	l.add("selectAllCases", asFunction, "*args: Lambda", func(c *call) (any, error) {
		i := 0
		return newLazy(c.ev, func() (any, bool, error) {
			for i < len(c.rest) {
				i++
				if ok, err := lambdaTrue(c.rest[i-1]); err != nil || ok {
					return int64(i - 1), true, err
				}
			}
			return nil, false, nil
		}), nil
	})
	l.add("examine", asFunction, "*args: Lambda", func(c *call) (any, error) {
		i := 0
		return newLazy(c.ev, func() (any, bool, error) {
			if i == len(c.rest) {
				return nil, false, nil
			}
			i++
			ok, err := lambdaTrue(c.rest[i-1])
			return ok, true, err
		}), nil
	})
	l.add("switchCase", asMethod, "case: int, *args: Lambda", func(c *call) (any, error) {
		n := len(c.rest)
		if n == 0 {
			return nil, nil
		}
		i := c.small(0)
		if i < 0 || i >= n {
			i = n - 1
		}
		return callAny(c.rest[i])
	})
	l.add("coalesce", asFunction, "*args: Lambda", func(c *call) (any, error) {
		for _, a := range c.rest {
			if v, err := callAny(a); err != nil || v != nil {
				return v, err
			}
		}
		return nil, nil
	})
}

// callAny calls a variadic lambda argument, which call() may have passed null.
func callAny(a any) (any, error) {
	l, _ := a.(*lambda)
	return l.call0()
}

func lambdaTrue(a any) (bool, error) {
	v, err := callAny(a)
	if err != nil {
		return false, err
	}
	return truth(v)
}

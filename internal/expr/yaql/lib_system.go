package yaql

import (
	"unicode"
	"unicode/utf8"

	"squall/internal/expr/value"
)

func addSystem(l *library, delegates bool) {
	l.add("#get_context_data", asFunction, "name: StringConst", func(c *call) (any, error) {
		return c.frame.get(refOf(c.str(0))), nil
	})
	l.add("#operator_.", asFunction, "receiver: any, expr: LambdaMethod", func(c *call) (any, error) {
		return callMethod(c, c.frame, c.args[0], c.lambda(1))
	})
	l.add("#operator_?.", asFunction, "receiver: any, expr: Expr", func(c *call) (any, error) {
		if c.args[0] == nil {
			return nil, nil
		}
		return c.ev.callValues("#operator_.", c.frame, c.args[0], c.args[1])
	})
	l.add("unpack", asMethod, "sequence: Iterable, *args: String", unpack)
	l.add("with", asFunction, "*args: any", func(c *call) (any, error) {
		f := c.child()
		f.args = c.rest
		return f, nil
	})
	l.add("let", asFunction, "*args: any, **kwargs: any", func(c *call) (any, error) {
		f := c.child()
		f.args = c.rest
		for k, v := range c.kw.All() {
			f.set(k, v)
		}
		return f, nil
	})
	l.add("def", asFunction, "name: String, func: Lambda", define)
	l.add("#operator_->", asFunction, "left: Context, right: LambdaCtx", func(c *call) (any, error) {
		f, r := c.args[0].(*frame), c.lambda(1)
		return r.in(f, nil, nil)
	})
	l.add("assert", asMethod, "obj: any, condition: Lambda, message: String = 'Assertion failed'", func(c *call) (any, error) {
		obj, err := memorize(c.ev, c.args[0])
		if err != nil {
			return nil, err
		}
		ok, err := c.lambda(1).test(obj)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, value.Errorf(classAssertion, "%s", c.str(2))
		}
		return obj, nil
	})
	l.add("call", asFunction, "name: String, args: Sequence, kwargs: dict, receiver: any = -", callByName)
	if delegates {
		l.add("#call", asFunction, "callable: Callable, *args: any, **kwargs: any", func(c *call) (any, error) {
			return c.args[0].(value.Callable).Call(c.rest, c.kw)
		})
		l.add("lambda", asFunction, "func: Lambda", func(c *call) (any, error) {
			if c.lambda(0) == nil {
				return nil, nil
			}
			return &lambdaValue{c.lambda(0)}, nil
		})
	}
}

// callMethod evaluates the call after a dot with its receiver in a frame.
func callMethod(c *call, f *frame, recv any, l *lambda) (any, error) {
	if n, ok := l.n.(*callNode); ok {
		if err := c.ev.enter(); err != nil {
			return nil, err
		}
		defer c.ev.leave()
		return n.on(c.ev, f, recv)
	}
	return l.callN()
}

// getProperty calls the function that is named after a property.
func getProperty(c *call) (any, error) {
	return c.ev.callValues("#property#"+c.str(1), c.frame, c.args[0])
}

func unpack(c *call) (any, error) {
	it, err := c.iter(0)
	if err != nil {
		return nil, err
	}
	names := c.rest
	var items []any
	for len(items) <= len(names) {
		v, ok, err := it()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		items = append(items, v)
	}
	if len(names) > 0 && len(names) != len(items) {
		return nil, value.ValueErrorf("Cannot unpack %d elements into %d", len(items), len(names))
	}
	f := c.child()
	if len(names) > 0 {
		for i, v := range items {
			f.set(names[i].(string), v)
		}
		return f, nil
	}
	// Without names the elements become $1, $2, ...; of an iterator the first
	// one is lost, because looking whether there is one has consumed it.
	if _, sized := sizeOf(c.args[0]); sized {
		if it, err = c.iter(0); err != nil {
			return nil, err
		}
	}
	rest, err := c.ev.drain(it)
	if err != nil {
		return nil, err
	}
	f.args = rest
	return f, nil
}

// define registers a function in a new context. The function sees itself.
func define(c *call) (any, error) {
	f := c.child()
	body := c.lambda(1)
	name := definedName(c.str(0))
	fn := &function{
		name: name, isFunction: true,
		star: &param{name: "args", kind: kAny, nullable: true}, kwstar: &param{name: "kwargs", kind: kAny, nullable: true},
		impl: func(c *call) (any, error) {
			return body.callKw(c.rest, c.kw)
		},
	}
	f.define(fn)
	if body != nil {
		body.frame = f
	}
	return f, nil
}

// definedName is the name def() registers: trailing underscores go, and
// snake_case becomes camelCase.
func definedName(name string) string {
	name = trimName(name)
	if name == "" {
		return name
	}
	if r, n := utf8.DecodeRuneInString(name); !unicode.IsLetter(r) {
		// "#operator_x": only what follows the second mark is converted.
		for i := n; i < len(name); i++ {
			if name[i] == name[0] && i > 1 {
				return name[:i+1] + camelCase(name[i+1:])
			}
		}
		return name
	}
	return camelCase(name)
}

func camelCase(s string) string {
	out := make([]rune, 0, len(s))
	rs := []rune(s)
	for i := 0; i < len(rs); i++ {
		if rs[i] == '_' && i > 0 && i+1 < len(rs) && isWord(rs[i+1]) {
			i++
			out = append(out, []rune(upper(rs[i]))...)
			continue
		}
		out = append(out, rs[i])
	}
	return string(out)
}

func upper(r rune) string { return string(unicode.ToUpper(r)) }

// callByName is call(name, args, kwargs, receiver).
func callByName(c *call) (any, error) {
	args, err := c.ev.collect(c.args[1])
	if err != nil {
		return nil, err
	}
	kw := &value.Kwargs{}
	for k, v := range c.dict(2).All() {
		name, ok := k.(string)
		if !ok {
			return nil, value.TypeErrorf("expected string or bytes-like object, got '%s'", typeName(k))
		}
		if r, n := utf8.DecodeRuneInString(name); n == 0 || !isWord(r) || unicode.IsDigit(r) || len(name) > 1 && name[:2] == "__" {
			return nil, value.Errorf(classRuntimeError, "dictionary changed size during iteration")
		}
		kw.Set(name, v)
	}
	return c.ev.dispatchValues(c.str(0), c.frame, c.args[3], c.given(3), args, kw)
}

// addYaqlized adds access to objects that allow it.
func addYaqlized(l *library) {
	allowed := func(name, class string) error {
		if name != "" && name[0] == '_' {
			return value.Errorf(class, "Cannot access %s", name)
		}
		return nil
	}
	l.add("#operator_.", asFunction, "receiver: Yaqlized, expr: CallExpr", func(c *call) (any, error) {
		n := c.args[1].(exprValue).n.(*callNode)
		if err := allowed(n.method.name, "AttributeError"); err != nil {
			return nil, err
		}
		var args []any
		kw := &value.Kwargs{}
		s := newSite(n.method.name, false, n.method.raw)
		for i := range s.pos {
			v, err := c.ev.evalArg(&s.pos[i], c.frame, false)
			if err != nil {
				return nil, err
			}
			args = append(args, v)
		}
		for i := range s.kw {
			v, err := c.ev.evalArg(&s.kw[i].arg, c.frame, false)
			if err != nil {
				return nil, err
			}
			kw.Set(s.kw[i].name, v)
		}
		return c.args[0].(Yaqlized).YaqlCall(n.method.name, args, kw)
	})
	l.add("#operator_.", asFunction, "obj: Yaqlized, attr: Keyword", func(c *call) (any, error) {
		if err := allowed(c.str(1), "AttributeError"); err != nil {
			return nil, err
		}
		return c.args[0].(Yaqlized).YaqlAttr(c.str(1))
	})
	l.add("#indexer", asFunction, "obj: Yaqlized, key: any", func(c *call) (any, error) {
		name, ok := c.args[1].(string)
		if !ok {
			return nil, value.AttributeErrorf("'%s' object has no attribute 'startswith'", typeName(c.args[1]))
		}
		if err := allowed(name, "KeyError"); err != nil {
			return nil, err
		}
		return c.args[0].(Yaqlized).YaqlItem(c.args[1])
	})
}

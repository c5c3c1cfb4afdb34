package jinja

import (
	"squall/internal/expr/value"
)

// loopContext is the variable "loop".
type loopContext struct {
	m       *machine
	items   any // what is iterated, for its length
	it      value.Iterator
	recurse func(any, int) (any, error)
	depth0  int
	index0  int
	length  int // -1 until asked for
	current any
	before  any
	after   any // peeked at
	changed value.Tuple
	asked   bool // changed was called
}

func newLoop(m *machine, items any, recurse func(any, int) (any, error), depth int) (*loopContext, error) {
	it, err := value.Iter(items)
	if err != nil {
		return nil, err
	}
	return &loopContext{m: m, items: items, it: it, recurse: recurse, depth0: depth, index0: -1, length: -1,
		current: missing, before: missing, after: missing}, nil
}

func (l *loopContext) next() (any, bool, error) {
	v := l.after
	if isMissing(v) {
		var ok bool
		var err error
		if v, ok, err = l.it.Next(); !ok || err != nil {
			return nil, false, err
		}
	}
	l.after = missing
	l.index0++
	l.before, l.current = l.current, v
	return v, true, nil
}

func (l *loopContext) peek() (any, error) {
	if isMissing(l.after) {
		v, ok, err := l.it.Next()
		if err != nil {
			return nil, err
		}
		if ok {
			l.after = v
		}
	}
	return l.after, nil
}

// Length reads all remaining items when what is iterated has no length.
func (l *loopContext) Length() (int, error) {
	if l.length >= 0 {
		return l.length, nil
	}
	n, err := value.Length(l.items)
	if err != nil {
		if value.ClassOf(err) != "TypeError" {
			return 0, err
		}
		rest, err := value.Collect(l.m.b, l.it)
		if err != nil {
			return 0, err
		}
		l.it = value.NewSliceIter("list_iterator", rest)
		n = len(rest) + l.index0 + 1
		if !isMissing(l.after) {
			n++
		}
	}
	l.length = n
	return n, nil
}

func (l *loopContext) TypeName() string { return "LoopContext" }
func (l *loopContext) typePath() string { return "jinja2.runtime.LoopContext" }

func (l *loopContext) underscored() []string {
	return []string{"_iterable", "_iterator", "_undefined", "_recurse", "_length", "_after", "_current", "_before",
		"_last_changed_value", "_to_iterator", "_peek_next"}
}

func (l *loopContext) ReprText() (string, error) {
	n, err := l.Length()
	if err != nil {
		return "", err
	}
	return "<LoopContext " + itoa(l.index0+1) + "/" + itoa(n) + ">", nil
}

// Iter makes the loop itself iterable, as in Jinja: pairs of item and loop.
func (l *loopContext) Iter() (value.Iterator, error) {
	return &value.FuncIter{Fn: func() (any, bool, error) {
		v, ok, err := l.next()
		if !ok || err != nil {
			return nil, false, err
		}
		return value.Tuple{v, l}, true, nil
	}}, nil
}

func (l *loopContext) Attr(name string) (any, bool, error) {
	i := int64(l.index0)
	switch name {
	case "index0":
		return i, true, nil
	case "index":
		return i + 1, true, nil
	case "depth0":
		return int64(l.depth0), true, nil
	case "depth":
		return int64(l.depth0 + 1), true, nil
	case "first":
		return i == 0, true, nil
	case "length", "revindex", "revindex0":
		n, err := l.Length()
		switch name {
		case "revindex":
			n -= l.index0
		case "revindex0":
			n -= l.index0 + 1
		}
		return int64(n), true, err
	case "last":
		v, err := l.peek()
		return isMissing(v), true, err
	case "previtem":
		if l.index0 == 0 {
			return l.m.env.undefinedHint("there is no previous item"), true, nil
		}
		return l.before, true, nil
	case "nextitem":
		v, err := l.peek()
		if err == nil && isMissing(v) {
			v = l.m.env.undefinedHint("there is no next item")
		}
		return v, true, err
	case "cycle":
		return method(name, l.cycle), true, nil
	case "changed":
		return method(name, l.change), true, nil
	}
	return nil, false, nil
}

func (l *loopContext) cycle(args []any, kw *value.Kwargs) (any, error) {
	if kw.Len() > 0 {
		name, _ := kw.At(0)
		return nil, value.TypeErrorf("LoopContext.cycle() got an unexpected keyword argument '%s'", name)
	}
	if len(args) == 0 {
		return nil, value.TypeErrorf("no items for cycling given")
	}
	return args[l.index0%len(args)], nil
}

func (l *loopContext) change(args []any, kw *value.Kwargs) (any, error) {
	if kw.Len() > 0 {
		name, _ := kw.At(0)
		return nil, value.TypeErrorf("LoopContext.changed() got an unexpected keyword argument '%s'", name)
	}
	now := append(value.Tuple(nil), args...)
	if l.asked {
		same, err := value.EqualIn(l.m.b, l.changed, now)
		if err != nil {
			return nil, err
		}
		if same {
			return false, nil
		}
	}
	l.changed, l.asked = now, true
	return true, nil
}

// Call renders the loop's body for nested items.
func (l *loopContext) Call(args []any, kw *value.Kwargs) (any, error) {
	b, err := loopCallSig.bind(args, kw)
	if err != nil {
		return nil, err
	}
	if l.recurse == nil {
		return nil, value.TypeErrorf("The loop must have the 'recursive' marker to be called recursively.")
	}
	return l.recurse(b.v[0], l.depth0+1)
}

var loopCallSig = &signatureOf{name: "LoopContext.__call__", params: []string{"iterable"}, required: 1, hidden: 1}

// method is a bound method of one of Jinja's own objects.
func method(name string, fn func([]any, *value.Kwargs) (any, error)) *value.Func {
	return &value.Func{Name: name, Type: "method", Fn: fn}
}

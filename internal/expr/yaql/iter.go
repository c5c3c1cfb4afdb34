package yaql

import (
	"squall/internal/expr/value"
)

// iteration gives one element after the other; ok is false at the end.
type iteration func() (v any, ok bool, err error)

// lazy is a one-shot sequence, Python's generator: nothing happens before it
// is consumed, and what was consumed is gone.
type lazy struct {
	ev   *evaluation
	next iteration
	done bool
	text func() (string, error) // repr, where Python's has one
}

// newLazy makes a sequence of next. Like a generator it ends for good at its
// first error.
func newLazy(ev *evaluation, next iteration) *lazy { return &lazy{ev: ev, next: next} }

// TypeName implements value.Object.
func (*lazy) TypeName() string { return "generator" }

// ReprText implements value.Reprer.
func (l *lazy) ReprText() (string, error) {
	if l.text != nil {
		return l.text()
	}
	return "<generator object>", nil
}

// Next implements value.Iterator. Sequences over sequences recurse here, so
// the depth is accounted for.
func (l *lazy) Next() (any, bool, error) {
	if l.done {
		return nil, false, nil
	}
	if err := l.ev.enter(); err != nil {
		return nil, false, err
	}
	v, ok, err := l.next()
	l.ev.leave()
	if err != nil || !ok {
		l.done = true
		l.next = nil
		return nil, false, err
	}
	return v, true, nil
}

// Iter implements value.Iterable.
func (l *lazy) Iter() (value.Iterator, error) { return l, nil }

// newLazyOnce makes a sequence whose iteration is prepared at the first
// element asked for, like the body of a generator function.
func newLazyOnce(ev *evaluation, start func() (iteration, error)) *lazy {
	var it iteration
	return newLazy(ev, func() (any, bool, error) {
		if it == nil {
			var err error
			if it, err = start(); err != nil {
				return nil, false, err
			}
		}
		return it()
	})
}

// memo is a sequence that remembers what it gave; each iteration starts anew.
type memo struct {
	shared *memoData
	index  int
}

type memoData struct {
	ev   *evaluation
	src  iteration
	seen []any
}

// TypeName implements value.Object.
func (*memo) TypeName() string { return "RememberingIterator" }

// Next implements value.Iterator.
func (m *memo) Next() (any, bool, error) {
	s := m.shared
	if m.index == len(s.seen) {
		v, ok, err := s.src()
		if err != nil || !ok {
			return nil, false, err
		}
		if err := s.ev.alloc(16); err != nil {
			return nil, false, err
		}
		s.seen = append(s.seen, v)
		if err := s.ev.checkMemory(sizeSeq(len(s.seen))); err != nil {
			return nil, false, err
		}
	}
	m.index++
	return s.seen[m.index-1], true, nil
}

// Iter implements value.Iterable.
func (m *memo) Iter() (value.Iterator, error) { return &memo{shared: m.shared}, nil }

// memorize makes an iterator repeatable and leaves anything else alone.
func memorize(ev *evaluation, v any) (any, error) {
	if !isIterator(v) {
		return v, nil
	}
	it, err := ev.iterate(v)
	if err != nil {
		return nil, err
	}
	return &memo{shared: &memoData{ev: ev, src: it}}, nil
}

// sliceIteration iterates over elements known in advance.
func sliceIteration(items []any) iteration {
	i := 0
	return func() (any, bool, error) {
		if i >= len(items) {
			return nil, false, nil
		}
		i++
		return items[i-1], true, nil
	}
}

// iterate is Python's iter(v): every element costs a step.
func (ev *evaluation) iterate(v any) (iteration, error) {
	if _, isSeq := seqItems(v); !isSeq { // the others copy their elements first
		if n, ok := pyLen(v); ok {
			if err := ev.alloc(16 * int64(n)); err != nil {
				return nil, err
			}
		}
	}
	it, err := rawIterate(v)
	if err != nil {
		return nil, err
	}
	return func() (any, bool, error) {
		if err := ev.step(); err != nil {
			return nil, false, err
		}
		return it()
	}, nil
}

func rawIterate(v any) (iteration, error) {
	if items, ok := seqItems(v); ok {
		return sliceIteration(items), nil
	}
	if d, ok := mapping(v); ok {
		return sliceIteration(d.Keys()), nil
	}
	switch v := v.(type) {
	case *lazy:
		return v.Next, nil
	case *value.Set:
		return sliceIteration(v.Items()), nil
	case *view:
		return sliceIteration(v.elements()), nil
	}
	it, err := value.Iter(v)
	if err != nil {
		return nil, err
	}
	return it.Next, nil
}

// collect reads a collection to its end. The result must not be changed when
// the collection is a sequence.
func (ev *evaluation) collect(v any) ([]any, error) {
	if items, ok := seqItems(v); ok {
		return items, ev.steps(len(items))
	}
	it, err := ev.iterate(v)
	if err != nil {
		return nil, err
	}
	return ev.drain(it)
}

func (ev *evaluation) drain(it iteration) ([]any, error) {
	var out []any
	for {
		v, ok, err := it()
		if err != nil {
			return nil, err
		}
		if !ok {
			return out, nil
		}
		if err := ev.alloc(16); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
}

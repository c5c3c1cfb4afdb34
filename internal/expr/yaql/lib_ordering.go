package yaql

import (
	"slices"

	"squall/internal/expr/value"
)

// ordered is a collection seen in sorted order. It can be iterated again and
// again; the sorting happens once, when the first element is asked for.
type ordered struct {
	ev     *evaluation
	frame  *frame
	src    any
	by     []sortField
	sorted []any
	done   bool
}

type sortField struct {
	key        *lambda
	descending bool
}

// TypeName implements value.Object.
func (*ordered) TypeName() string { return "OrderingIterable" }

// Iter implements value.Iterable.
func (o *ordered) Iter() (value.Iterator, error) {
	return newLazyOnce(o.ev, func() (iteration, error) {
		if err := o.sort(); err != nil {
			return nil, err
		}
		return sliceIteration(o.sorted), nil
	}), nil
}

func addOrdering(l *library) {
	for name, descending := range map[string]bool{"By": false, "ByDescending": true} {
		l.add("order"+name, asMethod, "collection: Iterable, selector: Lambda", func(c *call) (any, error) {
			return &ordered{ev: c.ev, frame: c.frame, src: c.args[0], by: []sortField{{c.lambda(1), descending}}}, nil
		})
		l.add("then"+name, asMethod, "collection: Ordering, selector: Lambda", func(c *call) (any, error) {
			o := c.args[0].(*ordered)
			o.by = append(o.by, sortField{c.lambda(1), descending})
			return o, nil
		})
	}
}

func (o *ordered) sort() error {
	if o.done {
		return nil
	}
	items, err := o.ev.collect(o.src)
	if err != nil {
		return err
	}
	if err := o.ev.alloc(32 * int64(len(items))); err != nil {
		return err
	}
	// The original evaluates keys at each comparison; they depend on the
	// element alone, so once each is the same.
	s := &sorter{o: o, rows: make([]sortRow, len(items)), buf: make([]sortRow, len(items))}
	for i, x := range items {
		s.rows[i] = sortRow{x, make([]any, len(o.by)), make([]bool, len(o.by))}
	}
	if err := s.sort(0, len(items)); err != nil {
		return err
	}
	o.sorted = make([]any, len(items))
	for i, r := range s.rows {
		o.sorted[i] = r.item
	}
	o.done = true
	return nil
}

type sortRow struct {
	item any
	keys []any
	have []bool
}

// sorter is a stable merge sort that stops at the first error.
type sorter struct {
	o         *ordered
	rows, buf []sortRow
}

func (s *sorter) sort(lo, hi int) error {
	if hi-lo < insertionMax {
		return s.insertion(s.rows[lo:hi])
	}
	mid := (lo + hi) / 2
	if err := s.sort(lo, mid); err != nil {
		return err
	}
	if err := s.sort(mid, hi); err != nil {
		return err
	}
	copy(s.buf[lo:mid], s.rows[lo:mid])
	i, j, k := lo, mid, lo
	for i < mid && j < hi {
		less, err := s.less(&s.rows[j], &s.buf[i])
		if err != nil {
			return err
		}
		if less {
			s.rows[k] = s.rows[j]
			j++
		} else {
			s.rows[k] = s.buf[i]
			i++
		}
		k++
	}
	copy(s.rows[k:], s.buf[i:mid])
	return nil
}

// insertionMax is the length below which lists are sorted by insertion.
const insertionMax = 64

// insertion sorts a short list with the very comparisons CPython makes, so that
// of several failing ones the same fails first: a run from the start, reversed
// if it descends, then each further element by bisection.
func (s *sorter) insertion(rows []sortRow) error {
	if len(rows) < 2 {
		return nil
	}
	descending, err := s.less(&rows[1], &rows[0])
	if err != nil {
		return err
	}
	n := 2
	for ; n < len(rows); n++ {
		less, err := s.less(&rows[n], &rows[n-1])
		if err != nil {
			return err
		}
		if less != descending {
			break
		}
	}
	if descending {
		slices.Reverse(rows[:n])
	}
	for ; n < len(rows); n++ {
		pivot := rows[n]
		l, r := 0, n
		for l < r {
			p := l + (r-l)/2
			less, err := s.less(&pivot, &rows[p])
			if err != nil {
				return err
			}
			if less {
				r = p
			} else {
				l = p + 1
			}
		}
		copy(rows[l+1:n+1], rows[l:n])
		rows[l] = pivot
	}
	return nil
}

func (s *sorter) key(r *sortRow, i int) (any, error) {
	if r.have[i] {
		return r.keys[i], nil
	}
	l := s.o.by[i].key
	v, err := l.call1(r.item)
	r.keys[i], r.have[i] = v, err == nil
	return v, err
}

func (s *sorter) less(x, y *sortRow) (bool, error) {
	ev := s.o.ev
	if err := ev.step(); err != nil {
		return false, err
	}
	for i := range s.o.by {
		a, err := s.key(x, i)
		if err != nil {
			return false, err
		}
		b, err := s.key(y, i)
		if err != nil {
			return false, err
		}
		lt, err := ev.delegateTest(s.o.frame, opLt, "#operator_<", a, b)
		if err != nil {
			return false, err
		}
		if lt {
			return !s.o.by[i].descending, nil
		}
		gt, err := ev.greater(s.o.frame, a, b)
		if err != nil {
			return false, err
		}
		if gt {
			return s.o.by[i].descending, nil
		}
	}
	return false, nil
}

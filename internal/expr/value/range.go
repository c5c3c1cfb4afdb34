package value

import "fmt"

// Range is Python's range object: lazy, with bounds that fit int64.
type Range struct{ Start, Stop, Step int64 }

// NewRange makes range(args...) with one to three integer arguments.
func NewRange(args ...any) (*Range, error) {
	if len(args) == 0 {
		return nil, TypeErrorf("range expected at least 1 argument, got 0")
	}
	if len(args) > 3 {
		return nil, TypeErrorf("range expected at most 3 arguments, got %d", len(args))
	}
	var n [3]int64
	for i, a := range args {
		v, err := asSize(a)
		if err != nil {
			return nil, err
		}
		n[i] = v
	}
	switch len(args) {
	case 1:
		return &Range{Stop: n[0], Step: 1}, nil
	case 2:
		return &Range{Start: n[0], Stop: n[1], Step: 1}, nil
	}
	if n[2] == 0 {
		return nil, ValueErrorf("range() arg 3 must not be zero")
	}
	return &Range{Start: n[0], Stop: n[1], Step: n[2]}, nil
}

// TypeName implements Object.
func (r *Range) TypeName() string { return "range" }

// Len returns the number of elements; it saturates at the largest int64.
func (r *Range) Len() int64 {
	var span, step uint64
	switch {
	case r.Step > 0 && r.Start < r.Stop:
		span, step = uint64(r.Stop)-uint64(r.Start), uint64(r.Step)
	case r.Step < 0 && r.Start > r.Stop:
		span, step = uint64(r.Start)-uint64(r.Stop), -uint64(r.Step)
	default:
		return 0
	}
	n := (span-1)/step + 1
	if n > 1<<63-1 {
		return 1<<63 - 1
	}
	return int64(n)
}

// At returns element i, 0 <= i < Len.
func (r *Range) At(i int64) int64 { return r.Start + i*r.Step }

// Length implements Lengther.
func (r *Range) Length() (int, error) { return int(r.Len()), nil }

// Truth implements Truther.
func (r *Range) Truth() (bool, error) { return r.Len() > 0, nil }

// Iter implements Iterable.
func (r *Range) Iter() (Iterator, error) { return &rangeIter{r: r, n: r.Len()}, nil }

// ReprText implements Reprer.
func (r *Range) ReprText() (string, error) {
	if r.Step == 1 {
		return fmt.Sprintf("range(%d, %d)", r.Start, r.Stop), nil
	}
	return fmt.Sprintf("range(%d, %d, %d)", r.Start, r.Stop, r.Step), nil
}

// Item implements Itemer.
func (r *Range) Item(key any) (any, bool, error) {
	switch key.(type) {
	case int64, bool:
	default:
		return nil, false, TypeErrorf("range indices must be integers or slices, not %s", TypeName(key))
	}
	i, _ := asInt(key)
	n := r.Len()
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return nil, false, IndexErrorf("range object index out of range")
	}
	return r.At(i), true, nil
}

// Contains implements Container.
func (r *Range) Contains(v any) (bool, error) {
	var i int64
	switch x := v.(type) {
	case int64:
		i = x
	case bool:
		i, _ = asInt(x)
	case float64:
		if x != float64(int64(x)) {
			return false, nil
		}
		i = int64(x)
	default:
		return false, nil
	}
	n := r.Len()
	if n == 0 {
		return false, nil
	}
	last := r.At(n - 1)
	if r.Step > 0 && (i < r.Start || i > last) || r.Step < 0 && (i > r.Start || i < last) {
		return false, nil
	}
	return (i-r.Start)%r.Step == 0, nil
}

// slice returns the sub-range for normalised slice bounds.
func (r *Range) slice(start, step, n int64) *Range {
	s := &Range{Start: r.Start + start*r.Step, Step: r.Step * step}
	s.Stop = s.Start + n*s.Step
	return s
}

func (r *Range) equal(o *Range) bool {
	n := r.Len()
	return n == o.Len() && (n == 0 || r.Start == o.Start && (n == 1 || r.Step == o.Step))
}

func (r *Range) hash(nodes *int) (uint64, error) {
	t := Tuple{r.Len(), nil, nil}
	if r.Len() > 0 {
		t[1] = r.Start
		if r.Len() > 1 {
			t[2] = r.Step
		}
	}
	return hashTuple(t, 0, nodes)
}

type rangeIter struct {
	r      *Range
	pos, n int64
}

func (it *rangeIter) TypeName() string { return "range_iterator" }

func (it *rangeIter) Next() (any, bool, error) {
	if it.pos >= it.n {
		return nil, false, nil
	}
	it.pos++
	return it.r.At(it.pos - 1), true, nil
}

func (it *rangeIter) Iter() (Iterator, error) { return it, nil }

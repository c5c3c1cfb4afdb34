package value

import (
	"iter"
	"slices"
)

// Set is Python's set or frozenset. It keeps its elements in insertion order,
// and besides simulates CPython's hash table: while every element's hash is
// defined (None, numbers, and tuples of these), iteration follows the table, so
// that {3, 1, 2} reads {1, 2, 3} as it does in Python; otherwise CPython's
// order is random and insertion order is as good as any.
type Set struct {
	Frozen bool

	entries []setEntry
	live    int
	odd     int // live elements whose order CPython does not define
	// table is CPython's set table: entry numbers plus one, 0 free, dummy where
	// an entry was deleted. fill counts the slots that are not free.
	table []int32
	fill  int
}

type setEntry struct {
	key  any
	hash uint64
	live bool
}

const (
	setMinSize      = 8
	setLinearProbes = 9
	dummy           = -1
)

// NewSet makes a set of hashable items; unhashable ones are left out, so use
// SetFrom for items of unknown type.
func NewSet(items ...any) *Set {
	s := &Set{}
	for _, v := range items {
		_ = s.Add(v)
	}
	return s
}

// SetFrom makes a set of items, or fails with the TypeError for unhashable ones.
func SetFrom(items []any) (*Set, error) {
	s := &Set{}
	for _, v := range items {
		if err := s.Add(v); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Len returns the number of elements.
func (s *Set) Len() int { return s.live }

// Add inserts v; it fails when v is unhashable. It ignores Frozen, which binds
// expressions and not their builders.
func (s *Set) Add(v any) error {
	h, err := Hash(v)
	if err != nil {
		return err
	}
	s.insert(v, h)
	return nil
}

// probe walks the table along CPython's path, until visit returns true or a
// free slot ends the path; it returns the slot where it stopped.
func probe(table []int32, h uint64, visit func(slot int, n int32) bool) (slot int, free bool) {
	mask := uint64(len(table) - 1)
	perturb := h
	i := h & mask
	for {
		probes := 0
		if i+setLinearProbes <= mask {
			probes = setLinearProbes
		}
		for j := i; ; j++ {
			n := table[j]
			if n == 0 {
				return int(j), true
			}
			if visit(int(j), n) {
				return int(j), false
			}
			if probes == 0 {
				break
			}
			probes--
		}
		perturb >>= 5
		i = (i*5 + 1 + perturb) & mask
	}
}

// find returns the slot of v, or -1.
func (s *Set) find(v any, h uint64) int {
	if s.live == 0 {
		return -1
	}
	slot, free := probe(s.table, h, func(_ int, n int32) bool { return s.holds(n, v, h) })
	if free {
		return -1
	}
	return slot
}

func (s *Set) holds(n int32, v any, h uint64) bool {
	if n == dummy {
		return false
	}
	e := &s.entries[n-1]
	return e.hash == h && sameKey(e.key, v)
}

func (s *Set) insert(v any, h uint64) {
	if s.table == nil {
		s.table = make([]int32, setMinSize)
	}
	reuse := -1 // CPython takes over the last dummy on the path
	slot, free := probe(s.table, h, func(slot int, n int32) bool {
		if n == dummy {
			reuse = slot
		}
		return s.holds(n, v, h)
	})
	switch {
	case !free:
		return
	case reuse >= 0:
		if len(s.entries) > 2*len(s.table) {
			s.compact()
		}
		s.put(reuse, v, h)
		return
	}
	s.put(slot, v, h)
	s.fill++
	if mask := len(s.table) - 1; s.fill*5 >= mask*3 {
		grow := s.live * 4
		if s.live > 50000 {
			grow = s.live * 2
		}
		s.resize(grow)
	}
}

func (s *Set) put(slot int, v any, h uint64) {
	s.entries = append(s.entries, setEntry{key: v, hash: h, live: true})
	s.table[slot] = int32(len(s.entries))
	s.live++
	if !orderKnown(v) {
		s.odd++
	}
}

// resize rebuilds the table with more than minUsed slots, in table order.
func (s *Set) resize(minUsed int) {
	size := setMinSize
	for size <= minUsed {
		size *= 2
	}
	old := s.table
	s.table = make([]int32, size)
	s.fill = 0
	for _, n := range old {
		if n > 0 {
			slot, _ := probe(s.table, s.entries[n-1].hash, func(int, int32) bool { return false })
			s.table[slot] = n
			s.fill++
		}
	}
	if s.live*2 < len(s.entries) {
		s.compact()
	}
}

// compact drops dead entries and renumbers the table.
func (s *Set) compact() {
	renumber := make([]int32, len(s.entries)+1)
	kept := s.entries[:0]
	for i, e := range s.entries {
		if e.live {
			kept = append(kept, e)
			renumber[i+1] = int32(len(kept))
		}
	}
	clear(s.entries[len(kept):])
	s.entries = kept
	for i, n := range s.table {
		if n > 0 {
			s.table[i] = renumber[n]
		}
	}
}

// Has reports whether v is an element; it fails when v is unhashable. A set is
// looked up as the frozenset of its elements, as Python does.
func (s *Set) Has(v any) (bool, error) {
	if inner, ok := v.(*Set); ok && !inner.Frozen {
		return s.find(inner.frozen(), hashFrozen(inner)) >= 0, nil
	}
	h, err := Hash(v)
	if err != nil {
		return false, err
	}
	return s.find(v, h) >= 0, nil
}

// Discard removes v and reports whether it was an element.
func (s *Set) Discard(v any) (bool, error) {
	if inner, ok := v.(*Set); ok && !inner.Frozen {
		v = inner.frozen()
	}
	h, err := Hash(v)
	if err != nil {
		return false, err
	}
	slot := s.find(v, h)
	if slot < 0 {
		return false, nil
	}
	s.kill(slot)
	return true, nil
}

func (s *Set) kill(slot int) {
	e := &s.entries[s.table[slot]-1]
	s.live--
	if !orderKnown(e.key) {
		s.odd--
	}
	*e = setEntry{}
	s.table[slot] = dummy
}

// All yields the elements; see Set for the order.
func (s *Set) All() iter.Seq[any] {
	return func(yield func(any) bool) {
		if s.odd > 0 {
			for i := 0; i < len(s.entries); i++ {
				if e := &s.entries[i]; e.live && !yield(e.key) {
					return
				}
			}
			return
		}
		for i := 0; i < len(s.table); i++ {
			if n := s.table[i]; n > 0 && !yield(s.entries[n-1].key) {
				return
			}
		}
	}
}

// Items returns the elements; see Set for the order.
func (s *Set) Items() []any { return slices.AppendSeq(make([]any, 0, s.live), s.All()) }

// Clone returns a copy of the same kind.
func (s *Set) Clone() *Set {
	c := &Set{Frozen: s.Frozen}
	c.merge(s)
	return c
}

func (s *Set) frozen() *Set {
	c := s.Clone()
	c.Frozen = true
	return c
}

// merge adds all elements of other the way CPython's set_merge does, which
// decides the table's size and thereby the order.
func (s *Set) merge(other *Set) {
	if other == s || other.live == 0 {
		return
	}
	if s.table == nil {
		s.table = make([]int32, setMinSize)
	}
	if mask := len(s.table) - 1; (s.fill+other.live)*5 >= mask*3 {
		s.resize((s.live + other.live) * 2)
	}
	if s.fill == 0 && len(s.table) == len(other.table) && other.fill == other.live {
		s.entries = slices.Clone(other.entries)
		s.table = slices.Clone(other.table)
		s.live, s.fill, s.odd = other.live, other.fill, other.odd
		return
	}
	empty := s.fill == 0
	// Walk in the visible order, so that insertion order survives a copy.
	if other.odd > 0 {
		for i := range other.entries {
			if e := &other.entries[i]; e.live {
				s.insert(e.key, e.hash)
			}
		}
		return
	}
	for _, n := range other.table {
		if n <= 0 {
			continue
		}
		e := &other.entries[n-1]
		if empty {
			slot, _ := probe(s.table, e.hash, func(int, int32) bool { return false })
			s.put(slot, e.key, e.hash)
			s.fill++
		} else {
			s.insert(e.key, e.hash)
		}
	}
}

// Union returns the elements of either set, with s's kind.
func (s *Set) Union(other *Set) *Set {
	c := s.Clone()
	c.merge(other)
	return c
}

// Intersect returns the elements of both sets, with s's kind.
func (s *Set) Intersect(other *Set) *Set {
	c := &Set{Frozen: s.Frozen}
	walk, in := other, s
	if other.live > s.live {
		walk, in = s, other
	}
	walk.each(func(e *setEntry) {
		if in.find(e.key, e.hash) >= 0 {
			c.insert(e.key, e.hash)
		}
	})
	return c
}

// Minus returns the elements of s that are not in other, with s's kind.
func (s *Set) Minus(other *Set) *Set {
	// CPython copies and discards when s is much the larger set.
	if s.live>>2 > other.live {
		c := s.Clone()
		other.each(func(e *setEntry) {
			if slot := c.find(e.key, e.hash); slot >= 0 {
				c.kill(slot)
			}
		})
		return c
	}
	c := &Set{Frozen: s.Frozen}
	s.each(func(e *setEntry) {
		if other.find(e.key, e.hash) < 0 {
			c.insert(e.key, e.hash)
		}
	})
	return c
}

// SymmetricMinus returns the elements of exactly one of the sets, with s's kind.
func (s *Set) SymmetricMinus(other *Set) *Set {
	c := other.Clone()
	c.Frozen = s.Frozen
	s.each(func(e *setEntry) {
		if slot := c.find(e.key, e.hash); slot >= 0 {
			c.kill(slot)
		} else {
			c.insert(e.key, e.hash)
		}
	})
	return c
}

// each visits the live entries in visible order.
func (s *Set) each(visit func(e *setEntry)) {
	if s.odd > 0 {
		for i := range s.entries {
			if s.entries[i].live {
				visit(&s.entries[i])
			}
		}
		return
	}
	for _, n := range s.table {
		if n > 0 {
			visit(&s.entries[n-1])
		}
	}
}

// SubsetOf reports whether every element of s is in other.
func (s *Set) SubsetOf(other *Set) bool {
	if s.live > other.live {
		return false
	}
	for i := range s.entries {
		if e := &s.entries[i]; e.live && other.find(e.key, e.hash) < 0 {
			return false
		}
	}
	return true
}

func (s *Set) equalSet(other *Set) bool {
	return s == other || s.live == other.live && s.SubsetOf(other)
}

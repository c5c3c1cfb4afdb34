package value

import (
	"hash/maphash"
	"iter"
	"slices"
)

// smallDict is the size up to which a dict is searched linearly: for a handful
// of mostly textual keys that beats hashing, and costs no index.
const smallDict = 8

// Dict is Python's dict: keys by Python equality (1, 1.0 and True are one
// key), iteration in insertion order. The zero value is an empty dict.
type Dict struct {
	entries []dictEntry
	live    int
	// index is an open-addressing table of entry numbers plus one (0 free, -1
	// deleted), its length a power of two; nil while the dict is small.
	index []int32
	used  int // slots of index that are not free
}

type dictEntry struct {
	key, val any
	hash     uint64 // valid only while the dict has an index
	dead     bool
}

// NewDict makes an empty dict with room for n entries.
func NewDict(n int) *Dict {
	d := &Dict{}
	if n > 0 {
		d.entries = make([]dictEntry, 0, min(n, 1<<20))
	}
	return d
}

// DictOf makes a dict of alternating keys and values; it panics when a key is
// unhashable or a value is missing, so it is for literals in Go code only.
func DictOf(pairs ...any) *Dict {
	d := NewDict(len(pairs) / 2)
	for i := 0; i < len(pairs); i += 2 {
		if err := d.SetChecked(pairs[i], pairs[i+1]); err != nil {
			panic(err)
		}
	}
	return d
}

// Len returns the number of entries.
func (d *Dict) Len() int { return d.live }

// GetStr returns the value of a str key without allocating.
func (d *Dict) GetStr(key string) (any, bool) {
	if d.index == nil {
		for i := range d.entries {
			e := &d.entries[i]
			if s, ok := e.key.(string); ok && s == key && !e.dead {
				return e.val, true
			}
		}
		if len(d.entries) == 0 || !d.hasOddKey() {
			return nil, false
		}
		if i := d.find(key); i >= 0 {
			return d.entries[i].val, true
		}
		return nil, false
	}
	if i := d.findStr(key, maphash.String(hashSeed, key)); i >= 0 {
		return d.entries[i].val, true
	}
	return nil, false
}

// findStr is findHash for a str, without making an interface of it unless a
// key of another type has the same hash.
func (d *Dict) findStr(key string, h uint64) int {
	mask := uint64(len(d.index) - 1)
	for i, perturb := h&mask, h; ; {
		n := d.index[i]
		if n == 0 {
			return -1
		}
		if n > 0 {
			if e := &d.entries[n-1]; e.hash == h {
				if s, ok := e.key.(string); ok && s == key || !ok && sameKey(e.key, key) {
					return int(n - 1)
				}
			}
		}
		perturb >>= 5
		i = (i*5 + perturb + 1) & mask
	}
}

// hasOddKey reports whether a small dict has a key that is not a str but may
// equal one.
func (d *Dict) hasOddKey() bool {
	for i := range d.entries {
		switch d.entries[i].key.(type) {
		case string, int64, bool, float64, nil:
		default:
			return true
		}
	}
	return false
}

// Get returns the value of key; an unhashable key is absent.
func (d *Dict) Get(key any) (any, bool) {
	if s, ok := key.(string); ok {
		return d.GetStr(s)
	}
	v, ok, _ := d.Lookup(key)
	return v, ok
}

// Lookup is Get with the TypeError for unhashable keys.
func (d *Dict) Lookup(key any) (any, bool, error) {
	if s, ok := key.(string); ok {
		v, ok := d.GetStr(s)
		return v, ok, nil
	}
	h, err := Hash(key)
	if err != nil {
		return nil, false, err
	}
	if i := d.findHash(key, h); i >= 0 {
		return d.entries[i].val, true, nil
	}
	return nil, false, nil
}

// Has reports whether key is in the dict.
func (d *Dict) Has(key any) bool {
	_, ok := d.Get(key)
	return ok
}

// find returns the entry number of a hashable key, or -1.
func (d *Dict) find(key any) int {
	if d.index == nil {
		return d.findHash(key, 0)
	}
	h, err := Hash(key)
	if err != nil {
		return -1
	}
	return d.findHash(key, h)
}

func (d *Dict) findHash(key any, h uint64) int {
	if d.index == nil {
		for i := range d.entries {
			if e := &d.entries[i]; !e.dead && sameKey(e.key, key) {
				return i
			}
		}
		return -1
	}
	mask := uint64(len(d.index) - 1)
	for i, perturb := h&mask, h; ; {
		n := d.index[i]
		if n == 0 {
			return -1
		}
		if n > 0 {
			if e := &d.entries[n-1]; e.hash == h && sameKey(e.key, key) {
				return int(n - 1)
			}
		}
		perturb >>= 5
		i = (i*5 + perturb + 1) & mask
	}
}

func sameKey(a, b any) bool {
	if eq, done := equalScalar(a, b); done {
		return eq || bothNaN(a, b)
	}
	return Is(a, b) || Equal(a, b)
}

// Set stores a value under a hashable key; a new key goes to the end. An
// unhashable key is ignored: use SetChecked for keys of unknown type.
func (d *Dict) Set(key, val any) { _ = d.SetChecked(key, val) }

// SetStr stores a value under a str key.
func (d *Dict) SetStr(key string, val any) {
	if d.index == nil {
		for i := range d.entries {
			e := &d.entries[i]
			if s, ok := e.key.(string); ok && s == key && !e.dead {
				e.val = val
				return
			}
		}
		if !d.hasOddKey() {
			d.add(key, val, 0)
			return
		}
	}
	_ = d.SetChecked(key, val)
}

// SetChecked is Set with the TypeError for unhashable keys.
func (d *Dict) SetChecked(key, val any) error {
	h, err := Hash(key)
	if err != nil {
		return err
	}
	if i := d.findHash(key, h); i >= 0 {
		d.entries[i].val = val
		return nil
	}
	d.add(key, val, h)
	return nil
}

// add appends a key that is not present.
func (d *Dict) add(key, val any, h uint64) {
	if d.live < len(d.entries) && len(d.entries) == cap(d.entries) {
		d.compact()
	}
	d.entries = append(d.entries, dictEntry{key: key, val: val, hash: h})
	d.live++
	switch {
	case d.index != nil:
		if (d.used+1)*3 > len(d.index)*2 {
			d.reindex()
		} else {
			d.link(len(d.entries)-1, h)
		}
	case len(d.entries) > smallDict:
		for i := range d.entries {
			d.entries[i].hash, _ = Hash(d.entries[i].key)
		}
		d.reindex()
	}
}

func (d *Dict) link(n int, h uint64) {
	mask := uint64(len(d.index) - 1)
	i, perturb := h&mask, h
	for d.index[i] != 0 {
		perturb >>= 5
		i = (i*5 + perturb + 1) & mask
	}
	d.index[i] = int32(n + 1)
	d.used++
}

func (d *Dict) reindex() {
	size := 16
	for size < d.live*3 {
		size *= 2
	}
	d.index = make([]int32, size)
	d.used = 0
	for i := range d.entries {
		if !d.entries[i].dead {
			d.link(i, d.entries[i].hash)
		}
	}
}

// compact drops deleted entries.
func (d *Dict) compact() {
	d.entries = slices.DeleteFunc(d.entries, func(e dictEntry) bool { return e.dead })
	if d.index != nil {
		d.reindex()
	}
}

// Delete removes key and reports whether it was present.
func (d *Dict) Delete(key any) bool {
	_, ok := d.Take(key)
	return ok
}

// Take removes key and returns its value.
func (d *Dict) Take(key any) (any, bool) {
	if _, err := Hash(key); err != nil {
		return nil, false
	}
	i := d.find(key)
	if i < 0 {
		return nil, false
	}
	val := d.entries[i].val
	d.remove(i)
	return val, true
}

func (d *Dict) remove(n int) {
	if d.index != nil {
		h := d.entries[n].hash
		mask := uint64(len(d.index) - 1)
		i, perturb := h&mask, h
		for d.index[i] != int32(n+1) {
			perturb >>= 5
			i = (i*5 + perturb + 1) & mask
		}
		d.index[i] = -1
	}
	d.live--
	if n == len(d.entries)-1 {
		d.entries[n] = dictEntry{}
		d.entries = d.entries[:n]
		// Entries deleted earlier may now be last.
		for n > 0 && d.entries[n-1].dead {
			n--
			d.entries = d.entries[:n]
		}
		return
	}
	d.entries[n] = dictEntry{dead: true}
}

// PopLast removes and returns the entry inserted last.
func (d *Dict) PopLast() (key, val any, ok bool) {
	for i := len(d.entries) - 1; i >= 0; i-- {
		if e := d.entries[i]; !e.dead {
			d.remove(i)
			return e.key, e.val, true
		}
	}
	return nil, nil, false
}

// Clear removes all entries.
func (d *Dict) Clear() { *d = Dict{} }

// All yields the entries in insertion order. Entries added while iterating may
// or may not be seen.
func (d *Dict) All() iter.Seq2[any, any] {
	return func(yield func(any, any) bool) {
		for i := 0; i < len(d.entries); i++ {
			e := &d.entries[i]
			if !e.dead && !yield(e.key, e.val) {
				return
			}
		}
	}
}

// Keys returns the keys in insertion order.
func (d *Dict) Keys() []any {
	keys := make([]any, 0, d.live)
	for k := range d.All() {
		keys = append(keys, k)
	}
	return keys
}

// Values returns the values in insertion order.
func (d *Dict) Values() []any {
	vals := make([]any, 0, d.live)
	for _, v := range d.All() {
		vals = append(vals, v)
	}
	return vals
}

// Clone returns a shallow copy.
func (d *Dict) Clone() *Dict {
	if d.live == len(d.entries) {
		return &Dict{entries: slices.Clone(d.entries), live: d.live, index: slices.Clone(d.index), used: d.used}
	}
	c := NewDict(d.live)
	for i := range d.entries {
		if e := &d.entries[i]; !e.dead {
			c.add(e.key, e.val, e.hash)
		}
	}
	return c
}

// Update stores all entries of other.
func (d *Dict) Update(other *Dict) {
	for k, v := range other.All() {
		d.Set(k, v)
	}
}

package value

import (
	"iter"
	"slices"
)

// Kwargs are the keyword arguments of a call in the order written. A nil
// *Kwargs has none, and all reading methods accept it.
type Kwargs struct {
	names []string
	vals  []any
}

// Len returns the number of keyword arguments.
func (k *Kwargs) Len() int {
	if k == nil {
		return 0
	}
	return len(k.names)
}

// Get returns the argument called name.
func (k *Kwargs) Get(name string) (any, bool) {
	if k == nil {
		return nil, false
	}
	if i := slices.Index(k.names, name); i >= 0 {
		return k.vals[i], true
	}
	return nil, false
}

// Set adds an argument or replaces the one of the same name.
func (k *Kwargs) Set(name string, v any) {
	if i := slices.Index(k.names, name); i >= 0 {
		k.vals[i] = v
		return
	}
	k.names = append(k.names, name)
	k.vals = append(k.vals, v)
}

// Delete removes the argument called name and reports whether it was there.
func (k *Kwargs) Delete(name string) bool {
	if k == nil {
		return false
	}
	i := slices.Index(k.names, name)
	if i < 0 {
		return false
	}
	k.names = slices.Delete(k.names, i, i+1)
	k.vals = slices.Delete(k.vals, i, i+1)
	return true
}

// At returns the i-th argument.
func (k *Kwargs) At(i int) (string, any) { return k.names[i], k.vals[i] }

// All yields the arguments in order.
func (k *Kwargs) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for i := range k.Len() {
			if !yield(k.names[i], k.vals[i]) {
				return
			}
		}
	}
}

// Clone returns a copy, never nil.
func (k *Kwargs) Clone() *Kwargs {
	if k == nil {
		return &Kwargs{}
	}
	return &Kwargs{names: slices.Clone(k.names), vals: slices.Clone(k.vals)}
}

// Dict returns the arguments as a dict, what **kwargs is inside a function.
func (k *Kwargs) Dict() *Dict {
	d := NewDict(k.Len())
	for name, v := range k.All() {
		d.SetStr(name, v)
	}
	return d
}

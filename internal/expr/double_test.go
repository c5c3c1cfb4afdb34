package expr_test

import (
	"context"
	"iter"

	"squall/internal/expr"
)

// countingVars notes which variables were looked up.
type countingVars struct {
	values map[string]any
	asked  map[string]int
}

func (v *countingVars) Lookup(name string) (any, bool) {
	if v.asked == nil {
		v.asked = map[string]int{}
	}
	v.asked[name]++
	x, ok := v.values[name]
	return x, ok
}

func (v *countingVars) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for n := range v.values {
			if !yield(n) {
				return
			}
		}
	}
}

// secretStore is a datastore with one secret; it notes every reading.
type secretStore struct{ reads []expr.KeyRef }

func (s *secretStore) Get(_ context.Context, key expr.KeyRef) (string, bool, error) {
	s.reads = append(s.reads, key)
	if key.Name == "password" {
		return "hunter2", true, nil
	}
	return "", false, nil
}

package workflow

import "squall/internal/expr"

// Inspect lists what is wrong with a definition.
func (s *Spec) Inspect(set *expr.Set, known []string) []Problem { return nil }

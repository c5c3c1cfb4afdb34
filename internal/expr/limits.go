package expr

import (
	"context"

	"squall/internal/expr/value"
)

// Limits bound one evaluation, all expressions of a nested value together.
// A zero field takes its default.
type Limits struct {
	Steps   int64 // operations; default 20 million, about two seconds
	Bytes   int64 // memory that values made on the way may take; default 256 MiB
	Depth   int   // nesting of calls, of re-evaluation and of values; default 200
	TextLen int   // bytes of one source text; default 1 MiB
}

// DefaultLimits are the defaults in numbers.
var DefaultLimits = Limits{Steps: 20_000_000, Bytes: 256 << 20, Depth: 200, TextLen: 1 << 20}

// WithDefaults fills zero fields.
func (l Limits) WithDefaults() Limits {
	if l.Steps == 0 {
		l.Steps = DefaultLimits.Steps
	}
	if l.Bytes == 0 {
		l.Bytes = DefaultLimits.Bytes
	}
	if l.Depth == 0 {
		l.Depth = DefaultLimits.Depth
	}
	if l.TextLen == 0 {
		l.TextLen = DefaultLimits.TextLen
	}
	return l
}

// Budget opens the account of one evaluation. ctx cancels it.
func (l Limits) Budget(ctx context.Context) *value.Budget {
	l = l.WithDefaults()
	return value.NewBudget(ctx, l.Steps, l.Bytes, l.Depth)
}

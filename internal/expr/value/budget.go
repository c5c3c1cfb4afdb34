package value

import (
	"context"
	"errors"
)

// ErrLimit is matched by every error that says a resource limit was reached,
// whatever Python class the error carries.
var ErrLimit = errors.New("resource limit reached")

const (
	// pollEvery is how many steps pass between two looks at the context: often
	// enough to stop within microseconds, rare enough to cost nothing.
	pollEvery = 1024
	// maxAlloc bounds a single allocation even without a budget, so that a
	// mistake such as 'x' * 10**12 is an error and not the end of the process.
	maxAlloc = 1 << 30
	// maxDepth bounds the recursion of operations over nested values. CPython
	// stops near 1000 frames; ours are cheaper but must stop too, because Go
	// cannot recover from an exhausted stack.
	maxDepth = 1000
)

// Budget bounds one evaluation in steps, bytes and depth, and makes it
// cancellable. A nil *Budget means unlimited (single allocations are still
// bounded). A Budget belongs to one goroutine.
type Budget struct {
	ctx      context.Context
	steps    int64
	maxSteps int64
	nextPoll int64
	bytes    int64
	maxBytes int64
	depth    int
	maxDepth int
}

// NewBudget makes a budget; a limit of 0 means unlimited, except for depth,
// where it means the package's own bound. ctx may be nil.
func NewBudget(ctx context.Context, maxSteps, maxBytes int64, depth int) *Budget {
	if depth <= 0 {
		depth = maxDepth
	}
	b := &Budget{ctx: ctx, maxSteps: maxSteps, maxBytes: maxBytes, maxDepth: depth, nextPoll: pollEvery}
	if maxSteps > 0 {
		b.nextPoll = min(b.nextPoll, maxSteps+1)
	}
	return b
}

// Step charges n units of work. It fails when the budget is spent or its
// context has ended.
func (b *Budget) Step(n int64) error {
	if b == nil {
		return nil
	}
	b.steps += n
	if b.steps < b.nextPoll {
		return nil
	}
	return b.poll()
}

func (b *Budget) poll() error {
	b.nextPoll = b.steps + pollEvery
	if b.maxSteps > 0 {
		if b.steps > b.maxSteps {
			b.nextPoll = 0 // keep failing
			return &Error{Class: "LimitError", Msg: "evaluation takes too many steps", Err: ErrLimit}
		}
		b.nextPoll = min(b.nextPoll, b.maxSteps+1)
	}
	if b.ctx != nil && b.ctx.Err() != nil {
		b.nextPoll = 0
		return &Error{Class: "LimitError", Msg: "evaluation was stopped: " + context.Cause(b.ctx).Error(), Err: context.Cause(b.ctx)}
	}
	return nil
}

// Alloc charges n bytes about to be allocated. Memory is never credited back:
// the budget bounds what one evaluation may allocate in total.
func (b *Budget) Alloc(n int64) error {
	if n < 0 || n > maxAlloc {
		return memoryError()
	}
	if b == nil {
		return nil
	}
	b.bytes += n
	if b.maxBytes > 0 && b.bytes > b.maxBytes {
		return memoryError()
	}
	// Filling memory is work too: 64 bytes are about one step.
	return b.Step(n >> 6)
}

func memoryError() error {
	return &Error{Class: "MemoryError", Msg: "evaluation needs too much memory", Err: ErrLimit}
}

// allocItems charges n slots of a container.
func (b *Budget) allocItems(n int) error {
	if n > maxAlloc/16 {
		return memoryError()
	}
	return b.Alloc(int64(n) * 16)
}

// Enter goes one level deeper; every successful Enter is paired with a Leave.
func (b *Budget) Enter() error {
	if b == nil {
		return nil
	}
	if b.depth >= b.maxDepth {
		return RecursionErrorf("maximum recursion depth exceeded")
	}
	b.depth++
	return nil
}

// Leave undoes Enter.
func (b *Budget) Leave() {
	if b != nil {
		b.depth--
	}
}

// Used returns the steps and bytes charged so far.
func (b *Budget) Used() (steps, bytes int64) {
	if b == nil {
		return 0, 0
	}
	return b.steps, b.bytes
}

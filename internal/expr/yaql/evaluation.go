package yaql

import (
	"context"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// evaluation is the state of one evaluation. It belongs to one goroutine.
type evaluation struct {
	ctx    context.Context
	eng    *Engine
	env    *expr.Env
	budget *value.Budget
	// failedAt is the byte offset, in its expression, of the innermost call
	// that failed; -1 while nothing has.
	failedAt int
}

func (ev *evaluation) step() error         { return ev.budget.Step(1) }
func (ev *evaluation) steps(n int) error   { return ev.budget.Step(int64(n)) }
func (ev *evaluation) alloc(n int64) error { return ev.budget.Alloc(n) }
func (ev *evaluation) enter() error        { return ev.budget.Enter() }
func (ev *evaluation) leave()              { ev.budget.Leave() }

// at notes where an evaluation failed and passes the error on.
func (ev *evaluation) at(off int, err error) error {
	if ev.failedAt < 0 {
		ev.failedAt = off
	}
	return err
}

// checkMemoryOf applies the engine's memory quota to one value, in the spirit
// of the original: it measures single objects, not what hangs on them.
func (ev *evaluation) checkMemoryOf(v any) error {
	if ev.eng.opts.MemoryQuota <= 0 {
		return nil
	}
	return ev.checkMemory(objectSize(v))
}

func (ev *evaluation) checkMemory(n int64) error {
	if q := ev.eng.opts.MemoryQuota; q > 0 && n > q {
		return value.Errorf(classMemory, "Expression consumed too much memory")
	}
	return nil
}

func sizeSeq(n int) int64 { return 56 + 8*int64(n) }

// objectSize is about what CPython's sys.getsizeof gives.
func objectSize(v any) int64 {
	switch v := v.(type) {
	case string:
		return 49 + int64(len(v))
	case value.Bytes:
		return 33 + int64(len(v))
	case *value.Set:
		n := int64(v.Len())
		if n <= 4 {
			return 216
		}
		return 216 + 32*n
	case *dict:
		if v.frozen {
			return 48 // a wrapper; the dict inside is not measured
		}
		return 64 + 100*int64(v.d.Len())
	case *value.Dict, *lambda, *lazy, *memo, *view, *ordered:
		return 48
	}
	if items, ok := seqItems(v); ok {
		return sizeSeq(len(items))
	}
	return 32
}

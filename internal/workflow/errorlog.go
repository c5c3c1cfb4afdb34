package workflow

import (
	"errors"
	"hash/maphash"
	"math"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

const executionFailed = "Execution failed. See result for details."

// errorLog is the list of errors. An entry equal to one that is there is not
// added again.
type errorLog struct {
	rows []*ErrorRow // nil where one was removed
	byID map[errorKey][]*ErrorRow
	next int64

	added []*ErrorRow
	gone  []int64
}

type errorKey struct {
	message, task, transition string
	route                     int
	result                    uint64
}

func keyOf(r *ErrorRow) errorKey {
	return errorKey{r.Message, r.Task, r.Transition, r.Route, fingerprint(r.Result)}
}

// logError logs an exception.
func (c *Conductor) logError(err error, task string, route int, transition string) {
	class, msg := describe(err)
	c.log(&ErrorRow{Message: class + ": " + msg, Task: task, Route: route, Transition: transition})
}

func (c *Conductor) log(r *ErrorRow) {
	l := &c.errors
	k := keyOf(r)
	for _, old := range l.byID[k] {
		if value.Equal(old.Result, r.Result) {
			return
		}
	}
	r.Number = l.next
	l.insert(k, r)
	l.added = append(l.added, r)
	c.onUndo(func() {
		l.take(k, r)
		l.rows = l.rows[:len(l.rows)-1]
		l.added = l.added[:len(l.added)-1]
		l.next--
	})
}

func (l *errorLog) insert(k errorKey, r *ErrorRow) {
	if l.byID == nil {
		l.byID = map[errorKey][]*ErrorRow{}
	}
	l.byID[k] = append(l.byID[k], r)
	l.rows = append(l.rows, r)
	l.next = r.Number + 1
}

func (l *errorLog) take(k errorKey, r *ErrorRow) {
	list := l.byID[k]
	for i, old := range list {
		if old == r {
			l.byID[k] = append(list[:i:i], list[i+1:]...)
			return
		}
	}
}

// forget removes the errors of a task, on any route.
func (c *Conductor) forgetErrors(task string) {
	l := &c.errors
	for i, r := range l.rows {
		if r == nil || r.Task != task {
			continue
		}
		k := keyOf(r)
		l.take(k, r)
		l.rows[i] = nil
		l.gone = append(l.gone, r.Number)
		c.onUndo(func() {
			l.rows[i] = r
			l.byID[k] = append(l.byID[k], r)
			l.gone = l.gone[:len(l.gone)-1]
		})
	}
}

// Errors are the entries of the error log, in order.
func (c *Conductor) Errors() []ErrorRow {
	var out []ErrorRow
	for _, r := range c.errors.rows {
		if r != nil {
			out = append(out, *r)
		}
	}
	return out
}

// describe gives class and text of an error as the original names it.
func describe(err error) (class, msg string) {
	var e *expr.Error
	if errors.As(err, &e) {
		return e.Class, e.Message
	}
	if class := value.ClassOf(err); class != "" {
		return class, value.MessageOf(err)
	}
	return "Exception", err.Error()
}

// Describe gives class and text of an error that a request was refused with,
// such as InvalidWorkflowStatusTransition.
func Describe(err error) (class, msg string) { return describe(err) }

var seed = maphash.MakeSeed()

// fingerprint is a hash that is equal for equal results.
func fingerprint(v any) uint64 { return hashValue(v, 0) }

func hashValue(v any, depth int) uint64 {
	if depth > 16 {
		return 1
	}
	switch x := v.(type) {
	case nil:
		return 2
	case string:
		return maphash.String(seed, x)
	case *value.List:
		return hashItems(x.Items, depth)
	case value.Tuple:
		return 3
	case *value.Dict:
		// The order of keys does not count.
		h := uint64(x.Len())
		for k, e := range x.All() {
			h += hashValue(k, depth+1)*31 ^ hashValue(e, depth+1)
		}
		return h
	case float64:
		if math.IsNaN(x) {
			return 4
		}
	}
	h, err := value.Hash(v)
	if err != nil {
		return 5
	}
	return h
}

func hashItems(items []any, depth int) uint64 {
	h := uint64(len(items))
	for _, e := range items {
		h = h*1099511628211 + hashValue(e, depth+1)
	}
	return h
}

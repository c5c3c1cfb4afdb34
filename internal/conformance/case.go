package conformance

import (
	"context"
	"time"

	"squall/internal/expr/value"
)

// Case is one recorded evaluation.
type Case struct {
	Suite    string
	Category string
	ID       string
	Mode     string
	Source   string
	// Input is what is evaluated: "expr", "template", or another key a suite names.
	Input   any
	Context *value.Dict // never nil
	// HasContext tells a missing context from an empty one.
	HasContext bool
	Options    *value.Dict // never nil
	Expect     Expect
	// Raw is the whole record, for suites with keys of their own.
	Raw *value.Dict
	// Corrected tells why Raw has another expectation than was recorded; "": it has not.
	Corrected string
}

// Expect is the recorded outcome: a value, or an error.
type Expect struct {
	Value   any
	Error   string // class; "" when a value is expected
	Message string
	Origin  string // "library" messages must be equal, "runtime" ones are Python's own
	Cause   string
}

// Option returns an option by name, nil when it is absent.
func (c *Case) Option(name string) any {
	v, _ := c.Options.GetStr(name)
	return v
}

// Runner evaluates a case. Its error is compared by class and message; any
// error that carries neither is a failure.
type Runner func(ctx context.Context, c *Case) (any, error)

// Suite is one folder of the corpus and how to run it.
type Suite struct {
	Name string
	// Input is the key of the record that Case.Input is taken from.
	Input []string
	// Modes gives the runner of each mode. A mode without one fails its cases.
	Modes map[string]Runner
	// Load replaces Load for suites whose files are not lists of cases.
	Load func(root string) ([]*Case, error)
	// Prepare, when set, is called once, with all cases, before those chosen run;
	// stop is called after the last one.
	Prepare func(ctx context.Context, all []*Case) (stop func(), err error)
	// Parallel is how many cases run at once; 0: one.
	Parallel int
	// Limit is the time limit of a case; 0: that of the run.
	Limit time.Duration
}

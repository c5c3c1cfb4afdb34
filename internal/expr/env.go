package expr

import (
	"context"
	"iter"

	"squall/internal/expr/value"
)

// Names of the variables the workflow engine sets beside the user's own.
// ctx() hides every name with the prefix InternalPrefix.
const (
	InternalPrefix = "__"
	VarState       = "__state"
	VarCurrentTask = "__current_task"
	VarCurrentItem = "__current_item"
)

// Vars gives the variables of an evaluation by name. Look-ups are lazy: an
// evaluation touches only what the expression names, so an implementation
// may layer contexts or decode stored ones on demand. It must be safe for
// concurrent readers, and the values must not change during an evaluation.
type Vars interface {
	// Lookup returns the variable. A variable that exists and is null is (nil, true).
	Lookup(name string) (any, bool)
	// Names yields every name in the order the variables were set; the order
	// shows in text output. Only ctx() without a name asks for it.
	Names() iter.Seq[string]
}

// DataVars is a Vars that shows something else to text that came out of data:
// copies, when a template could change what it is given.
type DataVars interface {
	Vars
	ForData() Vars
}

// Env is all an expression can reach. The zero value is legal: no variables,
// no look-ups. An Env is read only during evaluation and may be shared.
type Env struct {
	// Vars are the workflow's variables, or the template's top-level names.
	// The workflow engine also publishes VarState, VarCurrentTask and
	// VarCurrentItem here.
	Vars Vars
	// Store answers st2kv. Nil: there is no datastore.
	Store Datastore
	// Tasks answers task(). Nil: there are no task executions.
	Tasks Tasks
	// States answers task_status() and its kin. Nil: they read VarState.
	States TaskStates
	// User is whose keys `st2kv.user.<key>` reads in templates. (The function
	// st2kv() of workflows takes the user from the variable "st2", as in
	// StackStorm.)
	User string
	// Options that change how texts are evaluated.
	Options Options

	dataBorn bool
}

// Options are the settings a site may choose.
type Options struct {
	// NoReevaluate turns off the second life of data: in StackStorm a string
	// that an expression gives is searched for expressions and evaluated
	// again. Off (false) keeps that. Data-born expressions never see the
	// datastore and never decrypt, in either setting.
	NoReevaluate bool
}

// KeyRef names an entry of the datastore.
type KeyRef struct {
	Scope   string // ScopeSystem or ScopeUser
	User    string // owner, for ScopeUser
	Name    string // the key without scope and user
	Decrypt bool   // give the plain text of a secret value
}

// The scopes of the datastore.
const (
	ScopeSystem = "system"
	ScopeUser   = "user"
)

// Datastore reads key-value pairs. Get returns found = false when the key
// does not exist (or has expired); an error is for a store that could not
// answer or refused. Implementations check the permission to read and to
// decrypt.
type Datastore interface {
	Get(ctx context.Context, key KeyRef) (text string, found bool, err error)
}

// Tasks reads the task executions of the workflow execution of this Env.
type Tasks interface {
	// Latest returns the newest (by start time) execution of a task on a
	// route; found = false when it has not run. A negative route means any.
	Latest(ctx context.Context, taskID string, route int64) (t TaskExecution, found bool, err error)
}

// TaskStates finds the state of a task by name in constant time, where
// VarState is a snapshot of everything. The answer must be the same.
type TaskStates interface {
	// FindTask finds the newest entry of a task on a route or, when it has none
	// there, on the nearest earlier route that this one came from. status is
	// "null" for an entry nothing was reported of.
	FindTask(task string, route int64) (entryRoute int64, status string, found bool)
}

// TaskExecution is what task() shows. Start and End are texts such as
// "2024-01-01 00:00:00", or empty for null.
type TaskExecution struct {
	ID                string
	WorkflowExecution string
	TaskName          string
	TaskID            string
	Route             int64
	Result            any
	Status            string
	Start, End        string
}

// DataBorn reports whether the text under evaluation came out of data (a
// string result evaluated again, an input given by a caller).
func (e *Env) DataBorn() bool { return e != nil && e.dataBorn }

// ForData returns the Env for text that came out of data: the same variables
// and tasks, but neither datastore nor decryption. StackStorm evaluates such
// text with full rights, so whoever can put a text into a result can read
// every secret; here the evaluation stays and the secrets are out of reach.
func (e *Env) ForData() *Env {
	if e == nil {
		return &Env{dataBorn: true}
	}
	if e.dataBorn {
		return e
	}
	c := *e
	c.Store = nil
	c.dataBorn = true
	if v, ok := c.Vars.(DataVars); ok {
		c.Vars = v.ForData()
	}
	return &c
}

// Lookup finds a variable.
func (e *Env) Lookup(name string) (any, bool) {
	if e == nil || e.Vars == nil {
		return nil, false
	}
	return e.Vars.Lookup(name)
}

// DictVars shows a dict as Vars. Keys that are not strings are not variables.
func DictVars(d *value.Dict) Vars { return dictVars{d} }

type dictVars struct{ d *value.Dict }

func (v dictVars) Lookup(name string) (any, bool) {
	if v.d == nil {
		return nil, false
	}
	return v.d.GetStr(name)
}

func (v dictVars) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		if v.d == nil {
			return
		}
		for k := range v.d.All() {
			if s, ok := k.(string); ok && !yield(s) {
				return
			}
		}
	}
}

// LayerVars shows several Vars as one; the first that has a name wins. Names
// come in the order of the layers.
func LayerVars(layers ...Vars) Vars { return layerVars(layers) }

type layerVars []Vars

func (l layerVars) Lookup(name string) (any, bool) {
	for _, v := range l {
		if v == nil {
			continue
		}
		if x, ok := v.Lookup(name); ok {
			return x, true
		}
	}
	return nil, false
}

func (l layerVars) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		seen := make(map[string]struct{})
		for _, v := range l {
			if v == nil {
				continue
			}
			for n := range v.Names() {
				if _, dup := seen[n]; dup {
					continue
				}
				seen[n] = struct{}{}
				if !yield(n) {
					return
				}
			}
		}
	}
}

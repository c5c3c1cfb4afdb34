package workflow

import (
	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
)

// Names of tasks that are commands to the engine.
const (
	commandNoop     = "noop"
	commandFail     = "fail"
	commandContinue = "continue"
	commandRetry    = "retry"
)

// reserved reports whether a task name is a command of the engine.
func reserved(name string) bool {
	switch name {
	case commandNoop, commandFail, commandContinue, commandRetry:
		return true
	}
	return false
}

// Spec is a definition that could be loaded. It may still have findings (see
// Inspect). It is immutable.
type Spec struct {
	Description string
	// Tasks in the order of the definition.
	Tasks []*TaskSpec

	byName map[string]*TaskSpec
	input  any // as written: lists of names and one-key dicts
	vars   any
	output any

	graph    *Graph
	graphErr error

	// mutating: some template may change values in place.
	mutating bool

	source string
	raw    *value.Dict
	root   *pyyaml.Node
}

// TaskSpec is one task of a definition. Values that may be wrong are kept as
// they were written: what the original does with them is decided where they
// are used.
type TaskSpec struct {
	Name   string
	Action any // a text, with inline parameters taken out; nil when there is none
	Input  any // parameters, or a text that gives them; nil when there are none
	Join   any // nil, "all" or a number
	Delay  any
	With   *With
	Retry  *RetrySpec
	Next   []*TransitionSpec

	items *itemsSpec
}

// With makes a task run once for each item of a list.
type With struct {
	Items       any // "<% list %>" or "a, b in <% list %>"
	Concurrency any
}

// RetrySpec says when a task is tried again.
type RetrySpec struct {
	When, Count, Delay any
}

// TransitionSpec is one element of a task's next.
type TransitionSpec struct {
	When    any
	Publish any // a list of one-key dicts when it is well formed
	Do      any // a text with names, or a list of names
}

// Source is the text the definition was loaded from.
func (s *Spec) Source() string { return s.source }

// Inputs are the names of the inputs, in their order.
func (s *Spec) Inputs() (names []string) {
	list, _ := s.input.(*value.List)
	if list == nil {
		return nil
	}
	for _, item := range list.Items {
		name := item
		if k, _, ok := pair(item); ok { // with a default
			name = k
		}
		if text, ok := name.(string); ok {
			names = append(names, text)
		}
	}
	return names
}

// Task finds a task by name.
func (s *Spec) Task(name string) (*TaskSpec, bool) {
	t, ok := s.byName[name]
	return t, ok
}

// task finds a task or an engine command; commands have nothing but a name.
func (s *Spec) task(name string) *TaskSpec {
	if reserved(name) {
		return &TaskSpec{Name: name}
	}
	return s.byName[name]
}

// pair is the first entry of a one-key dict; ok is false for anything else.
func pair(v any) (key, val any, ok bool) {
	d, isDict := v.(*value.Dict)
	if !isDict {
		return nil, nil, false
	}
	for k, x := range d.All() {
		return k, x, true
	}
	return nil, nil, false
}

// truthy is Python's truth of a value; what has none counts as true.
func truthy(v any) bool {
	t, err := value.Truth(v)
	return err != nil || t
}

// Package inquiry asks people. Running an inquiry is quick: the runner writes
// down what is asked, and of whom, and leaves the execution pending; no slot is
// held while it waits. What follows (the answer, the end of its time) is
// internal/lifecycle's.
//
// In: the parameters schema, users, roles, route and ttl. Out: an outcome in
// state pending, whose result says the same. It tells nobody: the message of the
// execution's move does.
package inquiry

import (
	"bytes"
	"context"
	"encoding/json"

	"squall/internal/runner"
	"squall/internal/squall"
)

// Runner runs inquiries. Its zero value is ready.
type Runner struct {
	// Type is what the runner takes; nil: defaults may be shown in another order
	// than they were written in.
	Type *squall.RunnerType
}

var _ runner.Runner = Runner{}

// Run leaves the execution pending.
func (r Runner) Run(_ context.Context, job *runner.Job, _ runner.Output) (squall.Outcome, error) {
	var asked squall.Inquiry
	if err := job.Decode(&asked); err != nil {
		return squall.Outcome{}, squall.Errorf(squall.Invalid, "The parameters of the inquiry cannot be read: %w", err)
	}
	asked.Schema = r.asWritten(job, asked.Schema)
	if asked.Users == nil {
		asked.Users = []string{}
	}
	if asked.Roles == nil {
		asked.Roles = []string{}
	}
	result, err := json.Marshal(asked)
	if err != nil {
		return squall.Outcome{}, err
	}
	return squall.Outcome{Status: squall.Pending, Result: result}, nil
}

// asWritten returns the schema as the caller wrote it, or whoever made it the
// default: the order of its properties is that in which people are asked.
func (r Runner) asWritten(job *runner.Job, schema json.RawMessage) json.RawMessage {
	var given struct {
		Schema json.RawMessage `json:"schema"`
	}
	_ = json.Unmarshal(job.Execution.Parameters, &given) // none was given
	sources := []json.RawMessage{given.Schema}
	if job.Action != nil {
		p, _ := job.Action.Parameters.Get("schema")
		sources = append(sources, p.Default)
	}
	if r.Type != nil {
		p, _ := r.Type.Parameters.Get("schema")
		sources = append(sources, p.Default)
	}
	for _, doc := range sources {
		if len(doc) > 0 && same(doc, schema) {
			return doc
		}
	}
	return schema
}

// same reports whether two documents differ in the order of their keys at most.
func same(a, b json.RawMessage) bool {
	canonical := func(doc json.RawMessage) []byte {
		d := json.NewDecoder(bytes.NewReader(doc))
		d.UseNumber()
		var v any
		if d.Decode(&v) != nil {
			return nil
		}
		out, err := json.Marshal(v)
		if err != nil {
			return nil
		}
		return out
	}
	x, y := canonical(a), canonical(b)
	return x != nil && bytes.Equal(x, y)
}

package workflow

import (
	"context"

	"squall/internal/expr/value"
)

// Engine drives a conductor step by step, for who replays recordings of the
// original's own interface. Everybody else uses Apply.
type Engine struct {
	c    *Conductor
	spec *Spec
	host Host
	rows Rows
}

// NewEngine begins a workflow execution.
func NewEngine(ctx context.Context, spec *Spec, start Start, host Host) (*Engine, error) {
	c, ch, err := New(ctx, spec, start, host)
	if err != nil {
		return nil, err
	}
	e := &Engine{c: c, spec: spec, host: host}
	ch.Into(&e.rows)
	return e, nil
}

// Conductor is the conductor at work.
func (e *Engine) Conductor() *Conductor { return e.c }

// Request asks for a status.
func (e *Engine) Request(s Status) error {
	return e.c.try(func() error { return e.c.requestStatus(s) })
}

// Next lists the tasks that may start now. It marks nothing.
func (e *Engine) Next() (list []Next, err error) {
	err = e.c.try(func() error {
		list, err = e.c.next()
		return err
	})
	return list, err
}

// Report processes a report.
func (e *Engine) Report(r Report) (s Status, err error) {
	err = e.c.try(func() error {
		s, err = e.c.report(r)
		return err
	})
	return s, err
}

// Command processes the engine's own event of a command: continue, noop, fail.
func (e *Engine) Command(task string, route int, name string) (s Status, err error) {
	err = e.c.try(func() error {
		n := e.c.graph.byName[task]
		if n == nil {
			return value.Errorf("InvalidTask", "Task \"%s\" does not exist.", task)
		}
		cmd := commands[name]
		if name == commandRetry {
			cmd = doRetry
		}
		en, err := e.c.update(n, Report{Task: task, Route: route, Item: NoItem, Status: cmd.status()}, cmd)
		if err == nil {
			s = en.status
		}
		return err
	})
	return s, err
}

// Rerun prepares tasks to run again.
func (e *Engine) Rerun(tasks []RerunTask) error {
	return e.c.try(func() error { return e.c.rerun(tasks) })
}

// RenderOutput renders the output if the workflow is over.
func (e *Engine) RenderOutput() error { return e.c.try(e.c.renderOutput) }

// Reload saves the state to rows and restores it.
func (e *Engine) Reload() error {
	ch := e.c.collect(e.c.status)
	ch.Into(&e.rows)
	c, err := Restore(e.spec, e.rows, e.host)
	if err == nil {
		e.c = c
	}
	return err
}

// Value gives the state in the form of the case files, with or without the
// terminal context.
func (e *Engine) Value(terminal bool) *value.Dict {
	ch := e.c.collect(e.c.status)
	ch.Into(&e.rows)
	r := Rehearsal{Status: e.c.status, Output: e.c.output, Errors: e.c.Errors(), Tasks: e.rows.Tasks, Routes: e.c.routes}
	if terminal {
		r.Terminal = e.c.TerminalContext()
	}
	return r.Value()
}

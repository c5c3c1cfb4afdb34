package st2cli

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"squall/internal/api/wire"
	"squall/internal/argparse"
	"squall/internal/client"
	"squall/internal/expr/value"
)

func executionTail() *argparse.Command {
	return &argparse.Command{Name: "tail", Help: "Show an execution's output while it runs.", Args: args(
		argparse.Arg{Name: "id", Nargs: argparse.Optional, Default: "last", Help: "id of the execution (default: the newest)"},
		argparse.Arg{Flags: []string{"--type"}, Name: "output_type", Help: "only output of this type, such as stderr"},
		argparse.Arg{Flags: []string{"--include-metadata"}, Name: "include_metadata", Nargs: argparse.Switch, Help: "print time and type with the output"},
	), Run: command(func(c *call) error {
		id := c.v.String("id")
		if id == "last" {
			docs, _, err := c.collect(executions.path, nil, 1)
			if err != nil {
				return err
			}
			if len(docs) == 0 {
				c.print("No executions found in db.")
				return nil
			}
			id = text(docs[0], "id")
		}
		ex, err := c.fetch(at(executions.path, id), nil)
		if err != nil {
			return err
		}
		if ex == nil {
			return notFound("Execution  with id %s not found.", c.v.String("id"))
		}
		return c.tail(ex, c.v.String("output_type"), c.v.Bool("include_metadata"))
	})}
}

// tail prints what an execution prints, and that its tasks start and end, until it
// ends. What has ended already is printed as it is kept.
func (c *call) tail(ex document, kind string, metadata bool) error {
	id := text(ex, "id")
	if status := text(ex, "status"); slices.Contains(finished, status) {
		q := url.Values{}
		if kind != "" {
			q.Set("output_type", kind)
		}
		a, err := c.api.Do(c, "GET", at(executions.path, id)+"/output", q, nil)
		if err != nil {
			return err
		}
		c.print(string(a.Body))
		c.print(fmt.Sprintf("Execution %s has completed (status=%s).", id, status))
		return nil
	}
	if !isWorkflow(ex) {
		return c.tailOne(ex, kind, metadata)
	}
	t := &tailing{c: c, id: id, child: member(ex, "parent") != nil, kind: kind, metadata: metadata, family: map[string]bool{id: true}, told: map[string]bool{}, printed: map[string]bool{}}
	ctx, stop := context.WithCancel(c)
	defer stop()
	first := true
	err := c.api.FollowEvents(ctx, client.EventQuery{
		Names: []string{"st2.execution__update", "st2.execution.output__create"}, EndExecution: id,
		Opened: func() error {
			if !first {
				return nil
			}
			first = false
			done, err := t.catchUp()
			if done {
				stop()
			}
			return err
		},
	}, func(ev client.Event) error {
		v, err := value.FromJSON(ev.Data)
		d, _ := v.(document)
		if err != nil || d == nil {
			return nil // not for us
		}
		if t.event(d) {
			stop()
		}
		return nil
	})
	if t.done {
		return nil
	}
	return err
}

// titleOf is how a tail calls an execution: by its task when it is one of a
// workflow.
func titleOf(ex document) string {
	id := text(ex, "id")
	if text(ex, "context.parent.execution_id") == "" {
		return "Execution " + id
	}
	task := first(text(ex, "context.orquesta.task_name"), text(ex, "context.chain.name"), "unknown")
	return fmt.Sprintf("Child execution (task=%s) %s", task, id)
}

// endOf is what a tail says at the end of an execution.
func endOf(ex document, status string) string {
	verb := "completed"
	if text(ex, "context.parent.execution_id") != "" {
		verb = "finished"
	}
	return fmt.Sprintf("\n%s has %s (status=%s).\n", titleOf(ex), verb, status)
}

// tailOne prints what an execution without tasks prints, from its beginning.
func (c *call) tailOne(ex document, kind string, metadata bool) error {
	id := text(ex, "id")
	fmt.Fprintf(c.Stdout, "%s has started.\n\n", titleOf(ex))
	err := c.api.FollowOutput(c, id, 0, func(out wire.Output) error {
		if kind != "" && kind != "all" && kind != out.Type {
			return nil
		}
		if metadata {
			fmt.Fprintf(c.Stdout, "[%s][%s] ", out.Timestamp.UTC().Format("2006-01-02T15:04:05.000000Z"), out.Type)
		}
		_, err := fmt.Fprint(c.Stdout, out.Data)
		return err
	})
	if err != nil {
		return err
	}
	now, err := c.execution(id)
	if err != nil {
		return err
	}
	fmt.Fprint(c.Stdout, endOf(ex, text(now, "status")))
	return nil
}

// tailing is the state of a tail of a workflow.
type tailing struct {
	c        *call
	id       string
	child    bool // it is the task of a workflow itself
	kind     string
	metadata bool
	family   map[string]bool // executions whose events are for us
	told     map[string]bool // id and word
	printed  map[string]bool // pieces of output
	done     bool
}

// catchUp tells what happened before the stream was open.
func (t *tailing) catchUp() (done bool, err error) {
	c := t.c
	ex, err := c.execution(t.id)
	if err != nil {
		return false, err
	}
	status := text(ex, "status")
	if status != "requested" && status != "scheduled" && status != "delayed" {
		t.say(t.id, "started", "%s has started.\n\n", titleOf(ex))
	}
	a, err := c.api.Do(c, "GET", at(executions.path, t.id)+"/children", url.Values{"depth": {"-1"}}, nil)
	if err == nil {
		v, err := decode(a)
		if err != nil {
			return false, err
		}
		for _, ch := range list(v) {
			t.family[text(ch, "id")] = true
			t.event(ch)
		}
	}
	if slices.Contains(finished, status) {
		if err := t.kept(); err != nil {
			return false, err
		}
		t.event(ex)
	}
	return t.done, nil
}

// kept prints the output of an execution that ended before anybody listened.
func (t *tailing) kept() error {
	if len(t.printed) > 0 {
		return nil
	}
	q := url.Values{}
	if t.kind != "" {
		q.Set("output_type", t.kind)
	}
	a, err := t.c.api.Do(t.c, "GET", at(executions.path, t.id)+"/output", q, nil)
	if err == nil {
		fmt.Fprint(t.c.Stdout, string(a.Body))
	}
	return err
}

// say prints a text once.
func (t *tailing) say(id, word, format string, args ...any) {
	if !t.told[id+word] {
		t.told[id+word] = true
		fmt.Fprintf(t.c.Stdout, format, args...)
	}
}

// event handles an update of an execution or a piece of output. It reports whether
// it was the last one.
func (t *tailing) event(d document) bool {
	status := text(d, "status")
	if status == "" {
		t.output(d)
		return false
	}
	id, parent := text(d, "id"), text(d, "context.parent.execution_id")
	if t.family[parent] && !t.child {
		t.family[id] = true
	}
	if !t.family[id] {
		return false
	}
	switch {
	case status == "running":
		t.say(id, "started", "%s has started.\n\n", titleOf(d))
	case slices.Contains(finished, status):
		t.say(id, "started", "%s has started.\n\n", titleOf(d))
		t.say(id, "ended", "%s", endOf(d, status))
		t.done = t.done || id == t.id
	}
	return t.done
}

func (t *tailing) output(d document) {
	piece := text(d, "id")
	if !t.family[text(d, "execution_id")] || t.printed[piece] && piece != "" {
		return
	}
	t.printed[piece] = true
	kind := text(d, "output_type")
	if t.kind != "" && t.kind != "all" && t.kind != kind {
		return
	}
	if t.metadata {
		fmt.Fprintf(t.c.Stdout, "[%s][%s] ", text(d, "timestamp"), kind)
	}
	fmt.Fprint(t.c.Stdout, text(d, "data"))
}

// textOfFault is what the server said.
func textOfFault(err error) string {
	t := textOf(err)
	if _, msg, ok := strings.Cut(t, "MESSAGE: "); ok {
		msg, _, _ = strings.Cut(msg, " for url: ")
		return msg
	}
	return t
}

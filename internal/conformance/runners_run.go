package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"squall/internal/expr/value"
)

// run posts an execution, follows the recorded steps and compares all that the
// recording says.
func (r *runnerWorlds) run(ctx context.Context, c *Case) (any, error) {
	w := r.of[c]
	want := dictAt(c.Raw, "expect")
	v := &verdict{varies: at(c.Raw, "varies") == true}
	pack, _, _ := strings.Cut(str(c.Raw, "action"), ".")
	if err := w.refused[pack]; err != nil {
		return nil, err
	}
	body, err := executionBody(c)
	if err != nil {
		return nil, err
	}
	a, err := w.send(ctx, http.MethodPost, "/api/v1/executions", body)
	if err != nil {
		return nil, err
	}
	v.equal(tierStatus, "http_status", at(want, "http_status"), int64(a.status))
	v.text("faultstring", at(want, "faultstring"), a.fault())
	if a.status != http.StatusCreated || v.err() != nil {
		return nil, v.err()
	}
	e := &recordedRun{world: w, id: str(a.object(), "id"), verdict: v}
	steps := items(at(want, "steps"))
	for i, item := range steps {
		if err := e.step(ctx, fmt.Sprintf("steps[%d]", i), item.(*value.Dict)); err != nil {
			return nil, errors.Join(v.err(), err)
		}
	}
	got, err := e.until(ctx, e.id, []string{str(want, "status")})
	if err != nil {
		return nil, err
	}
	right, isRescued := at(want, "result").(rescued)
	if isRescued {
		v.note(tierResult, right.difference("result", at(got, "result"), at(got, "status")))
	} else {
		v.equal(tierStatus, "status", at(want, "status"), at(got, "status"))
	}
	if log, ok := at(want, "log").(*value.List); ok {
		v.equal(tierStatus, "log", log, statusesOf(got))
	}
	if v.varies {
		return nil, v.err()
	}
	if !isRescued {
		v.result("result", at(want, "result"), at(got, "result"))
	}
	v.equal(tierResult, "parameters", at(want, "parameters"), notEmpty(at(got, "parameters")))
	if context, ok := want.GetStr("context"); ok {
		v.equal(tierTexts, "context", context, at(got, "context"))
	}
	if err := e.rest(ctx, want); err != nil {
		return nil, err
	}
	return nil, v.err()
}

// executionBody is the body of the request, as JSON text.
func executionBody(c *Case) (string, error) {
	if raw, ok := c.Raw.GetStr("raw_request_body"); ok && raw != nil {
		return raw.(string), nil
	}
	body := value.DictOf("action", at(c.Raw, "action"), "parameters", at(c.Raw, "parameters"))
	if extra := dictAt(c.Raw, "request_body_extra"); extra != nil {
		for k, v := range extra.All() {
			body.Set(k, v)
		}
	}
	text, err := value.ToJSON(body)
	return string(text), err
}

// recordedRun is an execution whose recorded steps are followed.
type recordedRun struct {
	world   *world
	id      string
	verdict *verdict
}

// step does one recorded step and compares the answer.
func (e *recordedRun) step(ctx context.Context, where string, step *value.Dict) error {
	switch do := str(step, "do"); do {
	case "wait":
		var states []string
		for _, s := range items(at(step, "status")) {
			states = append(states, s.(string))
		}
		got, err := e.until(ctx, e.id, states)
		if err == nil {
			e.verdict.equal(tierStatus, where+".reached", at(step, "reached"), at(got, "status"))
		}
		return err
	case "sleep":
		seconds, _ := value.AsFloat(at(step, "seconds"))
		return sleep(ctx, time.Duration(seconds*float64(time.Second)))
	case "cancel":
		a, err := e.world.send(ctx, http.MethodDelete, "/api/v1/executions/"+e.id, "")
		if err != nil {
			return err
		}
		e.answered(where, step, a)
		e.movedTo(where, at(step, "status"), a)
		return nil
	case "put_status":
		a, err := e.world.call(ctx, http.MethodPut, "/api/v1/executions/"+e.id, value.DictOf("status", at(step, "status")))
		if err != nil {
			return err
		}
		e.answered(where, step, a)
		e.movedTo(where, at(step, "answer_status"), a)
		return nil
	case "snapshot":
		return e.snapshot(ctx, where, dictAt(step, "execution"))
	case "get_inquiry":
		return e.compareBody(ctx, where, step, http.MethodGet, "/api/v1/inquiries/"+e.id, "")
	case "respond":
		return e.respond(ctx, where, step)
	case "rerun":
		return e.rerun(ctx, where, step)
	default:
		return fmt.Errorf("%s: %q is not a known step", where, do)
	}
}

func (e *recordedRun) answered(where string, step *value.Dict, a *answer) {
	e.verdict.equal(tierStatus, where+".http_status", at(step, "http_status"), int64(a.status))
	e.verdict.text(where+".faultstring", at(step, "faultstring"), a.fault())
}

// movedTo compares the state in an answer to a wish. A run that ends quickly may
// be a state further on: the recorded system was slower.
func (e *recordedRun) movedTo(where string, want any, a *answer) {
	got := at(a.object(), "status")
	further := map[any][]any{"canceling": {"canceled"}, "pausing": {"paused"}, "resuming": {"running"}}
	if want == got || slices.Contains(further[want], got) || slices.Contains(further[got], want) {
		return
	}
	e.verdict.equal(tierStatus, where+".status", want, got)
}

// snapshot compares an execution as it is now. What moves on by itself is given
// a moment to come there.
func (e *recordedRun) snapshot(ctx context.Context, where string, want *value.Dict) error {
	got, err := e.until(ctx, e.id, []string{str(want, "status")})
	if err != nil {
		return err
	}
	e.execution(where, want, got)
	return nil
}

// execution compares the parts of an execution that want has.
func (e *recordedRun) execution(where string, want, got *value.Dict) {
	for k, v := range want.All() {
		switch name := k.(string); name {
		case "status":
			e.verdict.equal(tierStatus, where+".status", v, at(got, name))
		case "result":
			e.verdict.result(where+".result", v, at(got, name))
		case "parameters":
			e.verdict.equal(tierResult, where+".parameters", v, notEmpty(at(got, name)))
		default:
			e.verdict.equal(tierTexts, where+"."+name, v, at(got, name))
		}
	}
}

// compareBody sends a request and compares the whole answer.
func (e *recordedRun) compareBody(ctx context.Context, where string, step *value.Dict, method, path, body string) error {
	a, err := e.world.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	e.verdict.equal(tierStatus, where+".http_status", at(step, "http_status"), int64(a.status))
	if want := dictAt(step, "body"); want != nil && at(want, "faultstring") != nil {
		e.verdict.text(where+".faultstring", at(want, "faultstring"), a.fault())
		return nil
	}
	e.verdict.equal(tierResult, where+".body", at(step, "body"), a.body)
	return nil
}

func (e *recordedRun) respond(ctx context.Context, where string, step *value.Dict) error {
	var body any = value.DictOf("id", e.id, "response", at(step, "response"))
	if raw, ok := step.GetStr("raw"); ok {
		body = raw
	}
	text, ok := body.(string)
	if !ok {
		doc, err := value.ToJSON(body)
		if err != nil {
			return err
		}
		text = string(doc)
	}
	return e.compareBody(ctx, where, step, http.MethodPut, "/api/v1/inquiries/"+e.id, text)
}

func (e *recordedRun) rerun(ctx context.Context, where string, step *value.Dict) error {
	body := at(step, "body")
	if body == nil {
		body = value.NewDict(0)
	}
	a, err := e.world.call(ctx, http.MethodPost, "/api/v1/executions/"+e.id+"/re_run", body)
	if err != nil {
		return err
	}
	e.answered(where, step, a)
	want := dictAt(step, "execution")
	if want == nil || a.status != http.StatusCreated {
		return nil
	}
	got, err := e.until(ctx, str(a.object(), "id"), []string{str(want, "status")})
	if err == nil {
		e.execution(where+".execution", want, got)
	}
	return err
}

// rest compares what lies around the execution.
func (e *recordedRun) rest(ctx context.Context, want *value.Dict) error {
	if secret := dictAt(want, "with_show_secrets"); secret != nil {
		got, err := e.get(ctx, e.id, "?show_secrets=true")
		if err != nil {
			return err
		}
		e.execution("with_show_secrets", secret, got)
	}
	if children, ok := at(want, "children").(*value.List); ok {
		if err := e.children(ctx, "children", e.id, children); err != nil {
			return err
		}
	}
	if text, ok := want.GetStr("output_endpoint"); ok {
		a, err := e.world.send(ctx, http.MethodGet, "/api/v1/executions/"+e.id+"/output?output_format=raw", "")
		if err != nil {
			return err
		}
		e.verdict.equal(tierResult, "output_endpoint", text, a.raw)
	}
	for i, item := range items(at(want, "keys_after")) {
		key := item.(*value.Dict)
		path := "/api/v1/keys/" + url.PathEscape(str(key, "name")) + str(key, "query")
		if err := e.compareKey(ctx, fmt.Sprintf("keys_after[%d]", i), key, path); err != nil {
			return err
		}
	}
	return nil
}

// compareKey compares the members of a key that were recorded.
func (e *recordedRun) compareKey(ctx context.Context, where string, want *value.Dict, path string) error {
	a, err := e.world.send(ctx, http.MethodGet, path, "")
	if err != nil {
		return err
	}
	e.verdict.equal(tierStatus, where+".http_status", at(want, "http_status"), int64(a.status))
	if body := dictAt(want, "body"); body != nil {
		for k, v := range body.All() {
			e.verdict.equal(tierTexts, where+"."+k.(string), v, at(a.object(), k.(string)))
		}
	}
	return nil
}

func (e *recordedRun) children(ctx context.Context, where, parent string, want *value.List) error {
	a, err := e.world.send(ctx, http.MethodGet, "/api/v1/executions/"+parent+"/children?depth=1", "")
	if err != nil {
		return err
	}
	got := items(a.body)
	if len(got) != len(want.Items) {
		e.verdict.add(tierResult, fmt.Sprintf("%s: want %d, got %d", where, len(want.Items), len(got)))
		return nil
	}
	for i, item := range want.Items {
		w, g := item.(*value.Dict), got[i].(*value.Dict)
		at1 := fmt.Sprintf("%s[%d]", where, i)
		e.verdict.equal(tierResult, at1+".action", at(w, "action"), at(dictOr(g, "action"), "ref"))
		rest := value.NewDict(4)
		for k, v := range w.All() {
			if k != "action" && k != "children" {
				rest.Set(k, v)
			}
		}
		e.execution(at1, rest, g)
		if below, ok := at(w, "children").(*value.List); ok {
			if err := e.children(ctx, at1+".children", str(g, "id"), below); err != nil {
				return err
			}
		}
	}
	return nil
}

func dictOr(d *value.Dict, key string) *value.Dict {
	if inner := dictAt(d, key); inner != nil {
		return inner
	}
	return value.NewDict(0)
}

func (e *recordedRun) get(ctx context.Context, id, query string) (*value.Dict, error) {
	return e.world.execution(ctx, id, query)
}

func (w *world) execution(ctx context.Context, id, query string) (*value.Dict, error) {
	a, err := w.send(ctx, http.MethodGet, "/api/v1/executions/"+id+query, "")
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("GET of execution %s: %d %s", id, a.status, a.raw)
	}
	return a.object(), nil
}

// settleTime is how long an execution may stay in a state that is not wanted and
// that it could be in for ever.
const settleTime = 20 * time.Second

// until waits for one of the states, or any state that is final. Other states
// are the outcome when they last.
func (e *recordedRun) until(ctx context.Context, id string, states []string) (*value.Dict, error) {
	return e.world.until(ctx, id, states)
}

func (w *world) until(ctx context.Context, id string, states []string) (*value.Dict, error) {
	final := []string{"succeeded", "failed", "timeout", "canceled", "abandoned"}
	pause := 5 * time.Millisecond
	resting := time.Now()
	for {
		got, err := w.execution(ctx, id, "")
		if err != nil {
			return nil, err
		}
		status := str(got, "status")
		if slices.Contains(states, status) || slices.Contains(final, status) {
			return got, nil
		}
		if status == "running" || status == "canceling" {
			resting = time.Now()
		}
		if time.Since(resting) > settleTime {
			return got, nil
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, fmt.Errorf("execution %s is still %s, not %s: %w", id, status, strings.Join(states, " or "), err)
		}
		pause = min(pause*3/2, 150*time.Millisecond)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// statusesOf is the log of an execution without its times.
func statusesOf(ex *value.Dict) *value.List {
	out := value.NewList()
	for _, item := range items(at(ex, "log")) {
		out.Items = append(out.Items, at(item.(*value.Dict), "status"))
	}
	return out
}

// notEmpty turns an empty object into null: nothing was given.
func notEmpty(v any) any {
	if d, ok := v.(*value.Dict); ok && d.Len() == 0 {
		return nil
	}
	return v
}

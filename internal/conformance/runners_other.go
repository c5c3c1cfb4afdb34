package conformance

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"squall/internal/expr/value"
)

// register stores an action and compares what the API answers.
func (r *runnerWorlds) register(ctx context.Context, c *Case) (any, error) {
	a, err := r.of[c].call(ctx, http.MethodPost, "/api/v1/actions", at(c.Raw, "metadata"))
	if err != nil {
		return nil, err
	}
	return nil, stored(dictAt(c.Raw, "expect"), a)
}

// policyDefinition stores a policy and compares what the API answers.
func (r *runnerWorlds) policyDefinition(ctx context.Context, c *Case) (any, error) {
	a, err := r.of[c].call(ctx, http.MethodPost, "/api/v1/policies", at(c.Raw, "policy"))
	if err != nil {
		return nil, err
	}
	return nil, stored(dictAt(c.Raw, "expect"), a)
}

func stored(want *value.Dict, a *answer) error {
	v := &verdict{}
	v.equal(tierStatus, "http_status", at(want, "http_status"), int64(a.status))
	v.text("faultstring", at(want, "faultstring"), a.fault())
	if doc := dictAt(want, "stored"); doc != nil {
		got := a.object().Clone()
		got.Delete("id")
		got.Delete("uid")
		v.equal(tierResult, "stored", doc, got)
	}
	return v.err()
}

// registerConfig registers a pack whose configuration is wrong.
func (r *runnerWorlds) registerConfig(ctx context.Context, c *Case) (any, error) {
	w, config := r.of[c], dictAt(c.Raw, "config")
	pack := fmt.Sprintf("config%d", time.Now().UnixNano())
	n := needs{}
	schema, err := value.ToJSON(at(config, "schema"))
	if err != nil {
		return nil, err
	}
	n.file(pack, "config.schema.yaml", 0o644, string(schema))
	if err := n.lay(filepath.Join(w.data, "packs"), w.here); err != nil {
		return nil, err
	}
	defer os.RemoveAll(filepath.Join(w.data, "packs", pack)) //nolint:errcheck // a temporary directory
	a, err := w.call(ctx, http.MethodPost, "/api/v1/packs/register", value.DictOf("packs", value.NewList(pack)))
	if err != nil {
		return nil, err
	}
	if a.status >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("register pack %s: %d %s", pack, a.status, a.raw)
	}
	a, err = w.call(ctx, http.MethodPut, "/api/v1/configs/"+pack, at(config, "config"))
	if err != nil {
		return nil, err
	}
	return nil, stored(dictAt(c.Raw, "expect"), a)
}

// policyRuns starts executions as recorded and compares all that there are of
// the action afterwards.
func (r *runnerWorlds) policyRuns(ctx context.Context, c *Case) (any, error) {
	w := r.of[c]
	// Between the starts of the recording lay half a second, because the original
	// does not decide at once. Here a request is decided when it is answered; a
	// tenth leaves more of the time in which the first ones run.
	interval, _ := value.AsFloat(at(c.Raw, "interval_between_starts_s"))
	interval /= 10
	var ours []any
	for _, item := range items(at(c.Raw, "runs")) {
		run := item.(*value.Dict)
		a, err := w.call(ctx, http.MethodPost, "/api/v1/executions", value.DictOf("action", at(c.Raw, "action"), "parameters", at(run, "start")))
		if err != nil {
			return nil, err
		}
		if a.status != http.StatusCreated {
			return nil, fmt.Errorf("tier 1: start: %d %s", a.status, a.raw)
		}
		id := at(a.object(), "id")
		ours = append(ours, id)
		if after, ok := value.AsFloat(at(run, "then_cancel_after_s")); ok {
			if err := sleep(ctx, time.Duration(after*float64(time.Second))); err != nil {
				return nil, err
			}
			if _, err := w.send(ctx, http.MethodDelete, "/api/v1/executions/"+id.(string), ""); err != nil {
				return nil, err
			}
		}
		if err := sleep(ctx, time.Duration(interval*float64(time.Second))); err != nil {
			return nil, err
		}
	}
	want := items(at(dictAt(c.Raw, "expect"), "executions_in_start_order"))
	got, err := w.settled(ctx, str(c.Raw, "action"), want)
	if err != nil {
		return nil, err
	}
	v := &verdict{}
	if len(got) != len(want) {
		v.add(tierStatus, fmt.Sprintf("want %d executions, got %d: %s", len(want), len(got), statesOf(got)))
		return nil, v.err()
	}
	e := &recordedRun{world: w, verdict: v}
	for i, item := range want {
		where, expected, ex := fmt.Sprintf("executions[%d]", i), item.(*value.Dict), got[i].(*value.Dict)
		by := "system"
		if slices.Contains(ours, at(ex, "id")) {
			by = "request"
		}
		v.equal(tierStatus, where+".started_by", at(expected, "started_by"), by)
		v.equal(tierStatus, where+".log", at(expected, "log"), statusesOf(ex))
		rest := value.NewDict(4)
		for k, x := range expected.All() {
			if k != "started_by" && k != "log" && k != "children" {
				rest.Set(k, x)
			}
		}
		e.execution(where, rest, ex)
	}
	return nil, v.err()
}

// settled waits until the executions of an action are as many, and in the
// states, as recorded, and stay so for a moment, or do not change any more.
func (w *world) settled(ctx context.Context, action string, want []any) ([]any, error) {
	const quiet, patience = 1500 * time.Millisecond, 12 * time.Second
	last, since := "", time.Now()
	for {
		a, err := w.send(ctx, http.MethodGet, "/api/v1/executions?limit=100&sort_asc=true&parent=null&action="+action, "")
		if err != nil {
			return nil, err
		}
		if a.status != http.StatusOK {
			return nil, fmt.Errorf("list executions: %d %s", a.status, a.raw)
		}
		got := items(a.body)
		slices.SortStableFunc(got, func(x, y any) int {
			return compareText(str(x.(*value.Dict), "start_timestamp"), str(y.(*value.Dict), "start_timestamp"))
		})
		now := statesOf(got)
		if now != last {
			last, since = now, time.Now()
		}
		still := time.Since(since)
		if now == statesOf(want) && still > quiet || still > patience {
			for i, ex := range got { // the list does not show all
				if got[i], err = w.execution(ctx, str(ex.(*value.Dict), "id"), ""); err != nil {
					return nil, err
				}
			}
			return got, nil
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return nil, fmt.Errorf("the executions are still %s: %w", now, err)
		}
	}
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func statesOf(list []any) string {
	text := ""
	for _, ex := range list {
		text += str(ex.(*value.Dict), "status") + " "
	}
	return text
}

package announce_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/runner"
	"squall/internal/runner/announce"
	"squall/internal/squall"
)

func job(runnerParams, actionParams map[string]any) *runner.Job {
	return &runner.Job{
		Action:       &squall.Action{Ref: squall.Ref{Pack: "core", Name: "announcement"}},
		RunnerParams: runnerParams, ActionParams: actionParams,
	}
}

func TestRunEmitsTheActionsParameters(t *testing.T) {
	var route, payload string
	r := announce.New(func(_ context.Context, to string, p json.RawMessage) error {
		route, payload = to, string(p)
		return nil
	})
	outcome, err := r.Run(t.Context(), job(
		map[string]any{"experimental": true, "route": "ops.night"},
		map[string]any{"message": map[string]any{"a": 1}, "experimental": true},
	), nil)
	if err != nil {
		t.Fatal(err)
	}
	if outcome.Status != squall.Succeeded {
		t.Errorf("status %s", outcome.Status)
	}
	if diff := cmp.Diff(`{"message":{"a":1}}`, payload); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(`{"message":{"a":1},"output":{"message":{"a":1}}}`, string(outcome.Result)); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if route != "ops.night" {
		t.Errorf("route %q", route)
	}
}

func TestRunWithoutRouteIsGeneral(t *testing.T) {
	r := announce.New(func(_ context.Context, route string, _ json.RawMessage) error {
		if route != "general" {
			t.Errorf("route %q, want general", route)
		}
		return nil
	})
	if _, err := r.Run(t.Context(), job(map[string]any{"experimental": true}, nil), nil); err != nil {
		t.Fatal(err)
	}
}

func TestRunRefusesWithoutTheFlag(t *testing.T) {
	r := announce.New(func(context.Context, string, json.RawMessage) error {
		t.Error("emitted without the experimental flag")
		return nil
	})
	outcome, err := r.Run(t.Context(), job(map[string]any{"experimental": false}, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"error":"Experimental flag is missing for action core.announcement"}`
	if outcome.Status != squall.Failed || string(outcome.Result) != want {
		t.Errorf("got %s %s, want failed %s", outcome.Status, outcome.Result, want)
	}
}

func TestRunReportsAnEmitThatFails(t *testing.T) {
	gone := errors.New("store gone")
	r := announce.New(func(context.Context, string, json.RawMessage) error { return gone })
	if _, err := r.Run(t.Context(), job(map[string]any{"experimental": true}, nil), nil); !errors.Is(err, gone) {
		t.Errorf("error %v, want %v", err, gone)
	}
}

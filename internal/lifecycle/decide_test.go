package lifecycle

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/param"
	"squall/internal/squall"
	"squall/internal/store"
)

// Whatever a decision says, the status table must allow it: nobody else checks.
func TestDecisionsKeepToTheStatusTable(t *testing.T) {
	for _, now := range squall.Statuses {
		for _, out := range squall.Statuses {
			if st, err := finishStep(now, squall.Outcome{Status: out}); err == nil && !now.CanMoveTo(st.to) {
				t.Errorf("finish moves %s to %s", now, st.to)
			}
		}
		if st, changed, err := cancelStep(now, "ann"); err == nil && changed && !now.CanMoveTo(st.to) {
			t.Errorf("cancel moves %s to %s", now, st.to)
		}
		if !slices.Contains(held, now) {
			continue
		}
		for _, lives := range []bool{true, false} {
			for _, repeatable := range []bool{true, false} {
				if st := rescueStep(&squall.Execution{Status: now}, lives, repeatable); !now.CanMoveTo(st.to) {
					t.Errorf("rescue moves %s to %s", now, st.to)
				}
			}
		}
	}
}

func TestFinishStep(t *testing.T) {
	result := json.RawMessage(`{"a":1}`)
	for _, tc := range []struct {
		now, out squall.Status
		want     step
		kind     squall.Kind // of the error when want is empty
	}{
		{squall.Running, squall.Succeeded, step{to: squall.Succeeded, result: result, reason: "r"}, 0},
		{squall.Running, squall.Failed, step{to: squall.Failed, result: result, reason: "r"}, 0},
		{squall.Running, squall.Timeout, step{to: squall.Timeout, result: result, reason: "r"}, 0},
		{squall.Running, squall.Abandoned, step{to: squall.Abandoned, result: result, reason: "r"}, 0},
		{squall.Running, squall.Pending, step{to: squall.Pending, result: result, reason: "r"}, 0},
		{squall.Running, squall.Running, step{}, squall.Internal},
		{squall.Running, squall.Requested, step{}, squall.Internal},
		{squall.Running, "nonsense", step{}, squall.Internal},
		// st2: what the command does when it is told to stop does not matter.
		{squall.Canceling, squall.Succeeded, step{to: squall.Canceled}, 0},
		{squall.Canceling, squall.Failed, step{to: squall.Canceled}, 0},
		{squall.Canceling, squall.Abandoned, step{to: squall.Canceled, reason: "r"}, 0},
		{squall.Succeeded, squall.Failed, step{}, squall.Conflict},
		{squall.Canceled, squall.Succeeded, step{}, squall.Conflict},
		{squall.Requested, squall.Succeeded, step{}, squall.Conflict},
		{squall.Paused, squall.Succeeded, step{}, squall.Conflict},
	} {
		got, err := finishStep(tc.now, squall.Outcome{Status: tc.out, Result: result, Reason: "r"})
		if (err != nil) != (tc.want.to == "") || err != nil && squall.KindOf(err) != tc.kind {
			t.Errorf("%s, %s: error %v", tc.now, tc.out, err)
		}
		if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(step{})); err == nil && diff != "" {
			t.Errorf("%s, %s: %s", tc.now, tc.out, diff)
		}
	}
}

func TestCancelStep(t *testing.T) {
	for _, tc := range []struct {
		now, to squall.Status // to: empty for no change
		fault   string
	}{
		{squall.Requested, squall.Canceled, ""},
		{squall.Delayed, squall.Canceled, ""},
		{squall.Running, squall.Canceling, ""},
		{squall.Pausing, squall.Canceling, ""},
		{squall.Paused, squall.Canceling, ""},
		{squall.Resuming, squall.Canceling, ""},
		{squall.Canceling, "", ""},
		{squall.Canceled, "", ""},
		{squall.Pending, "", "Action cannot be canceled. State = pending."},
		{squall.Succeeded, "", "Action cannot be canceled. State = succeeded."},
		{squall.Failed, "", "Action cannot be canceled. State = failed."},
		{squall.Timeout, "", "Action cannot be canceled. State = timeout."},
		{squall.Abandoned, "", "Action cannot be canceled. State = abandoned."},
	} {
		got, changed, err := cancelStep(tc.now, "ann")
		switch {
		case tc.fault != "":
			if squall.KindOf(err) != squall.Conflict || squall.MessageOf(err) != tc.fault {
				t.Errorf("%s: error %v, want %s", tc.now, err, tc.fault)
			}
		case err != nil || changed != (tc.to != "") || got.to != tc.to:
			t.Errorf("%s: got %v, %v, %v; want %q", tc.now, got.to, changed, err, tc.to)
		case changed && (string(got.result) != `{"message":"Action canceled by user.","user":"ann"}` || got.reason != "canceled by ann"):
			t.Errorf("%s: result %s, reason %q", tc.now, got.result, got.reason)
		}
	}
}

func TestRescueStep(t *testing.T) {
	for _, tc := range []struct {
		now               squall.Status
		lives, repeatable bool
		want              squall.Status
	}{
		{squall.Running, false, false, squall.Abandoned},
		{squall.Running, false, true, squall.Requested},
		{squall.Running, true, false, squall.Timeout},
		{squall.Running, true, true, squall.Timeout},
		{squall.Canceling, false, true, squall.Canceled},
		{squall.Canceling, true, false, squall.Canceled},
		{squall.Pausing, false, true, squall.Abandoned},
		{squall.Resuming, false, true, squall.Abandoned},
	} {
		got := rescueStep(&squall.Execution{Status: tc.now, Node: "n1"}, tc.lives, tc.repeatable)
		if got.to != tc.want || got.reason == "" {
			t.Errorf("%+v: got %+v", tc, got)
		}
	}
}

func TestAlive(t *testing.T) {
	now := time.Unix(1000, 0)
	nodes := []store.Node{{Name: "n1", Epoch: 3, LeaseUntil: now.Add(1)}, {Name: "n2", Epoch: 4, LeaseUntil: now}}
	for _, tc := range []struct {
		node  string
		epoch int64
		want  bool
	}{{"n1", 3, true}, {"n1", 2, false}, {"n2", 4, false}, {"n3", 1, false}} {
		if got := alive(nodes, &squall.Execution{Node: tc.node, Epoch: tc.epoch}, now); got != tc.want {
			t.Errorf("%+v: got %v", tc, got)
		}
	}
}

func TestDeadline(t *testing.T) {
	now := time.Unix(1000, 0)
	with := squall.Schema{{Name: "timeout", Type: json.RawMessage(`"number"`), Default: json.RawMessage(`60`)}}
	define := func(runner, action squall.Schema) *Definition {
		rt, a := &squall.RunnerType{Parameters: runner}, &squall.Action{Parameters: action}
		return &Definition{Runner: rt, Action: a, Form: param.Compile(rt, a)}
	}
	for _, tc := range []struct {
		name  string
		def   *Definition
		given string
		want  time.Time
	}{
		{"default", define(with, nil), `{}`, now.Add(time.Minute)},
		{"given", define(with, nil), `{"timeout":0.25}`, now.Add(250 * time.Millisecond)},
		{"null", define(with, nil), `{"timeout":null}`, now.Add(time.Minute)},
		{"zero", define(with, nil), `{"timeout":0}`, now},
		{"negative", define(with, nil), `{"timeout":-1}`, now},
		{"for ever", define(with, nil), `{"timeout":1e99}`, time.Time{}},
		{"action's default", define(with, squall.Schema{{Name: "timeout", Default: json.RawMessage(`5`)}}), `{}`, now.Add(5 * time.Second)},
		{"immutable", define(with, squall.Schema{{Name: "timeout", Immutable: true}}), `{"timeout":5}`, now.Add(time.Minute)},
		{"action's own", define(nil, with), `{"timeout":5}`, time.Time{}},
		{"none", define(nil, nil), `{}`, time.Time{}},
		{"unknown runner", &Definition{Form: param.Compile(nil, &squall.Action{})}, `{"timeout":5}`, time.Time{}},
	} {
		if got := deadline(tc.def, json.RawMessage(tc.given), now); !got.Equal(tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestAttached(t *testing.T) {
	with := squall.Schema{{Name: "detach", Type: json.RawMessage(`"boolean"`), Default: json.RawMessage(`false`)}}
	define := func(runner, action squall.Schema) *Definition {
		rt, a := &squall.RunnerType{Parameters: runner}, &squall.Action{Parameters: action}
		return &Definition{Runner: rt, Action: a, Form: param.Compile(rt, a)}
	}
	own := func(value string) squall.Schema {
		return squall.Schema{{Name: "detach", Default: json.RawMessage(value), Immutable: true}}
	}
	for _, tc := range []struct {
		name  string
		def   *Definition
		given string
		want  bool
	}{
		{"default", define(with, nil), `{}`, true},
		{"no parameters", define(with, nil), ``, true},
		{"given", define(with, nil), `{"detach":true}`, false},
		{"null", define(with, nil), `{"detach":null}`, true},
		{"action's default", define(with, squall.Schema{{Name: "detach", Default: json.RawMessage(`true`)}}), `{}`, false},
		{"immutable", define(with, own(`true`)), `{"detach":false}`, false},
		{"immutable, off", define(with, own(`false`)), `{"detach":true}`, true},
		{"not known yet", define(with, own(`"{{ config_context.detach }}"`)), `{}`, false},
		{"no default", define(squall.Schema{{Name: "detach"}}, nil), `{}`, true},
		{"action's own", define(nil, with), `{}`, false},
		{"runner without", define(nil, nil), `{}`, false},
	} {
		if got := attached(tc.def, json.RawMessage(tc.given)); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestCheckRerun(t *testing.T) {
	for _, tc := range []struct {
		runner string
		params bool
		tasks  []string
		reset  []string
		want   string
	}{
		{"noop", true, nil, nil, ""},
		{"noop", false, []string{"t1"}, nil, "Task option is only supported for Orquesta workflows."},
		{"noop", true, []string{"t1"}, nil, "Parameters override is not supported when re-running task(s) for a workflow."},
		{"noop", true, nil, []string{"x"}, "Parameters override is not supported when re-running task(s) for a workflow."},
		{"orquesta", false, []string{"t1"}, []string{"x"}, "List of tasks to reset does not match the tasks to rerun."},
		{"orquesta", false, []string{"t1"}, []string{"t1"}, ""},
	} {
		err := CheckRerun(tc.runner, tc.params, tc.tasks, tc.reset)
		if tc.want == "" && err != nil || tc.want != "" && squall.MessageOf(err) != tc.want {
			t.Errorf("%+v: got %v", tc, err)
		}
	}
}

func TestContextOf(t *testing.T) {
	r := &squall.Request{Action: squall.Ref{Pack: "core", Name: "noop"}, User: "ann"}
	for given, want := range map[string]string{
		``:                             `{"pack":"core","traceparent":"t","user":"ann"}`,
		`null`:                         `{"pack":"core","traceparent":"t","user":"ann"}`,
		`{"user":"eve","tag":{"x":1}}`: `{"pack":"core","tag":{"x":1},"traceparent":"t","user":"ann"}`,
	} {
		r.Context = json.RawMessage(given)
		got, err := contextOf(r, map[string]any{"traceparent": "t"})
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v", given, got, err)
		}
	}
	r.Context = json.RawMessage(`[1]`)
	if _, err := contextOf(r, nil); squall.KindOf(err) != squall.Invalid {
		t.Errorf("a list as context: %v", err)
	}
}

func TestMergeParameters(t *testing.T) {
	for _, tc := range []struct{ base, over, want string }{
		{`{"a":1,"b":2}`, `{"b":3}`, `{"a":1,"b":3}`},
		{`{"a":1}`, ``, `{"a":1}`},
		{`{"a":1}`, `null`, `{"a":1}`},
		{``, `{"a":1}`, `{"a":1}`},
	} {
		got, err := mergeParameters(json.RawMessage(tc.base), json.RawMessage(tc.over))
		if err != nil || string(got) != tc.want {
			t.Errorf("%+v: got %s, %v", tc, got, err)
		}
	}
	if _, err := mergeParameters(nil, json.RawMessage(`[1]`)); squall.KindOf(err) != squall.Invalid {
		t.Errorf("a list: %v", err)
	}
}

package lifecycle_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/squall"
	"squall/internal/store"
)

func init() {
	types["action-chain"] = &squall.RunnerType{Name: "action-chain", Parameters: squall.Schema{
		{Name: "display_published", Type: json.RawMessage(`"boolean"`), Default: json.RawMessage(`true`)},
		{Name: "skip_notify", Type: json.RawMessage(`"array"`), Default: json.RawMessage(`[]`)},
	}}
	types["mistral-v2"] = &squall.RunnerType{Name: "mistral-v2", Parameters: squall.Schema{
		{Name: "workflow", Type: json.RawMessage(`"string"`)}, {Name: "task", Type: json.RawMessage(`"string"`)},
	}}
}

const outerChain = `
vars: {v: "0"}
chain:
  - {name: one, ref: core.noop, parameters: {n: 1, text: "v={{ v }}"}, publish: {v: "{{ one.text }}"}, on-success: below}
  - {name: below, ref: core.inner, on-success: flow, on-failure: one}
  - {name: flow, ref: core.seq, parameters: {n: 3}, on-success: nothing}
  - {name: nothing, ref: core.shell, on-failure: last}
  - {name: last, ref: core.noop, parameters: {n: 2, text: "{{ v }} {{ flow.output.sum }} {{ below.published.p }}"}}
`

const innerChain = `
chain:
  - {name: i1, ref: core.noop, parameters: {text: "{% raw %}{{ kept }}{% endraw %}"}, publish: {p: "{{ i1.text | length }}"}, on-success: i2}
  - {name: i2, ref: core.noop}
`

func putChains(t *testing.T, b *flowBundle) {
	t.Helper()
	update(t, b.st, func(ctx context.Context, tx store.Tx) error {
		for name, text := range map[string]string{"outer": outerChain, "inner": innerChain} {
			if err := tx.PutAction(ctx, &squall.Action{Ref: ref(name), Runner: "action-chain", Enabled: true, EntryPoint: "chains/" + name + ".yaml", Definition: text}); err != nil {
				return err
			}
		}
		return tx.PutAction(ctx, &squall.Action{Ref: ref("noop"), Runner: "noop", Enabled: true, Repeatable: true, Parameters: squall.Schema{{Name: "n"}, {Name: "text"}}})
	})
}

type chainResult struct {
	Tasks []struct {
		Name, State string
		ExecutionID *string `json:"execution_id"`
		Result      json.RawMessage
	}
	Published map[string]any
	Error     string
}

func chainTasks(t *testing.T, ex *squall.Execution) string {
	t.Helper()
	var r chainResult
	if err := json.Unmarshal(ex.Result, &r); err != nil {
		t.Fatalf("%s: %v", ex.Result, err)
	}
	var list []string
	for _, task := range r.Tasks {
		list = append(list, task.Name+" "+task.State)
	}
	if r.Error != "" {
		list = append(list, r.Error)
	}
	return strings.Join(list, ", ")
}

const outerTasks = "one succeeded, below succeeded, flow succeeded, nothing failed, last succeeded"

func TestChain(t *testing.T) {
	eachFlowStore(t, map[string]string{"seq": sequence}, func(t *testing.T, b *flowBundle) {
		putChains(t, b)
		ex := b.run(t, "outer", `{}`)
		if got := chainTasks(t, ex); ex.Status != squall.Succeeded || got != outerTasks {
			t.Errorf("%s: %s\n%s", ex.Status, got, ex.Result)
		}
		children := b.children(t, ex.ID)
		last := children[len(children)-1]
		if want := `{"n":2,"text":"v=0 16 10"}`; string(last.Parameters) != want {
			t.Errorf("the last task ran with %s, want %s", last.Parameters, want)
		}
		inner := b.children(t, children[1].ID)
		if want := `{"text":"{{ kept }}"}`; string(inner[0].Parameters) != want {
			t.Errorf("a raw block became %s, want %s", inner[0].Parameters, want)
		}
	})
}

// A wish goes down to the chain below, and what that becomes comes up.
func TestChainBelowChain(t *testing.T) {
	eachFlowStore(t, map[string]string{"seq": sequence}, func(t *testing.T, b *flowBundle) {
		putChains(t, b)
		ex := b.request(t, "outer")
		b.workOnce(t, 1) // one
		claimed, err := b.Claim(t.Context(), b.own, 1, nil)
		if err != nil || len(claimed) != 1 {
			t.Fatal(claimed, err)
		}
		if _, err := b.Pause(t.Context(), ex.ID, "ann"); err != nil {
			t.Fatal(err)
		}
		b.finish(t, claimed[0])
		below := b.children(t, ex.ID)[1]
		if got := b.get(t, ex.ID); got.Status != squall.Paused || below.Status != squall.Paused || chainTasks(t, got) != "one succeeded, below paused" {
			t.Fatalf("%s with %s: %s", got.Status, below.Status, got.Result)
		}
		if _, err := b.Resume(t.Context(), ex.ID, "ann"); err != nil {
			t.Fatal(err)
		}
		b.work(t)
		if got := b.get(t, ex.ID); got.Status != squall.Succeeded || chainTasks(t, got) != outerTasks {
			t.Errorf("%s: %s", got.Status, got.Result)
		}

		ex = b.request(t, "outer")
		b.workOnce(t, 1)
		if claimed, err = b.Claim(t.Context(), b.own, 1, nil); err != nil || len(claimed) != 1 {
			t.Fatal(claimed, err)
		}
		if _, err := b.Cancel(t.Context(), ex.ID, "ann"); err != nil {
			t.Fatal(err)
		}
		if got := b.get(t, claimed[0].ID); got.Status != squall.Running {
			t.Errorf("the running action is %s; a chain lets it end", got.Status)
		}
		b.finish(t, claimed[0])
		if got := b.get(t, ex.ID); got.Status != squall.Canceled || chainTasks(t, got) != "one succeeded, below canceled" {
			t.Errorf("%s: %s", got.Status, got.Result)
		}
	})
}

func TestPausedChainIsCanceledAtOnce(t *testing.T) {
	eachFlowStore(t, map[string]string{"seq": sequence}, func(t *testing.T, b *flowBundle) {
		putChains(t, b)
		ex := b.request(t, "outer")
		if _, err := b.Pause(t.Context(), ex.ID, "ann"); err != nil {
			t.Fatal(err)
		}
		b.work(t)
		if _, err := b.Cancel(t.Context(), ex.ID, "ann"); err != nil {
			t.Fatal(err)
		}
		wantFlow(t, b.get(t, ex.ID), squall.Canceled, `{"message":"Action canceled by user.","user":"ann"}`)
	})
}

// Wherever the process dies, its successor brings the chain to the same end.
func TestChainSurvivesCrashes(t *testing.T) {
	eachFlowStore(t, map[string]string{"seq": sequence}, func(t *testing.T, b *flowBundle) {
		putChains(t, b)
		st := b.st
		stride := 1
		if testing.Short() || strings.Contains(t.Name(), "postgres") {
			stride = 5
		}
		for _, after := range []bool{false, true} {
			for n := 1; ; n += stride {
				m := &mortal{Store: st, left: n, after: after}
				b.Service = newFlowService(m)
				b.own = b.join(t, "n1", time.Hour)
				ex, err := b.Request(t.Context(), squall.Request{Action: ref("outer")})
				if err == nil {
					_, _ = b.until(t.Context(), ex.ID)
				}
				died := m.dead
				b.Service = newFlowService(st)
				b.own = b.join(t, "n1", time.Hour)
				if err != nil { // nobody knows whether it was accepted
					continue
				}
				over, err := b.until(t.Context(), ex.ID)
				if err != nil || !over {
					t.Fatalf("death at %d: over %v, %v", n, over, err)
				}
				if got := b.get(t, ex.ID); got.Status != squall.Succeeded || chainTasks(t, got) != outerTasks {
					t.Errorf("death at %d, after the commit %v: %s %s", n, after, got.Status, got.Result)
				}
				if got := len(b.children(t, ex.ID)); got != 4 {
					t.Errorf("death at %d: %d children", n, got)
				}
				if !died {
					if n < 8 {
						t.Errorf("the chain took only %d transactions", n)
					}
					break
				}
			}
		}
	})
}

// What is to be told of the end of a chain's tasks: what the task says, or else
// what the chain says, unless it is skipped; the action's own settings first.
func TestChainNotices(t *testing.T) {
	const text = `chain:
  - {name: own, ref: core.noop, notify: {on-success: {message: mine, routes: [r1]}}, on-success: skipped}
  - {name: skipped, ref: core.noop, on-success: inherits}
  - {name: inherits, ref: core.noop, on-success: action}
  - {name: action, ref: core.loud}
`
	eachFlowStore(t, nil, func(t *testing.T, b *flowBundle) {
		update(t, b.st, func(ctx context.Context, tx store.Tx) error {
			if err := tx.PutAction(ctx, &squall.Action{Ref: ref("loud"), Runner: "noop", Enabled: true, Notify: json.RawMessage(`{"on-complete":{"message":"loud","routes":["r3"]}}`)}); err != nil {
				return err
			}
			return tx.PutAction(ctx, &squall.Action{Ref: ref("chain"), Runner: "action-chain", Enabled: true, EntryPoint: "c.yaml", Definition: text,
				Notify: json.RawMessage(`{"on-complete":{"message":"chain","routes":["r2"]}}`)})
		})
		ex := b.run(t, "chain", `{"skip_notify":["skipped"]}`)
		var got []string
		for _, child := range b.children(t, ex.ID) {
			for _, n := range b.Notices(t.Context(), child) {
				got = append(got, child.Parent.Task+": "+n.On+" "+n.Message+" "+strings.Join(n.Routes, " "))
			}
		}
		want := []string{"own: on-success mine r1", "inherits: on-complete chain r2", "action: on-complete loud r3"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

const fromMistral = `
version: '2.0'
flow:
  input: [n, {m: 2}]
  output:
    sum: <% $.sum %>
    all: <% $.all %>
  tasks:
    one:
      action: core.noop n=<% $.n + $.m %>
      publish:
        sum: <% task(one).result.n %>
      on-success:
        - many: <% $.sum > 2 %>
    many:
      with-items: i in <% range(3) %>
      action: core.noop n=<% $.i %>
      publish:
        all: <% task(many).result.select($.n) %>
`

// Workflows of Mistral run as they are when they convert completely; others say
// what to do.
func TestMistral(t *testing.T) {
	eachFlowStore(t, nil, func(t *testing.T, b *flowBundle) {
		update(t, b.st, func(ctx context.Context, tx store.Tx) error {
			for name, text := range map[string]string{
				"good":  fromMistral,
				"fails": strings.Replace(fromMistral, "$.n + $.m", "$.nosuch", 1),
				"pause": strings.Replace(fromMistral, "- many:", "- pause\n        - many:", 1),
			} {
				a := &squall.Action{Ref: ref(name), Runner: "mistral-v2", Enabled: true, EntryPoint: "workflows/" + name + ".yaml", Definition: text,
					Parameters: squall.Schema{{Name: "n", Type: json.RawMessage(`"integer"`)}}}
				if err := tx.PutAction(ctx, a); err != nil {
					return err
				}
			}
			return nil
		})
		wantFlow(t, b.run(t, "good", `{"n":3}`), squall.Succeeded, `{"sum":5,"all":[0,1,2],"extra":{"state":"SUCCESS","state_info":null}}`)
		for name, want := range map[string]string{"fails": "M122", "pause": "M901, line 14"} {
			ex := b.run(t, name, `{"n":3}`)
			if ex.Status != squall.Failed || !strings.Contains(string(ex.Result), want) || !strings.Contains(string(ex.Result), "squall workflow convert") {
				t.Errorf("%s: %s %s", name, ex.Status, ex.Result)
			}
		}
	})
}

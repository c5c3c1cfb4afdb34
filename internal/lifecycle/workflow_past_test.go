package lifecycle_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/squall"
	"squall/internal/store"
)

// pastOf renders the events of the past: task, visit, state, who, why.
func pastOf(t *testing.T, b *flowBundle, id squall.ID) (lines []string, past func(visit int) string) {
	t.Helper()
	p, err := b.FlowPast(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range p.Events() {
		if e.Status == squall.Scheduled || e.Status == squall.Running && e.Task != "" {
			continue
		}
		line := fmt.Sprintf("%s %s", e.Task, e.Status)
		if e.Visit >= 0 {
			line = fmt.Sprintf("#%d %s", e.Visit, line)
		}
		if e.By != "" {
			line += " by " + e.By
		}
		if e.Why != "" {
			line += ": " + e.Why
		}
		if len(e.Published) > 0 {
			line += " +" + strings.Join(e.Published, "+")
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines, func(visit int) string {
		vars, err := p.Variables(visit)
		if err != nil {
			t.Fatal(err)
		}
		var d map[string]json.RawMessage
		if err := json.Unmarshal(vars, &d); err != nil {
			t.Fatal(err)
		}
		delete(d, "st2")
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

func TestFlowPastTellsWhatLedToWhat(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": sequence}, func(t *testing.T, b *flowBundle) {
		ex := b.run(t, "flow", `{"n":5}`)
		got, vars := pastOf(t, b, ex.ID)
		want := []string{
			"requested by ann: requested",
			"running",
			"#0 a requested: start of the workflow",
			"#0 a succeeded",
			"#1 b requested: a succeeded (next[0]) +sum",
			"#1 b succeeded",
			"#2 c requested: b succeeded (next[0]) +sum",
			"#2 c succeeded",
			"#3 continue succeeded: c succeeded (next[0]) +last",
			"succeeded",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		for visit, want := range map[int]string{0: `{"n":5,"sum":0}`, 1: `{"n":5,"sum":5}`, 2: `{"n":5,"sum":20}`, -1: `{"last":15,"n":5,"sum":20}`} {
			if got := vars(visit); got != want {
				t.Errorf("variables at visit %d: %s, want %s", visit, got, want)
			}
		}
	})
}

func TestFlowPastNamesWhoInterfered(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": join}, func(t *testing.T, b *flowBundle) {
		ex := b.request(t, "flow", params(``))
		if _, err := b.Cancel(t.Context(), ex.ID, "bob"); err != nil {
			t.Fatal(err)
		}
		b.work(t)
		got, _ := pastOf(t, b, ex.ID)
		if !strings.Contains(strings.Join(got, "\n"), "by bob: canceled by bob") {
			t.Errorf("nobody is named in\n%s", strings.Join(got, "\n"))
		}
	})
}

func TestFlowPastOfAJoinHasBothReasons(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": join}, func(t *testing.T, b *flowBundle) {
		ex := b.run(t, "flow", ``)
		got, vars := pastOf(t, b, ex.ID)
		if line := got[len(got)-3]; line != "#3 both requested: left succeeded (next[0]), right succeeded (next[0]) +left+right" {
			t.Errorf("the join: %q in\n%s", line, strings.Join(got, "\n"))
		}
		if got := vars(3); got != `{"left":1,"right":2}` {
			t.Errorf("variables at the join: %s", got)
		}
	})
}

// A secret stays one in the variables: as an input, given or a default, inside of
// what was made of it, and as a result that a schema calls secret.
func TestFlowPastMasksSecrets(t *testing.T) {
	const text = `version: 1.0
input:
  - pw
  - other
vars:
  - made: "<% ctx(pw) %>/x"
tasks:
  a:
    action: core.noop text=<% ctx(other) %>
`
	eachFlowStore(t, map[string]string{"flow": text}, func(t *testing.T, b *flowBundle) {
		update(t, b.st, func(ctx context.Context, tx store.Tx) error {
			a := flowAction("flow", text)
			a.Parameters = squall.Schema{
				{Name: "pw", Type: json.RawMessage(`"string"`), Secret: true},
				{Name: "other", Type: json.RawMessage(`"string"`), Secret: true, Default: json.RawMessage(`"by-default"`)},
			}
			return tx.PutAction(ctx, &a)
		})
		ex := b.run(t, "flow", `{"pw":"hunter2"}`)
		if ex.Status != squall.Succeeded {
			t.Fatalf("%s with %s", ex.Status, ex.Result)
		}
		_, vars := pastOf(t, b, ex.ID)
		for _, visit := range []int{0, -1} {
			if got := vars(visit); got != `{"made":"********","other":"********","pw":"********"}` {
				t.Errorf("variables at visit %d: %s", visit, got)
			}
		}
	})
}

func TestFlowPastIsForWorkflows(t *testing.T) {
	eachFlowStore(t, nil, func(t *testing.T, b *flowBundle) {
		ex := b.run(t, "noop", ``)
		if _, err := b.FlowPast(t.Context(), ex.ID); squall.KindOf(err) != squall.Invalid {
			t.Errorf("the past of an action: %v", err)
		}
		if _, err := b.FlowPast(t.Context(), "000000000000000000000000"); squall.KindOf(err) != squall.NotFound {
			t.Errorf("the past of nothing: %v", err)
		}
	})
}

package lifecycle_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
)

// mortal is a store in a process that dies at one of its updates: before it was
// committed, or after that, when nobody has heard of it yet.
type mortal struct {
	store.Store
	left  int
	after bool
	dead  bool
}

var errDied = squall.Errorf(squall.Unavailable, "the process died")

func (m *mortal) Update(ctx context.Context, fn func(store.Tx) error) error {
	if m.dead {
		return errDied
	}
	if m.left--; m.left >= 0 {
		return m.Store.Update(ctx, fn)
	}
	m.dead = true
	if m.after {
		if err := m.Store.Update(ctx, fn); err != nil {
			return err
		}
	}
	return errDied
}

const mixed = `version: 1.0
tasks:
  start:
    action: core.noop n=1
    next:
      - do: [each, sub, plain]
  each:
    with:
      items: n in <% range(20).toList() %>
      concurrency: 5
    action: core.noop n=<% item(n) %>
    next:
      - publish: sum=<% result().select($.n).sum() %>
        do: end
  sub:
    action: core.seq n=3
    next:
      - publish: sub=<% result().output.sum %>
        do: end
  plain:
    next:
      - publish: plain=<% task(start).result.n %>
        do: end
  end:
    join: all
    action: core.noop n=<% ctx(sum) + ctx(sub) + ctx(plain) %>
    next:
      - publish: end=<% result().n %>
output:
  - end: <% ctx(end) %>
`

// until works like a node until the workflow is over or the process dies.
func (b *flowBundle) until(ctx context.Context, id squall.ID) (over bool, err error) {
	for range 100 {
		if _, err := b.Rescue(ctx); err != nil {
			return false, err
		}
		if _, _, err := b.AdvanceDue(ctx, 100); err != nil {
			return false, err
		}
		claimed, err := b.Claim(ctx, b.own, 3, nil)
		if err != nil {
			return false, err
		}
		for _, ex := range claimed {
			if err := b.Finish(ctx, b.own, ex, squall.Outcome{Status: squall.Succeeded, Result: ex.Parameters}); err != nil {
				return false, err
			}
		}
		if len(claimed) > 0 || id == "" {
			continue
		}
		var ex *squall.Execution
		err = b.st.View(ctx, func(tx store.Tx) (err error) {
			ex, err = tx.Execution(ctx, id, 0)
			return err
		})
		if err != nil || ex.Status.Final() {
			return err == nil, err
		}
	}
	return false, nil
}

// Wherever the process dies, its successor brings the workflow to the end that
// it has without any crash.
func TestWorkflowSurvivesCrashes(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": mixed, "seq": sequence}, func(t *testing.T, b *flowBundle) {
		st := b.st
		update(t, st, func(ctx context.Context, tx store.Tx) error {
			return tx.PutAction(ctx, &squall.Action{Ref: ref("noop"), Runner: "noop", Enabled: true, Repeatable: true, Parameters: squall.Schema{{Name: "n"}}})
		})
		stride := 3
		if testing.Short() || strings.Contains(t.Name(), "postgres") {
			stride = 17
		}
		for _, after := range []bool{false, true} {
			for n := 0; ; n += stride {
				m := &mortal{Store: st, left: n, after: after}
				b.Service = newFlowService(m)
				b.own = b.join(t, "n1", time.Hour)
				died := b.dieOrEnd(t, m)
				if !died {
					if n < 20 {
						t.Errorf("the workflow took only %d transactions", n)
					}
					break
				}
			}
		}
	})
}

// dieOrEnd runs the workflow in a process that may die, and in another one then.
func (b *flowBundle) dieOrEnd(t *testing.T, m *mortal) (died bool) {
	t.Helper()
	ex, err := b.Request(t.Context(), squall.Request{Action: ref("flow")})
	var id squall.ID
	if err == nil {
		id = ex.ID
		_, _ = b.until(t.Context(), id) // the process may die here
	}
	died = m.dead
	if died {
		b.Service = newFlowService(b.st)
		b.own = b.join(t, "n1", time.Hour)
	}
	if id == "" { // nobody knows whether it was accepted
		if _, err := b.until(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		return died
	}
	over, err := b.until(t.Context(), id)
	where := fmt.Sprintf("death at %d, after the commit: %v", m.left, m.after)
	if err != nil || !over {
		t.Fatalf("%s: over %v, %v: %v", where, over, err, tasks(b.children(t, id)))
	}
	got := b.get(t, id)
	if got.Status != squall.Succeeded || string(got.Result) != `{"output":{"end":207}}` {
		t.Errorf("%s: %s %s", where, got.Status, got.Result)
	}
	names := tasks(b.children(t, id))
	slices.Sort(names)
	want := []string{"end succeeded", "start succeeded", "sub succeeded"}
	for i := range 20 {
		want = append(want, fmt.Sprintf("each[%d] succeeded", i))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("%s: children: %s", where, diff)
	}
	return died
}

// Two processes that advance the same workflow do not disturb each other.
func TestWorkflowAdvancedByTwoNodes(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": mixed, "seq": sequence}, func(t *testing.T, b *flowBundle) {
		ex := b.request(t, "flow")
		services := []*lifecycle.Service{b.Service, newFlowService(b.st)}
		for i := 0; ; i++ {
			b.Service = services[i%2]
			if b.workOnce(t, 1) == 0 {
				break
			}
		}
		wantFlow(t, b.get(t, ex.ID), squall.Succeeded, `{"output":{"end":207}}`)
	})
}

package lifecycle_test

import (
	"slices"
	"testing"

	"squall/internal/squall"
)

const countedItems = `version: 1.0
tasks:
  before:
    action: core.noop n=100
    next:
      - do: each
  each:
    with:
      items: <% range(6).toList() %>
      concurrency: 2
    action: core.noop n=<% item() %>
    next:
      - when: <% succeeded() %>
        publish: sum=<% result().select($.n).sum() %>
output:
  - sum: <% ctx(sum) %>
`

// A task with items that was canceled on the way runs again: only the items that
// have not ended well or, when it is reset, all of them.
func TestRerunOfCanceledItems(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": countedItems}, func(t *testing.T, b *flowBundle) {
		for _, reset := range []bool{false, true} {
			ex := b.request(t, "flow")
			b.workOnce(t, 1)                   // before
			b.workOnce(t, 1)                   // one item
			if n := b.workOnce(t, 1); n != 1 { // another one
				t.Fatalf("%d items ran", n)
			}
			if _, err := b.Cancel(t.Context(), ex.ID, "ann"); err != nil {
				t.Fatal(err)
			}
			b.work(t)
			if got := b.get(t, ex.ID); got.Status != squall.Canceled {
				t.Fatalf("it is %s: %v", got.Status, tasks(b.children(t, ex.ID)))
			}
			var resets []string
			if reset {
				resets = []string{"each"}
			}
			again, err := b.RerunTasks(t.Context(), ex.ID, squall.Request{User: "bob"}, []string{"each"}, resets)
			if err != nil {
				t.Fatal(err)
			}
			b.work(t)
			wantFlow(t, b.get(t, again.ID), squall.Succeeded, `{"output":{"sum":15}}`)
			ran := tasks(b.children(t, again.ID))
			if want := map[bool]int{false: 4, true: 6}[reset]; len(ran) != want || slices.Contains(ran, "before succeeded") {
				t.Errorf("reset %v: %v ran again, want %d items", reset, ran, want)
			}
		}
	})
}

const oneTask = `version: 1.0
tasks:
  only:
    action: core.noop n=5
    next:
      - publish: end=<% result().n %>
output:
  - end: <% ctx(end) %>
`

// A workflow within that has nothing left to do when it is resumed ends in that
// moment, and the one around it goes on.
func TestResumeOfWhatIsDone(t *testing.T) {
	eachFlowStore(t, map[string]string{"one": oneTask, "outer": nested("one"), "outermost": nested("outer")}, func(t *testing.T, b *flowBundle) {
		for _, name := range []string{"one", "outer", "outermost"} {
			ex := b.request(t, name)
			claimed, err := b.Claim(t.Context(), b.own, 1, nil)
			if err != nil || len(claimed) != 1 {
				t.Fatalf("%d children wait, %v", len(claimed), err)
			}
			if _, err := b.Pause(t.Context(), ex.ID, "ann"); err != nil {
				t.Fatal(err)
			}
			b.finish(t, claimed[0])
			if got := b.get(t, ex.ID); got.Status != squall.Paused {
				t.Fatalf("%s is %s", name, got.Status)
			}
			if _, err := b.Resume(t.Context(), ex.ID, "ann"); err != nil {
				t.Fatal(err)
			}
			b.work(t)
			wantFlow(t, b.get(t, ex.ID), squall.Succeeded, `{"output":{"end":5}}`)
		}
	})
}

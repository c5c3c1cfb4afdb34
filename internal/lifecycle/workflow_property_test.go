package lifecycle_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/workflow"
)

// loopFlow visits a task three times, each time with a new child at the same
// place, and tries another one again when it fails.
const loopFlow = `version: 1.0
vars:
  - round: 0
  - seen: []
tasks:
  begin:
    action: core.noop n=0
    next:
      - do: again
  again:
    action: core.noop n=<% ctx(round) %>
    next:
      - when: <% succeeded() and ctx(round) < 2 %>
        publish:
          - round: <% ctx(round) + 1 %>
          - seen: <% ctx(seen).append(result()) %>
        do: again
      - when: <% succeeded() and ctx(round) >= 2 %>
        do: stubborn
  stubborn:
    action: core.noop n=9
    retry:
      when: <% failed() %>
      count: 2
output:
  - round: <% ctx(round) %>
  - seen: <% ctx(seen) %>
`

// drawFlow makes a workflow of tasks that lead to later ones: actions, items,
// workflows and questions, with joins and branches by outcome.
func drawFlow(t *rapid.T) string {
	n := rapid.IntRange(2, 6).Draw(t, "tasks")
	inbound := make([]int, n)
	type edge struct {
		to   int
		when string
	}
	edges := make([][]edge, n)
	for i := range n - 1 {
		for range rapid.IntRange(1, 2).Draw(t, "edges") {
			e := edge{rapid.IntRange(i+1, n-1).Draw(t, "to"), rapid.SampledFrom([]string{"succeeded()", "completed()", "completed()", "failed()"}).Draw(t, "when")}
			if slices.ContainsFunc(edges[i], func(o edge) bool { return o.to == e.to }) {
				continue
			}
			edges[i] = append(edges[i], e)
			inbound[e.to]++
		}
	}
	var b strings.Builder
	b.WriteString("version: 1.0\nvars:\n  - seen: []\ntasks:\n")
	for i := range n {
		fmt.Fprintf(&b, "  t%d:\n", i)
		if inbound[i] > 1 && rapid.Bool().Draw(t, "join") {
			b.WriteString("    join: " + rapid.SampledFrom([]string{"all", "1"}).Draw(t, "how many") + "\n")
		}
		switch rapid.SampledFrom([]string{"noop", "noop", "items", "sub", "ask"}).Draw(t, "kind") {
		case "noop":
			fmt.Fprintf(&b, "    action: core.noop n=%d\n", i)
		case "items":
			fmt.Fprintf(&b, "    with:\n      items: <%% range(%d).toList() %%>\n      concurrency: %d\n    action: core.noop n=<%% item() %%>\n",
				rapid.IntRange(1, 5).Draw(t, "items"), rapid.IntRange(1, 3).Draw(t, "concurrency"))
		case "sub":
			b.WriteString("    action: core.loop\n")
		case "ask":
			b.WriteString("    action: core.ask\n")
		}
		if len(edges[i]) > 0 {
			b.WriteString("    next:\n")
		}
		for _, e := range edges[i] {
			fmt.Fprintf(&b, "      - when: <%% %s %%>\n        publish: seen=<%% ctx(seen).append([t%d, result()]) %%>\n        do: t%d\n", e.when, i, e.to)
		}
	}
	b.WriteString("output:\n  - seen: <% ctx(seen) %>\n")
	return b.String()
}

// performance is one run of a workflow. Everything that happens in it follows
// from its seed: which result comes next, and what it is.
type performance struct {
	seed    uint64
	control squall.Status // what somebody wants after some results: paused, canceled; "" for nothing
	after   int
	disturb func(step int) disturbance // nil: nothing goes wrong
}

// disturbance is what goes wrong at one result.
type disturbance struct {
	dieAfter int  // the process dies at its so-many-th transaction from here; -1: it lives
	late     bool // in fact behind the commit, which nobody hears of
	repeat   bool // what was reported is reported once more, and so is an older child
	other    bool // another process of the cluster goes on
}

// stage is where performances take place.
type stage struct {
	st    store.Store
	life  *mortal
	nodes [2]*lifecycle.Service // processes that do not know what the other one keeps in memory
	on    int
	own   store.Owner
	root  squall.ID
	past  []*squall.Execution // children that have ended, for late reports
}

// enter starts new processes.
func (s *stage) enter(ctx context.Context) error {
	s.life = &mortal{Store: s.st, left: 1 << 30}
	s.nodes = [2]*lifecycle.Service{newFlowService(s.life), newFlowService(s.life)}
	s.own = store.Owner{Node: "n1"}
	return s.st.Update(ctx, func(tx store.Tx) (err error) {
		s.own.Epoch, err = tx.JoinNode(ctx, store.Node{Name: "n1", Slots: 64}, time.Hour)
		return err
	})
}

func (s *stage) svc() *lifecycle.Service { return s.nodes[s.on] }

// survive does something that the process may die of; it is done again then, by
// a new process. What refuses because it is done already is done.
func (s *stage) survive(ctx context.Context, do func() error) error {
	for range 3 {
		err := do()
		switch {
		case s.life.dead:
			if err := s.enter(ctx); err != nil {
				return err
			}
			if _, err := s.svc().Rescue(ctx); err != nil {
				return err
			}
		case squall.KindOf(err) == squall.Conflict, squall.KindOf(err) == squall.Invalid:
			return nil
		default:
			return err
		}
	}
	return errors.New("the process dies of everything")
}

// settle lets workflows do all they can, and starts what waits.
func (s *stage) settle(ctx context.Context) error {
	return s.survive(ctx, func() error {
		for range 100 {
			n, _, err := s.svc().AdvanceDue(ctx, 100)
			if err != nil {
				return err
			}
			claimed, err := s.svc().Claim(ctx, s.own, 100, nil)
			if err != nil {
				return err
			}
			if n+len(claimed) == 0 {
				return nil
			}
		}
		return errors.New("it never rests")
	})
}

// tree reads all executions with their names: where they are in the workflow,
// and the how-manieth there.
func (s *stage) tree(ctx context.Context) (list []*squall.Execution, names map[squall.ID]string, err error) {
	err = s.st.View(ctx, func(tx store.Tx) (err error) {
		list, err = tx.FindExecutions(ctx, store.ExecutionFilter{Root: s.root, Ascending: true, Limit: 2000, Parts: store.WithAll})
		return err
	})
	names, count := map[squall.ID]string{}, map[string]int{}
	// Of equal places in one transaction the order of identifiers is that of the requests.
	for _, ex := range list {
		if ex.Parent == nil {
			names[ex.ID] = "flow"
			continue
		}
		place := fmt.Sprintf("%s/%s.%d.%d", names[ex.Parent.Execution], ex.Parent.Task, ex.Parent.Route, ex.Parent.Item)
		names[ex.ID] = fmt.Sprintf("%s#%d", place, count[place])
		count[place]++
	}
	return list, names, err
}

func (p *performance) number(name, what string) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %s", p.seed, name, what)
	return h.Sum64()
}

// outcome is how a run ends.
func (p *performance) outcome(ex *squall.Execution, name string) squall.Outcome {
	if ex.Runner == lifecycle.InquiryRunner {
		return asking(ex)
	}
	result := json.RawMessage(fmt.Sprintf(`{"n":%d}`, p.number(name, "result")%100))
	switch d := p.number(name, "status") % 20; {
	case d < 16:
		return squall.Outcome{Status: squall.Succeeded, Result: result}
	case d < 19:
		return squall.Outcome{Status: squall.Failed, Result: result}
	default:
		return squall.Outcome{Status: squall.Timeout, Result: result}
	}
}

// play performs on a stage to the end, and returns what is left: every
// execution by name, with its state and result.
func (p *performance) play(ctx context.Context, s *stage) (map[string]string, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	ex, err := s.svc().Request(ctx, squall.Request{Action: ref("flow"), User: "ann"})
	if err != nil {
		return nil, err
	}
	s.root, s.past = ex.ID, nil
	for step := range 300 {
		trouble := disturbance{dieAfter: -1}
		if p.disturb != nil {
			trouble = p.disturb(step)
		}
		if trouble.other {
			s.on = 1 - s.on
		}
		if trouble.dieAfter >= 0 {
			s.life.left, s.life.after = trouble.dieAfter, trouble.late
		}
		over, err := p.next(ctx, s, step, trouble.repeat)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", step, err)
		}
		if over {
			return s.left(ctx)
		}
	}
	return nil, errors.New("the workflow does not end")
}

// next takes one step: what is wished at that time, and the next result.
func (p *performance) next(ctx context.Context, s *stage, step int, repeat bool) (over bool, err error) {
	if err := s.settle(ctx); err != nil {
		return false, err
	}
	if p.control != "" && step == p.after {
		if err := s.survive(ctx, func() error { return p.wish(ctx, s) }); err != nil {
			return false, err
		}
		if err := s.settle(ctx); err != nil {
			return false, err
		}
	}
	list, names, err := s.tree(ctx)
	if err != nil {
		return false, err
	}
	var open []*squall.Execution
	for _, ex := range list {
		if !ex.Status.Final() && !lifecycle.IsFlow(ex.Runner) {
			open = append(open, ex)
		}
	}
	if len(open) == 0 {
		if list[0].Status == squall.Paused {
			return false, s.survive(ctx, func() error { _, err := s.svc().Resume(ctx, s.root, "ann"); return err })
		}
		if !list[0].Status.Final() {
			return false, fmt.Errorf("nothing runs, and the workflow is %s: %v", list[0].Status, tasks(list[1:]))
		}
		return true, nil
	}
	ex := slices.MinFunc(open, func(a, b *squall.Execution) int {
		return cmp.Compare(p.number(names[a.ID], "order"), p.number(names[b.ID], "order"))
	})
	answer := ex.Status == squall.Pending
	if err := s.survive(ctx, func() error { return p.report(ctx, s, ex.ID, names[ex.ID], answer) }); err != nil {
		return false, err
	}
	if !repeat {
		return false, nil
	}
	return false, s.repeat(ctx, p, ex, names[ex.ID])
}

func (p *performance) wish(ctx context.Context, s *stage) error {
	if p.control == squall.Canceled {
		_, err := s.svc().Cancel(ctx, s.root, "ann")
		return err
	}
	_, err := s.svc().Pause(ctx, s.root, "ann")
	return err
}

// report ends a run or answers a question; the row says whether that is done.
func (p *performance) report(ctx context.Context, s *stage, id squall.ID, name string, answer bool) error {
	var ex *squall.Execution
	err := s.st.View(ctx, func(tx store.Tx) (err error) {
		ex, err = tx.Execution(ctx, id, store.WithParameters)
		return err
	})
	switch {
	case err != nil:
		return err
	case ex.Status == squall.Requested: // its process died
		if _, err := s.svc().Claim(ctx, s.own, 100, nil); err != nil {
			return err
		}
		ex.Status = squall.Running
		fallthrough
	case ex.Status == squall.Running, ex.Status == squall.Canceling:
		err = s.svc().Finish(ctx, s.own, ex, p.outcome(ex, name))
	case ex.Status == squall.Pending && answer:
		_, err = s.svc().Respond(ctx, id, lifecycle.Respondent{User: "bob"}, json.RawMessage(fmt.Sprintf(`{"n":%d}`, p.number(name, "answer")%100)))
	}
	if err == nil {
		s.past = append(s.past, ex)
	}
	return err
}

// repeat delivers once more what was delivered: the end of the run, news of it
// to the workflow, and the news of a child that ended long ago.
func (s *stage) repeat(ctx context.Context, p *performance, ex *squall.Execution, name string) error {
	if err := s.svc().Finish(ctx, s.own, ex, p.outcome(ex, name)); err == nil {
		return errors.New("a run ended twice")
	}
	old := s.past[int(p.number(name, "which")%uint64(len(s.past)))]
	for _, late := range []*squall.Execution{ex, old} {
		err := s.st.Update(ctx, func(tx store.Tx) error {
			row, err := tx.Execution(ctx, late.ID, 0)
			if err != nil || !row.Status.Final() {
				return err
			}
			_, err = tx.TellParent(ctx, late.ID, row.Status)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// left is every execution with its state and result.
func (s *stage) left(ctx context.Context) (map[string]string, error) {
	list, names, err := s.tree(ctx)
	state := map[string]string{}
	for _, ex := range list {
		state[names[ex.ID]] = string(ex.Status) + " " + string(ex.Result)
	}
	return state, err
}

func statesOnly(left map[string]string) map[string]string {
	states := map[string]string{}
	for name, state := range left {
		states[name], _, _ = strings.Cut(state, " ")
	}
	return states
}

// findings are what the inspection says of a definition.
func findings(text string) []workflow.Problem {
	spec, problems := workflow.Parse([]byte(text))
	if spec == nil {
		return problems
	}
	return spec.Inspect(exprs, []string{"item"})
}

// Whatever is repeated, whoever goes on, and wherever processes die between two
// transactions: a workflow ends as it does when nothing happens.
func TestWorkflowEndsTheSame(t *testing.T) {
	eachAskingStore(t, map[string]string{"loop": loopFlow}, func(t *testing.T, b *flowBundle) {
		ctx := t.Context()
		put := func(a squall.Action) {
			update(t, b.st, func(ctx context.Context, tx store.Tx) error { return tx.PutAction(ctx, &a) })
		}
		put(squall.Action{Ref: ref("noop"), Runner: "noop", Enabled: true, Repeatable: true, Parameters: squall.Schema{{Name: "n"}}})
		put(squall.Action{Ref: ref("ask"), Runner: "inquirer", Enabled: true, Repeatable: true})
		checks := 1 << 30
		if strings.Contains(t.Name(), "postgres") {
			checks = 8
		}
		if found := findings(loopFlow); len(found) > 0 {
			t.Fatal(found)
		}
		s := &stage{st: b.st}
		rapid.Check(t, func(rt *rapid.T) {
			if checks--; checks < 0 {
				return
			}
			text := drawFlow(rt)
			flow := flowAction("flow", text)
			if len(findings(text)) > 0 {
				return // joins that cannot be reached
			}
			if err := b.st.Update(ctx, func(tx store.Tx) error { return tx.PutAction(ctx, &flow) }); err != nil {
				rt.Fatal(err)
			}
			p := &performance{
				seed:    rapid.Uint64Range(0, 1000).Draw(rt, "seed"),
				control: rapid.SampledFrom([]squall.Status{"", "", squall.Paused, squall.Canceled}).Draw(rt, "control"),
				after:   rapid.IntRange(0, 6).Draw(rt, "after"),
			}
			want, err := p.play(ctx, s)
			if err != nil {
				rt.Fatalf("undisturbed: %v\n%s", err, text)
			}
			p.disturb = func(int) disturbance {
				return disturbance{
					dieAfter: rapid.IntRange(-1, 5).Draw(rt, "die"), late: rapid.Bool().Draw(rt, "late"),
					repeat: rapid.Bool().Draw(rt, "repeat"), other: rapid.Bool().Draw(rt, "other"),
				}
			}
			got, err := p.play(ctx, s)
			if err != nil {
				rt.Fatalf("disturbed: %v\n%s", err, text)
			}
			if p.control == squall.Canceled {
				// What a dead process left canceling ends at once, and not in its turn;
				// the output of a canceled workflow depends on that order.
				want, got = statesOnly(want), statesOnly(got)
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				rt.Fatalf("it ended otherwise (-undisturbed +disturbed):\n%s\n%s", diff, text)
			}
		})
	})
}

const stallingFlow = `version: 1.0
vars:
  - seen: []
tasks:
  t0:
    with:
      items: <% range(4).toList() %>
      concurrency: 1
    action: core.noop n=<% item() %>
    next:
      - when: <% succeeded() %>
        publish: seen=<% ctx(seen).append([t0, result()]) %>
        do: t2
  t1:
    action: core.noop n=1
    next:
      - when: <% succeeded() %>
        publish: seen=<% ctx(seen).append([t1, result()]) %>
        do: t2
  t2:
    join: 1
    action: core.loop
    next:
      - when: <% completed() %>
        publish: seen=<% ctx(seen).append([t2, result()]) %>
        do: t5
  t3:
    with:
      items: <% range(5).toList() %>
      concurrency: 1
    action: core.noop n=<% item() %>
    next:
      - when: <% completed() %>
        publish: seen=<% ctx(seen).append([t3, result()]) %>
        do: t4
      - when: <% failed() %>
        publish: seen=<% ctx(seen).append([t3, result()]) %>
        do: t5
  t4:
    action: core.loop
    next:
      - when: <% completed() %>
        publish: seen=<% ctx(seen).append([t4, result()]) %>
        do: t5
  t5:
    action: core.ask
output:
  - seen: <% ctx(seen) %>
`

// A workflow that pauses because of a task beside others, and not by an order,
// does not wait for items that nobody starts.
func TestWorkflowThatStalls(t *testing.T) {
	eachAskingStore(t, map[string]string{"loop": loopFlow, "flow": stallingFlow}, func(t *testing.T, b *flowBundle) {
		put := func(a squall.Action) {
			update(t, b.st, func(ctx context.Context, tx store.Tx) error { return tx.PutAction(ctx, &a) })
		}
		put(squall.Action{Ref: ref("noop"), Runner: "noop", Enabled: true, Repeatable: true, Parameters: squall.Schema{{Name: "n"}}})
		put(squall.Action{Ref: ref("ask"), Runner: "inquirer", Enabled: true, Repeatable: true})
		p := &performance{seed: 0x1f9, control: squall.Paused, after: 3}
		left, err := p.play(t.Context(), &stage{st: b.st})
		if err != nil {
			t.Fatal(err)
		}
		if state := statesOnly(left)["flow"]; state != string(squall.Succeeded) && state != string(squall.Failed) {
			t.Errorf("the workflow is %s", state)
		}
	})
}

package lifecycle_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
)

func init() {
	types["inquirer"] = &squall.RunnerType{Name: "inquirer", Parameters: squall.Schema{
		{Name: "schema", Type: json.RawMessage(`"object"`), Default: json.RawMessage(`{}`)},
		{Name: "users", Type: json.RawMessage(`"array"`), Default: json.RawMessage(`[]`)},
		{Name: "roles", Type: json.RawMessage(`"array"`), Default: json.RawMessage(`[]`)},
		{Name: "ttl", Type: json.RawMessage(`"integer"`), Default: json.RawMessage(`1440`)},
	}}
}

// eachAskingStore is eachFlowStore with the action ask, which leaves its
// parameters as the question.
func eachAskingStore(t *testing.T, flows map[string]string, test func(t *testing.T, b *flowBundle)) {
	eachFlowStore(t, flows, func(t *testing.T, b *flowBundle) {
		b.allowAsking(t)
		test(t, b)
	})
}

func (b *flowBundle) allowAsking(t *testing.T) {
	t.Helper()
	update(t, b.st, func(ctx context.Context, tx store.Tx) error {
		return tx.PutAction(ctx, &squall.Action{Ref: ref("ask"), Runner: "inquirer", Enabled: true})
	})
	b.outcome = asking
}

func asking(ex *squall.Execution) squall.Outcome {
	if ex.Runner != lifecycle.InquiryRunner {
		return squall.Outcome{Status: squall.Succeeded, Result: ex.Parameters}
	}
	asked := squall.Inquiry{Schema: json.RawMessage(`{}`), TTL: 1440}
	if len(ex.Parameters) > 0 {
		if err := json.Unmarshal(ex.Parameters, &asked); err != nil {
			panic(err)
		}
	}
	doc, err := json.Marshal(asked)
	if err != nil {
		panic(err)
	}
	return squall.Outcome{Status: squall.Pending, Result: doc}
}

func (b *flowBundle) ask(t *testing.T, parameters string) *squall.Execution {
	t.Helper()
	ex := b.request(t, "ask", params(parameters))
	b.work(t)
	ex = b.get(t, ex.ID)
	if ex.Status != squall.Pending || ex.Node != "" {
		t.Fatalf("the inquiry is %s on node %q", ex.Status, ex.Node)
	}
	return ex
}

func (b *flowBundle) answer(t *testing.T, id squall.ID, answer string) *squall.Execution {
	t.Helper()
	ex, err := b.Respond(t.Context(), id, lifecycle.Respondent{User: "bob"}, json.RawMessage(answer))
	if err != nil {
		t.Fatal(err)
	}
	return ex
}

func TestRespond(t *testing.T) {
	eachAskingStore(t, nil, func(t *testing.T, b *flowBundle) {
		ex := b.ask(t, `{"schema":{"type":"object","properties":{"go":{"type":"boolean","required":true}}},"users":["bob"],"roles":["ops"]}`)
		for _, tc := range []struct {
			name   string
			by     lifecycle.Respondent
			answer string
			kind   squall.Kind
			text   string
		}{
			{"another user", lifecycle.Respondent{User: "ann"}, `{"go":true}`, squall.Denied, `User "ann" does not have permission to respond`},
			{"without the role", lifecycle.Respondent{User: "bob", Roles: []string{"dev"}}, `{"go":true}`, squall.Denied, `does not have permission`},
			{"wrong", lifecycle.Respondent{User: "bob"}, `{"go":"no"}`, squall.Invalid, `did not pass schema validation. 'no' is not of type 'boolean'`},
			{"nothing", lifecycle.Respondent{User: "bob"}, `{}`, squall.Invalid, `'go' is a required property`},
		} {
			_, err := b.Respond(t.Context(), ex.ID, tc.by, json.RawMessage(tc.answer))
			if squall.KindOf(err) != tc.kind || !strings.Contains(squall.MessageOf(err), tc.text) {
				t.Errorf("%s: %v", tc.name, err)
			}
		}
		if got := b.get(t, ex.ID); got.Status != squall.Pending || got.Version != ex.Version {
			t.Errorf("refused answers moved it: %s", got.Status)
		}
		if _, err := b.Cancel(t.Context(), ex.ID, "ann"); squall.KindOf(err) != squall.Conflict || squall.MessageOf(err) != "Action cannot be canceled. State = pending." {
			t.Errorf("cancel: %v", err)
		}

		got, err := b.Respond(t.Context(), ex.ID, lifecycle.Respondent{User: "bob", Roles: []string{"ops"}}, json.RawMessage(`{"go":true,"why":"it is time"}`))
		if err != nil {
			t.Fatal(err)
		}
		wantFlow(t, got, squall.Succeeded, `{"schema":{"type":"object","properties":{"go":{"type":"boolean","required":true}}},"roles":["ops"],"users":["bob"],"route":"","ttl":1440,"response":{"go":true,"why":"it is time"}}`)
		wantLog(t, got, squall.Requested, squall.Scheduled, squall.Running, squall.Pending, squall.Succeeded)
		if last := got.Log[len(got.Log)-1]; last.Reason != "answered by bob" {
			t.Errorf("the log says %q", last.Reason)
		}
		_, err = b.Respond(t.Context(), ex.ID, lifecycle.Respondent{User: "bob"}, json.RawMessage(`{"go":true}`))
		if squall.KindOf(err) != squall.Invalid || !strings.HasSuffix(squall.MessageOf(err), "has already been responded to.") {
			t.Errorf("a second answer: %v", err)
		}

		shell := b.request(t, "noop")
		_, err = b.Respond(t.Context(), shell.ID, lifecycle.Respondent{User: "bob"}, json.RawMessage(`{}`))
		if squall.KindOf(err) != squall.Invalid || !strings.HasSuffix(squall.MessageOf(err), "is not an inquiry.") {
			t.Errorf("no inquiry: %v", err)
		}
		_, err = b.Respond(t.Context(), "5f5f5f5f5f5f5f5f5f5f5f5f", lifecycle.Respondent{}, json.RawMessage(`{}`))
		wantKind(t, err, squall.NotFound)
	})
}

// TestRespondAtOnce lets several people answer the same question at once: one
// answer counts, all others are told so.
func TestRespondAtOnce(t *testing.T) {
	eachAskingStore(t, nil, func(t *testing.T, b *flowBundle) {
		for range 10 {
			ex := b.ask(t, `{}`)
			errs := make(chan error)
			for range 4 {
				go func() {
					_, err := b.Respond(t.Context(), ex.ID, lifecycle.Respondent{User: "bob"}, json.RawMessage(`{}`))
					errs <- err
				}()
			}
			taken := 0
			for range 4 {
				switch err := <-errs; {
				case err == nil:
					taken++
				case squall.KindOf(err) != squall.Invalid || !strings.Contains(err.Error(), "has already been responded to"):
					t.Errorf("a late answer: %v", err)
				}
			}
			if taken != 1 {
				t.Errorf("%d answers were taken", taken)
			}
		}
	})
}

// pass lets the time of an inquiry run out.
func (b *flowBundle) pass(t *testing.T, id squall.ID) {
	t.Helper()
	update(t, b.st, func(ctx context.Context, tx store.Tx) error {
		past := tx.Now().Add(-time.Second)
		ok, err := tx.MoveExecution(ctx, store.Move{ID: id, From: []squall.Status{squall.Pending}, To: squall.Pending, Deadline: &past,
			Log: []squall.Change{{Status: squall.Pending, At: tx.Now()}}})
		if err == nil && !ok {
			t.Error("it is not pending")
		}
		return err
	})
}

func TestInquiryTimesOut(t *testing.T) {
	eachAskingStore(t, nil, func(t *testing.T, b *flowBundle) {
		soon, late, never := b.ask(t, `{"ttl":5}`), b.ask(t, `{}`), b.ask(t, `{"ttl":0}`)
		if got := soon.Deadline.Sub(soon.UpdatedAt).Round(time.Minute); got != 5*time.Minute || !never.Deadline.IsZero() {
			t.Errorf("five minutes are %s; without end until %s", got, never.Deadline)
		}
		if n, err := b.ExpireInquiries(t.Context()); n != 0 || err != nil {
			t.Errorf("%d timed out at once, %v", n, err)
		}
		b.pass(t, soon.ID)
		if n, err := b.ExpireInquiries(t.Context()); n != 1 || err != nil {
			t.Errorf("%d timed out, %v", n, err)
		}
		wantFlow(t, b.get(t, soon.ID), squall.Timeout, `{"schema":{},"roles":null,"users":null,"route":"","ttl":5}`)
		for _, id := range []squall.ID{late.ID, never.ID} {
			if got := b.get(t, id); got.Status != squall.Pending {
				t.Errorf("the other one is %s", got.Status)
			}
		}
		_, err := b.Respond(t.Context(), soon.ID, lifecycle.Respondent{User: "bob"}, json.RawMessage(`{}`))
		if !strings.HasSuffix(squall.MessageOf(err), "timed out and cannot be responded to.") {
			t.Errorf("an answer that is late: %v", err)
		}
	})
}

const askFlow = `version: 1.0
tasks:
  start:
    action: core.noop n=1
    next:
      - do: [ask, other]
  ask:
    action: core.ask
    next:
      - when: <% succeeded() %>
        publish: answer=<% result().response.n %>
        do: end
      - when: <% failed() %>
        publish: answer=-1
        do: end
  other:
    action: core.noop n=2
    next:
      - do: end
  end:
    join: all
    action: core.noop n=<% ctx(answer) %>
    next:
      - publish: end=<% result().n %>
output:
  - end: <% ctx(end) %>
`

const nestedAskFlow = `version: 1.0
tasks:
  sub:
    action: core.%s
    next:
      - when: <%% succeeded() %%>
        publish: sub=<%% result().output.end %%>
output:
  - end: <%% ctx(sub) %%>
`

func nested(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(nestedAskFlow, "%s", name), "%%", "%")
}

// pendingBelow finds the inquiry that waits somewhere in a tree.
func (b *flowBundle) pendingBelow(t *testing.T, root squall.ID) *squall.Execution {
	t.Helper()
	var list []*squall.Execution
	view(t, b.st, func(ctx context.Context, tx store.Tx) (err error) {
		list, err = tx.FindExecutions(ctx, store.ExecutionFilter{Root: root, Runner: lifecycle.InquiryRunner, Statuses: []squall.Status{squall.Pending}})
		return err
	})
	if len(list) != 1 {
		t.Fatalf("%d inquiries wait", len(list))
	}
	return list[0]
}

// A workflow with an inquiry is paused while nothing else runs in it, and so
// are all the workflows around it; the answer lets all go on.
func TestWorkflowWaitsForAnAnswer(t *testing.T) {
	flows := map[string]string{"asking": askFlow, "outer": nested("asking"), "outermost": nested("outer")}
	eachAskingStore(t, flows, func(t *testing.T, b *flowBundle) {
		for _, name := range []string{"asking", "outer", "outermost"} {
			paused := []squall.Status{squall.Requested, squall.Scheduled, squall.Running, squall.Paused}
			if name == "asking" { // something runs beside the inquiry
				paused = slices.Insert(paused, 3, squall.Pausing)
			}
			ex := b.run(t, name, ``)
			if ex.Status != squall.Paused {
				t.Fatalf("%s is %s: %v", name, ex.Status, tasks(b.children(t, ex.ID)))
			}
			wantLog(t, ex, paused...)
			q := b.pendingBelow(t, ex.ID)
			b.answer(t, q.ID, `{"n":7}`)
			b.work(t)
			got := b.get(t, ex.ID)
			wantFlow(t, got, squall.Succeeded, `{"output":{"end":7}}`)
			wantLog(t, got, append(slices.Clone(paused), squall.Resuming, squall.Running, squall.Succeeded)...)
			asking := b.get(t, q.Parent.Execution).Log
			at := slices.IndexFunc(asking, func(c squall.Change) bool { return c.Status == squall.Resuming })
			if asking[at].Reason != "resumed by bob" {
				t.Errorf("%s: the log of what asked says %q", name, asking[at].Reason)
			}
		}
	})
}

const twoQuestions = `version: 1.0
tasks:
  first:
    action: core.ask
    next:
      - publish: first=<% result().response.n %>
        do: after
  second:
    action: core.ask
    next:
      - publish: second=<% result().response.n %>
        do: both
  after:
    action: core.noop n=<% ctx(first) + 1 %>
    next:
      - publish: after=<% result().n %>
        do: both
  both:
    join: all
output:
  - sum: <% ctx(after) + ctx(second) %>
`

// Of two branches that wait, none goes on before both have their answers (st2).
func TestWorkflowWithTwoInquiries(t *testing.T) {
	flows := map[string]string{"asking": twoQuestions}
	eachAskingStore(t, flows, func(t *testing.T, b *flowBundle) {
		ex := b.run(t, "asking", ``)
		children := b.children(t, ex.ID)
		if ex.Status != squall.Paused || len(children) != 2 {
			t.Fatalf("it is %s with %v", ex.Status, tasks(children))
		}
		b.answer(t, children[0].ID, `{"n":1}`)
		b.work(t)
		if diff := cmp.Diff([]string{"first succeeded", "second pending"}, tasks(b.children(t, ex.ID))); diff != "" {
			t.Error(diff)
		}
		if got := b.get(t, ex.ID); got.Status != squall.Paused {
			t.Errorf("with one question left it is %s", got.Status)
		}
		b.answer(t, children[1].ID, `{"n":40}`)
		b.work(t)
		wantFlow(t, b.get(t, ex.ID), squall.Succeeded, `{"output":{"sum":42}}`)
	})
}

// The answer comes while something else runs yet.
func TestAnswerBeforeThePause(t *testing.T) {
	eachAskingStore(t, map[string]string{"asking": askFlow}, func(t *testing.T, b *flowBundle) {
		ex := b.request(t, "asking")
		b.workOnce(t, 1)
		claimed, err := b.Claim(t.Context(), b.own, 2, nil)
		if err != nil || len(claimed) != 2 {
			t.Fatalf("%d children wait, %v", len(claimed), err)
		}
		slices.SortFunc(claimed, func(x, y *squall.Execution) int { return strings.Compare(x.Runner, y.Runner) })
		b.finish(t, claimed[0])
		b.answer(t, claimed[0].ID, `{"n":3}`)
		if got := b.get(t, ex.ID); got.Status != squall.Running {
			t.Errorf("after the answer it is %s", got.Status)
		}
		b.finish(t, claimed[1])
		b.work(t)
		wantFlow(t, b.get(t, ex.ID), squall.Succeeded, `{"output":{"end":3}}`)
	})
}

func TestWorkflowWithoutAnAnswer(t *testing.T) {
	flows := map[string]string{"asking": askFlow, "outer": nested("asking"), "outermost": nested("outer")}
	eachAskingStore(t, flows, func(t *testing.T, b *flowBundle) {
		// Its time is over: the task has failed, and the workflow handles that.
		ex := b.run(t, "outermost", ``)
		q := b.pendingBelow(t, ex.ID)
		b.pass(t, q.ID)
		if _, err := b.ExpireInquiries(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.work(t)
		wantFlow(t, b.get(t, ex.ID), squall.Succeeded, `{"output":{"end":-1}}`)

		// The workflow is canceled, and the question withdrawn.
		ex = b.run(t, "outermost", ``)
		q = b.pendingBelow(t, ex.ID)
		if _, err := b.Cancel(t.Context(), ex.ID, "ann"); err != nil {
			t.Fatal(err)
		}
		b.work(t)
		if got := b.get(t, ex.ID); got.Status != squall.Canceled {
			t.Errorf("the workflow is %s", got.Status)
		}
		if got := b.get(t, q.ID); got.Status != squall.Canceled || got.EndedAt.IsZero() {
			t.Errorf("the inquiry is %s", got.Status)
		}
		_, err := b.Respond(t.Context(), q.ID, lifecycle.Respondent{User: "bob"}, json.RawMessage(`{}`))
		if !strings.HasSuffix(squall.MessageOf(err), "is canceled and cannot be responded to.") {
			t.Errorf("an answer to what is withdrawn: %v", err)
		}
	})
}

// While an inquiry waits, what runs beside it goes on, and the workflow is
// paused only when that is over.
func TestInquiryBesideOtherWork(t *testing.T) {
	eachAskingStore(t, map[string]string{"asking": askFlow}, func(t *testing.T, b *flowBundle) {
		ex := b.request(t, "asking")
		b.workOnce(t, 1)
		claimed, err := b.Claim(t.Context(), b.own, 2, nil)
		if err != nil || len(claimed) != 2 {
			t.Fatalf("%d children wait, %v", len(claimed), err)
		}
		slices.SortFunc(claimed, func(x, y *squall.Execution) int { return strings.Compare(x.Runner, y.Runner) })
		b.finish(t, claimed[0])
		if got := b.get(t, ex.ID); got.Status != squall.Running && got.Status != squall.Pausing {
			t.Errorf("the workflow is %s while an action runs", got.Status)
		}
		b.finish(t, claimed[1])
		if got := b.get(t, ex.ID); got.Status != squall.Paused {
			t.Errorf("the workflow is %s when nothing runs", got.Status)
		}
		if diff := cmp.Diff([]string{"start succeeded", "ask pending", "other succeeded"}, tasks(b.children(t, ex.ID))); diff != "" {
			t.Error(diff)
		}
		b.answer(t, b.pendingBelow(t, ex.ID).ID, `{"n":3}`)
		b.work(t)
		wantFlow(t, b.get(t, ex.ID), squall.Succeeded, `{"output":{"end":3}}`)
	})
}

const askChain = `
chain:
  - {name: one, ref: core.noop, parameters: {n: 1}, on-success: ask}
  - {name: ask, ref: core.ask, on-success: last, on-failure: late}
  - {name: last, ref: core.noop, parameters: {n: 2}}
  - {name: late, ref: core.noop, parameters: {n: 3}}
`

const aroundChain = `
chain:
  - {name: below, ref: core.askchain, on-success: done}
  - {name: done, ref: core.noop, parameters: {n: 4}}
`

// A chain with an inquiry is paused, with the chains around it; the answer
// resumes all of them, and so does the end of the question's time.
func TestChainWaitsForAnAnswer(t *testing.T) {
	eachAskingStore(t, nil, func(t *testing.T, b *flowBundle) {
		update(t, b.st, func(ctx context.Context, tx store.Tx) error {
			for name, text := range map[string]string{"askchain": askChain, "around": aroundChain} {
				if err := tx.PutAction(ctx, &squall.Action{Ref: ref(name), Runner: "action-chain", Enabled: true, EntryPoint: "chains/" + name + ".yaml", Definition: text}); err != nil {
					return err
				}
			}
			return nil
		})
		for _, tc := range []struct{ action, want string }{
			{"askchain", "one succeeded, ask succeeded, last succeeded"},
			{"around", "below succeeded, done succeeded"},
		} {
			ex := b.run(t, tc.action, `{}`)
			if ex.Status != squall.Paused {
				t.Fatalf("%s is %s: %s", tc.action, ex.Status, ex.Result)
			}
			b.answer(t, b.pendingBelow(t, ex.ID).ID, `{"n":7}`)
			b.work(t)
			if got := b.get(t, ex.ID); got.Status != squall.Succeeded || chainTasks(t, got) != tc.want {
				t.Errorf("%s is %s with %q", tc.action, got.Status, chainTasks(t, got))
			}

			ex = b.run(t, tc.action, `{}`)
			b.pass(t, b.pendingBelow(t, ex.ID).ID)
			if _, err := b.ExpireInquiries(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.work(t)
			if got := b.get(t, ex.ID); got.Status != squall.Succeeded {
				t.Errorf("%s without an answer is %s: %s", tc.action, got.Status, got.Result)
			}
		}
	})
}

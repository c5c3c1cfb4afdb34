package lifecycle_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"squall/internal/auth"
	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
)

const secretMarker = "marker-of-the-workflow"

// secretBegin are the beginnings of workflows that come to know the secret as the
// variable pin, each in another way; secretEnd goes on with it.
var secretBegin = map[string]string{
	"given": `version: 1.0
input: [password]
vars:
  - pin: <% ctx(password) %>
tasks:
  begin:
    action: core.noop n=1
    next:
      - do: one
`,
	"a default": `version: 1.0
input: [preset]
vars:
  - pin: <% ctx(preset) %>
tasks:
  begin:
    action: core.noop n=1
    next:
      - do: one
`,
	"decrypted": `version: 1.0
tasks:
  begin:
    action: core.noop n=1
    next:
      - publish: pin=<% st2kv('system.kept', decrypt => true) %>
        do: one
`,
	"the answer to an inquiry": `version: 1.0
tasks:
  begin:
    action: core.ask
    input: {schema: {type: object, properties: {pin: {type: string, secret: true}, n: {type: integer}}}}
    next:
      - publish: pin=<% result().response.pin %>
        do: one
`,
	"a result": `version: 1.0
tasks:
  begin:
    action: core.hidden
    input: {pw: x}
    next:
      - publish: pin=<% result().pw %>
        do: one
`,
	"the result of an earlier task": `version: 1.0
tasks:
  begin:
    action: core.hidden
    input: {pw: x}
    next:
      - do: between
  between:
    action: core.noop n=1
    next:
      - publish: pin=<% task(begin).result.pw %>
        do: one
`,
	"a workflow in it": `version: 1.0
tasks:
  begin:
    action: core.inner
    next:
      - publish: pin=<% result().output.got %>
        do: one
`,
	"items": `version: 1.0
tasks:
  begin:
    with:
      items: <% list(1, 2, 3) %>
    action: core.hidden pw=<% str(item()) %>
    next:
      - publish:
          - pin: <% result()[1].pw %>
        do: one
`,
}

const secretEnd = `  one:
    action: core.hidden pw=<% ctx(pin) %>
    next:
      - publish: back=<% result().pw %>
        do: two
  two:
    with:
      items: <% [1, 2, 3] %>
      concurrency: 1
    action: core.hidden pw=<% ctx(back) %>
output:
  - same: <% ctx(pin) = ctx(back) %>
  - pin: <% ctx(pin) %>
`

const secretInner = `version: 1.0
tasks:
  ask:
    action: core.hidden
    input: {pw: x}
    next:
      - publish: got=<% result().pw %>
output:
  - got: <% ctx(got) %>
`

// A workflow that knows a secret keeps it out of the database, however it came to
// know it, and the next process goes on with it all the same.
func TestWorkflowKeepsSecrets(t *testing.T) {
	large := strings.Repeat(secretMarker+" ", 300) // gets a row of its own
	eachFlowStore(t, nil, func(t *testing.T, b *flowBundle) {
		ring := auth.NewKeyring(time.Now())
		for name, begin := range secretBegin {
			t.Run(name, func(t *testing.T) {
				for _, restarts := range []bool{false, true} {
					testSecretFlow(t, b, ring, begin+secretEnd, map[bool]string{false: large, true: secretMarker}[restarts], restarts)
				}
			})
		}
	})
}

func testSecretFlow(t *testing.T, b *flowBundle, ring *auth.Keyring, text, secret string, restarts bool) {
	t.Helper()
	start := func() {
		b.Service = lifecycle.New(b.st, types, lifecycle.Options{Log: slog.New(slog.DiscardHandler), Keyring: ring,
			Workflows: lifecycle.Workflows{Exprs: exprs, Window: 16}})
	}
	start()
	plain, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	flow, inner := flowAction("flow", text), flowAction("inner", secretInner)
	flow.Parameters = squall.Schema{
		{Name: "password", Type: json.RawMessage(`"string"`), Secret: true},
		{Name: "preset", Type: json.RawMessage(`"string"`), Secret: true, Default: json.RawMessage(`"{{ st2kv.system.kept | decrypt_kv }}"`)},
	}
	if !strings.Contains(text, "[preset]") {
		flow.Parameters = flow.Parameters[:1]
	}
	hidden := squall.Action{Ref: ref("hidden"), Runner: "noop", Enabled: true, Parameters: squall.Schema{{Name: "pw", Secret: true}},
		Output: json.RawMessage(`{"pw":{"type":"string","secret":true}}`)}
	update(t, b.st, func(ctx context.Context, tx store.Tx) error {
		for _, a := range []*squall.Action{&flow, &inner, &hidden, {Ref: ref("ask"), Runner: "inquirer", Enabled: true}} {
			if err := tx.PutAction(ctx, a); err != nil {
				return err
			}
		}
		return tx.PutKey(ctx, &squall.KeyValue{ID: squall.NewIDSource().Next(tx.Now()), KeyRef: squall.KeyRef{Scope: squall.SystemScope, Name: "kept"},
			Secret: true, Value: ring.Seal(auth.ForDatastore, secret)})
	})
	b.outcome = func(ex *squall.Execution) squall.Outcome {
		if ex.Action != ref("hidden") {
			return asking(ex)
		}
		return squall.Outcome{Status: squall.Succeeded, Result: json.RawMessage(fmt.Sprintf(`{"n":1,"pw":%s}`, plain))}
	}
	var given string
	if strings.Contains(text, "[password]") {
		given = fmt.Sprintf(`{"password":%s}`, plain)
	}
	ex, err := b.Request(t.Context(), squall.Request{Action: ref("flow"), Parameters: json.RawMessage(given)})
	if err != nil {
		t.Fatal(err)
	}
	for range 30 {
		if restarts {
			start() // nothing stays in memory
		}
		if _, _, err := b.AdvanceDue(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		if b.workOnce(t, 1) == 0 {
			if status := b.get(t, ex.ID).Status; status.Final() {
				break
			} else if status == squall.Paused {
				b.answer(t, b.pendingBelow(t, ex.ID).ID, fmt.Sprintf(`{"n":1,"pin":%s}`, plain))
			}
		}
		b.wantSealed(t, ex.ID, secretMarker)
	}
	got := b.get(t, ex.ID)
	if opened := string(b.OpenResult(got)); got.Status != squall.Succeeded || opened != fmt.Sprintf(`{"output":{"same":true,"pin":%s}}`, plain) {
		t.Errorf("%s %.900s, children %v", got.Status, opened, tasks(b.children(t, ex.ID)))
	}
	past, err := b.FlowPast(t.Context(), ex.ID)
	if err != nil {
		t.Fatal(err)
	}
	vars, err := past.Variables(-1)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(vars), secretMarker) || !strings.Contains(string(vars), `"pin": "********"`) && !strings.Contains(string(vars), `"pin":"********"`) {
		t.Errorf("people are shown %.500s", vars)
	}
}

// wantSealed looks for a secret in all that is stored of a tree.
func (b *flowBundle) wantSealed(t *testing.T, root squall.ID, secret string) {
	t.Helper()
	view(t, b.st, func(ctx context.Context, tx store.Tx) error {
		list, err := tx.FindExecutions(ctx, store.ExecutionFilter{Root: root, Limit: 1000, Parts: store.WithAll})
		if err != nil {
			return err
		}
		if len(list) == 0 {
			t.Error("nothing is stored")
		}
		for _, ex := range list {
			doc, err := json.Marshal(ex)
			if err != nil {
				return err
			}
			if strings.Contains(string(doc), secret) {
				t.Errorf("execution %s of %s holds the secret: %.300s", ex.ID, ex.Action, doc)
			}
			w, err := tx.Workflow(ctx, ex.ID)
			if squall.KindOf(err) == squall.NotFound {
				continue
			}
			if err != nil {
				return err
			}
			if strings.Contains(string(w.State), secret) {
				t.Errorf("the state of %s holds the secret", ex.Action)
			}
			rows, err := tx.WorkflowRows(ctx, ex.ID)
			if err != nil {
				return err
			}
			for _, row := range rows {
				if strings.Contains(string(row.Doc), secret) {
					t.Errorf("a row of kind %d (%s) of %s holds the secret", row.Kind, row.Name, ex.Action)
				}
			}
		}
		return nil
	})
}

// A workflow that knows no secret is stored as it is.
func TestWorkflowWithoutSecretsIsNotSealed(t *testing.T) {
	eachFlowStore(t, map[string]string{"flow": sequence}, func(t *testing.T, b *flowBundle) {
		ex := b.run(t, "flow", `{"n":5}`)
		if ex.Status != squall.Succeeded {
			t.Fatalf("it %s", ex.Status)
		}
		b.wantSealed(t, ex.ID, auth.SealedPrefix)
	})
}

// An answer is sealed where its schema says, and only there, and belongs to its
// inquiry alone.
func TestSecretAnswer(t *testing.T) {
	eachAskingStore(t, nil, func(t *testing.T, b *flowBundle) {
		const schema = `{"schema":{"type":"object","properties":{"pin":{"type":"string","secret":true},"n":{"type":"integer"}}}}`
		first, second := b.ask(t, schema), b.ask(t, schema)
		b.answer(t, first.ID, `{"pin":"marker-answer","n":1}`)
		b.answer(t, second.ID, `{"n":2}`)
		b.wantSealed(t, first.ID, "marker-answer")
		got := b.get(t, first.ID)
		if !strings.Contains(string(got.Result), `"n":1`) {
			t.Errorf("more is sealed than is secret: %s", got.Result)
		}
		if opened := string(b.OpenResult(got)); !strings.Contains(opened, `"response":{"pin":"marker-answer","n":1}`) {
			t.Errorf("opened, it is %s", opened)
		}
		if _, masked := b.Masked(t.Context(), got); !strings.Contains(string(masked), `"response":{"pin":"********","n":1}`) {
			t.Errorf("masked, it is %s", masked)
		}
		stolen := *got
		stolen.ID = second.ID
		if opened := string(b.OpenResult(&stolen)); strings.Contains(opened, "marker") {
			t.Errorf("it opens as the result of another one: %s", opened)
		}
		b.wantSealed(t, second.ID, auth.SealedPrefix) // nothing secret was said
	})
}

// An ActionChain keeps all its tasks' results in one, and shows what it has done
// while it waits.
func TestChainKeepsSecrets(t *testing.T) {
	const text = `
chain:
  - {name: one, ref: core.hidden, parameters: {pw: x}, publish: {pin: "{{ one.pw }}"}, on-success: ask}
  - {name: ask, ref: core.ask, parameters: {schema: {type: object, properties: {pin: {type: string, secret: true}}}}, on-success: two}
  - {name: two, ref: core.hidden, parameters: {pw: "{{ ask.result.response.pin }}"}}
`
	eachFlowStore(t, nil, func(t *testing.T, b *flowBundle) {
		ring := auth.NewKeyring(time.Now())
		start := func() {
			b.Service = lifecycle.New(b.st, types, lifecycle.Options{Keyring: ring, Workflows: lifecycle.Workflows{Exprs: exprs}})
		}
		update(t, b.st, func(ctx context.Context, tx store.Tx) error {
			for _, a := range []*squall.Action{
				{Ref: ref("chain"), Runner: "action-chain", Enabled: true, EntryPoint: "c.yaml", Definition: text},
				{Ref: ref("hidden"), Runner: "noop", Enabled: true, Parameters: squall.Schema{{Name: "pw", Secret: true}}, Output: json.RawMessage(`{"pw":{"secret":true}}`)},
				{Ref: ref("ask"), Runner: "inquirer", Enabled: true},
			} {
				if err := tx.PutAction(ctx, a); err != nil {
					return err
				}
			}
			return nil
		})
		b.outcome = func(ex *squall.Execution) squall.Outcome {
			if ex.Action != ref("hidden") {
				return asking(ex)
			}
			return squall.Outcome{Status: squall.Succeeded, Result: json.RawMessage(`{"pw":"` + secretMarker + `"}`)}
		}
		start()
		ex := b.run(t, "chain", ``)
		if ex.Status != squall.Paused {
			t.Fatalf("it %s: %s", ex.Status, b.OpenResult(ex))
		}
		if !strings.Contains(string(b.OpenResult(ex)), secretMarker) {
			t.Errorf("while it waits, its result is %s", b.OpenResult(ex))
		}
		b.wantSealed(t, ex.ID, secretMarker)
		start()
		b.answer(t, b.pendingBelow(t, ex.ID).ID, `{"pin":"`+secretMarker+`-2"}`)
		b.work(t)
		b.wantSealed(t, ex.ID, secretMarker)
		ex = b.get(t, ex.ID)
		var r chainResult
		if err := json.Unmarshal(b.OpenResult(ex), &r); err != nil || ex.Status != squall.Succeeded || len(r.Tasks) != 3 || r.Published["pin"] != secretMarker {
			t.Errorf("%s with %s, %v", ex.Status, b.OpenResult(ex), err)
		}
	})
}

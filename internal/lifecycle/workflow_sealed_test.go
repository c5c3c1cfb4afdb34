package lifecycle_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"squall/internal/auth"
	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
)

// A workflow that was given a secret keeps it out of its rows, and the next
// process goes on with it all the same.
func TestWorkflowKeepsSecrets(t *testing.T) {
	const marker = "marker-of-the-workflow"
	large := strings.Repeat(marker+" ", 300) // gets a row of its own
	eachFlowStore(t, nil, func(t *testing.T, b *flowBundle) {
		ring := auth.NewKeyring(time.Now())
		start := func() {
			b.Service = lifecycle.New(b.st, types, lifecycle.Options{Log: slog.New(slog.DiscardHandler), Keyring: ring,
				Workflows: lifecycle.Workflows{Exprs: exprs, Window: 16}})
		}
		start()
		flow := squall.Action{Ref: ref("flow"), Runner: "orquesta", Enabled: true, EntryPoint: "workflows/flow.yaml",
			Parameters: squall.Schema{{Name: "password", Type: json.RawMessage(`"string"`), Secret: true}},
			Definition: `
version: 1.0
input: [password]
vars:
  - copy: <% ctx(password) %>
tasks:
  one:
    action: core.hidden pw=<% ctx(copy) %>
    next:
      - do: two
  two:
    action: core.hidden pw=<% ctx(password) %>
output:
  - same: <% ctx(copy) = ctx(password) %>
`}
		hidden := squall.Action{Ref: ref("hidden"), Runner: "noop", Enabled: true, Parameters: squall.Schema{{Name: "pw", Secret: true}}}
		update(t, b.st, func(ctx context.Context, tx store.Tx) error {
			for _, a := range []*squall.Action{&flow, &hidden} {
				if err := tx.PutAction(ctx, a); err != nil {
					return err
				}
			}
			return nil
		})
		for _, secret := range []string{marker, large} {
			given, err := json.Marshal(map[string]string{"password": secret})
			if err != nil {
				t.Fatal(err)
			}
			ex, err := b.Request(t.Context(), squall.Request{Action: ref("flow"), Parameters: given})
			if err != nil {
				t.Fatal(err)
			}
			for range 10 {
				start() // nothing stays in memory
				if _, _, err := b.AdvanceDue(t.Context(), 100); err != nil {
					t.Fatal(err)
				}
				start()
				claimed, err := b.Claim(t.Context(), b.own, 3, nil)
				if err != nil {
					t.Fatal(err)
				}
				for _, run := range claimed {
					if err := b.Finish(t.Context(), b.own, run, squall.Outcome{Status: squall.Succeeded, Result: json.RawMessage(`{}`)}); err != nil {
						t.Fatal(err)
					}
				}
				var rows []store.WorkflowRow
				if err := b.st.View(t.Context(), func(tx store.Tx) (err error) {
					rows, err = tx.WorkflowRows(t.Context(), ex.ID)
					return err
				}); err != nil {
					t.Fatal(err)
				}
				for _, row := range rows {
					if strings.Contains(string(row.Doc), marker) {
						t.Errorf("a row of kind %d (%s) holds the secret", row.Kind, row.Name)
					}
				}
			}
			if got := b.get(t, ex.ID); got.Status != squall.Succeeded || string(got.Result) != `{"output":{"same":true}}` {
				t.Errorf("%s %s", got.Status, got.Result)
			}
		}
	})
}

package lifecycle_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/sqlite"
)

// chain is a workflow of n tasks, each of which publishes what it was given.
func chain(n int) string {
	var text strings.Builder
	text.WriteString("version: 1.0\nvars:\n  - n: 0\ntasks:\n")
	for i := range n {
		fmt.Fprintf(&text, "  t%d:\n    action: core.noop n=<%% ctx(n) + 1 %%>\n    next:\n      - when: <%% succeeded() %%>\n        publish: n=<%% result().n %%>\n", i)
		if i < n-1 {
			fmt.Fprintf(&text, "        do: t%d\n", i+1)
		}
	}
	text.WriteString("output:\n  - n: <% ctx(n) %>\n")
	return text.String()
}

// actionChain is an ActionChain of n tasks, each of which publishes what it was
// given.
func actionChain(n int) string {
	var text strings.Builder
	text.WriteString("vars: {n: 0}\nchain:\n")
	for i := range n {
		fmt.Fprintf(&text, "- {name: t%d, ref: core.noop, parameters: {n: \"{{ n | int + 1 }}\"}, publish: {n: \"{{ t%d.n }}\"}", i, i)
		if i < n-1 {
			fmt.Fprintf(&text, ", on-success: t%d", i+1)
		}
		text.WriteString("}\n")
	}
	return text.String()
}

// BenchmarkWorkflow runs whole workflows of noops through the service on an
// embedded database that syncs every commit, with one worker that claims up to
// 64 at a time.
func BenchmarkWorkflow(b *testing.B) {
	for _, bc := range []struct {
		name, text, input string
		tasks             int
	}{
		{"chain100", chain(100), ``, 100},
		{"chain1000", chain(1000), ``, 1000},
		{"actionchain100", actionChain(100), ``, 100},
		{"actionchain1000", actionChain(1000), ``, 1000},
		{"items250", itemsFlow(""), `{"count":250}`, 250},
		{"items1000", itemsFlow(""), `{"count":1000}`, 1000},
		{"items10000", itemsFlow(""), `{"count":10000}`, 10000},
	} {
		b.Run(bc.name, func(b *testing.B) {
			ctx := b.Context()
			st, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(b.TempDir(), "squall.db")})
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			svc := lifecycle.New(st, types, lifecycle.Options{Workflows: lifecycle.Workflows{Exprs: exprs}})
			own := store.Owner{Node: "n1"}
			flow := flowAction("flow", bc.text)
			if strings.Contains(bc.text, "chain:") {
				flow.Runner = "action-chain"
			}
			err = st.Update(ctx, func(tx store.Tx) (err error) {
				if err := tx.PutAction(ctx, &flow); err != nil {
					return err
				}
				if err := tx.PutAction(ctx, &squall.Action{Ref: ref("noop"), Runner: "noop", Enabled: true, Parameters: squall.Schema{{Name: "n"}}}); err != nil {
					return err
				}
				own.Epoch, err = tx.JoinNode(ctx, store.Node{Name: own.Node}, time.Hour)
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				ex, err := svc.Request(ctx, squall.Request{Action: flow.Ref, Parameters: []byte(bc.input)})
				if err != nil {
					b.Fatal(err)
				}
				if err := workOff(ctx, svc, own); err != nil {
					b.Fatal(err)
				}
				err = st.View(ctx, func(tx store.Tx) (err error) {
					ex, err = tx.Execution(ctx, ex.ID, 0)
					return err
				})
				if err != nil || ex.Status != squall.Succeeded {
					b.Fatal(ex.Status, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*bc.tasks), "µs/task")
		})
	}
}

func workOff(ctx context.Context, svc *lifecycle.Service, own store.Owner) error {
	for {
		claimed, err := svc.Claim(ctx, own, 64, nil)
		if err != nil || len(claimed) == 0 {
			return err
		}
		done := make(chan error, len(claimed))
		for _, ex := range claimed {
			go func() {
				done <- svc.Finish(ctx, own, ex, squall.Outcome{Status: squall.Succeeded, Result: ex.Parameters})
			}()
		}
		for range claimed {
			if err := <-done; err != nil {
				return err
			}
		}
	}
}

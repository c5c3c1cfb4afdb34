package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"squall/internal/squall"
	"squall/internal/store"
)

// BenchmarkContent reads actions and rules, 1000 of each, as clients do: one by
// its reference, one by its id, and pages of them.
func BenchmarkContent(b *testing.B) {
	ts := newTestServer(b)
	err := ts.store.Update(b.Context(), func(tx store.Tx) error {
		for i := range 1000 {
			ref := squall.Ref{Pack: "default", Name: fmt.Sprintf("n%04d", i)}
			a := &squall.Action{Ref: ref, Runner: "noop", Enabled: true, Description: strings.Repeat("d", 80)}
			for j := range 8 {
				a.Parameters = append(a.Parameters, squall.Parameter{Name: fmt.Sprintf("p%d", j), Type: []byte(`"string"`), Description: "what it is for"})
			}
			if err := tx.PutAction(b.Context(), a); err != nil {
				return err
			}
			r := &squall.Rule{Ref: ref, Enabled: true, Type: squall.RuleStandard, Action: squall.RuleAction{Ref: "core.noop"}}
			r.Trigger.Type, r.Trigger.Parameters = squall.Ref{Pack: "core", Name: "st2.webhook"}, fmt.Appendf(nil, `{"url":"u%d"}`, i)
			if err := store.PutRule(b.Context(), tx, r, ""); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range []string{
		"actions/default.n0500", "actions/" + string(squall.ObjectID("action", "default.n0500")), "actions?limit=50", "actions?limit=50&offset=900",
		"rules/default.n0500", "rules/" + string(squall.ObjectID("rule", "default.n0500")), "rules?limit=50", "rules?enabled=true&limit=50",
	} {
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				req := httptest.NewRequest("GET", "/api/v1/"+path, nil)
				req.Header.Set("X-Auth-Token", ts.admin)
				w := &discard{header: http.Header{}}
				ts.ServeHTTP(w, req)
				if w.n.Load() < 100 {
					b.Fatal("no answer")
				}
			}
		})
	}
}

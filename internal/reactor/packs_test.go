package reactor_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"squall/internal/content"
	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/lifecycle"
	"squall/internal/runner/types"
	"squall/internal/squall"
	"squall/internal/store"
)

// register gives a database with all packs of the census, and where they lie.
func register(t *testing.T) (b *bundle, paths []string, reports []*content.Report) {
	t.Helper()
	root := os.Getenv("SQUALL_PACKS_METADATA")
	if root == "" {
		root = "../../../shared/compat/packs-metadata"
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Skipf("SKIPPED: the metadata of real packs is missing: %v", err)
	}
	for _, e := range entries {
		if e.IsDir() && e.Name() != "core" {
			paths = append(paths, filepath.Join(root, e.Name()))
		}
	}
	paths = append([]string{"../../packs/core"}, paths...)
	st := drivers["sqlite"](t)
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	b = newBundle(t, st)
	reg := &content.Registrar{Store: st, Runners: types.Known().RunnerType, Log: slog.New(slog.DiscardHandler)}
	if reports, err = reg.Register(t.Context(), paths, content.Options{}); err != nil {
		t.Fatal(err)
	}
	return b, paths, reports
}

// TestRealPacks registers all packs of the census and lets each of their triggers
// fire with generated payloads: whatever they are, no event is lost, and no rule
// ends in an internal error.
func TestRealPacks(t *testing.T) {
	b, paths, reports := register(t)
	done := 0
	for _, r := range reports {
		if r.Done {
			done++
		}
	}
	var triggers []*squall.Trigger
	kinds := map[squall.Ref]*squall.TriggerType{}
	var rules, policies int
	b.view(func(tx store.Tx) (err error) {
		if triggers, err = store.Find[squall.Trigger](t.Context(), tx, store.ContentFilter{Kind: store.Triggers}); err != nil {
			return err
		}
		types, err := store.Find[squall.TriggerType](t.Context(), tx, store.ContentFilter{Kind: store.TriggerTypes})
		if err != nil {
			return err
		}
		for _, typ := range types {
			kinds[typ.Ref] = typ
			if !slices.ContainsFunc(triggers, func(t *squall.Trigger) bool { return t.Ref == typ.Ref }) {
				triggers = append(triggers, &squall.Trigger{Ref: typ.Ref, Type: typ.Ref})
			}
		}
		if rules, err = tx.CountContent(t.Context(), store.ContentFilter{Kind: store.Rules}); err != nil {
			return err
		}
		policies, err = tx.CountContent(t.Context(), store.ContentFilter{Kind: store.Policies})
		return err
	})
	events, enforced := 0, map[string]int{}
	for _, tr := range triggers {
		for n := range 5 {
			payload := generated(kinds[tr.Type], n)
			list, err := b.Emit(t.Context(), squall.Event{Trigger: tr.Ref, Payload: payload})
			if squall.KindOf(err) == squall.Invalid && err != nil {
				continue // its schema wants something else
			}
			if err != nil {
				t.Errorf("%s with %s: %v", tr.Ref, payload, err)
				continue
			}
			events++
			for _, e := range list[0].Enforcements {
				switch {
				case e.Execution != "":
					enforced["ran"]++
				case strings.Contains(e.Failure, "nternal error"):
					t.Errorf("rule %s on %s: %s", e.Rule, tr.Ref, e.Failure)
				default:
					enforced["failed"]++
				}
			}
		}
	}
	t.Logf("%d of %d packs, %d triggers, %d rules, %d policies; %d events: %v", done, len(paths), len(triggers), rules, policies, events, enforced)
	if events == 0 || enforced["ran"] == 0 {
		t.Error("no event met a rule that matches: the test shows nothing")
	}
}

// generated makes payload number n of a trigger type.
func generated(k *squall.TriggerType, n int) json.RawMessage {
	var schema struct {
		Properties map[string]struct {
			Type any   `json:"type"`
			Enum []any `json:"enum"`
		} `json:"properties"`
	}
	if k != nil {
		_ = json.Unmarshal(k.PayloadSchema, &schema) // without one there are no properties
	}
	doc := map[string]any{}
	for name, p := range schema.Properties {
		switch typ := fmt.Sprint(p.Type); {
		case len(p.Enum) > 0:
			doc[name] = p.Enum[n%len(p.Enum)]
		case strings.Contains(typ, "string"):
			doc[name] = []string{"", "text", "2026-11-22 12:00:00", "{{ trigger }}", "ÿ\u2028"}[n]
		case strings.Contains(typ, "integer"):
			doc[name] = n * 1000
		case strings.Contains(typ, "number"):
			doc[name] = float64(n) / 3
		case strings.Contains(typ, "boolean"):
			doc[name] = n%2 == 0
		case strings.Contains(typ, "array"):
			doc[name] = []any{"x", n, nil}[:n%4]
		case strings.Contains(typ, "object"):
			doc[name] = map[string]any{"ref": "refs/heads/main", "name": "x", "items": []any{n}}
		default:
			doc[name] = []any{nil, "x", 7, []any{1}, map[string]any{"a": map[string]any{}}}[n]
		}
	}
	out, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return out
}

// TestRealObjects: what the packs of the census declare beside actions is
// registered, all of it, and their policies do what they say.
func TestRealObjects(t *testing.T) {
	b, paths, _ := register(t)
	for kind, dir := range map[store.ContentKind]string{
		store.Rules: "rules", store.Sensors: "sensors", store.Aliases: "aliases", store.Policies: "policies",
	} {
		files := 0
		for _, path := range paths {
			found, err := filepath.Glob(filepath.Join(path, dir, "*.y*ml"))
			if err != nil {
				t.Fatal(err)
			}
			files += len(found)
		}
		have := 0
		b.view(func(tx store.Tx) (err error) {
			have, err = tx.CountContent(t.Context(), store.ContentFilter{Kind: kind})
			return err
		})
		if files == 0 || have < files {
			t.Errorf("%s: %d are registered of %d files", dir, have, files)
		}
	}

	svc := lifecycle.New(b.st, types.Known(), lifecycle.Options{Log: slog.New(slog.DiscardHandler), Workflows: lifecycle.Workflows{Exprs: expr.NewSet(expr.Limits{}, jinja.New())}})
	var policies []*squall.Policy
	b.view(func(tx store.Tx) (err error) {
		policies, err = store.Find[squall.Policy](t.Context(), tx, store.ContentFilter{Kind: store.Policies})
		return err
	})
	tried := map[string]int{}
	for _, p := range policies {
		tried[p.Type]++
		switch p.Type {
		case "action.concurrency", "action.concurrency.attr":
			b.limits(svc, p)
		case "action.retry":
			b.retries(svc, p)
		default:
			t.Errorf("policy %s has the type %s, which is not tried", p.Ref, p.Type)
		}
	}
	t.Logf("policies tried: %v", tried)
}

// requested asks for a run of a policy's action, with values for what it requires.
func (b *bundle) requested(svc *lifecycle.Service, p *squall.Policy) *squall.Execution {
	b.Helper()
	ref, err := squall.ParseRef(p.Resource)
	if err != nil {
		b.Fatal(err)
	}
	var version string
	b.view(func(tx store.Tx) (err error) {
		version, err = tx.CurrentVersion(b.Context(), ref)
		return err
	})
	def, err := svc.Definition(b.Context(), version)
	if err != nil {
		b.Fatal(err)
	}
	given := map[string]any{}
	for _, schema := range []squall.Schema{def.Runner.Parameters, def.Action.Parameters} {
		for _, param := range schema {
			if param.Required && len(param.Default) == 0 {
				given[param.Name] = map[string]any{`"integer"`: 1, `"boolean"`: true, `"array"`: []any{}, `"object"`: map[string]any{}}[string(param.Type)]
				if given[param.Name] == nil {
					given[param.Name] = "text"
				}
			}
		}
	}
	doc, err := json.Marshal(given)
	if err != nil {
		b.Fatal(err)
	}
	ex, err := svc.Request(b.Context(), squall.Request{Action: ref, Parameters: doc, User: "ann"})
	if err != nil {
		b.Fatalf("policy %s: a run of %s: %v", p.Ref, p.Resource, err)
	}
	return ex
}

// work lets a worker take all it gets.
func (b *bundle) work(svc *lifecycle.Service) (owner store.Owner, list []*squall.Execution) {
	b.Helper()
	b.update(func(tx store.Tx) error {
		epoch, err := tx.JoinNode(b.Context(), store.Node{Name: "w"}, time.Hour)
		owner = store.Owner{Node: "w", Epoch: epoch}
		return err
	})
	list, err := svc.Claim(b.Context(), owner, 1000, nil)
	if err != nil {
		b.Fatal(err)
	}
	return owner, list
}

// limits: no more run at the same time than the policy allows, and the others
// follow.
func (b *bundle) limits(svc *lifecycle.Service, p *squall.Policy) {
	b.Helper()
	var params struct {
		Threshold int
		Action    string
	}
	if err := json.Unmarshal(p.Parameters, &params); err != nil {
		b.Fatal(err)
	}
	for range params.Threshold + 3 {
		b.requested(svc, p)
	}
	owner, first := b.work(svc)
	if len(first) != params.Threshold {
		b.Errorf("policy %s lets %d of %d run at once", p.Ref, len(first), params.Threshold)
	}
	for _, ex := range first {
		if err := svc.Finish(b.Context(), owner, ex, squall.Outcome{Status: squall.Succeeded, Result: json.RawMessage(`{}`)}); err != nil {
			b.Fatal(err)
		}
	}
	if params.Action == "cancel" {
		return
	}
	owner, rest := b.work(svc)
	if len(rest) != 3 {
		b.Errorf("policy %s: %d of 3 follow", p.Ref, len(rest))
	}
	for _, ex := range rest {
		if err := svc.Finish(b.Context(), owner, ex, squall.Outcome{Status: squall.Succeeded, Result: json.RawMessage(`{}`)}); err != nil {
			b.Fatal(err)
		}
	}
}

// retries: what ends as the policy says is requested again.
func (b *bundle) retries(svc *lifecycle.Service, p *squall.Policy) {
	b.Helper()
	var params struct {
		On string `json:"retry_on"`
	}
	if err := json.Unmarshal(p.Parameters, &params); err != nil {
		b.Fatal(err)
	}
	ends := map[string]squall.Status{"timeout": squall.Timeout, "failure": squall.Failed}[params.On]
	of := store.ExecutionFilter{Action: p.Resource}
	count := func() (n int) {
		b.view(func(tx store.Tx) (err error) {
			n, err = tx.CountExecutions(b.Context(), of, 0)
			return err
		})
		return n
	}
	before := count()
	b.requested(svc, p)
	owner, list := b.work(svc)
	for _, ex := range list {
		if err := svc.Finish(b.Context(), owner, ex, squall.Outcome{Status: ends, Result: json.RawMessage(`{}`)}); err != nil {
			b.Fatal(err)
		}
	}
	if n := count() - before; n != 2 {
		b.Errorf("policy %s: %d runs after one that ended with %s", p.Ref, n, ends)
	}
}

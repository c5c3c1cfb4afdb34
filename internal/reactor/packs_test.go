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

	"squall/internal/content"
	"squall/internal/runner/types"
	"squall/internal/squall"
	"squall/internal/store"
)

// TestRealPacks registers all packs of the census and lets each of their triggers
// fire with generated payloads: whatever they are, no event is lost, and no rule
// ends in an internal error.
func TestRealPacks(t *testing.T) {
	root := os.Getenv("SQUALL_PACKS_METADATA")
	if root == "" {
		root = "../../../shared/compat/packs-metadata"
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Skipf("the metadata of real packs is missing: %v", err)
	}
	var paths []string
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
	b := newBundle(t, st)
	reg := &content.Registrar{Store: st, Runners: types.Known().RunnerType, Log: slog.New(slog.DiscardHandler)}
	reports, err := reg.Register(t.Context(), paths, content.Options{})
	if err != nil {
		t.Fatal(err)
	}
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

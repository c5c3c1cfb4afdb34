package types_test

import (
	"encoding/json"
	"testing"

	"squall/internal/runner/types"
)

func TestEveryNameFindsItsType(t *testing.T) {
	c := types.Builtin()
	for name, want := range map[string]string{
		"noop":               "noop",
		"announcement":       "announcement",
		"http-request":       "http-request",
		"http-runner":        "http-request",
		"local-shell-cmd":    "local-shell-cmd",
		"run-local":          "local-shell-cmd",
		"local-shell-script": "local-shell-script",
		"run-local-script":   "local-shell-script",
	} {
		rt, ok := c.RunnerType(name)
		if !ok {
			t.Errorf("%s is unknown", name)
			continue
		}
		if rt.Name != want {
			t.Errorf("%s is %s, want %s", name, rt.Name, want)
		}
	}
	if _, ok := c.RunnerType("nosuch"); ok {
		t.Error("nosuch was found")
	}
}

func TestAllIsSortedAndWellFormed(t *testing.T) {
	last := ""
	for _, rt := range types.Builtin().All() {
		if rt.Name <= last {
			t.Errorf("%s after %s", rt.Name, last)
		}
		last = rt.Name
		if rt.Output != nil && !json.Valid(rt.Output) {
			t.Errorf("%s: output schema is not JSON: %s", rt.Name, rt.Output)
		}
		for _, p := range rt.Parameters {
			for what, doc := range map[string]json.RawMessage{"type": p.Type, "default": p.Default, "rest": p.Rest} {
				if doc != nil && !json.Valid(doc) {
					t.Errorf("%s.%s: %s is not JSON: %s", rt.Name, p.Name, what, doc)
				}
			}
			if p.Description == "" {
				t.Errorf("%s.%s has no description", rt.Name, p.Name)
			}
		}
	}
}

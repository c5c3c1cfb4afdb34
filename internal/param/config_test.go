package param

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"squall/internal/expr"
	"squall/internal/squall"
)

// keys is a datastore: what is asked for with Decrypt comes in capitals.
type keys map[string]string

func (k keys) Get(_ context.Context, key expr.KeyRef) (string, bool, error) {
	v, ok := k[key.Scope+"."+key.User+"."+key.Name]
	if key.Decrypt {
		v = strings.ToUpper(v)
	}
	return v, ok, nil
}

func TestConfig(t *testing.T) {
	t.Parallel()
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	schema := squall.Schema{
		{Name: "api_key", Type: raw(`"string"`), Secret: true, Required: true},
		{Name: "region", Type: raw(`"string"`), Default: raw(`"eu"`)},
		{Name: "nested", Type: raw(`"object"`), Rest: raw(`{"properties":{"a":{"type":"integer","default":3},"pw":{"type":"string","secret":true},"deep":{"type":"object","properties":{"b":{"default":true}}}}}`)},
		{Name: "hosts", Type: raw(`"array"`), Rest: raw(`{"items":{"type":"object","properties":{"port":{"default":22},"pw":{"secret":true}}}}`)},
		{Name: "tokens", Type: raw(`"array"`), Secret: true},
		{Name: "any", Type: raw(`"object"`), Rest: raw(`{"patternProperties":{"^s_":{"secret":true}},"additionalProperties":{"type":"object","properties":{"c":{"default":1}}}}`)},
	}
	store := keys{"system..k": "kv", "user.ann.k": "mine"}
	for _, c := range []struct{ values, want string }{
		{``, `{"hosts":[],"nested":{"a":3,"deep":{"b":true}},"region":"eu","tokens":[]}`},
		{`{"region":null,"other":[1.50]}`, `{"hosts":[],"nested":{"a":3,"deep":{"b":true}},"other":[1.50],"region":null,"tokens":[]}`},
		{`{"api_key":"{{ st2kv.system.k }}","region":"{{ st2kv.system.k }}","nested":{"pw":"x{{st2kv.user.k}}","a":1,"deep":{"b":false}}}`,
			`{"api_key":"KV","hosts":[],"nested":{"a":1,"deep":{"b":false},"pw":"xMINE"},"region":"kv","tokens":[]}`},
		{`{"hosts":[{"pw":"{{ st2kv.system.k }}"},{"port":1}],"tokens":["{{ st2kv.system.k }}"],"nested":{"deep":{}}}`,
			`{"hosts":[{"port":22,"pw":"KV"},{"port":1}],"nested":{"a":3,"deep":{"b":true}},"region":"eu","tokens":["KV"]}`},
		{`{"any":{"s_1":"{{ st2kv.system.k }}","x":{}},"nested":{"a":0,"deep":{"b":0}}}`,
			`{"any":{"s_1":"KV","x":{"c":1}},"hosts":[],"nested":{"a":0,"deep":{"b":0}},"region":"eu","tokens":[]}`},
	} {
		got, err := Config(t.Context(), "p", schema, raw(c.values), store, "ann")
		if err != nil || string(got) != c.want {
			t.Errorf("%s:\n got %s, %v\nwant %s", c.values, got, err, c.want)
		}
	}
	_, err := Config(t.Context(), "p", schema, raw(`{"region":"{{ 1/0 }}"}`), store, "ann")
	if squall.KindOf(err) != squall.Invalid || !strings.HasPrefix(err.Error(), `Failed to render dynamic configuration value for key "region" with value "{{ 1/0 }}" for pack "p" config: `) {
		t.Errorf("a template that fails: %v", err)
	}
	if got, err := Config(t.Context(), "p", nil, raw(`{"a":"{{ st2kv.system.k }}"}`), store, ""); err != nil || string(got) != `{"a":"kv"}` {
		t.Errorf("without a schema: %s, %v", got, err)
	}
}

package param

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"squall/internal/expr"
	"squall/internal/squall"
)

// Config returns a pack's configuration as its actions see it: the values the
// administrator gave, completed by the defaults of the schema, and templates in
// them rendered from the datastore. st2: a value that the schema calls secret
// is decrypted. Both schema and values may be nil. Error kind: Invalid.
func Config(ctx context.Context, pack string, schema squall.Schema, values json.RawMessage, store expr.Datastore, user string) (json.RawMessage, error) {
	given, err := object(values)
	if err != nil {
		return nil, err
	}
	root, err := configSchema(pack, schema)
	if err != nil {
		return nil, err
	}
	c := configuration{ctx: ctx, pack: pack, open: &expr.Env{Store: store, User: user}}
	c.secret = &expr.Env{Store: decrypting{store}, User: user}
	out, err := c.object(map[string]any{"properties": root}, given)
	if err != nil {
		return nil, err
	}
	doc, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode configuration of pack %s: %w", pack, err)
	}
	return doc, nil
}

// configuration resolves the values of one pack.
type configuration struct {
	ctx          context.Context // lives as long as one call of Config
	pack         string
	open, secret *expr.Env
}

// object completes and renders a mapping. Objects that the schema describes, and
// arrays, are there even when nothing was given (st2).
func (c *configuration) object(schema, given map[string]any) (map[string]any, error) {
	out := maps.Clone(given)
	if out == nil {
		out = map[string]any{}
	}
	props, _ := schema["properties"].(map[string]any)
	for name, p := range props {
		prop, _ := p.(map[string]any)
		if _, is := prop["properties"].(map[string]any); is && out[name] == nil && prop["default"] == nil {
			out[name] = map[string]any{}
		}
		if prop["type"] == "array" && out[name] == nil && prop["default"] == nil {
			out[name] = []any{}
		}
		if _, ok := out[name]; !ok && prop["default"] != nil {
			out[name] = prop["default"]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(out)) {
		v, err := c.value(name, memberSchema(schema, name), out[name])
		if err != nil {
			return nil, err
		}
		out[name] = v
	}
	return out, nil
}

func (c *configuration) value(name string, schema map[string]any, v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		return c.object(schema, v)
	case []any:
		items, _ := schema["items"].(map[string]any)
		if secret, _ := schema["secret"].(bool); secret && items == nil {
			items = map[string]any{"secret": true}
		}
		out := make([]any, len(v))
		for i, item := range v {
			var err error
			if out[i], err = c.value(name, items, item); err != nil {
				return nil, err
			}
		}
		return out, nil
	case string:
		if !HasTemplate(v) {
			return v, nil
		}
		env := c.open
		if secret, _ := schema["secret"].(bool); secret {
			env = c.secret
		}
		text, err := templates().Render(c.ctx, v, env)
		if err != nil {
			if c.ctx.Err() != nil {
				return nil, c.ctx.Err()
			}
			return nil, &squall.Error{Kind: squall.Invalid, Err: err, Msg: fmt.Sprintf(
				"Failed to render dynamic configuration value for key %q with value %q for pack %q config: %s", name, v, c.pack, messageOf(err))}
		}
		return text, nil
	default:
		return v, nil
	}
}

// memberSchema returns the schema of a member: that of its name, of a pattern that
// it matches, or of all others; nil when nothing is said about it.
func memberSchema(schema map[string]any, name string) map[string]any {
	props, _ := schema["properties"].(map[string]any)
	if prop, ok := props[name].(map[string]any); ok {
		return prop
	}
	patterns, _ := schema["patternProperties"].(map[string]any)
	for _, pattern := range slices.Sorted(maps.Keys(patterns)) {
		prop, ok := patterns[pattern].(map[string]any)
		if re, err := pythonRegexp(pattern); ok && err == nil && re.MatchString(name) {
			return prop
		}
	}
	more, _ := schema["additionalProperties"].(map[string]any)
	return more
}

// decrypting gives the plain text of secrets to every look-up.
type decrypting struct{ expr.Datastore }

// Get implements expr.Datastore.
func (d decrypting) Get(ctx context.Context, key expr.KeyRef) (string, bool, error) {
	key.Decrypt = true
	return d.Datastore.Get(ctx, key)
}

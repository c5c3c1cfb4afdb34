package param

import (
	"encoding/json"
	"fmt"
	"strings"
)

// sealedPrefix begins a sealed value where it is stored. Every secret value is
// sealed, also one that a caller wrote to look like this.
const sealedPrefix = "sealed:"

// Seal returns the parameters with the values of secret ones replaced by what
// seal makes of their JSON, at any depth. Null stays, for it tells nothing.
func (f *Form) Seal(given json.RawMessage, seal func(plain string) string) (json.RawMessage, error) {
	return sealSecrets(f.secrets, given, seal, func(json.RawMessage) bool { return false })
}

// Unseal is the way back. Values that are not sealed stay as they are: they
// were stored before secrets were.
func (f *Form) Unseal(stored json.RawMessage, open func(sealed string) (string, error)) (json.RawMessage, error) {
	return unsealSecrets(f.secrets, stored, open)
}

func sealSecrets(m *mask, given json.RawMessage, seal func(string) string, keep func(json.RawMessage) bool) (json.RawMessage, error) {
	if m == nil {
		return given, nil
	}
	out, err := m.rewrite(given, func(v json.RawMessage) (json.RawMessage, error) {
		if string(v) == "null" || keep(v) {
			return v, nil
		}
		return json.Marshal(sealedPrefix + seal(string(v)))
	})
	if err != nil {
		return nil, fmt.Errorf("seal secrets: %w", err)
	}
	return out, nil
}

// seal seals what is secret in a document that may be anything.
func (m *mask) seal(doc json.RawMessage, seal func(string) string) json.RawMessage {
	out, err := sealSecrets(m, doc, seal, func(json.RawMessage) bool { return false })
	if err != nil {
		return doc // it is no JSON
	}
	return out
}

func unsealSecrets(m *mask, stored json.RawMessage, open func(string) (string, error)) (json.RawMessage, error) {
	return m.rewrite(stored, func(v json.RawMessage) (json.RawMessage, error) {
		var text string
		if json.Unmarshal(v, &text) != nil {
			return v, nil
		}
		sealed, ok := strings.CutPrefix(text, sealedPrefix)
		if !ok {
			return v, nil
		}
		plain, err := open(sealed)
		return json.RawMessage(plain), err
	})
}

// MapSecrets replaces the texts in the secret ones of a run's parameters, at
// any depth, by what fn makes of them. The map itself is changed, what is in it is not.
func (f *Form) MapSecrets(values map[string]any, fn func(string) (string, error)) error {
	if f.secrets == nil {
		return nil
	}
	for name, m := range f.secrets.properties {
		v, ok := values[name]
		if !ok {
			continue
		}
		mapped, err := m.mapTexts(v, fn)
		if err != nil {
			return fmt.Errorf("parameter %q: %w", name, err)
		}
		values[name] = mapped
	}
	return nil
}

// mapTexts maps the texts under m; below a value that is secret as a whole, all.
func (m *mask) mapTexts(v any, fn func(string) (string, error)) (any, error) {
	if m == nil {
		return v, nil
	}
	switch v := v.(type) {
	case string:
		if m.whole {
			return fn(v)
		}
	case map[string]any:
		out := make(map[string]any, len(v)) // a default is shared by all runs
		for k, item := range v {
			below := m.member(k)
			if m.whole {
				below = m
			}
			mapped, err := below.mapTexts(item, fn)
			if err != nil {
				return nil, err
			}
			out[k] = mapped
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			below := m.items
			if m.whole {
				below = m
			}
			mapped, err := below.mapTexts(item, fn)
			if err != nil {
				return nil, err
			}
			out[i] = mapped
		}
		return out, nil
	}
	return v, nil
}

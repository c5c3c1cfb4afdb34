package param

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"squall/internal/expr/value"
	"squall/internal/squall"
)

// ConfigForm is the compiled config.schema.yaml of a pack.
type ConfigForm struct {
	pack       string
	attributes map[string]*explained
	required   []string
	secrets    *mask
}

// CompileConfig compiles a schema. Error kind: Invalid.
func CompileConfig(s *squall.ConfigSchema) (*ConfigForm, error) {
	f := &ConfigForm{pack: s.Pack, attributes: map[string]*explained{}}
	secrets := map[string]*mask{}
	schemas, err := configSchema(s.Pack, s.Attributes)
	if err != nil {
		return nil, err
	}
	for _, p := range s.Attributes {
		prop := schemas[p.Name].(map[string]any)
		if m := maskOf(prop, p.Secret); m != nil {
			secrets[p.Name] = m
		}
		allowNull(p.Name, prop, map[string]any{})
		c, err := compile(prop)
		if err != nil {
			return nil, schemaFault(p.Name, s.Pack, err)
		}
		f.attributes[p.Name] = &explained{checker: c, schema: attributeOrder(p), above: []string{p.Name}, secrets: secrets[p.Name]}
		if p.Required && len(p.Default) == 0 {
			f.required = append(f.required, p.Name)
		}
	}
	if len(secrets) > 0 {
		f.secrets = &mask{properties: secrets}
	}
	return f, nil
}

// Validate checks values, a JSON object. What the schema does not name is
// allowed (st2); a template is not checked, for its type shows only when it is
// rendered. Error kind: Invalid.
func (f *ConfigForm) Validate(values json.RawMessage) error {
	given, err := object(values)
	if err != nil {
		return err
	}
	if err := f.refuseDecryption(given); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		schema := f.attributes[name]
		if schema == nil || HasTemplate(given[name]) {
			continue
		}
		x := *schema
		if x.instance, err = json.Marshal(given[name]); err != nil {
			return err
		}
		if err := x.check(given[name]); err != nil {
			return f.secrets.hush(f.fault(name, squall.MessageOf(err)), values)
		}
	}
	for _, name := range f.required {
		if _, ok := given[name]; !ok {
			return f.fault(name, repr(name)+" is a required property")
		}
	}
	return nil
}

// refuseDecryption refuses to decrypt what is decrypted anyway (st2).
func (f *ConfigForm) refuseDecryption(given map[string]any) error {
	_, err := f.secrets.mapTexts(given, func(text string) (string, error) {
		if strings.Contains(text, "decrypt_kv") {
			return "", squall.Errorf(squall.Invalid, `Values specified as "secret: True" in config schema are automatically decrypted by default. `+
				`Use of "decrypt_kv" jinja filter is not allowed for such values. `+
				`Please check the specified values in the config or the default values in the schema.`)
		}
		return text, nil
	})
	return err
}

// fault names the place of the configuration: where StackStorm has a file, it is
// in the API.
func (f *ConfigForm) fault(name, text string) error {
	return squall.Errorf(squall.Invalid, "Failed validating attribute %q in config for pack %q (/api/v1/configs/%s): %s", name, f.pack, f.pack, text)
}

// attributeOrder is an attribute with its keywords in the order in which the API
// shows them.
func attributeOrder(p squall.Parameter) json.RawMessage {
	d := value.NewDict(0)
	for _, name := range []string{"type", "description", "default", "required", "immutable", "secret", "position"} {
		d.SetStr(name, nil)
	}
	if rest, ok := written(p.Rest).(*value.Dict); ok {
		d.Update(rest)
	}
	doc, err := value.ToJSON(d)
	if err != nil {
		return nil // members are then shown in the order of their names
	}
	return doc
}

// Mask returns values with the secret ones replaced.
func (f *ConfigForm) Mask(values json.RawMessage) json.RawMessage { return f.secrets.apply(values) }

// Seal and Unseal are those of Form, for configurations. Templates stay: what
// they name is kept safe elsewhere, and people must be able to read them.
func (f *ConfigForm) Seal(values json.RawMessage, seal func(plain string) string) (json.RawMessage, error) {
	keep := func(v json.RawMessage) bool {
		decoded, err := decode(v)
		return err == nil && HasTemplate(decoded)
	}
	return sealSecrets(f.secrets, values, seal, keep)
}

// Unseal is the way back from Seal.
func (f *ConfigForm) Unseal(stored json.RawMessage, open func(sealed string) (string, error)) (json.RawMessage, error) {
	return unsealSecrets(f.secrets, stored, open)
}

package param

import (
	"encoding/json"
	"strings"
	"testing"

	"squall/internal/squall"
)

// The shape of many packs' schemas: connections by name, each described once.
func connections() *squall.ConfigSchema {
	return &squall.ConfigSchema{Pack: "sql", Attributes: squall.Schema{
		{Name: "connections", Type: json.RawMessage(`"object"`), Required: true, Rest: json.RawMessage(`{"patternProperties":{"^\\w+":{"$ref":"#/properties/connection"}},"additionalProperties":false}`)},
		{Name: "connection", Type: json.RawMessage(`"object"`), Rest: json.RawMessage(
			`{"properties":{"host":{"type":"string"},"password":{"type":"string","secret":true},"port":{"type":"integer","default":5432}},"additionalProperties":false}`)},
		{Name: "extra", Type: json.RawMessage(`"object"`), Rest: json.RawMessage(`{"properties":{"plain":{"type":"string"}},"additionalProperties":{"secret":true}}`)},
	}}
}

func TestConfigReferences(t *testing.T) {
	t.Parallel()
	form, err := CompileConfig(connections())
	if err != nil {
		t.Fatal(err)
	}
	given := json.RawMessage(`{"connections":{"db1":{"host":"h","password":"hidden"},"db2":{"password":"{{ st2kv.system.k }}"}},"extra":{"plain":"seen","token":"hidden"}}`)
	if err := form.Validate(given); err != nil {
		t.Errorf("Validate: %v", err)
	}
	if err := form.Validate(json.RawMessage(`{"connections":{"db1":{"port":"x"}}}`)); squall.KindOf(err) != squall.Invalid {
		t.Errorf("a port that is none: %v", err)
	}
	if got := string(form.Mask(given)); got != `{"connections":{"db1":{"host":"h","password":"********"},"db2":{"password":"********"}},"extra":{"plain":"seen","token":"********"}}` {
		t.Errorf("Mask = %s", got)
	}
	sealed, err := form.Seal(given, func(plain string) string { return strings.ToUpper(plain) })
	if err != nil || strings.Contains(string(sealed), "hidden") || !strings.Contains(string(sealed), "{{ st2kv.system.k }}") {
		t.Errorf("Seal = %s, %v", sealed, err)
	}
	got, err := Config(t.Context(), "sql", connections().Attributes, given, keys{"system..k": "kv"}, "ann")
	if want := `{"connection":{"port":5432},"connections":{"db1":{"host":"h","password":"hidden","port":5432},"db2":{"password":"KV","port":5432}},"extra":{"plain":"seen","token":"hidden"}}`; err != nil || string(got) != want {
		t.Errorf("Config = %s, %v\nwant     %s", got, err, want)
	}
}

func TestConfigReferenceMistakes(t *testing.T) {
	t.Parallel()
	for rest, want := range map[string]string{
		`{"$ref":"#/properties/nothing"}`:     `"#/properties/nothing" refers to nothing`,
		`{"$ref":"#/properties/a"}`:           `"#/properties/a" refers to itself`,
		`{"items":{"$ref":"#/properties/a"}}`: `refers to itself`,
		`{"$ref":"file:///etc/passwd"}`:       `refers to another document`,
		`{"$ref":"http://127.0.0.1/x#/a"}`:    `refers to another document`,
		`{"properties":{"b":{"type":"string"}},"$ref":"#/properties/a/properties/b/type"}`: `does not name a schema`,
	} {
		_, err := CompileConfig(&squall.ConfigSchema{Pack: "p", Attributes: squall.Schema{{Name: "a", Rest: json.RawMessage(rest)}}})
		if squall.KindOf(err) != squall.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", rest, err)
		}
	}
	// Doubling at every step: refused before it fills the memory.
	var schema squall.Schema
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"}
	for i, name := range names[:len(names)-1] {
		ref := `{"$ref":"#/properties/` + names[i+1] + `"}`
		schema = append(schema, squall.Parameter{Name: name, Rest: json.RawMessage(`{"properties":{"x":` + ref + `,"y":` + ref + `}}`)})
	}
	schema = append(schema, squall.Parameter{Name: "t", Type: json.RawMessage(`"string"`)})
	if _, err := CompileConfig(&squall.ConfigSchema{Pack: "p", Attributes: schema}); squall.KindOf(err) != squall.Invalid || !strings.Contains(err.Error(), "too large") {
		t.Errorf("references to references: %v", err)
	}
}

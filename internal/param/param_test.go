package param

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"squall/internal/squall"
)

// schema reads parameters as they stand in metadata; the order is the text's.
func schema(t testing.TB, doc string) squall.Schema {
	t.Helper()
	var s squall.Schema
	if doc == "" {
		return s
	}
	d := json.NewDecoder(strings.NewReader(doc))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var attrs map[string]json.RawMessage
		if err := d.Decode(&attrs); err != nil {
			t.Fatal(err)
		}
		p := squall.Parameter{Name: name.(string), Type: attrs["type"], Default: attrs["default"]}
		p.Required = string(attrs["required"]) == "true"
		p.Immutable = string(attrs["immutable"]) == "true"
		p.Secret = string(attrs["secret"]) == "true"
		if desc, ok := attrs["description"]; ok {
			_ = json.Unmarshal(desc, &p.Description)
		}
		for _, known := range []string{"type", "default", "required", "immutable", "secret", "description"} {
			delete(attrs, known)
		}
		if len(attrs) > 0 {
			p.Rest, _ = json.Marshal(attrs)
		}
		s = append(s, p)
	}
	return s
}

func form(t testing.TB, runner, action string) *Form {
	return Compile(
		&squall.RunnerType{Name: "r", Parameters: schema(t, runner), OutputKey: "result"},
		&squall.Action{Ref: squall.Ref{Pack: "p", Name: "a"}, Parameters: schema(t, action)},
	)
}

const shell = `{"cmd":{"type":"string"},"timeout":{"type":"integer","default":60},"sudo":{"type":"boolean","default":false},
	"env":{"type":"object"},"log_level":{"type":"string","default":"DEBUG","enum":["AUDIT","INFO","DEBUG"]}}`

// The texts are those recorded from StackStorm 3.10.
func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name, runner, action, given string
		want                        string // the error, "" for none
	}{
		{"nothing declared takes anything", ``, ``, `{"w":1}`, ""},
		{"undeclared", shell, ``, `{"w":1}`, "Additional properties are not allowed ('w' was unexpected)"},
		{"two undeclared", ``, `{"v":{"type":"string"}}`, `{"x":2,"w":1}`, "Additional properties are not allowed ('w', 'x' were unexpected)"},
		{"required missing", shell, `{"cmd":{"required":true}}`, ``, "'cmd' is a required property"},
		{"two required missing", ``, `{"a":{"type":"string","required":true},"b":{"type":"string","required":true}}`, `{}`, "'b' is a required property"},
		{"null for required", ``, `{"v":{"type":"string","required":true}}`, `{"v":null}`, "None is not of type 'string'"},
		{"empty for required", ``, `{"v":{"type":"string","required":true}}`, `{"v":""}`, ""},
		{"null for required with default", ``, `{"v":{"type":"string","required":true,"default":"x"}}`, `{"v":null}`, ""},
		{"null for optional", ``, `{"v":{"type":"integer"}}`, `{"v":null}`, ""},
		{"null for enum", ``, `{"v":{"type":"string","enum":["a","b"]}}`, `{"v":null}`, "None is not one of ['a', 'b']"},
		{"enum", ``, `{"v":{"type":"string","enum":["a","b"]}}`, `{"v":"c"}`, "'c' is not one of ['a', 'b']"},
		{"enum of the runner", shell, ``, `{"log_level":"LOUD"}`, "'LOUD' is not one of ['AUDIT', 'INFO', 'DEBUG']"},
		{"pattern", ``, `{"v":{"type":"string","pattern":"^a+$"}}`, `{"v":"b"}`, "'b' does not match '^a+$'"},
		{"look-ahead", ``, `{"v":{"type":"string","pattern":"^(?!x)"}}`, `{"v":"xa"}`, "'xa' does not match '^(?!x)'"},
		{"type", ``, `{"v":{"type":"boolean"}}`, `{"v":7}`, "7 is not of type 'boolean', 'null'"},
		{"type with default", ``, `{"v":{"type":"boolean","default":true}}`, `{"v":7}`, "7 is not of type 'boolean'"},
		{"type of object", ``, `{"v":{"type":"array"}}`, `{"v":{"a":1}}`, "{'a': 1} is not of type 'array', 'null'"},
		{"no type is string", ``, `{"v":{"description":"no type"}}`, `{"v":[1]}`, "[1] is not of type 'string', 'null'"},
		{"empty definition is any type", ``, `{"v":{}}`, `{"v":[1]}`, ""},
		{"empty definition takes null", ``, `{"v":{}}`, `{"v":null}`, ""},
		{"items", ``, `{"v":{"type":"array","items":{"type":"integer"}}}`, `{"v":["1","2"]}`, "'2' is not of type 'integer'"},
		{"object", ``, `{"v":{"type":"object","properties":{"a":{"type":"integer","required":true}},"additionalProperties":false}}`, `{"v":{"z":1}}`, "Additional properties are not allowed ('z' was unexpected)"},
		{"object's required", ``, `{"v":{"type":"object","properties":{"a":{"type":"integer","required":true}}}}`, `{"v":{}}`, "'a' is a required property"},
		{"object's required with default", ``, `{"v":{"type":"object","properties":{"a":{"type":"integer","required":true,"default":1}}}}`, `{"v":{}}`, ""},
		{"required in array of objects", ``, `{"v":{"type":"array","items":{"type":"object","properties":{"a":{"type":"integer","required":true}}}}}`, `{"v":[{"a":1},{}]}`, "'a' is a required property"},
		{"null in an object", ``, `{"v":{"type":"object","properties":{"a":{"type":"integer"}}}}`, `{"v":{"a":null}}`, ""},
		{"anyOf", ``, `{"v":{"anyOf":[{"type":"string"},{"type":"integer"}]}}`, `{"v":[1]}`, "[1] is not valid under any of the given schemas"},
		{"anyOf takes null", ``, `{"v":{"anyOf":[{"type":"string"},{"type":"integer"}]}}`, `{"v":null}`, ""},
		{"minimum", ``, `{"v":{"type":"integer","minimum":0}}`, `{"v":-1}`, "-1 is less than the minimum of 0"},
		{"format is not checked", ``, `{"v":{"type":"string","format":"email"}}`, `{"v":"x"}`, ""},
		{"immutable", shell, `{"cmd":{"immutable":true,"default":"id"}}`, `{"cmd":"id"}`, "Override of immutable parameter(s) ['cmd'] is unsupported."},
		{"immutable after schema", shell, `{"timeout":{"immutable":true}}`, `{"timeout":"x"}`, "'x' is not of type 'integer'"},
		{"wrong default", ``, `{"v":{"type":"integer","default":"5"}}`, `{}`, "'5' is not of type 'integer'"},
		{"template as default", ``, `{"v":{"type":"integer","required":true,"default":"{{ x }}"}}`, `{}`, ""},
		{"a list", ``, `{"v":{"type":"string"}}`, `[1]`, "[1] is not of type 'object'"},
		{"null", ``, `{"v":{"type":"string"}}`, `null`, ""},
		{"broken schema", ``, `{"v":{"type":"nosuch"}}`, `{}`, `The parameter schema of action "p.a" is not valid: `},
		{"reference to a file", ``, `{"v":{"$ref":"file:///etc/passwd"}}`, `{}`, `The parameter schema of action "p.a" is not valid: `},
		{"quotes", ``, `{"v":{"type":"string","enum":["it's"]}}`, `{"v":"a\"'\n"}`, `'a"\'\n' is not one of ["it's"]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := form(t, tc.runner, tc.action).Validate(json.RawMessage(tc.given))
			switch {
			case tc.want == "" && err != nil:
				t.Fatalf("got %v, want no error", err)
			case tc.want != "" && err == nil:
				t.Fatalf("got no error, want %s", tc.want)
			case tc.want != "" && (squall.KindOf(err) != squall.Invalid || !strings.HasPrefix(squall.MessageOf(err), tc.want)):
				t.Fatalf("got  %v\nwant %s", squall.MessageOf(err), tc.want)
			}
		})
	}
}

func TestValidateReturnsWhatWasGiven(t *testing.T) {
	f := form(t, shell, ``)
	for given, want := range map[string]string{``: `{}`, `null`: `{}`, `{"sudo": true, "cmd":"x"}`: `{"sudo": true, "cmd":"x"}`} {
		got, err := f.Validate(json.RawMessage(given))
		if err != nil || string(got) != want {
			t.Errorf("Validate(%s) = %s, %v; want %s", given, got, err, want)
		}
	}
}

func TestFinal(t *testing.T) {
	const action = `{"cmd":{"immutable":true,"default":"echo"},"timeout":{"default":5},"sudo":{},"host":{"type":"string"},"n":{"type":"number","default":2.0}}`
	runner, own, err := form(t, shell, action).Final(json.RawMessage(`{"host":"h","timeout":null,"env":{"A":"1"}}`))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal([]any{runner, own})
	const want = `[{"cmd":"echo","env":{"A":"1"},"log_level":"DEBUG","sudo":false,"timeout":5},{"host":"h","n":2.0}]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

// from hands out src.
func from(src Sources) func() Sources { return func() Sources { return src } }

// Recorded from StackStorm 3.10: what of a request is stored, and what a run
// starts with.
func TestLiveAndStart(t *testing.T) {
	const chain = `{"a":{"type":"string","default":"A"},"b":{"type":"string","default":"{{ a }}B"},"c":{"type":"string","default":"{{ b }}C"}}`
	for _, tc := range []struct{ name, params, given, stored, own, fault string }{
		{"cast to integer", `{"v":{"type":"integer"}}`, `{"v":"5"}`, `{"v":5}`, `{"v":5}`, ""},
		{"cut to integer", `{"v":{"type":"integer"}}`, `{"v":2.5}`, `{"v":2}`, `{"v":2}`, ""},
		{"true as integer", `{"v":{"type":"integer"}}`, `{"v":true}`, `{"v":1}`, `{"v":1}`, ""},
		{"integer as number", `{"v":{"type":"number"}}`, `{"v":7}`, `{"v":7.0}`, `{"v":7.0}`, ""},
		{"number stays", `{"v":{"type":"number"}}`, `{"v":2.50}`, `{"v":2.50}`, `{"v":2.50}`, ""},
		{"text as array", `{"v":{"type":"array"}}`, `{"v":"['a', 1]"}`, `{"v":["a",1]}`, `{"v":["a",1]}`, ""},
		{"no integer", `{"v":{"type":"integer"}}`, `{"v":"1.5"}`, "", "", "invalid literal for int() with base 10: '1.5'"},
		{"no text", `{"v":{"type":"string"}}`, `{"v":[1,2]}`, "", "", `Value "[1, 2]" must either be a string or None. Got "list".`},
		{"cast, then checked", `{"v":{"type":"boolean"}}`, `{"v":"1.5"}`, "", "", "1.5 is not of type 'boolean', 'null'"},
		{"a template given gives way to one that is the default", chain, `{"a":"lit","b":"{{ a }}-{{ a }}"}`, `{"a":"lit","b":"litB","c":"litBC"}`, `{"a":"lit","b":"litB","c":"litBC"}`, ""},
		{"null takes the default", chain, `{"a":null}`, `{"a":"A","b":"AB","c":"ABC"}`, `{"a":"A","b":"AB","c":"ABC"}`, ""},
		{"null takes a plain default", `{"v":{"type":"string","default":"x"}}`, `{"v":null}`, `{"v":"x"}`, `{"v":"x"}`, ""},
		{"immutable template", `{"m":{"type":"string"},"cmd":{"type":"string","immutable":true,"default":"echo {{ m }}"}}`, `{"m":"hi"}`, `{"m":"hi"}`, `{"cmd":"echo hi","m":"hi"}`, ""},
		{"not rendered twice", `{"m":{"type":"string"},"n":{"type":"string","immutable":true,"default":"{{ m }}"}}`, `{"m":"{% raw %}{{ x }}{% endraw %}"}`, `{"m":"{{ x }}"}`, `{"m":"{{ x }}","n":"{{ x }}"}`, ""},
		{"types kept", `{"o":{"type":"object","default":{"k":{"n":5}}},"a":{"type":"integer","default":"{{ o.k.n }}"}}`, `{}`, `{"a":5}`, `{"a":5,"o":{"k":{"n":5}}}`, ""},
		{"context", `{"u":{"type":"string","default":"{{ action_context.user }}"}}`, `{}`, `{"u":"ann"}`, `{"u":"ann"}`, ""},
		{"no template after all", `{"v":{"type":"string"}}`, `{"v":"{{ bad"}`, `{"v":"{{ bad"}`, `{"v":"{{ bad"}`, ""},
		{"unknown name", `{"v":{"type":"string"}}`, `{"v":"{{ nosuch }}"}`, "", "", `Dependency unsatisfied in variable "nosuch"`},
		{"cycle", `{"v":{"type":"string","default":"{{ v }}"}}`, `{}`, "", "", "Cyclic dependency found in the following variables: v. Likely the variable is referencing itself"},
		{"immutable given", `{"v":{"type":"string","immutable":true,"default":"{{ 1 }}"}}`, `{"v":"x"}`, "", "", "Override of immutable parameter(s) ['v'] is unsupported."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := form(t, shell, tc.params)
			src := Sources{Context: json.RawMessage(`{"user":"ann"}`)}
			stored, err := f.Live(t.Context(), json.RawMessage(tc.given), from(src))
			if tc.fault != "" {
				if squall.KindOf(err) != squall.Invalid || squall.MessageOf(err) != tc.fault {
					t.Fatalf("got  %v\nwant %s", err, tc.fault)
				}
				return
			}
			if err != nil || string(stored) != tc.stored {
				t.Fatalf("stored %s, %v; want %s", stored, err, tc.stored)
			}
			runner, own, err := f.Start(t.Context(), stored, from(src))
			got, _ := json.Marshal(own)
			if tc.name == "immutable template" {
				own["cmd"] = runner["cmd"] // the runner has it
				got, _ = json.Marshal(own)
			}
			if err != nil || string(got) != tc.own {
				t.Errorf("starts with %s, %v; want %s", got, err, tc.own)
			}
		})
	}
}

// A template that would take for ever is stopped by its quota.
func TestLiveIsBounded(t *testing.T) {
	f := form(t, ``, `{"v":{"type":"string"}}`)
	_, err := f.Live(t.Context(), json.RawMessage(`{"v":"{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}"}`), from(Sources{}))
	if squall.KindOf(err) != squall.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestFinalWithoutDeclarationHandsOn(t *testing.T) {
	runner, own, err := form(t, ``, ``).Final(json.RawMessage(`{"b":3}`))
	if err != nil || len(runner) != 0 || own["b"] != json.Number("3") {
		t.Errorf("got %v, %v, %v", runner, own, err)
	}
}

func TestMask(t *testing.T) {
	const params = `{"pw":{"type":"string","secret":true},"l":{"type":"array","secret":true},
		"o":{"type":"object","properties":{"k":{"secret":true,"type":"string"},"v":{"type":"string"}}},
		"a":{"type":"array","items":{"type":"object","properties":{"k":{"secret":true}}}},"plain":{"type":"string"}}`
	f := form(t, ``, params)
	for given, want := range map[string]string{
		`{"pw":"","l":[],"plain":"x"}`:            `{"pw":"********","l":"********","plain":"x"}`,
		`{"z":1,"o":{"v":"a","k":"b"},"a":[]}`:    `{"z":1,"o":{"v":"a","k":"********"},"a":[]}`,
		`{"a":[{"k":"x"},{"q":1,"k":null}, "s"]}`: `{"a":[{"k":"********"},{"q":1,"k":"********"},"s"]}`,
		`{"o":["wrong kind"]}`:                    `{"o":["wrong kind"]}`,
		`"text"`:                                  `"text"`,
		``:                                        ``,
	} {
		if got := string(f.Mask(json.RawMessage(given))); got != want {
			t.Errorf("Mask(%s) = %s, want %s", given, got, want)
		}
	}
	if !f.Secret() || form(t, shell, ``).Secret() {
		t.Error("Secret is wrong")
	}
}

func TestMaskOfBrokenSchema(t *testing.T) {
	f := form(t, ``, `{"bad":{"type":"nosuch"},"pw":{"type":"string","secret":true}}`)
	if got := string(f.Mask(json.RawMessage(`{"pw":"x","bad":1}`))); got != `{"pw":"********","bad":1}` {
		t.Error(got)
	}
}

func TestMaskResult(t *testing.T) {
	for _, tc := range []struct{ name, schema, result, want string }{
		{"whole", `{"type":"object","secret":true}`, `{"result":{"a":1},"stdout":""}`, `{"result":"********","stdout":""}`},
		{"nested", `{"type":"object","properties":{"o":{"type":"object","properties":{"p":{"type":"string","secret":true}}}}}`, `{"result":{"o":{"p":"x","q":1}}}`, `{"result":{"o":{"p":"********","q":1}}}`},
		{"wrong kind", `{"type":"object","properties":{"a":{"secret":true}}}`, `{"result":["a"]}`, `{"result":["a"]}`},
		{"old form", `{"a":{"type":"string","secret":true}}`, `{"result":{"a":"x"}}`, `{"result":{"a":"********"}}`},
		{"array", `{"type":"array","items":{"type":"object","properties":{"p":{"secret":true}}}}`, `{"result":[{"p":"x"},{"p":"y","q":1}]}`, `{"result":[{"p":"********"},{"p":"********","q":1}]}`},
		{"key absent", `{"type":"object","properties":{"a":{"secret":true}}}`, `{"other":{"a":"x"}}`, `{"other":{"a":"x"}}`},
		{"no object", `{"type":"object","properties":{"a":{"secret":true}}}`, `"text"`, `"text"`},
		{"not secret", `{"type":"object","properties":{"a":{"secret":false}}}`, `{"result":{"a":"x"}}`, `{"result":{"a":"x"}}`},
		{"no schema", ``, `{"result":{"a":"x"}}`, `{"result":{"a":"x"}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := Compile(&squall.RunnerType{OutputKey: "result"}, &squall.Action{Output: json.RawMessage(tc.schema)})
			if got := string(f.MaskResult(json.RawMessage(tc.result))); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// A secret value never survives Mask, wherever the schema puts it.
func TestMaskHidesAtAnyDepth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		attrs, value := `{"secret":true}`, `"hush"`
		for range rapid.IntRange(0, 5).Draw(t, "depth") {
			if rapid.Bool().Draw(t, "array") {
				attrs, value = `{"type":"array","items":`+attrs+`}`, `[1,`+value+`]`
			} else {
				attrs, value = `{"type":"object","properties":{"k":`+attrs+`}}`, `{"x":1,"k":`+value+`}`
			}
		}
		rest := json.RawMessage(attrs)
		a := &squall.Action{Parameters: squall.Schema{{Name: "p", Rest: rest}}}
		masked := Compile(nil, a).Mask(json.RawMessage(`{"p":` + value + `}`))
		if bytes.Contains(masked, []byte("hush")) || !json.Valid(masked) {
			t.Fatalf("schema %s: %s", attrs, masked)
		}
	})
}

func TestOfCachesByVersion(t *testing.T) {
	rt := &squall.RunnerType{Name: "r"}
	a := &squall.Action{Ref: squall.Ref{Pack: "p", Name: "a"}, Parameters: schema(t, shell)}
	b := *a
	if Of(rt, a) != Of(rt, &b) {
		t.Error("equal actions have two forms")
	}
	b.Parameters = b.Parameters[:1]
	if Of(rt, a) == Of(rt, &b) {
		t.Error("a changed action has the old form")
	}
}

func FuzzMask(f *testing.F) {
	f.Add([]byte(`{"pw":"x","o":{"k":[1]}}`))
	form := form(f, ``, `{"pw":{"secret":true},"o":{"type":"object","properties":{"k":{"secret":true}}}}`)
	f.Fuzz(func(t *testing.T, doc []byte) {
		got := form.Mask(doc)
		if json.Valid(doc) && !json.Valid(got) {
			t.Errorf("%q became %q", doc, got)
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	f := form(b, shell, `{"cmd":{"required":true}}`)
	given := json.RawMessage(`{"cmd":"true","timeout":5}`)
	for b.Loop() {
		if _, err := f.Validate(given); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLive(b *testing.B) {
	f := form(b, shell, `{"cmd":{"required":true}}`)
	given := json.RawMessage(`{"cmd":"true","timeout":5}`)
	for b.Loop() {
		if _, err := f.Live(b.Context(), given, from(Sources{})); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOf(b *testing.B) {
	rt := &squall.RunnerType{Name: "r"}
	a := &squall.Action{Ref: squall.Ref{Pack: "p", Name: "a"}, Parameters: schema(b, shell)}
	for b.Loop() {
		Of(rt, a)
	}
}

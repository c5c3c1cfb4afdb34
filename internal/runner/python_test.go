package runner

import (
	"bytes"
	"encoding/json"
	"testing"

	"squall/internal/squall"
)

func TestPythonRepr(t *testing.T) {
	// Expected values: repr(json.loads(...)) of Python 3.11.
	for in, want := range map[string]string{
		`null`:                            `None`,
		`true`:                            `True`,
		`-0`:                              `-0`, // Python has no negative zero among integers; ours shows what was written
		`12345678901234567890123`:         `12345678901234567890123`,
		`1.0`:                             `1.0`,
		`1e20`:                            `1e+20`,
		`1e15`:                            `1000000000000000.0`,
		`0.00001`:                         `1e-05`,
		`0.0001`:                          `0.0001`,
		`"it's"`:                          `"it's"`,
		`"it's \"q\""`:                    `'it\'s "q"'`,
		`"a\nb\t\\ \u0007 \u00e9 \u200b"`: `'a\nb\t\\ \x07 é \u200b'`,
		`[1, "x y", null, true, 1.5]`:     `[1, 'x y', None, True, 1.5]`,
		`{"k": "v", "a": {"b": [1]}}`:     `{'k': 'v', 'a': {'b': [1]}}`,
		`{"b": 1, "a": 2, "b": 3}`:        `{'b': 3, 'a': 2}`,
		`[]`:                              `[]`,
		`{}`:                              `{}`,
	} {
		v, err := decodeOrdered(json.RawMessage(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := PythonRepr(v); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestPythonTextOfDeclaredFloats(t *testing.T) {
	for n, want := range map[json.Number]string{"2": "2.0", "2.5": "2.5", "1e20": "1e+20", "-0": "-0.0"} {
		if got := PythonText(n, true); got != want {
			t.Errorf("%s: %s, want %s", n, got, want)
		}
	}
	if got := PythonText(json.Number("2"), false); got != "2" {
		t.Errorf("integer 2: %s", got)
	}
}

func TestOrderedFindsTheSourcesOrder(t *testing.T) {
	job := &Job{
		Execution: &squall.Execution{Parameters: json.RawMessage(`{"given":{"z":1,"a":{"y":2,"b":3}},"rendered":{"z":"{{ x }}"}}`)},
		Action: &squall.Action{Parameters: squall.Schema{
			{Name: "given"}, {Name: "rendered"}, {Name: "default", Default: json.RawMessage(`[{"z":1,"a":2}]`)},
		}},
		ActionParams: map[string]any{
			"given":    map[string]any{"z": json.Number("1"), "a": map[string]any{"y": json.Number("2"), "b": json.Number("3")}},
			"rendered": map[string]any{"z": "x", "b": nil},
			"default":  []any{map[string]any{"z": json.Number("1"), "a": json.Number("2")}},
			"scalar":   "s",
		},
	}
	for name, want := range map[string]string{
		"given":    `{"z":1,"a":{"y":2,"b":3}}`,
		"rendered": `{"b":null,"z":"x"}`,
		"default":  `[{"z":1,"a":2}]`,
		"scalar":   `"s"`,
	} {
		if got := CompactJSON(job.Ordered(name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := job.Given(); len(got) != 2 || got[0] != "given" || got[1] != "rendered" {
		t.Errorf("given: %v", got)
	}
}

func FuzzOrdered(f *testing.F) {
	f.Add([]byte(`{"b":1,"a":[{"c":"é"},null,1.5e3],"b":2}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		v, err := decodeOrdered(doc)
		if err != nil {
			return
		}
		out := CompactJSON(v)
		if !json.Valid([]byte(out)) {
			t.Fatalf("%q became %q, which is not JSON", doc, out)
		}
		again, err := decodeOrdered(json.RawMessage(out))
		if err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		if PythonRepr(again) != PythonRepr(v) {
			t.Fatalf("%s read back as %s", PythonRepr(v), PythonRepr(again))
		}
	})
}

func FuzzAppendText(f *testing.F) {
	f.Add("a\"\\\n\r\t\x00\x1f<é\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		s = Text([]byte(s))
		var b bytes.Buffer
		AppendText(&b, s)
		var got string
		if err := json.Unmarshal(b.Bytes(), &got); err != nil || got != s {
			t.Fatalf("%q became %s: %q, %v", s, b.Bytes(), got, err)
		}
	})
}

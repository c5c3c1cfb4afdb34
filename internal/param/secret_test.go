package param

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const secretSchema = `{"plain":{"type":"string"},"pw":{"type":"string","secret":true},"any":{"secret":true},
 "o":{"type":"object","properties":{"k":{"type":"string","secret":true},"n":{"type":"integer"}}},
 "l":{"type":"array","items":{"type":"string","secret":true}}}`

// mirror seals by turning a text round, and opens what it has sealed.
func mirror(s string) string {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}

func unmirror(s string) (string, error) { return mirror(s), nil }

func TestSealAndUnseal(t *testing.T) {
	t.Parallel()
	f := form(t, ``, secretSchema)
	for _, c := range []struct{ given, sealed string }{
		{`{"plain":"a","n":1}`, `{"plain":"a","n":1}`},
		{`{"pw":"ab","plain":"x"}`, `{"pw":"sealed:\"ba\"","plain":"x"}`},
		{`{"pw":null,"any":{"x":[1,2.50]}}`, `{"pw":null,"any":"sealed:}]05.2,1[:\"x\"{"}`},
		{`{"o":{"n":1,"k":"ab"},"l":["ab","sealed:x"]}`, `{"o":{"n":1,"k":"sealed:\"ba\""},"l":["sealed:\"ba\"","sealed:\"x:delaes\""]}`},
		{`{}`, `{}`},
		{``, ``},
	} {
		sealed, err := f.Seal(json.RawMessage(c.given), mirror)
		if err != nil || string(sealed) != c.sealed {
			t.Errorf("Seal(%s) = %s, %v, want %s", c.given, sealed, err, c.sealed)
		}
		open, err := f.Unseal(sealed, unmirror)
		if err != nil || string(open) != c.given {
			t.Errorf("Unseal(%s) = %s, %v, want %s", sealed, open, err, c.given)
		}
		if masked := string(f.Mask(sealed)); masked != string(f.Mask(json.RawMessage(c.given))) && !strings.Contains(c.given, "null") {
			t.Errorf("the mask of %s is %s", sealed, masked)
		}
	}
	if _, err := f.Unseal(json.RawMessage(`{"pw":"sealed:x"}`), func(string) (string, error) { return "", errors.New("no") }); err == nil {
		t.Error("a value that cannot be opened was passed on")
	}
	// Without secrets nothing is looked at.
	plain := form(t, ``, `{"a":{"type":"string"}}`)
	if doc, err := plain.Seal(json.RawMessage(`no JSON`), mirror); err != nil || string(doc) != "no JSON" {
		t.Errorf("without secrets: %s, %v", doc, err)
	}
}

func TestMapSecrets(t *testing.T) {
	t.Parallel()
	f := form(t, ``, secretSchema)
	shared := map[string]any{"k": "a", "n": json.Number("1"), "other": "a"}
	values := map[string]any{
		"plain": "a", "pw": "a", "any": map[string]any{"x": []any{"a", true, nil}}, "o": shared, "l": []any{"a", "b"},
	}
	err := f.MapSecrets(values, func(s string) (string, error) { return s + "!", nil })
	want := map[string]any{
		"plain": "a", "pw": "a!", "any": map[string]any{"x": []any{"a!", true, nil}},
		"o": map[string]any{"k": "a!", "n": json.Number("1"), "other": "a"}, "l": []any{"a!", "b!"},
	}
	if d := cmp.Diff(want, values); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
	if shared["k"] != "a" {
		t.Error("a value that others share was changed")
	}
	if err := f.MapSecrets(map[string]any{"pw": "x"}, func(string) (string, error) { return "", errors.New("gone") }); err == nil || err.Error() != `parameter "pw": gone` {
		t.Errorf("error %v", err)
	}
}

func FuzzUnseal(f *testing.F) {
	fm := form(f, ``, secretSchema)
	f.Add(`{"pw":"sealed:x","o":{"k":"sealed:"},"l":["sealed:1"]}`)
	f.Fuzz(func(t *testing.T, doc string) {
		given := json.RawMessage(doc)
		sealed, err := fm.Seal(given, mirror)
		if err != nil || !json.Valid(given) {
			return
		}
		open, err := fm.Unseal(sealed, unmirror)
		if err != nil {
			t.Fatalf("%s was sealed to %s, which does not open: %v", doc, sealed, err)
		}
		var a, b any
		if json.Unmarshal(given, &a) == nil && json.Unmarshal(open, &b) == nil && cmp.Diff(a, b) != "" {
			t.Errorf("%s came back as %s", doc, open)
		}
	})
}

func BenchmarkLiveWithKey(b *testing.B) {
	f := form(b, ``, `{"v":{"type":"string"}}`)
	given := json.RawMessage(`{"v":"{{ st2kv.system.k }}"}`)
	src := Sources{Context: json.RawMessage(`{"user":"ann"}`), Store: keys{"system..k": "value"}, User: "ann"}
	b.ReportAllocs()
	for b.Loop() {
		if doc, err := f.Live(b.Context(), given, from(src)); err != nil || string(doc) != `{"v":"value"}` {
			b.Fatal(string(doc), err)
		}
	}
}

func BenchmarkSealParameters(b *testing.B) {
	f := form(b, ``, secretSchema)
	given := json.RawMessage(`{"plain":"some text","pw":"correct horse"}`)
	b.ReportAllocs()
	for b.Loop() {
		sealed, err := f.Seal(given, func(s string) string { return s })
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Unseal(sealed, func(s string) (string, error) { return s, nil }); err != nil {
			b.Fatal(err)
		}
	}
}

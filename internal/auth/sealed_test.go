package auth

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"squall/internal/squall"
)

var sealedAt = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)

func TestOpenDocument(t *testing.T) {
	t.Parallel()
	ring := NewKeyring(sealedAt).Rotate(sealedAt)
	const p, other = ForWorkflows, ForSignOn
	one, two := ring.SealDocument(p, json.RawMessage(`{"a":"x"}`)), ring.SealDocument(p, json.RawMessage(`"y"`))
	foreign := string(ring.SealDocument(other, json.RawMessage(`"z"`)))
	inText, err := json.Marshal(string(one))
	if err != nil {
		t.Fatal(err)
	}
	long := `"sealed:` + strings.Repeat("0A", 40) + `"`
	for _, c := range []struct{ stored, want string }{
		{string(one), `{"a":"x"}`},
		{`{"b":` + string(one) + `,"c":[` + string(two) + `,1]}`, `{"b":{"a":"x"},"c":["y",1]}`},
		{`{"b":` + foreign + `,"c":` + string(two) + `}`, `{"b":` + foreign + `,"c":"y"}`},
		{foreign, foreign},
		{string(inText), string(inText)}, // a text that quotes a document
		{long, long},
		{`"sealed:"`, `"sealed:"`},
		{`"sealed:01`, `"sealed:01`},
		{`{"a":1}`, `{"a":1}`},
		{``, ``},
	} {
		got, found := ring.OpenDocument(p, json.RawMessage(c.stored))
		if string(got) != c.want || found != (c.stored != c.want) {
			t.Errorf("OpenDocument(%s) = %s, %t; want %s", c.stored, got, found, c.want)
		}
	}
}

func TestRewriteSealed(t *testing.T) {
	t.Parallel()
	old := NewKeyring(sealedAt)
	ring := old.Rotate(sealedAt)
	doc := []byte(`{"a":` + string(old.SealDocument(ForWorkflows, json.RawMessage(`1`))) + `,"b":"sealed:","c":` + string(ring.SealDocument(ForWorkflows, json.RawMessage(`2`))) + `}`)
	fresh := RewriteSealed(doc, func(sealed string) string {
		if ring.Newest(sealed) {
			return sealed
		}
		plain, err := ring.Open(ForWorkflows, sealed)
		if err != nil {
			t.Error(err)
		}
		return ring.Seal(ForWorkflows, plain)
	})
	if len(fresh) != len(doc) {
		t.Errorf("it is %d bytes long now, not %d", len(fresh), len(doc))
	}
	newest, err := ring.Without(old.Keys()[0])
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := newest.OpenDocument(ForWorkflows, fresh); string(got) != `{"a":1,"b":"sealed:","c":2}` {
		t.Errorf("with the new key alone: %s", got)
	}
	if got := RewriteSealed(fresh, func(sealed string) string { return sealed }); &got[0] != &fresh[0] {
		t.Error("what stays is copied")
	}
	var keys []string
	for text := range SealedTexts(doc) {
		keys = append(keys, KeyOf(text))
	}
	if want := []string{old.Keys()[0], ring.Keys()[0]}; !slices.Equal(keys, want) {
		t.Errorf("the keys of a document are %v, want %v", keys, want)
	}
	if whole := []byte(SealedPrefix + old.Seal(ForWorkflows, "x")); len(slices.Collect(SealedTexts(whole))) != 1 {
		t.Error("a document that is sealed as a whole holds no sealed text")
	}
}

func TestWithout(t *testing.T) {
	t.Parallel()
	old := NewKeyring(sealedAt)
	ring := old.Rotate(sealedAt)
	sealed := old.Seal(ForDatastore, "x")
	left, err := ring.Without(old.Keys()[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := left.Open(ForDatastore, sealed); err == nil || len(left.Keys()) != 1 {
		t.Errorf("the key is still there: %v", left.Keys())
	}
	if got, err := ring.Open(ForDatastore, sealed); err != nil || got != "x" {
		t.Errorf("the keyring it was taken from has changed: %q, %v", got, err)
	}
	for id, kind := range map[string]squall.Kind{ring.Keys()[0]: squall.Conflict, "00000000": squall.NotFound, "": squall.NotFound} {
		if _, err := ring.Without(id); squall.KindOf(err) != kind {
			t.Errorf("Without(%q): %v", id, err)
		}
	}
}

func FuzzOpenDocument(f *testing.F) {
	ring := NewKeyring(sealedAt)
	f.Add([]byte(ring.SealDocument(ForWorkflows, json.RawMessage(`"x"`))))
	f.Add([]byte(`{"a":"sealed:0A"}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		if got, found := ring.OpenDocument(ForSignOn, doc); found || string(got) != string(doc) {
			t.Errorf("%q was opened", doc)
		}
		if got := RewriteSealed(doc, func(text string) string { return text }); string(got) != string(doc) {
			t.Errorf("%q became %q", doc, got)
		}
	})
}

package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"squall/internal/alias"
	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
	"squall/internal/rule"
	"squall/internal/squall"
)

// packObjects reads the files of a kind of all real packs the product is tested
// with, by path.
func packObjects(t *testing.T, kind string) map[string]*value.Dict {
	t.Helper()
	dir := os.Getenv("SQUALL_PACKS_METADATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "compat", "packs-metadata")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", kind, "*.y*ml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("SKIPPED: no corpus of pack metadata in %s; set SQUALL_PACKS_METADATA", dir)
	}
	out := map[string]*value.Dict{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		v, err := pyyaml.SafeLoad(nil, string(text))
		if d, ok := v.(*value.Dict); ok && err == nil {
			out[f] = d
		}
	}
	return out
}

// TestRulesOfPacks gives every rule of the real packs events that hold what it
// looks for and events that hold something else: nothing is an internal error, and
// equality finds what it looks for.
func TestRulesOfPacks(t *testing.T) {
	set := expr.NewSet(expr.Limits{}, jinja.New())
	tried, matched := 0, 0
	for file, doc := range packObjects(t, "rules") {
		criteria, ok := get[*value.Dict](doc, "criteria")
		if !ok {
			criteria = value.NewDict(0)
		}
		text, err := value.ToJSON(criteria)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if err := rule.Validate(text); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		r, err := rule.Compile(set, &squall.Rule{Ref: squall.Ref{Pack: "p", Name: str(doc, "name")}, Enabled: true, Criteria: text})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		tried++
		for _, other := range []any{nil, int64(1), "text", value.NewList(), value.DictOf("a", nil)} {
			payload := payloadFor(criteria, other)
			v := r.Match(t.Context(), rule.Event{Payload: payload}, rule.Env{Now: recordingTime()})
			if v.Err != nil {
				t.Errorf("%s: %v", file, v.Err)
			}
			if other == nil && v.Matched {
				matched++
			}
		}
	}
	t.Logf("%d rules, %d match the event made for them", tried, matched)
	if tried < 40 || matched*2 < tried {
		t.Errorf("%d rules tried, %d matched", tried, matched)
	}
}

// payloadFor makes an event that has under every key of criteria what the pattern
// says or, when other is not nil, that.
func payloadFor(criteria *value.Dict, other any) *value.Dict {
	payload := value.DictOf("made", "for a test")
	for k, body := range criteria.All() {
		key, _, _ := strings.Cut(k.(string), "#")
		names := strings.Split(strings.NewReplacer("['", ".", "']", "", "\"", "", "'", "").Replace(key), ".")
		d := payload
		for _, n := range names[1 : len(names)-1] {
			next, ok := get[*value.Dict](d, n)
			if !ok {
				next = value.NewDict(1)
				d.SetStr(n, next)
			}
			d = next
		}
		v := other
		if v == nil {
			v, _ = body.(*value.Dict).GetStr("pattern")
		}
		d.SetStr(names[len(names)-1], v)
	}
	return payload
}

// TestAliasesOfPacks compiles every alias of the real packs and says each format
// as it is written.
func TestAliasesOfPacks(t *testing.T) {
	var all []*squall.Alias
	for file, doc := range packObjects(t, "aliases") {
		a := &squall.Alias{Ref: squall.Ref{Pack: "p", Name: str(doc, "name")}, Enabled: true}
		formats, _ := get[*value.List](doc, "formats")
		for _, written := range formats.Items {
			f, err := alias.ReadFormat(written)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			a.Formats = append(a.Formats, f)
		}
		all = append(all, a)
	}
	book := alias.NewBook(all)
	for _, p := range book.Problems() {
		t.Errorf("%v", p)
	}
	said, understood := 0, 0
	for _, a := range all {
		for _, f := range a.Formats {
			for _, r := range f.Representation {
				said++
				hits, problems, err := book.Match(t.Context(), strings.NewReplacer("{{", "", "}}", "", "(", "", ")?", "", ")", "", "?", "").Replace(r))
				if err != nil || len(problems) > 0 {
					t.Errorf("%q: %v, %v", r, problems, err)
				}
				for _, h := range hits {
					if h.Alias == a {
						understood++
						break
					}
				}
			}
		}
	}
	t.Logf("%d aliases, %d formats said, %d understood", len(all), said, understood)
	if len(all) < 50 || understood*2 < said {
		t.Errorf("%d aliases, %d formats said, %d understood", len(all), said, understood)
	}
}

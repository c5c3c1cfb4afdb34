package content_test

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/content"
	"squall/internal/runner/types"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/sqlite"
)

// open returns a registrar on an empty store.
func open(t testing.TB) *content.Registrar {
	t.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(t.TempDir(), "db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &content.Registrar{Store: s, Runners: types.Known().RunnerType, Log: slog.New(slog.DiscardHandler)}
}

// files writes files below dir; an empty text removes one.
func files(t testing.TB, dir string, texts map[string]string) string {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		path := filepath.Join(dir, name)
		if texts[name] == "" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(texts[name]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func register(t testing.TB, r *content.Registrar, o content.Options, paths ...string) []*content.Report {
	t.Helper()
	reports, err := r.Register(t.Context(), paths, o)
	if err != nil {
		t.Fatal(err)
	}
	return reports
}

// refs lists the references of one kind.
func refs(t testing.TB, r *content.Registrar, kind store.ContentKind) []string {
	t.Helper()
	var list []string
	err := r.Store.View(t.Context(), func(tx store.Tx) error {
		found, err := tx.FindContent(t.Context(), store.ContentFilter{Kind: kind})
		for _, c := range found {
			list = append(list, c.Ref)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

const (
	packYAML  = "name: mine\nversion: 1.0.0\n"
	otherYAML = "name: other\nversion: 1.0.0\n"
	ruleYAML  = "name: r\nenabled: true\ntrigger: {type: mine.happened, parameters: {path: /x}}\naction: {ref: mine.a}\n"
)

func mine(t testing.TB, dir string) string {
	return files(t, filepath.Join(dir, "mine"), map[string]string{
		"pack.yaml":           packYAML,
		"config.schema.yaml":  "token: {type: string, secret: true}\n",
		"actions/a.yaml":      "name: a\nrunner_type: noop\n",
		"actions/py.yaml":     "name: py\nrunner_type: python-script\nentry_point: py.py\n",
		"triggers/t.yaml":     "name: happened\nparameters_schema: {type: object}\n",
		"triggers/plain.yaml": "name: plain\n",
		"sensors/s.yaml":      "class_name: S\nentry_point: s.py\ntrigger_types: [{name: sensed}]\n",
		"aliases/a.yaml":      "name: a\naction_ref: mine.a\nformats: [do it]\n",
		"policies/p.yaml":     "name: p\nresource_ref: mine.a\npolicy_type: action.concurrency\nparameters: {threshold: 1}\n",
		"rules/r.yaml":        ruleYAML,
	})
}

func TestRegister(t *testing.T) {
	r := open(t)
	path := mine(t, t.TempDir())
	report := register(t, r, content.Options{}, path)[0]
	if !report.Done || len(report.Problems) > 0 {
		t.Fatalf("report %+v", report)
	}
	equal(t, "counts", report.Counts, map[string]int{"trigger_types": 3, "sensors": 1, "actions": 2, "aliases": 1, "policies": 1, "rules": 1})
	equal(t, "added", len(report.Added), 11)
	waitsFor := squall.TriggerFor(squall.Ref{Pack: "mine", Name: "happened"}, []byte(`{"path":"/x"}`)).Ref.String()
	want := []string{"mine.plain", "mine.sensed", waitsFor}
	slices.Sort(want)
	equal(t, "triggers", refs(t, r, store.Triggers), want)
	equal(t, "config schemas", refs(t, r, store.ConfigSchemas), []string{"mine"})

	again := register(t, r, content.Options{}, path)[0]
	if n := len(again.Added) + len(again.Changed) + len(again.Removed); n != 0 {
		t.Errorf("registering again changed something: %+v", again)
	}

	files(t, path, map[string]string{
		"actions/py.yaml":     "",
		"actions/a.yaml":      "name: a\nrunner_type: noop\ndescription: other\n",
		"aliases/b.yaml":      "name: b\naction_ref: mine.a\nformats: [do b]\n",
		"rules/r.yaml":        strings.Replace(ruleYAML, "/x", "/y", 1),
		"triggers/plain.yaml": "",
		"policies/p.yaml":     "name: p\n",
	})
	changed := register(t, r, content.Options{}, path)[0]
	equal(t, "added", changed.Added, []string{"action_alias mine.b"})
	equal(t, "changed", changed.Changed, []string{"pack mine", "action mine.a", "rule mine.r"})
	equal(t, "removed", changed.Removed, []string{"action mine.py", "trigger_type mine.plain", "policy mine.p"})
	if len(changed.Problems) == 0 || changed.Problems[0].File != "policies/p.yaml" {
		t.Errorf("problems %v", changed.Problems)
	}
	now := squall.TriggerFor(squall.Ref{Pack: "mine", Name: "happened"}, []byte(`{"path":"/y"}`)).Ref.String()
	want = []string{"mine.sensed", now}
	slices.Sort(want)
	equal(t, "triggers", refs(t, r, store.Triggers), want)
}

func TestRegisterSomeKinds(t *testing.T) {
	r := open(t)
	register(t, r, content.Options{Dirs: []string{"aliases"}}, mine(t, t.TempDir()))
	equal(t, "aliases", refs(t, r, store.Aliases), []string{"mine.a"})
	equal(t, "rules", refs(t, r, store.Rules), []string(nil))
}

// What somebody changed or made through the API survives a restart, but not an
// explicit registration of the file it came from.
func TestRegisterKeepsChanges(t *testing.T) {
	r := open(t)
	path := mine(t, t.TempDir())
	register(t, r, content.Options{Keep: true}, path)
	own := &squall.Rule{Ref: squall.Ref{Pack: "mine", Name: "own"}, Type: squall.RuleStandard}
	enabled := func() bool {
		t.Helper()
		var rule *squall.Rule
		err := r.Store.View(t.Context(), func(tx store.Tx) error {
			c, err := tx.Content(t.Context(), store.Rules, "mine.r")
			if err == nil {
				rule, err = store.Decode[squall.Rule](c)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return rule.Enabled
	}
	err := r.Store.Update(t.Context(), func(tx store.Tx) error {
		c, err := tx.Content(t.Context(), store.Rules, "mine.r")
		if err != nil {
			return err
		}
		rule, err := store.Decode[squall.Rule](c)
		if err != nil {
			return err
		}
		rule.Enabled = false
		if err := store.PutRule(t.Context(), tx, rule, ""); err != nil {
			return err
		}
		return store.PutRule(t.Context(), tx, own, "")
	})
	if err != nil {
		t.Fatal(err)
	}
	register(t, r, content.Options{Keep: true}, path)
	if enabled() {
		t.Error("a restart undid the change of a rule")
	}
	register(t, r, content.Options{}, path)
	if !enabled() {
		t.Error("registering did not take the file's rule")
	}
	equal(t, "rules", refs(t, r, store.Rules), []string{"mine.own", "mine.r"})
}

// The same holds for actions.
func TestRegisterKeepsActions(t *testing.T) {
	r := open(t)
	path := mine(t, t.TempDir())
	register(t, r, content.Options{Keep: true}, path)
	a := squall.Ref{Pack: "mine", Name: "a"}
	description := func(ref squall.Ref) (text string) {
		t.Helper()
		err := r.Store.View(t.Context(), func(tx store.Tx) error {
			action, err := tx.Action(t.Context(), ref)
			if err == nil {
				text = action.Description
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	err := r.Store.Update(t.Context(), func(tx store.Tx) error {
		for _, name := range []string{"a", "own"} {
			if err := tx.PutAction(t.Context(), &squall.Action{Ref: squall.Ref{Pack: "mine", Name: name}, Runner: "noop", Description: "by API"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	register(t, r, content.Options{Keep: true}, path)
	equal(t, "after a restart", description(a), "by API")
	register(t, r, content.Options{}, path)
	equal(t, "after registering", description(a), "")
	equal(t, "made through the API", description(squall.Ref{Pack: "mine", Name: "own"}), "by API")
}

// What was removed through the API stays away as long as its file is the same,
// and comes back when the pack is registered.
func TestRegisterKeepsRemovals(t *testing.T) {
	r := open(t)
	path := mine(t, t.TempDir())
	register(t, r, content.Options{Keep: true}, path)
	a := squall.Ref{Pack: "mine", Name: "a"}
	remove := func() {
		t.Helper()
		err := r.Store.Update(t.Context(), func(tx store.Tx) error {
			for kind, ref := range map[store.ContentKind]string{store.Rules: "mine.r", store.Aliases: "mine.a"} {
				c, err := tx.Content(t.Context(), kind, ref)
				if err != nil {
					return err
				}
				if err := store.Remove(t.Context(), tx, c); err != nil {
					return err
				}
			}
			return store.RemoveAction(t.Context(), tx, a)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(when string, there bool) {
		t.Helper()
		err := r.Store.View(t.Context(), func(tx store.Tx) error {
			_, err := tx.Action(t.Context(), a)
			return err
		})
		if got := err == nil; got != there {
			t.Errorf("%s: the action is there: %v", when, got)
		}
		if got := len(refs(t, r, store.Rules)) + len(refs(t, r, store.Aliases)); got != map[bool]int{true: 2}[there] {
			t.Errorf("%s: %d rules and aliases", when, got)
		}
	}
	remove()
	register(t, r, content.Options{Keep: true}, path)
	want("after a restart", false)
	register(t, r, content.Options{}, path)
	want("after registering", true)
	register(t, r, content.Options{Keep: true}, path)
	want("after another restart", true)
	remove()
	files(t, path, map[string]string{
		"actions/a.yaml": "name: a\nrunner_type: noop\ndescription: new\n",
		"aliases/a.yaml": "name: a\naction_ref: mine.a\nformats: [do it now]\n",
		"rules/r.yaml":   strings.Replace(ruleYAML, "/x", "/z", 1),
	})
	register(t, r, content.Options{Keep: true}, path)
	want("after new files", true)
}

// A rule waits until the pack with its trigger type comes.
func TestRulesWaitForTriggerTypes(t *testing.T) {
	r := open(t)
	dir := t.TempDir()
	path := mine(t, dir)
	other := files(t, filepath.Join(dir, "other"), map[string]string{
		"pack.yaml":    otherYAML,
		"rules/r.yaml": "name: r\ntrigger: {type: mine.plain}\naction: {ref: core.local}\n",
	})
	register(t, r, content.Options{}, other)
	equal(t, "rules", refs(t, r, store.Rules), []string(nil))
	register(t, r, content.Options{}, other, path) // in any order
	equal(t, "rules", refs(t, r, store.Rules), []string{"mine.r", "other.r"})
}

func TestUnusablePackIsLeftAlone(t *testing.T) {
	r := open(t)
	path := mine(t, t.TempDir())
	register(t, r, content.Options{}, path)
	files(t, path, map[string]string{"pack.yaml": "name: mine\nversion: 2\n", "aliases/a.yaml": ""})
	report := register(t, r, content.Options{}, path)[0]
	if report.Done {
		t.Error("an unusable pack was registered")
	}
	equal(t, "aliases", refs(t, r, store.Aliases), []string{"mine.a"})
}

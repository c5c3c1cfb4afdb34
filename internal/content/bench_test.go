package content_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"squall/internal/content"
	"squall/internal/squall"
	"squall/internal/store"
)

// corpus returns the directories of the real packs, or skips.
func corpus(b *testing.B) []string {
	b.Helper()
	dir := os.Getenv("SQUALL_PACKS_METADATA")
	if dir == "" {
		dir = "../../../shared/compat/packs-metadata"
	}
	paths, err := content.Find(dir)
	if err != nil {
		b.Skipf("SKIPPED: no corpus of pack metadata: %v", err)
	}
	return paths
}

// manyPacks is how many packs the largest known installation has.
const manyPacks = 160

// many returns the corpus, filled up to manyPacks with copies of its packs under
// other names.
func many(b *testing.B) []string {
	b.Helper()
	paths := corpus(b)
	dir := b.TempDir()
	ownName := regexp.MustCompile(`(?m)^(name:.*|ref:.*|---)\n`)
	for i := 0; len(paths) < manyPacks; i++ {
		from := paths[i]
		name := filepath.Base(from) + "_again"
		inPack := regexp.MustCompile(`(?m)^pack: *["']?` + regexp.QuoteMeta(filepath.Base(from)) + `["']? *$`)
		err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(from, path)
			if err != nil {
				return err
			}
			if rel == "pack.yaml" {
				text = append([]byte("---\nname: "+name+"\nref: "+name+"\n"), ownName.ReplaceAll(text, nil)...)
			}
			text = inPack.ReplaceAll(text, []byte("pack: "+name))
			into := filepath.Join(dir, name, rel)
			if err := os.MkdirAll(filepath.Dir(into), 0o700); err != nil {
				return err
			}
			return os.WriteFile(into, text, 0o600)
		})
		if err != nil {
			b.Fatal(err)
		}
		paths = append(paths, filepath.Join(dir, name))
	}
	return paths
}

// BenchmarkRegisterAll registers packs in an empty store, and once more when
// nothing has changed.
func BenchmarkRegisterAll(b *testing.B) {
	paths := many(b)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			r := open(b)
			b.StartTimer()
			actions := 0
			for _, report := range register(b, r, content.Options{}, paths...) {
				if !report.Done {
					b.Errorf("pack %s is not registered: %v", report.Pack, report.Problems)
				}
				actions += report.Counts["actions"]
			}
			b.ReportMetric(float64(actions), "actions")
			b.ReportMetric(float64(len(paths)), "packs")
		}
	})
	b.Run("unchanged", func(b *testing.B) {
		r := open(b)
		register(b, r, content.Options{}, paths...)
		for b.Loop() {
			register(b, r, content.Options{Keep: true}, paths...)
		}
	})
}

// BenchmarkLookUp reads from the catalogue when all real packs are in it.
func BenchmarkLookUp(b *testing.B) {
	paths := many(b)
	r := open(b)
	register(b, r, content.Options{}, paths...)
	for name, read := range map[string]func(tx store.Tx) error{
		"action": func(tx store.Tx) error {
			_, err := tx.Action(b.Context(), squall.Ref{Pack: "hubot", Name: "post_message"})
			return err
		},
		"actions/100": func(tx store.Tx) error {
			_, err := tx.FindActions(b.Context(), store.ActionFilter{Limit: 100})
			return err
		},
		"actions/search": func(tx store.Tx) error {
			_, err := tx.FindActions(b.Context(), store.ActionFilter{Search: "snapshot", Limit: 100})
			return err
		},
		"actions/count": func(tx store.Tx) error {
			_, err := tx.CountActions(b.Context(), store.ActionFilter{})
			return err
		},
		"rules/trigger": func(tx store.Tx) error {
			_, err := tx.FindContent(b.Context(), store.ContentFilter{Kind: store.Rules, Link: "core.st2.webhook"})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := r.Store.View(b.Context(), read); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

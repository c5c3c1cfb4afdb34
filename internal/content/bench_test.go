package content_test

import (
	"os"
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

// BenchmarkRegisterAll registers the corpus of real packs in an empty store, and
// once more when nothing has changed.
func BenchmarkRegisterAll(b *testing.B) {
	paths := corpus(b)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			r := open(b)
			b.StartTimer()
			register(b, r, content.Options{}, paths...)
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
	paths := corpus(b)
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

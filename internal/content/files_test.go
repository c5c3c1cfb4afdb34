package content_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"squall/internal/content"
	"squall/internal/squall"
	"squall/internal/store"
)

func TestFilesOfAPack(t *testing.T) {
	r := open(t)
	dir := t.TempDir()
	path := mine(t, dir)
	s := &content.Service{Registrar: r, Dir: dir}
	register(t, r, content.Options{}, path)
	listed := func(name string) bool {
		t.Helper()
		var p *squall.Pack
		err := r.Store.View(t.Context(), func(tx store.Tx) (err error) {
			p, err = tx.Pack(t.Context(), "mine")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return slices.Contains(p.Files, name)
	}
	write := func(name, text string) error {
		return s.WriteFiles(t.Context(), "mine", []content.File{{Path: name, Text: []byte(text)}})
	}
	if err := write("actions/lib/new.sh", "#!/bin/sh\necho hi\n"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(path, "actions/lib/new.sh"))
	if err != nil || info.Mode().Perm()&0o100 == 0 {
		t.Errorf("a script is written executable: %v, %v", info, err)
	}
	if !listed("actions/lib/new.sh") {
		t.Error("the new file is not in the pack's list")
	}
	if err := os.Symlink("/", filepath.Join(path, "out")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../x", "/etc/x", "actions/../../x", "", ".", "out/tmp/x"} {
		if err := write(name, "x"); err == nil {
			t.Errorf("%q was written", name)
		}
		if err := s.RemoveFiles(t.Context(), "mine", []string{name}); err == nil && name != "" {
			t.Errorf("%q was removed", name)
		}
	}
	if err := s.WriteFiles(t.Context(), "nobody", nil); squall.KindOf(err) != squall.NotFound {
		t.Errorf("unknown pack: %v", err)
	}
	if err := s.RemoveFiles(t.Context(), "mine", []string{"actions/lib/new.sh", "actions/nothing"}); err != nil || listed("actions/lib/new.sh") {
		t.Errorf("removing: %v", err)
	}
}

package app

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/sqlite"
)

var testNow = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)

func keyringStore(t *testing.T) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

func TestKeyringOfAServer(t *testing.T) {
	t.Parallel()
	st, dir := keyringStore(t), t.TempDir()
	path := filepath.Join(dir, KeyringFile)
	ring, err := openKeyring(t.Context(), st, path, discardLog)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("keyring: %v, %v", info, err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("more than the keyring was left: %v", files)
	}
	sealed := ring.Seal(auth.ForDatastore, "x")
	again, err := openKeyring(t.Context(), st, path, discardLog)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open(auth.ForDatastore, sealed); err != nil || got != "x" {
		t.Errorf("after a restart: %q, %v", got, err)
	}
	// A rotated keyring is still this database's.
	if err := writeKeyring(path, again.Rotate(testNow), os.Rename); err != nil {
		t.Fatal(err)
	}
	if _, err := openKeyring(t.Context(), st, path, discardLog); err != nil {
		t.Errorf("after a rotation: %v", err)
	}

	want := func(what, path string, kind squall.Kind, text string) {
		t.Helper()
		_, err := openKeyring(t.Context(), st, path, discardLog)
		if squall.KindOf(err) != kind || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", what, err)
		}
	}
	missing := filepath.Join(t.TempDir(), "keyring")
	want("no keyring", missing, squall.Conflict, "copy the file")
	if _, err := os.Stat(missing); err == nil {
		t.Error("a keyring was made for a database that has one")
	}
	other := filepath.Join(t.TempDir(), "keyring")
	if err := writeKeyring(other, auth.NewKeyring(testNow), os.Link); err != nil {
		t.Fatal(err)
	}
	want("another keyring", other, squall.Conflict, "not the one")
	if err := os.Chmod(other, 0o640); err != nil {
		t.Fatal(err)
	}
	want("readable by others", other, squall.Invalid, "chmod 600")
	if err := os.WriteFile(missing, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	want("no keyring in the file", missing, squall.Invalid, "version 0")
}

// TestKeyringOfNodesThatStartTogether: on a shared file there is one keyring.
func TestKeyringOfNodesThatStartTogether(t *testing.T) {
	t.Parallel()
	st := keyringStore(t)
	path := filepath.Join(t.TempDir(), KeyringFile)
	rings := make([]*auth.Keyring, 8)
	var wg sync.WaitGroup
	for i := range rings {
		wg.Go(func() {
			var err error
			if rings[i], err = openKeyring(t.Context(), st, path, discardLog); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for _, r := range rings {
		if r.Keys()[0] != rings[0].Keys()[0] {
			t.Errorf("keys %v and %v", r.Keys(), rings[0].Keys())
		}
	}
}

package python_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"squall/python"
)

func TestUnpackRepairsAndKeeps(t *testing.T) {
	dir := t.TempDir()
	lib, err := python.Unpack(dir)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(lib) != python.Digest() {
		t.Errorf("%s is not named by the digest %s", lib, python.Digest())
	}
	for _, name := range []string{"lib/st2common/__init__.py", "lib/squall_runner/action.py", "fallback/six.py"} {
		path := filepath.Join(lib, name)
		want, err := python.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("broken"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := python.Unpack(dir); err != nil {
			t.Fatal(err)
		}
		if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, want) {
			t.Errorf("%s was not written again", name)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

package content

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestParseSource(t *testing.T) {
	for _, test := range []struct {
		text string
		want source
	}{
		{"hue", source{"index", "hue", ""}},
		{"hue=1.2.0", source{"index", "hue", "1.2.0"}},
		{"https://git.example/x.git", source{"git", "https://git.example/x.git", ""}},
		{"https://git.example/x=v1", source{"git", "https://git.example/x", "v1"}},
		{"https://git.example/x?a=b", source{"git", "https://git.example/x?a=b", ""}},
		{"git@git.example:me/x.git=main", source{"git", "git@git.example:me/x.git", "main"}},
		{"/srv/x", source{"directory", "/srv/x", ""}},
		{"./x", source{"directory", "./x", ""}},
		{"/srv/x=1.tar.gz", source{"archive", "/srv/x=1.tar.gz", ""}},
		{"x.zip", source{"archive", "x.zip", ""}},
	} {
		if got, err := parseSource(test.text); err != nil || got != test.want {
			t.Errorf("%s: %+v %v, want %+v", test.text, got, err, test.want)
		}
	}
	for _, bad := range []string{"", "-x", "--upload-pack=id", "x=-b", "a\nb", "a\x00"} {
		if got, err := parseSource(bad); err == nil {
			t.Errorf("%q was accepted as %+v", bad, got)
		}
	}
}

func TestSatisfies(t *testing.T) {
	for _, test := range []struct {
		want string
		ok   bool
	}{
		{"", true}, {">=3.0.0", true}, {">3.9.0", false}, {">=3.0.0, <4.0.0", true}, {">=3.0.0,<3.9.0", false},
		{"=3.9.0", true}, {"<= 3.10.0", true}, {">=3.10.0", false},
	} {
		if got := satisfies("3.9.0", test.want); got != test.ok {
			t.Errorf("3.9.0 satisfies %q: %t", test.want, got)
		}
	}
}

// FuzzUnpack: whatever an archive holds, nothing appears outside of the
// directory, and what is accepted is a pack.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("PK\x03\x04"), true)
	f.Add(make([]byte, 1024), false)
	f.Fuzz(func(t *testing.T, doc []byte, zipped bool) {
		base := t.TempDir()
		name := "x.tar"
		if zipped {
			name = "x.zip"
		}
		archive := filepath.Join(base, name)
		if err := os.WriteFile(archive, doc, 0o600); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(base, "inside", "pack")
		if err := os.Mkdir(filepath.Dir(dir), 0o700); err != nil {
			t.Fatal(err)
		}
		if unpack(archive, dir) == nil && !isPack(dir) {
			t.Error("what was accepted is no pack")
		}
		entries, err := fs.ReadDir(os.DirFS(base), ".")
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != 2 {
			t.Errorf("beside the directory: %v", entries)
		}
		err = filepath.WalkDir(filepath.Dir(dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type()&fs.ModeSymlink != 0 {
				t.Errorf("%s is a link", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

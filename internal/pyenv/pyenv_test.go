package pyenv_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"squall/internal/pyenv"
	"squall/internal/squall"
)

// wheel writes a distribution with one module, which holds its version.
func wheel(t *testing.T, dir, name, version string, requires ...string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s-%s-py3-none-any.whl", name, version)))
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	info := fmt.Sprintf("%s-%s.dist-info/", name, version)
	meta := fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version)
	for _, r := range requires {
		meta += "Requires-Dist: " + r + "\n"
	}
	for file, text := range map[string]string{
		name + ".py":      "VERSION = " + fmt.Sprintf("%q", version) + "\n",
		info + "METADATA": meta,
		info + "WHEEL":    "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		info + "RECORD":   "",
	} {
		w, err := z.Create(file)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// maker returns a maker that finds distributions only in the wheels directory.
func maker(t *testing.T) (m *pyenv.Maker, wheels string) {
	t.Helper()
	python := "/usr/bin/python3"
	if err := exec.CommandContext(t.Context(), python, "-m", "pip", "--version").Run(); err != nil {
		if _, err := exec.LookPath("uv"); err != nil {
			t.Skip("SKIPPED: neither pip for /usr/bin/python3 nor uv is installed (Debian: python3-pip)")
		}
	}
	wheels = t.TempDir()
	return &pyenv.Maker{Dir: filepath.Join(t.TempDir(), "virtualenvs"), Python: python, Index: "none", Wheels: wheels, SitePackages: true}, wheels
}

func pack(t *testing.T, requirements string) string {
	t.Helper()
	dir := t.TempDir()
	if requirements != "" {
		if err := os.WriteFile(filepath.Join(dir, pyenv.File), []byte(requirements), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// imported is what the module's VERSION is in the environment that a pack uses.
func imported(t *testing.T, m *pyenv.Maker, pack, module string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(m.Dir, pack, "bin", "python"), "-c", "import "+module+"; print("+module+".VERSION)").CombinedOutput()
	if err != nil {
		return "error: " + string(out)
	}
	return strings.TrimSpace(string(out))
}

func dirs(t *testing.T, m *pyenv.Maker) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(m.Dir, ".*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func TestAnEnvironmentIsMadeUsedReplacedAndBroughtBack(t *testing.T) {
	m, wheels := maker(t)
	wheel(t, wheels, "squallone", "1.0", "squalltwo>=2")
	wheel(t, wheels, "squalltwo", "2.5")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	first := pack(t, "# what we need\nsquallone==1.0 ; python_version >= '3'\n")
	var progress bytes.Buffer
	env, err := m.Prepare(t.Context(), "mine", first, false, &progress)
	must(err)
	if !strings.Contains(progress.String(), "making an environment for pack mine with Python 3.") || !strings.Contains(progress.String(), "squallone") {
		t.Errorf("progress: %s", progress.String())
	}
	if _, err := os.Stat(filepath.Join(m.Dir, "mine")); err == nil {
		t.Error("it is used before that was asked for")
	}
	must(m.Use("mine", env))
	must(m.Done("mine"))
	if got := imported(t, m, "mine", "squalltwo"); got != "2.5" {
		t.Errorf("a requirement's requirement: %s", got)
	}

	// The same again takes no time; what differs is made anew and can be undone.
	if again, err := m.Prepare(t.Context(), "mine", first, false, &progress); err != nil || again != env {
		t.Errorf("the same requirements: %s, %v; want %s", again, err, env)
	}
	wheel(t, wheels, "squallone", "1.1")
	second := pack(t, "squallone==1.1\n")
	env2, err := m.Prepare(t.Context(), "mine", second, false, &progress)
	must(err)
	must(m.Use("mine", env2))
	if got := imported(t, m, "mine", "squallone"); got != "1.1" {
		t.Errorf("after the upgrade: %s", got)
	}
	must(m.Undo("mine"))
	if got := imported(t, m, "mine", "squallone"); got != "1.0" {
		t.Errorf("after it was undone: %s", got)
	}
	if n := dirs(t, m); n != 1 {
		t.Errorf("%d environments are left, want 1", n)
	}

	// A pack that needs nothing any more has none.
	env3, err := m.Prepare(t.Context(), "mine", pack(t, "  # nothing\n"), false, &progress)
	if err != nil || env3 != "" {
		t.Errorf("no requirements: %q, %v", env3, err)
	}
	must(m.Use("mine", ""))
	must(m.Undo("mine"))
	if got := imported(t, m, "mine", "squallone"); got != "1.0" {
		t.Errorf("after that was undone: %s", got)
	}
	must(m.Use("mine", ""))
	must(m.Done("mine"))
	if n := dirs(t, m); n != 1 { // the previous one, for what still runs in it
		t.Errorf("%d environments, want 1", n)
	}
	must(m.Remove("mine"))
	if n := dirs(t, m); n != 0 {
		t.Errorf("%d environments are left", n)
	}
}

func TestARequirementThatCannotBeMetIsNamed(t *testing.T) {
	m, wheels := maker(t)
	wheel(t, wheels, "squallone", "1.0")
	for requirements, want := range map[string]string{
		"squallone==3.0\n":            "squallone==3.0",
		"squall-no-such-thing>=1\n":   "squall-no-such-thing",
		"squallone==1.0\n===bad===\n": "bad",
	} {
		_, err := m.Prepare(t.Context(), "mine", pack(t, requirements), false, new(bytes.Buffer))
		if squall.KindOf(err) != squall.Invalid || !strings.Contains(err.Error(), "requirements of pack mine cannot be met") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", requirements, err)
		}
		t.Logf("%v", err)
	}
	if n := dirs(t, m); n != 0 {
		t.Errorf("%d half environments are left", n)
	}
}

func TestWithoutSystemPackages(t *testing.T) {
	m, wheels := maker(t)
	m.SitePackages, m.Installer = false, "pip"
	wheel(t, wheels, "squallone", "1.0")
	env, err := m.Prepare(t.Context(), "mine", pack(t, "squallone\n"), false, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(env, "pyvenv.cfg"))
	if err != nil || !strings.Contains(string(text), "include-system-site-packages = false") {
		t.Errorf("%s, %v", text, err)
	}
}

func TestWithoutPython(t *testing.T) {
	m := &pyenv.Maker{Dir: t.TempDir(), Python: "no-such-python"}
	_, err := m.Prepare(t.Context(), "mine", pack(t, "x\n"), false, new(bytes.Buffer))
	if squall.KindOf(err) != squall.Unavailable || !strings.Contains(err.Error(), "no Python") {
		t.Errorf("%v", err)
	}
	if env, err := m.Prepare(t.Context(), "mine", pack(t, ""), false, new(bytes.Buffer)); err != nil || env != "" {
		t.Errorf("a pack that requires nothing needs no Python: %q, %v", env, err)
	}
}

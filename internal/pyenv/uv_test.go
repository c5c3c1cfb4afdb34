package pyenv_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"squall/internal/pyenv"
	"squall/internal/squall"
)

// The real uv was not at hand. This one takes only what uv's manual lists for the
// two commands, as uv does, has Python and pip do the work, and says what is wrong
// in uv's form. With a real one in PATH and SQUALL_TEST_UV set, that is used.
const fakeUV = `#!/usr/bin/python3
import os, subprocess, sys

log = open(os.environ["FAKE_UV_LOG"], "a")
log.write(" ".join(sys.argv[1:]) + "\n")

def refuse(text):
    sys.stderr.write("error: " + text + "\n")
    sys.exit(2)

def options(args, flags, valued):
    found, rest = {}, []
    args = list(args)
    while args:
        arg = args.pop(0)
        if arg in flags:
            found[arg] = True
        elif arg in valued:
            found.setdefault(arg, args.pop(0))
        elif arg.startswith("-"):
            refuse("unexpected argument '%s' found" % arg)
        else:
            rest.append(arg)
    return found, rest

if os.environ.get("UV_LINK_MODE") != "copy":
    refuse("environments are moved between file systems: links would break")
if sys.argv[1:2] == ["venv"]:
    found, rest = options(sys.argv[2:], ["--quiet", "--no-project", "--system-site-packages"], ["--python"])
    if len(rest) != 1 or os.path.exists(rest[0]):
        refuse("one path that is free, not %s" % rest)
    argv = [found["--python"], "-m", "venv", "--without-pip"] + (["--system-site-packages"] if "--system-site-packages" in found else []) + rest
elif sys.argv[1:3] == ["pip", "install"]:
    found, rest = options(sys.argv[3:], ["--no-progress", "--no-index"], ["--python", "--find-links", "--index-url", "-r"])
    if rest or "-r" not in found:
        refuse("requirements come from a file, not %s" % rest)
    argv = ["/usr/bin/python3", "-m", "pip", "--python", found["--python"], "install", "--no-input", "-r", found["-r"]]
    if "--no-index" in found:
        argv.append("--no-index")
    for name in ("--find-links", "--index-url"):
        if name in found:
            argv += [name, found[name]]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        missing = [line for line in done.stdout.splitlines() if "No matching distribution" in line]
        wanted = missing[0].split()[-1] if missing else "?"
        sys.stderr.write("  × No solution found when resolving dependencies:\n")
        sys.stderr.write("  ╰─▶ Because %s was not found in the provided package locations\n" % wanted)
        sys.stderr.write("      and you require %s, we can\n      conclude that your requirements are unsatisfiable.\n" % wanted)
        sys.exit(1)
    sys.stderr.write("Installed 1 package in 3ms\n + %s\n" % open(found["-r"]).read().strip())
    sys.exit(0)
else:
    refuse("unrecognized subcommand '%s'" % sys.argv[1])
sys.exit(subprocess.run(argv).returncode)
`

// withUV puts uv first in PATH and returns the file where it writes down how it was called.
func withUV(t *testing.T) (log string) {
	t.Helper()
	dir := t.TempDir()
	log = filepath.Join(dir, "log")
	if os.Getenv("SQUALL_TEST_UV") != "" {
		if _, err := exec.LookPath("uv"); err != nil {
			t.Fatal(err)
		}
		return ""
	}
	if err := os.WriteFile(filepath.Join(dir, "uv"), []byte(fakeUV), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("FAKE_UV_LOG", log)
	return log
}

// calls is how often the fake was called.
func calls(t *testing.T, log string) int {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte("\n"))
}

func TestUV(t *testing.T) {
	m, wheels := maker(t)
	log := withUV(t)
	m.Installer = "uv"
	wheel(t, wheels, "squallone", "1.0")
	var progress bytes.Buffer
	env, err := m.Prepare(t.Context(), "mine", pack(t, "squallone==1.0\n"), false, &progress)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Use("mine", env), m.Done("mine")); err != nil {
		t.Fatal(err)
	}
	if got := imported(t, m, "mine", "squallone"); got != "1.0" {
		t.Errorf("installed: %s", got)
	}
	if !strings.Contains(progress.String(), "squallone") {
		t.Errorf("progress: %s", &progress)
	}
	if log != "" && calls(t, log) != 2 {
		t.Errorf("uv was called %d times", calls(t, log))
	}
	_, err = m.Prepare(t.Context(), "mine", pack(t, "squall-no-such-thing>=1\n"), false, &progress)
	if squall.KindOf(err) != squall.Invalid || !strings.Contains(err.Error(), "requirements of pack mine cannot be met: No solution found") ||
		!strings.Contains(err.Error(), "squall-no-such-thing") || !strings.Contains(err.Error(), "unsatisfiable") {
		t.Errorf("what cannot be met: %v", err)
	}
	if n := dirs(t, m); n != 1 {
		t.Errorf("%d environments, want 1", n)
	}
}

// TestWhichInstaller: uv where it is there and environments see nothing of the
// system's packages, which it would install again; pip otherwise.
func TestWhichInstaller(t *testing.T) {
	for _, c := range []struct {
		installer string
		site      bool
		uv        bool
	}{
		{"auto", false, true}, {"auto", true, false}, {"uv", true, true}, {"pip", false, false},
	} {
		m, wheels := maker(t)
		log := withUV(t)
		if log == "" {
			t.Skip("SKIPPED: a real uv does not say how it was called")
		}
		m.Installer, m.SitePackages = c.installer, c.site
		wheel(t, wheels, "squallone", "1.0")
		env, err := m.Prepare(t.Context(), "mine", pack(t, "squallone\n"), false, new(bytes.Buffer))
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if used := calls(t, log) > 0; used != c.uv {
			t.Errorf("%+v: uv was used: %t", c, used)
		}
		text, err := os.ReadFile(filepath.Join(env, "pyvenv.cfg"))
		if want := map[bool]string{true: "= true", false: "= false"}[c.site]; err != nil || !strings.Contains(string(text), "include-system-site-packages "+want) {
			t.Errorf("%+v: %s %v", c, text, err)
		}
	}
}

func TestUVThatIsNotThere(t *testing.T) {
	m := &pyenv.Maker{Dir: t.TempDir(), Python: "/usr/bin/python3", Installer: "uv"}
	if _, err := exec.LookPath("uv"); err == nil {
		t.Skip("SKIPPED: uv is installed")
	}
	_, err := m.Prepare(t.Context(), "mine", pack(t, "x\n"), false, new(bytes.Buffer))
	if squall.KindOf(err) != squall.Unavailable || !strings.Contains(err.Error(), "uv is not in PATH") {
		t.Errorf("%v", err)
	}
}

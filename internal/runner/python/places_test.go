package python

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squall/internal/runner"
	"squall/internal/squall"
)

// venv makes an environment for pack below dir, without installing anything.
func venv(t *testing.T, dir, pack string) string {
	t.Helper()
	env := filepath.Join(dir, pack)
	if out, err := exec.CommandContext(t.Context(), pythonForTests, "-m", "venv", "--without-pip", env).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return env
}

const whichPython = `
import os, shutil, sys
class Act(object):
    def __init__(self, config=None, action_service=None): pass
    def run(self):
        try:
            import added
            version = added.VERSION
        except ImportError:
            version = None
        return [sys.prefix, shutil.which("python"), version]
`

func TestAPackRunsInItsEnvironmentAndSeesWhatIsInstalledLater(t *testing.T) {
	envs := t.TempDir()
	env := venv(t, envs, "mypack")
	r := newRunner(t, func(c *Config) { c.Environments = envs })
	j := newJob(t, whichPython, nil)
	want := func(version string) {
		t.Helper()
		_, got := run(t, r, j)
		if text := fmt.Sprint(got.Result); text != fmt.Sprintf("[%s %s/bin/python %s]", env, env, version) {
			t.Errorf("%+v", got)
		}
	}
	want("<nil>")
	first := r.onlyServer(t)
	want("<nil>")
	if r.onlyServer(t) != first {
		t.Error("the fork server was replaced without a reason")
	}
	places, err := filepath.Glob(filepath.Join(env, "lib", "python*", "site-packages"))
	if err != nil || len(places) != 1 {
		t.Fatal(places, err)
	}
	if err := os.WriteFile(filepath.Join(places[0], "added.py"), []byte("VERSION = 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	want("1")
	if r.onlyServer(t) == first {
		t.Error("the fork server is the old one")
	}
	for until := time.Now().Add(20 * time.Second); alive(fmt.Sprint(first)); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the old fork server lives on")
		}
	}

	// Another pack has none and runs with the machine's Python.
	other := newJob(t, whichPython, nil)
	other.Action.Ref.Pack = "other"
	if _, got := run(t, r, other); strings.Contains(fmt.Sprint(got.Result), envs) {
		t.Errorf("%+v", got)
	}
	if err := os.RemoveAll(filepath.Join(env, "bin")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(t.Context(), j, runner.Discard); err == nil || !strings.Contains(err.Error(), "install the pack again") {
		t.Errorf("a broken environment: %v", err)
	}
}

func TestContentVersion(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("SKIPPED: git is not installed")
	}
	r := newRunner(t, nil)
	j := newJob(t, "class Act(object):\n    def __init__(self, config=None, action_service=None): pass\n    def run(self):\n        return 'one'\n", nil)
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", j.PackDir, "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	version := func(v string) (squall.Status, result) {
		j.RunnerParams["content_version"] = v
		return run(t, r, j)
	}
	if status, got := version("v1"); status != squall.Failed || !strings.Contains(got.Error, "is no git repository") {
		t.Errorf("without a repository: %s %+v", status, got)
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "one")
	git("tag", "v1")
	if err := os.WriteFile(filepath.Join(j.PackDir, "actions", "act.py"), []byte("class Act(object):\n    def __init__(self, config=None, action_service=None): pass\n    def run(self):\n        return __file__\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	git("commit", "-q", "-a", "-m", "two")
	for range 2 { // the second finds it laid out
		if status, got := version("v1"); status != squall.Succeeded || got.Result != "one" {
			t.Errorf("v1: %s %+v", status, got)
		}
	}
	if _, got := version("main"); !strings.HasPrefix(fmt.Sprint(got.Result), r.cfg.Versions) {
		t.Errorf("main: %+v", got)
	}
	if _, got := version(""); !strings.HasPrefix(fmt.Sprint(got.Result), j.PackDir) {
		t.Errorf("no version: %+v", got)
	}
	for _, bad := range []string{"v9", "--help", "v1; touch x"} {
		if status, got := version(bad); status != squall.Failed || got.Error == "" {
			t.Errorf("%s: %s %+v", bad, status, got)
		}
	}
}

func TestTheEnvironmentOfAnAction(t *testing.T) {
	t.Setenv("SQUALL_SECRET", "hush")
	t.Setenv("PYTHONPATH", "/nowhere")
	r := newRunner(t, nil)
	j := newJob(t, "import os, sys\nclass Act(object):\n    def __init__(self, config=None, action_service=None): pass\n    def run(self):\n        return [dict(os.environ), os.getcwd(), os.getpid() == os.getsid(0), sys.stdin.read()]\n",
		map[string]any{"env": map[string]any{"A": "1", "PYTHONPATH": "/evil", "pythonpath": "x", "ST2_ACTION_PACK_NAME": "other"}})
	j.Env["ST2_ACTION_AUTH_TOKEN"], j.Env["ST2_ACTION_API_URL"] = "tok", "http://127.0.0.1:1/v1"
	_, got := run(t, r, j)
	list := got.Result.([]any)
	env := list[0].(map[string]any)
	for name, want := range map[string]any{
		"A": "1", "ST2_ACTION_PACK_NAME": "mypack", "ST2_ACTION_AUTH_TOKEN": "tok", "ST2_AUTH_TOKEN": "tok", "ST2_API_URL": "http://127.0.0.1:1/v1",
		"ST2_ACTION_DEBUG": "False", "SQUALL_SECRET": nil, "pythonpath": nil,
	} {
		if env[name] != want {
			t.Errorf("%s is %v, want %v", name, env[name], want)
		}
	}
	if path := fmt.Sprint(env["PYTHONPATH"]); strings.Contains(path, "evil") || strings.Contains(path, "nowhere") || !strings.Contains(path, r.cfg.Lib) {
		t.Errorf("PYTHONPATH %s", path)
	}
	if wd, _ := os.Getwd(); list[1] != wd || list[2] != true || list[3] != "" {
		t.Errorf("directory %v, leads its session: %v, stdin %q", list[1], list[2], list[3])
	}
}

func TestMemoryIsBounded(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.Memory = 1 << 30 })
	j := newJob(t, "class Act(object):\n    def __init__(self, config=None, action_service=None): pass\n    def run(self):\n        return len(bytearray(2 << 30))\n", nil)
	if status, got := run(t, r, j); status != squall.Failed || !strings.Contains(got.Stderr, "MemoryError") {
		t.Errorf("%s %+v", status, got)
	}
}

func TestAConfigurationThatCannotBeHadFailsTheAction(t *testing.T) {
	r := newRunner(t, func(c *Config) {
		c.PackConfig = func(context.Context, string, string) (json.RawMessage, error) {
			return nil, squall.Errorf(squall.Invalid, "no key")
		}
	})
	if status, got := run(t, r, newJob(t, simple, nil)); status != squall.Failed || !strings.Contains(got.Error, "no key") {
		t.Errorf("%s %+v", status, got)
	}
}

func TestManyActionsAtOnce(t *testing.T) {
	r := newRunner(t, nil)
	errs := make(chan error, 40)
	for i := range cap(errs) {
		j := newJob(t, simple, map[string]any{"i": json.Number(fmt.Sprint(i))})
		go func() {
			o, err := r.Run(t.Context(), j, runner.Discard)
			if err == nil && !strings.Contains(string(o.Result), fmt.Sprintf(`"i": %d}`, i)) {
				err = errors.New(string(o.Result))
			}
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	r.onlyServer(t)
}

func TestAPackWithoutItsEnvironmentIsToldHowToGetIt(t *testing.T) {
	r := newRunner(t, nil)
	j := newJob(t, "import no_such_module\n", nil)
	_, got := run(t, r, j)
	if strings.Contains(got.Stderr, "setup_virtualenv") {
		t.Errorf("a pack that requires nothing: %s", got.Stderr)
	}
	if err := os.WriteFile(filepath.Join(j.PackDir, "requirements.txt"), []byte("no-such-module\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := new(capture)
	_, got = runIn(t, t.Context(), r, j, out)
	if !strings.HasSuffix(got.Stderr, "Make one with: squall run packs.setup_virtualenv packs=mypack\n") || out.err.String() != got.Stderr {
		t.Errorf("%s", got.Stderr)
	}
}

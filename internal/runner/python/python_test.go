package python

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"squall/internal/runner"
	"squall/internal/runner/keep"
	"squall/internal/runner/warm"
	"squall/internal/squall"
	"squall/python"
)

// TestMain is also the keeper's program.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "keeper" {
		if err := keep.Serve(os.Args[2], os.Stdout); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("squall/internal/runner/keep.(*Client).spawn.func1"), goleak.Cleanup(func(code int) {
		if dir, err := library(); err == nil {
			_ = os.RemoveAll(filepath.Dir(dir))
		}
		os.Exit(code)
	}))
}

// library lays the library out once for all tests.
var library = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "squall-python-")
	if err != nil {
		return "", err
	}
	return python.Unpack(dir)
})

// newRunner returns a runner that is closed at the end of the test.
func newRunner(t testing.TB, change func(*Config)) *Runner {
	t.Helper()
	lib, err := library()
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Lib: lib, Python: pythonForTests, Grace: 200 * time.Millisecond, Versions: filepath.Join(t.TempDir(), "versions"),
		Log: slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&cfg)
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// pythonForTests is a real interpreter: version managers put slow scripts into PATH.
var pythonForTests = func() string {
	if path := os.Getenv("SQUALL_TEST_PYTHON"); path != "" {
		return path
	}
	if _, err := os.Stat("/usr/bin/python3"); err == nil {
		return "/usr/bin/python3"
	}
	return "python3"
}()

type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	if l.t.Context().Err() == nil {
		l.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

// newJob returns a job of a pack with one action that holds source.
func newJob(t testing.TB, source string, params map[string]any) *runner.Job {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mypack")
	if err := os.MkdirAll(filepath.Join(dir, "actions"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "actions", "act.py"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf("test-%d-%d", os.Getpid(), time.Now().UnixNano())
	j := &runner.Job{
		Execution: &squall.Execution{ID: squall.ID(id), User: "somebody"},
		Action:    &squall.Action{Ref: squall.Ref{Pack: "mypack", Name: "act"}, EntryPoint: "act.py"},
		PackDir:   dir, Env: map[string]string{"SQUALL_EXECUTION_ID": id, "ST2_ACTION_PACK_NAME": "mypack"},
		RunnerParams: map[string]any{}, ActionParams: map[string]any{}, Log: slog.New(slog.NewTextHandler(testLog{t}, nil)),
	}
	for name, value := range params {
		switch name {
		case "timeout", "env", "log_level", "debug", "content_version":
			j.RunnerParams[name] = value
		default:
			j.ActionParams[name] = value
		}
	}
	return j
}

// result is st2's shape.
type result struct {
	Result   any    `json:"result"`
	Stdout   string `json:"stdout"`
	Stderr   string `json:"stderr"`
	ExitCode int    `json:"exit_code"`
	Error    string `json:"error"`
}

func run(t testing.TB, r *Runner, j *runner.Job) (squall.Status, result) {
	t.Helper()
	return runIn(t, t.Context(), r, j, runner.Discard)
}

func runIn(t testing.TB, ctx context.Context, r *Runner, j *runner.Job, out runner.Output) (squall.Status, result) {
	t.Helper()
	o, err := r.Run(ctx, j, out)
	if err != nil {
		t.Fatal(err)
	}
	var got result
	if err := json.Unmarshal(o.Result, &got); err != nil {
		t.Fatalf("%s: %v", o.Result, err)
	}
	return o.Status, got
}

const simple = `
from st2common.runners.base_action import Action
class Act(Action):
    def run(self, **kw):
        print("hello")
        return kw
`

func TestWarmAndColdDoTheSame(t *testing.T) {
	for name, cold := range map[string]bool{"warm": false, "cold": true} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t, func(c *Config) { c.Cold = cold })
			status, got := run(t, r, newJob(t, simple, map[string]any{"a": json.Number("1")}))
			if status != squall.Succeeded || got.Stdout != "hello\n" || got.Stderr != "" || fmt.Sprint(got.Result) != "map[a:1]" {
				t.Errorf("%s %+v", status, got)
			}
		})
	}
}

// capture is an Output that can be waited for.
type capture struct {
	mu       sync.Mutex
	out, err bytes.Buffer
}

func (c *capture) Stdout() io.Writer { return writer{c, &c.out} }
func (c *capture) Stderr() io.Writer { return writer{c, &c.err} }

type writer struct {
	c *capture
	b *bytes.Buffer
}

func (w writer) Write(p []byte) (int, error) {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	return w.b.Write(p)
}

func (c *capture) waitFor(t testing.TB, text string) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		c.mu.Lock()
		found := strings.Contains(c.out.String(), text)
		c.mu.Unlock()
		if found {
			return
		}
	}
	t.Fatalf("%q was not printed in time", text)
}

func TestOutputComesWhileTheActionRunsAndCancelEndsTheTree(t *testing.T) {
	for name, cold := range map[string]bool{"warm": false, "cold": true} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t, func(c *Config) { c.Cold = cold })
			pids := filepath.Join(t.TempDir(), "pids")
			j := newJob(t, `
import os, signal, subprocess, sys, time
from st2common.runners.base_action import Action
class Act(Action):
    def run(self, pids):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        away = subprocess.Popen(["sleep", "600"], start_new_session=True)
        open(pids, "w").write("%d %d" % (os.getpid(), away.pid))
        print("up")
        time.sleep(600)
`, map[string]any{"pids": pids})
			ctx, cancel := context.WithCancelCause(t.Context())
			out := new(capture)
			done := make(chan squall.Status, 1)
			go func() {
				o, err := r.Run(ctx, j, out)
				if err != nil {
					t.Error(err)
				}
				done <- o.Status
			}()
			out.waitFor(t, "up\n")
			cancel(runner.ErrCanceled)
			if status := <-done; status != squall.Canceled {
				t.Errorf("status %s", status)
			}
			text, err := os.ReadFile(pids)
			if err != nil {
				t.Fatal(err)
			}
			for pid := range strings.FieldsSeq(string(text)) {
				// It was killed before the run ended; who reaps it may be busy.
				for until := time.Now().Add(10 * time.Second); alive(pid); time.Sleep(5 * time.Millisecond) {
					if time.Now().After(until) {
						t.Fatalf("process %s is still there", pid)
					}
				}
			}
		})
	}
}

// alive reports whether a process runs, or only waits to be reaped.
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// Each of these tries to take the fork server, or the next action, with it.
var hostile = map[string]struct {
	body   string
	status squall.Status
	result any
	code   int
}{
	"closes everything":         {`os.closerange(0, 1000); return 1`, squall.Succeeded, 1.0, 0},
	"closes what it opened not": {`os.closerange(3, 1000); return 1`, squall.Succeeded, 1.0, 0},
	"reuses descriptors":        {`os.closerange(3, 1000); f = [open("/dev/null", "w") for _ in range(20)]; return 2`, squall.Succeeded, 2.0, 0},
	"os._exit":                  {`os._exit(7)`, squall.Failed, "None", 7},
	"os._exit 0":                {`os._exit(0)`, squall.Succeeded, "None", 0},
	"kills its group":           {`os.killpg(0, signal.SIGKILL)`, squall.Timeout, "None", -9},
	"abort":                     {`os.abort()`, squall.Failed, "None", -6},
	"segmentation fault":        {`import ctypes; ctypes.string_at(0)`, squall.Failed, "None", -11},
	"daemon thread":             {`threading.Thread(target=time.sleep, args=(600,), daemon=True).start(); return 3`, squall.Succeeded, 3.0, 0},
	"exits in a thread":         {`t = threading.Thread(target=os._exit, args=(5,)); t.start(); t.join(); return 1`, squall.Failed, "None", 5},
	"forks": {`
        if os.fork() == 0:
            os._exit(9)
        os.wait()
        return 4`, squall.Succeeded, 4.0, 0},
	"changes the interpreter": {`
        sys.modules.clear()
        json.dumps = None
        return 5`, squall.Succeeded, 5.0, 0},
	"terminates its parent": {`os.kill(os.getppid(), signal.SIGTERM); os.kill(os.getppid(), signal.SIGINT); return 6`, squall.Succeeded, 6.0, 0},
}

func TestHostileActionsHarmOnlyThemselves(t *testing.T) {
	r := newRunner(t, nil)
	if status, got := run(t, r, newJob(t, simple, nil)); status != squall.Succeeded {
		t.Fatalf("%s %+v", status, got)
	}
	first := r.onlyServer(t)
	for name, c := range hostile {
		t.Run(name, func(t *testing.T) {
			j := newJob(t, "import json, os, signal, sys, threading, time\nclass Act(object):\n    def __init__(self, config=None, action_service=None): pass\n    def run(self):\n        "+strings.TrimLeft(c.body, "\n ")+"\n", nil)
			status, got := run(t, r, j)
			if name == "changes the interpreter" {
				return // what becomes of the action is its own affair
			}
			if status != c.status || got.Result != c.result || got.ExitCode != c.code {
				t.Errorf("%s %+v, want %s %v %d", status, got, c.status, c.result, c.code)
			}
		})
		if status, got := run(t, r, newJob(t, simple, nil)); status != squall.Succeeded || got.Stdout != "hello\n" {
			t.Fatalf("the action after %q: %s %+v", name, status, got)
		}
	}
	if now := r.onlyServer(t); now != first {
		t.Errorf("the fork server was replaced: process %d is now %d", first, now)
	}
}

// onlyServer returns the process number of the one fork server of a runner.
func (r *Runner) onlyServer(t testing.TB) int {
	t.Helper()
	servers := r.pool.Servers()
	if len(servers) != 1 {
		t.Fatalf("%d fork servers", len(servers))
	}
	for _, pid := range servers {
		return pid
	}
	return 0
}

func TestAKilledForkServerIsReplaced(t *testing.T) {
	r := newRunner(t, nil)
	j := newJob(t, "import os, signal\nclass Act(object):\n    def __init__(self, config=None, action_service=None): pass\n    def run(self):\n        os.kill(os.getppid(), signal.SIGKILL)\n        import time; time.sleep(60)\n", nil)
	if _, err := r.Run(t.Context(), j, runner.Discard); err == nil {
		t.Error("an action whose fork server died is not reported as lost")
	}
	if status, got := run(t, r, newJob(t, simple, nil)); status != squall.Succeeded {
		t.Errorf("the action after it: %s %+v", status, got)
	}
}

func TestAStoppedForkServerIsReplaced(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the bound on a fork")
	}
	r := newRunner(t, nil)
	j := newJob(t, "import os, signal\nclass Act(object):\n    def __init__(self, config=None, action_service=None): pass\n    def run(self):\n        os.kill(os.getppid(), signal.SIGSTOP)\n        return 1\n", map[string]any{"timeout": json.Number("3")})
	if status, _ := run(t, r, j); status != squall.Timeout {
		t.Errorf("nobody can say how it ended, so it times out: %s", status)
	}
	if status, got := run(t, r, newJob(t, simple, nil)); status != squall.Succeeded {
		t.Errorf("the action after it: %s %+v", status, got)
	}
}

func TestTheForkServerEndsWhenItIsIdle(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.Idle = 50 * time.Millisecond })
	run(t, r, newJob(t, simple, nil))
	for until := time.Now().Add(20 * time.Second); len(r.pool.Servers()) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("it did not end")
		}
	}
	if status, _ := run(t, r, newJob(t, simple, nil)); status != squall.Succeeded {
		t.Errorf("the next action: %s", status)
	}
}

func TestWithoutPythonTheErrorSaysSo(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.Python = "no-such-python" })
	_, err := r.Run(t.Context(), newJob(t, simple, nil), runner.Discard)
	if err == nil || !strings.Contains(err.Error(), "no Python") {
		t.Errorf("error %v", err)
	}
}

func TestABrokenForkServerMeansAColdStart(t *testing.T) {
	r := newRunner(t, nil)
	broken := filepath.Join(t.TempDir(), "lib")
	if err := os.CopyFS(broken, os.DirFS(r.cfg.Lib)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(broken, "lib", "squall_runner", "forkserver.py"), []byte("raise Exception('broken')\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.cfg.Lib = broken
	var log bytes.Buffer
	j := newJob(t, simple, nil)
	j.Log = slog.New(slog.NewTextHandler(&log, nil))
	if status, got := run(t, r, j); status != squall.Succeeded {
		t.Errorf("%s %+v", status, got)
	}
	if !strings.Contains(log.String(), "Exception: broken") {
		t.Errorf("the log does not say why: %s", log.String())
	}
}

func TestVariablesThatPythonReadsAtItsStartAreHonoured(t *testing.T) {
	r := newRunner(t, nil)
	j := newJob(t, "import sys\nclass Act(object):\n    def __init__(self, config=None, action_service=None): pass\n    def run(self):\n        return sys.flags.optimize\n",
		map[string]any{"env": map[string]any{"PYTHONOPTIMIZE": "1"}})
	if _, got := run(t, r, j); got.Result != 1.0 {
		t.Errorf("%+v", got)
	}
}

func TestNoForkServerOutlivesTheRunner(t *testing.T) {
	r := newRunner(t, nil)
	run(t, r, newJob(t, simple, nil))
	pid := r.onlyServer(t)
	r.Close()
	if alive(fmt.Sprint(pid)) {
		t.Error("it is still there")
	}
	if _, err := r.Run(t.Context(), newJob(t, simple, nil), runner.Discard); !errors.Is(err, warm.ErrClosed) {
		t.Errorf("a run after the end: %v", err)
	}
}

func TestLargeResultsAndOutput(t *testing.T) {
	r := newRunner(t, func(c *Config) { c.OutputLimit = 1000 })
	j := newJob(t, "class Act(object):\n    def __init__(self, config=None, action_service=None): pass\n    def run(self):\n        print('x' * 100000)\n        return 'y' * 4000000\n", nil)
	status, got := run(t, r, j)
	if status != squall.Succeeded || len(got.Result.(string)) != 4000000 {
		t.Errorf("%s, %d characters", status, len(got.Result.(string)))
	}
	if !strings.HasPrefix(got.Stdout, "xxx") || !strings.Contains(got.Stdout, "output cut here: 100001 bytes") || len(got.Stdout) > 1200 {
		t.Errorf("stdout of %d bytes: ...%s", len(got.Stdout), got.Stdout[len(got.Stdout)-100:])
	}
}

// constant returns a configuration that is the same for all packs.
func constant(config string) func(context.Context, string, string) (json.RawMessage, error) {
	return func(context.Context, string, string) (json.RawMessage, error) { return json.RawMessage(config), nil }
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

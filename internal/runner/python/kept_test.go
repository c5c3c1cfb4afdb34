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
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"squall/internal/runner"
	"squall/internal/runner/keep"
	"squall/internal/squall"
)

// keptRunner returns a runner whose actions a keeper in dir has, and that keeper.
func keptRunner(t testing.TB, dir string, change func(*Config)) (*Runner, *keep.Client) {
	t.Helper()
	c, err := keep.New(dir, []string{"python.test", "keeper"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return newRunner(t, func(cfg *Config) {
		cfg.Keep = c
		if change != nil {
			change(cfg)
		}
	}), c
}

// keeperDir is a directory that a keeper may still write into at the end of a test.
func keeperDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kept")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 400 {
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	return dir
}

const slow = `
import os, sys, time
class Act(object):
    def __init__(self, config=None, action_service=None): pass
    def run(self, name, gate):
        print("begun", name, flush=True)
        while not os.path.exists(gate):
            time.sleep(0.02)
        print("over", name, "in", os.getcwd())
        sys.stderr.write("bad %s\n" % name)
        return (name != "2", {"name": name, "large": "x" * 3000000 if name == "1" else None})
`

// TestKept: everything that an action may do is the same in a keeper's hands.
func TestKept(t *testing.T) {
	for _, cold := range []bool{false, true} {
		t.Run(map[bool]string{false: "warm", true: "cold"}[cold], func(t *testing.T) {
			r, c := keptRunner(t, keeperDir(t), func(c *Config) { c.Cold = cold })
			for body, want := range map[string]struct {
				status squall.Status
				result any
				code   int
			}{
				"return (True, [1])":                                   {squall.Succeeded, []any{1.0}, 0},
				"return (False, 'no')":                                 {squall.Failed, "no", 0},
				"raise ValueError('x')":                                {squall.Failed, "None", 1},
				"import sys; sys.exit(7)":                              {squall.Failed, "None", 7},
				"import os, signal; os.kill(os.getpid(), 15)":          {squall.Failed, "None", -15},
				"import os, signal; os.kill(os.getpid(), 9)":           {squall.Timeout, "None", -9},
				"import os; os.closerange(3, 4096); return 'closed'":   {squall.Succeeded, "closed", 0},
				"return 'y' * 3000000":                                 {squall.Succeeded, strings.Repeat("y", 3000000), 0},
				"return sorted(self.config)":                           {squall.Succeeded, []any{"key"}, 0},
				"import os; return os.environ['ST2_ACTION_PACK_NAME']": {squall.Succeeded, "mypack", 0},
			} {
				r.cfg.PackConfig = constant(`{"key": 1}`)
				j := newJob(t, "from st2common.runners.base_action import Action\nclass Act(Action):\n    def run(self):\n        "+body+"\n", nil)
				status, got := run(t, r, j)
				if status != want.status || fmt.Sprint(got.Result) != fmt.Sprint(want.result) || got.ExitCode != want.code {
					t.Errorf("%s: %s %.100v %d %s, want %s %.100v %d", body, status, got.Result, got.ExitCode, got.Stderr, want.status, want.result, want.code)
				}
				c.Release(j.Execution.IdempotencyKey())
			}
			if left, err := c.Kept(); err != nil || len(left) > 0 {
				t.Errorf("%v %v are kept although they were released", left, err)
			}

			j := newJob(t, forever, map[string]any{"pids": filepath.Join(t.TempDir(), "pids")})
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() { // ends with the file, or the test
				for t.Context().Err() == nil {
					if _, err := os.Stat(j.ActionParams["pids"].(string)); err == nil {
						break
					}
					time.Sleep(5 * time.Millisecond)
				}
				cancel(runner.ErrCanceled)
			}()
			if status, _ := runIn(t, ctx, r, j, runner.Discard); status != squall.Canceled {
				t.Errorf("canceled: %s", status)
			}
			c.Release(j.Execution.IdempotencyKey())
			pids, err := os.ReadFile(j.ActionParams["pids"].(string))
			if err != nil || alive(strings.Fields(string(pids))[0]) {
				t.Errorf("process %s lives on (%v)", pids, err)
			}
		})
	}
}

// TestAKilledServerLosesNothing: twenty actions run in the hands of a server that
// is killed. The next one hears what they print and how they end.
func TestAKilledServerLosesNothing(t *testing.T) {
	lib, err := library()
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, pause := range []bool{false, true} {
		t.Run(map[bool]string{false: "while they run", true: "they have ended meanwhile"}[pause], func(t *testing.T) {
			t.Parallel()
			const count = 20
			dir, pack, gate := keeperDir(t), t.TempDir(), filepath.Join(t.TempDir(), "gate")
			if err := os.Mkdir(filepath.Join(pack, "actions"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(pack, "actions", "act.py"), []byte(slow), 0o644); err != nil {
				t.Fatal(err)
			}
			server := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelperKeptServer$", "-test.v")
			server.Env = append(os.Environ(), helperVariable+"="+dir, "SQUALL_TEST_PYTHON_LIB="+lib, "SQUALL_TEST_PACK="+pack, "SQUALL_TEST_GATE="+gate)
			begun, err := server.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, begun, "begun", count)
			if err := server.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_ = server.Wait() // it was killed
			open := func() {
				if err := os.WriteFile(gate, nil, 0o644); err != nil {
					t.Error(err)
				}
			}
			if pause {
				open()
				until := time.Now().Add(time.Minute)
				for saved := 0; saved < count; time.Sleep(10 * time.Millisecond) {
					if time.Now().After(until) {
						t.Fatalf("%d have ended", saved)
					}
					found, _ := filepath.Glob(filepath.Join(dir, "ended-*", "ending"))
					saved = len(found)
				}
			}

			r, c := keptRunner(t, dir, nil)
			keys, err := c.Kept()
			if err != nil || len(keys) != count {
				t.Fatalf("%d runs are kept: %v %v", len(keys), keys, err)
			}
			var resumed sync.WaitGroup
			for i := range count {
				j := keptJob(pack, gate, i)
				resumed.Go(func() {
					var out, errs bytes.Buffer
					o, err := r.Resume(t.Context(), j, streams{&out, &errs})
					var got result
					if err = errors.Join(err, json.Unmarshal(o.Result, &got)); err != nil {
						t.Errorf("%d: %v", i, err)
						return
					}
					want := squall.Succeeded
					if i == 2 {
						want = squall.Failed
					}
					large := 0
					value, _ := got.Result.(map[string]any)
					if text, ok := value["large"].(string); ok {
						large = len(text)
					}
					if o.Status != want || value["name"] != fmt.Sprint(i) || i == 1 && large != 3000000 {
						t.Errorf("%d: %s %.200s", i, o.Status, o.Result)
					}
					if !strings.HasPrefix(got.Stdout, fmt.Sprintf("begun %d\nover %d in %s\n", i, i, here)) || got.Stderr != fmt.Sprintf("bad %d\n", i) || out.String() != got.Stdout || errs.String() != got.Stderr {
						t.Errorf("%d printed %q and %q, live %q and %q", i, got.Stdout, got.Stderr, &out, &errs)
					}
					c.Release(j.Execution.IdempotencyKey())
				})
			}
			open()
			resumed.Wait()
		})
	}
}

// TestHelperKeptServer is no test: it is what TestAKilledServerLosesNothing kills.
func TestHelperKeptServer(t *testing.T) {
	pack, gate := os.Getenv("SQUALL_TEST_PACK"), os.Getenv("SQUALL_TEST_GATE")
	if pack == "" {
		t.Skip("only as a helper of another test")
	}
	c, err := keep.New(os.Getenv(helperVariable), []string{"python.test", "keeper"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(Config{Lib: os.Getenv("SQUALL_TEST_PYTHON_LIB"), Python: pythonForTests, Keep: c})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		go func() { _, _ = r.Run(context.Background(), keptJob(pack, gate, i), streams{os.Stdout, os.Stderr}) }() // ends with this process
	}
	select {} // until it is killed
}

func keptJob(pack, gate string, i int) *runner.Job {
	id := fmt.Sprintf("68c0ffee%016x", i)
	return &runner.Job{
		Execution: &squall.Execution{ID: squall.ID(id)}, PackDir: pack, Env: map[string]string{"SQUALL_EXECUTION_ID": id},
		Action:       &squall.Action{Ref: squall.Ref{Pack: "mypack", Name: "act"}, EntryPoint: "act.py"},
		RunnerParams: map[string]any{"timeout": json.Number("600")}, ActionParams: map[string]any{"name": fmt.Sprint(i), "gate": gate},
		Log: slog.New(slog.DiscardHandler),
	}
}

// streams is an Output.
type streams struct{ out, err io.Writer }

func (s streams) Stdout() io.Writer { return s.out }
func (s streams) Stderr() io.Writer { return s.err }

// waitFor reads until word has come n times.
func waitFor(t *testing.T, from io.Reader, word string, n int) {
	t.Helper()
	var text []byte
	buf := make([]byte, 4096)
	for bytes.Count(text, []byte(word)) < n {
		got, err := from.Read(buf)
		text = append(text, buf[:got]...)
		if err != nil {
			t.Fatalf("%v after %s", err, text)
		}
	}
}

// TestASlowStartCanBeLeftAndEnded: the first action of an environment waits for
// its fork server. Meanwhile it can be canceled, and let go for another server.
func TestASlowStartCanBeLeftAndEnded(t *testing.T) {
	dir, lib := keeperDir(t), filepath.Join(t.TempDir(), "lib")
	base, err := library()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(lib, os.DirFS(base)); err != nil {
		t.Fatal(err)
	}
	gate := filepath.Join(t.TempDir(), "gate")
	source := fmt.Sprintf("import os, time\nwhile not os.path.exists(%q):\n    time.sleep(0.02)\n", gate)
	if err := os.WriteFile(filepath.Join(lib, "lib", "squall_slow.py"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	slowly := func(c *Config) { c.Lib, c.Preload = lib, []string{"squall_slow"} }
	r, c := keptRunner(t, dir, slowly)
	begin := func(cause error) (*runner.Job, squall.Outcome, error) {
		t.Helper()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
		j := newJob(t, simple, nil)
		o, err := r.Run(ctx, j, runner.Discard)
		return j, o, err
	}
	j, o, err := begin(runner.ErrCanceled)
	if err != nil || o.Status != squall.Canceled {
		t.Errorf("canceled: %s %v", o.Status, err)
	}
	c.Release(j.Execution.IdempotencyKey())
	j, _, err = begin(runner.ErrShutdown)
	if !errors.Is(err, runner.ErrDetached) {
		t.Errorf("let go: %v", err)
	}

	next, c := keptRunner(t, dir, slowly)
	keys, err := c.Kept()
	if err != nil || len(keys) != 1 || keys[0] != j.Execution.IdempotencyKey() {
		t.Fatalf("kept: %v %v", keys, err)
	}
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	o, err = next.Resume(t.Context(), j, runner.Discard)
	var got result
	if err = errors.Join(err, json.Unmarshal(o.Result, &got)); err != nil || o.Status != squall.Succeeded || got.Stdout != "hello\n" {
		t.Errorf("in the end: %s %s %v", o.Status, o.Result, err)
	}
	c.Release(j.Execution.IdempotencyKey())
}

// TestTheKeeperIsKilled: its actions go with it, and what they started, also those
// that an earlier server has begun.
func TestTheKeeperIsKilled(t *testing.T) {
	for _, resumed := range []bool{false, true} {
		t.Run(map[bool]string{false: "begun", true: "resumed"}[resumed], func(t *testing.T) { keeperIsKilled(t, resumed) })
	}
}

func keeperIsKilled(t *testing.T, resumed bool) {
	dir, pids := keeperDir(t), filepath.Join(t.TempDir(), "pids")
	r, _ := keptRunner(t, dir, nil)
	source := strings.Replace(forever, "time.sleep(600)", "print('begun', flush=True); import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True).wait()", 1)
	j := newJob(t, source, map[string]any{"pids": pids})
	failed := make(chan error, 1)
	ctx, leave := context.WithCancelCause(t.Context())
	defer leave(nil)
	go func() {
		_, err := r.Run(ctx, j, runner.Discard)
		failed <- err
	}()
	var numbers []string
	for until := time.Now().Add(time.Minute); len(numbers) == 0 || running(j.Env["SQUALL_EXECUTION_ID"]) == 0; time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(pids); err == nil {
			numbers = strings.Fields(string(text))
		}
		if time.Now().After(until) {
			t.Fatal("the action does not run")
		}
	}
	if resumed {
		if leave(runner.ErrShutdown); !errors.Is(<-failed, runner.ErrDetached) {
			t.Fatal("the action was not let go")
		}
		next, c := keptRunner(t, dir, nil)
		if keys, err := c.Kept(); err != nil || len(keys) != 1 {
			t.Fatal(keys, err)
		}
		printed, to := io.Pipe()
		go func() {
			_, err := next.Resume(t.Context(), j, streams{to, io.Discard})
			failed <- err
		}()
		waitFor(t, printed, "begun", 1)
	}
	sockets, err := filepath.Glob(filepath.Join(dir, "keeper-*.sock"))
	if err != nil || len(sockets) != 1 {
		t.Fatal(sockets, err)
	}
	var keeper int
	if _, err := fmt.Sscanf(filepath.Base(sockets[0]), "keeper-%d.sock", &keeper); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(keeper, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, keep.ErrDied) {
		t.Errorf("the run: %v", err)
	}
	for until := time.Now().Add(20 * time.Second); alive(numbers[0]) || alive(numbers[1]) || running(j.Env["SQUALL_EXECUTION_ID"]) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("action or fork server live on: %v", numbers)
		}
	}
	// A keeper that is just dying may still be reached, and does not answer.
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if o, err := r.Run(t.Context(), newJob(t, simple, nil), runner.Discard); err == nil && o.Status == squall.Succeeded {
			break
		} else if time.Now().After(until) {
			t.Fatalf("the next action: %s %s %v", o.Status, o.Result, err)
		}
	}
}

// running counts the processes that were started as parts of an execution.
func running(id string) (n int) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte("SQUALL_EXECUTION_ID="+id+"\x00")) {
			n++
		}
	}
	return n
}

package local

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"squall/internal/runner"
	"squall/internal/runner/keep"
	"squall/internal/squall"
)

// TestMain is also the keeper's program.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "keeper" {
		if err := keep.Serve(os.Args[2], os.Stdout); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("squall/internal/runner/keep.(*Client).spawn.func1"))
}

// kept says that the tests run their commands through a keeper.
var kept = os.Getenv("SQUALL_TEST_KEPT") != ""

// TestAllKept runs all other tests again, their commands in a keeper's hands.
func TestAllKept(t *testing.T) {
	if kept {
		t.Skip("this is that run")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.count=1", "-test.short="+strconv.FormatBool(testing.Short()))
	cmd.Env = append(os.Environ(), "SQUALL_TEST_KEPT=yes")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func testKeep(t testing.TB) *keep.Client {
	t.Helper()
	if !kept {
		return nil
	}
	dir, err := os.MkdirTemp("", "kept")
	if err != nil {
		t.Fatal(err)
	}
	c, err := keep.New(dir, []string{"local.test", "keeper"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		for range 100 { // the keeper saves what nobody has released
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	return c
}

var jobs atomic.Int64

// capture is an Output that keeps everything.
type capture struct {
	mu             sync.Mutex
	stdout, stderr bytes.Buffer
}

type locked struct {
	c *capture
	b *bytes.Buffer
}

func (l locked) Write(p []byte) (int, error) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	return l.b.Write(p)
}

func (c *capture) Stdout() io.Writer { return locked{c, &c.stdout} }
func (c *capture) Stderr() io.Writer { return locked{c, &c.stderr} }

// printed returns what was written to stdout so far.
func (c *capture) printed() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stdout.String()
}

// waitFor blocks until stdout holds text.
func (c *capture) waitFor(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if strings.Contains(c.printed(), text) {
			return
		}
	}
	t.Fatalf("stdout never held %q: %q", text, c.printed())
}

func cmdRunner(t testing.TB, cfg Config) *Runner {
	t.Helper()
	cfg.Keep = testKeep(t)
	r, err := NewCmd(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.null.Close() })
	return r
}

func job(params map[string]any) *runner.Job {
	return &runner.Job{
		Execution:    &squall.Execution{ID: squall.ID(fmt.Sprintf("68c0ffee%016x", jobs.Add(1)))},
		Action:       &squall.Action{Ref: squall.Ref{Pack: "test", Name: "shell"}},
		RunnerParams: params,
		Env:          map[string]string{"SQUALL_EXECUTION_ID": "68c0ffee0000000000000001"},
	}
}

// result is a shell action's result.
type result struct {
	Failed     bool   `json:"failed"`
	Succeeded  bool   `json:"succeeded"`
	ReturnCode int    `json:"return_code"`
	Stdout     any    `json:"stdout"`
	Stderr     any    `json:"stderr"`
	Error      string `json:"error"`
}

func run(t *testing.T, ctx context.Context, r *Runner, j *runner.Job) (squall.Status, result) {
	t.Helper()
	outcome, err := r.Run(ctx, j, new(capture))
	if err != nil {
		t.Fatal(err)
	}
	var res result
	if err := json.Unmarshal(outcome.Result, &res); err != nil {
		t.Fatalf("result %s: %v", outcome.Result, err)
	}
	return outcome.Status, res
}

func TestRunShapesTheResult(t *testing.T) {
	r := cmdRunner(t, Config{})
	ok := func(stdout, stderr any) result { return result{Succeeded: true, Stdout: stdout, Stderr: stderr} }
	for cmd, want := range map[string]result{
		"echo out; echo err >&2":        ok("out", "err"),
		"":                              ok("", ""),
		"   ":                           ok("", ""),
		"true":                          ok("", ""),
		"false":                         {Failed: true, ReturnCode: 1, Stdout: "", Stderr: ""},
		"echo out; exit 3":              {Failed: true, ReturnCode: 3, Stdout: "out", Stderr: ""},
		`printf 'abc\n\n\n'`:            ok("abc\n\n", ""),
		`printf 'abc\r\n'`:              ok("abc", ""),
		`printf '  {"a": [1]}\n\n'`:     ok(map[string]any{"a": []any{1.0}}, ""),
		"echo 42":                       ok(42.0, ""),
		"echo 007":                      ok("007", ""),
		"echo null":                     ok(nil, ""),
		`echo '""'`:                     ok("", ""),
		`echo '{"e":1}' >&2; exit 1`:    {Failed: true, ReturnCode: 1, Stdout: "", Stderr: map[string]any{"e": 1.0}},
		`printf 'a\377b'`:               ok("a\ufffdb", ""),
		`echo "<a> & 'b'"`:              ok("<a> & 'b'", ""),
		`echo "$0" "$#"`:                ok("bash 0", ""),
		"a=(1 2 3); echo ${a[1]}":       ok(2.0, ""),
		"kill -TERM $$":                 {Failed: true, ReturnCode: 143, Stdout: "", Stderr: "Terminated"},
		"kill -KILL $$":                 {Failed: true, ReturnCode: 137, Stdout: "", Stderr: "Killed"},
		"no_such_program":               {Failed: true, ReturnCode: 127, Stdout: "", Stderr: "bash: line 1: no_such_program: command not found"},
		"cat; echo rc=$?":               ok("rc=0", ""),
		"(sleep 0.2; echo late) & echo": ok("\nlate", ""),
	} {
		t.Run(cmd, func(t *testing.T) {
			status, got := run(t, t.Context(), r, job(map[string]any{"cmd": cmd}))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if (status == squall.Succeeded) != want.Succeeded {
				t.Errorf("status %s", status)
			}
		})
	}
}

func TestRunReportsWhatCannotBeStarted(t *testing.T) {
	r := cmdRunner(t, Config{})
	for name, c := range map[string]struct {
		params map[string]any
		want   string
	}{
		"missing cwd":    {map[string]any{"cmd": "pwd", "cwd": "/nonexistent_dir"}, "[Errno 2] No such file or directory: '/nonexistent_dir'"},
		"cwd is a file":  {map[string]any{"cmd": "pwd", "cwd": "/etc/passwd"}, "[Errno 20] Not a directory: '/etc/passwd'"},
		"empty cwd":      {map[string]any{"cmd": "pwd", "cwd": ""}, "[Errno 2] No such file or directory: ''"},
		"number in env":  {map[string]any{"cmd": "env", "env": map[string]any{"A": json.Number("1")}}, `expected str, bytes or os.PathLike object, not int: environment variable "A" must be a string`},
		"name in env":    {map[string]any{"cmd": "env", "env": map[string]any{"A=B": "1"}}, `illegal environment variable name "A=B"`},
		"null byte":      {map[string]any{"cmd": "echo a\x00b"}, "embedded null byte"},
		"too long":       {map[string]any{"cmd": "echo " + strings.Repeat("x", 1<<18) + ";"}, "[Errno 7] Argument list too long: 'bash'"},
		"null in env":    {map[string]any{"cmd": "env", "env": map[string]any{"A": nil}}, `expected str, bytes or os.PathLike object, not NoneType: environment variable "A" must be a string`},
		"null byte, env": {map[string]any{"cmd": "env", "env": map[string]any{"A": "\x00"}}, `embedded null byte in environment variable "A"`},
	} {
		t.Run(name, func(t *testing.T) {
			status, got := run(t, t.Context(), r, job(c.params))
			if status != squall.Failed || got.Error != c.want {
				t.Errorf("%s %q, want failed %q", status, got.Error, c.want)
			}
		})
	}
}

func TestRunStreamsWhileItRuns(t *testing.T) {
	r := cmdRunner(t, Config{})
	fifo := filepath.Join(t.TempDir(), "go on")
	out := new(capture)
	done := make(chan squall.Outcome, 1)
	go func() {
		outcome, _ := r.Run(t.Context(), job(map[string]any{
			"cmd": `echo first; until [ -e "$GO" ]; do sleep 0.01; done; echo second`,
			"env": map[string]any{"GO": fifo},
		}), out)
		done <- outcome
	}()
	out.waitFor(t, "first\n")
	if err := os.WriteFile(fifo, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if outcome := <-done; outcome.Status != squall.Succeeded || out.printed() != "first\nsecond\n" {
		t.Errorf("%s, streamed %q", outcome.Status, out.printed())
	}
}

func TestRunCutsLongOutputWithAMark(t *testing.T) {
	r := cmdRunner(t, Config{OutputLimit: 10_000})
	out := new(capture)
	outcome, err := r.Run(t.Context(), job(map[string]any{"cmd": "head -c 250000 /dev/zero | tr '\\0' x; echo e >&2"}), out)
	if err != nil {
		t.Fatal(err)
	}
	var got result
	if err := json.Unmarshal(outcome.Result, &got); err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat("x", 10_000) + "\n[output cut here: 250000 bytes were printed, the limit is 10000]"
	if got.Stdout != want {
		t.Errorf("stdout is %d long and ends %q", len(got.Stdout.(string)), got.Stdout.(string)[9_990:])
	}
	if got.Stderr != "e" || outcome.Status != squall.Succeeded {
		t.Errorf("stderr %q, %s: the other stream must be whole", got.Stderr, outcome.Status)
	}
	if n := len(out.printed()); n != 250_000 && !(kept && n == 10_000) { // a keeper passes on what it keeps
		t.Errorf("%d bytes went to the output, want all 250000: bounding it is not the runner's business", n)
	}
}

func TestEnvironmentOfACommand(t *testing.T) {
	t.Setenv("SQUALL_DATABASE", "postgres://secret")
	t.Setenv("INHERITED", "yes")
	r := cmdRunner(t, Config{})
	j := job(map[string]any{
		"cmd": `echo "$A $INHERITED $SQUALL_EXECUTION_ID ${SQUALL_DATABASE:-hidden}"`,
		"env": map[string]any{"A": "1", "INHERITED": "overridden", "SQUALL_EXECUTION_ID": "forged"},
	})
	_, got := run(t, t.Context(), r, j)
	if want := "1 overridden 68c0ffee0000000000000001 hidden"; got.Stdout != want {
		t.Errorf("%q, want %q", got.Stdout, want)
	}
}

func TestTimeout(t *testing.T) {
	r := cmdRunner(t, Config{})
	status, got := run(t, t.Context(), r, job(map[string]any{"cmd": "echo before; sleep 30", "timeout": json.Number("1")}))
	want := result{Failed: true, ReturnCode: -9, Stdout: "before", Stderr: "", Error: "Action failed to complete in 1 seconds"}
	if diff := cmp.Diff(want, got); diff != "" || status != squall.Timeout {
		t.Errorf("%s, result (-want +got):\n%s", status, diff)
	}
}

func TestTimeoutOfZeroIsAtOnce(t *testing.T) {
	r := cmdRunner(t, Config{})
	for _, n := range []json.Number{"0", "-3"} {
		status, got := run(t, t.Context(), r, job(map[string]any{"cmd": "sleep 30", "timeout": n}))
		if status != squall.Timeout || got.ReturnCode != -9 {
			t.Errorf("timeout %s: %s, %+v", n, status, got)
		}
	}
}

// TestTimeIsOverAlready: the result is that of any time-out, also when the
// scheduler's limit was first.
func TestTimeIsOverAlready(t *testing.T) {
	r := cmdRunner(t, Config{})
	over, cancel := context.WithTimeoutCause(t.Context(), 0, runner.ErrTimeout)
	defer cancel()
	for name, ctx := range map[string]context.Context{"here": t.Context(), "in the scheduler": over} {
		status, got := run(t, ctx, r, job(map[string]any{"cmd": "sleep 30", "timeout": json.Number("0")}))
		want := result{Failed: true, ReturnCode: -9, Stdout: "", Stderr: "", Error: "Action failed to complete in 0 seconds"}
		if diff := cmp.Diff(want, got); diff != "" || status != squall.Timeout {
			t.Errorf("%s: %s, result (-want +got):\n%s", name, status, diff)
		}
	}
}

func TestRunDoesNotStartWhatIsCanceledAlready(t *testing.T) {
	r := cmdRunner(t, Config{})
	trace := filepath.Join(t.TempDir(), "ran")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(runner.ErrCanceled)
	outcome, err := r.Run(ctx, job(map[string]any{"cmd": "touch " + trace}), new(capture))
	if err != nil || outcome.Status != squall.Canceled {
		t.Errorf("%s, %v", outcome.Status, err)
	}
	if _, err := os.Stat(trace); err == nil {
		t.Error("the command ran")
	}
}

package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"squall/internal/runner"
	"squall/internal/squall"
)

// Each command starts a process that tries to get away, writes its number to
// $PIDS and prints "up"; none of them may outlive the run.
var runaways = map[string]string{
	"child":                     `sleep 600 & echo $! >>$PIDS; echo up; wait`,
	"grandchild":                `bash -c 'sleep 600 & echo $! >>$PIDS; echo up; wait'; :`,
	"ignores TERM":              `trap '' TERM; echo $$ >>$PIDS; echo up; while :; do sleep 1; done`,
	"child that ignores TERM":   `bash -c 'trap "" TERM; echo $$ >>$PIDS; echo up; while :; do sleep 1; done' & wait`,
	"own process group":         `set -m; sleep 600 & echo $! >>$PIDS; echo up; wait`,
	"own session":               `setsid -w sleep 600 & sleep 0.1; pgrep -f -P $! sleep >>$PIDS || echo $! >>$PIDS; echo up; wait`,
	"orphan in own session":     `(setsid bash -c 'echo $$ >>$PIDS; exec sleep 600' </dev/null >/dev/null 2>&1 &); sleep 0.2; echo up; sleep 600`,
	"double fork, TERM refused": `(setsid bash -c '(trap "" TERM; echo $BASHPID >>$PIDS; while :; do sleep 1; done) & ' </dev/null >/dev/null 2>&1 &); sleep 0.2; echo up; sleep 600`,
	"stopped":                   `sleep 600 & kill -STOP $!; echo $! >>$PIDS; echo up; wait`,
	"nohup":                     `nohup sleep 600 >/dev/null 2>&1 & echo $! >>$PIDS; echo up; wait`,
	"keeps stdout":              `(setsid sleep 600 &); sleep 0.1; echo 0 >>$PIDS; echo up`, // the main process ends, its output stays open
	"forks while it is killed":  `f() { sleep 0.01 & sleep 0.01 & wait; f; }; trap '' TERM; f & f & echo $! >>$PIDS; echo up; wait`,
}

func TestTheWholeTreeEnds(t *testing.T) {
	for name, cmd := range runaways {
		for cause, want := range map[error]squall.Status{runner.ErrCanceled: squall.Canceled, runner.ErrTimeout: squall.Timeout} {
			t.Run(name+"/"+string(want), func(t *testing.T) {
				t.Parallel()
				r := cmdRunner(t, Config{Grace: 150 * time.Millisecond})
				pids := filepath.Join(t.TempDir(), "pids")
				id := fmt.Sprintf("tree-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), " ", "-"))
				j := job(map[string]any{"cmd": cmd, "env": map[string]any{"PIDS": pids}})
				j.Env = map[string]string{"SQUALL_EXECUTION_ID": id}

				ctx, cancel := context.WithCancelCause(t.Context())
				out := new(capture)
				done := make(chan squall.Outcome, 1)
				go func() {
					outcome, err := r.Run(ctx, j, out)
					if err != nil {
						t.Error(err)
					}
					done <- outcome
				}()
				out.waitFor(t, "up\n")
				if left := survivors(id); len(left) == 0 {
					t.Fatal("nothing carries the mark while the command runs: the test proves nothing")
				}
				cancel(cause)
				select {
				case outcome := <-done:
					if outcome.Status != want {
						t.Errorf("status %s, want %s", outcome.Status, want)
					}
				case <-time.After(10 * time.Second):
					t.Fatal("the run did not end")
				}
				if left := survivors(id); len(left) > 0 {
					t.Errorf("survived: %v", left)
				}
				for pid := range strings.FieldsSeq(read(t, pids)) {
					// A killed process that has no memory any more may still be on its way out.
					for until := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
						state := stateOf(pid)
						if state == "" || state == "Z" {
							break
						}
						if time.Now().After(until) {
							t.Errorf("process %s is in state %s", pid, state)
							break
						}
					}
				}
			})
		}
	}
}

// survivors lists what runs with the mark, by a look of its own.
func survivors(id string) []string {
	var found []string
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		environ, _ := os.ReadFile(dir + "/environ")
		if !strings.Contains(string(environ), "SQUALL_EXECUTION_ID="+id+"\x00") {
			continue
		}
		if state := stateOf(filepath.Base(dir)); state != "" && state != "Z" {
			line, _ := os.ReadFile(dir + "/cmdline")
			found = append(found, filepath.Base(dir)+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// stateOf returns the letter ps shows, "" when there is no such process.
func stateOf(pid string) string {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return rest[:1]
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestACleanEndWithinTheGracePeriodIsLeftAlone(t *testing.T) {
	r := cmdRunner(t, Config{Grace: 10 * time.Second})
	out := new(capture)
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan squall.Outcome, 1)
	started := time.Now()
	go func() {
		outcome, _ := r.Run(ctx, job(map[string]any{"cmd": `trap 'echo cleaned up; exit 7' TERM; echo up; while :; do sleep 0.05; done`}), out)
		done <- outcome
	}()
	out.waitFor(t, "up\n")
	cancel(runner.ErrCanceled)
	<-done
	if got := out.printed(); got != "up\ncleaned up\n" {
		t.Errorf("stdout %q", got)
	}
	if took := time.Since(started); took > 8*time.Second {
		t.Errorf("took %s: it waited for the whole grace period", took)
	}
}

func TestADaemonLeftBehindOnPurposeLives(t *testing.T) {
	r := cmdRunner(t, Config{})
	status, got := run(t, t.Context(), r, job(map[string]any{"cmd": `nohup sleep 600 >/dev/null 2>&1 & echo $!`}))
	pid := int(got.Stdout.(float64))
	p, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	if state := stateOf(strconv.Itoa(pid)); status != squall.Succeeded || state == "" || state == "Z" {
		t.Errorf("%s, the daemon is in state %q", status, state)
	}
}

func TestAStreamHeldByAStrangerDoesNotHoldTheRun(t *testing.T) {
	// The stranger left the tree by every mark: own session, parent gone, other
	// environment. It keeps stdout open.
	r := cmdRunner(t, Config{Grace: 50 * time.Millisecond, WaitDelay: 200 * time.Millisecond})
	pids := filepath.Join(t.TempDir(), "pids")
	out := new(capture)
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan squall.Outcome, 1)
	go func() {
		outcome, _ := r.Run(ctx, job(map[string]any{
			"cmd": `(setsid env -i sleep 600 & echo $! >$PIDS); sleep 0.2; echo up`,
			"env": map[string]any{"PIDS": pids},
		}), out)
		done <- outcome
	}()
	out.waitFor(t, "up\n")
	cancel(runner.ErrTimeout)
	select {
	case outcome := <-done:
		if outcome.Status != squall.Timeout {
			t.Errorf("status %s", outcome.Status)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the run hangs")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(read(t, pids)))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}

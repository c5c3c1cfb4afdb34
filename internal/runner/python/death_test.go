package python

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"squall/internal/runner"
	"squall/internal/squall"
)

// helperVariable makes the test program a server that runs one action for ever.
const helperVariable = "SQUALL_TEST_PYTHON_HELPER"

const forever = `
import os, time
class Act(object):
    def __init__(self, config=None, action_service=None): pass
    def run(self, pids):
        with open(pids + ".part", "w") as f:
            f.write("%d %d" % (os.getpid(), os.getppid()))
        os.rename(pids + ".part", pids)
        time.sleep(600)
`

// TestHelperServer is no test: it is what TestNothingOutlivesAKilledServer kills.
func TestHelperServer(t *testing.T) {
	dir := os.Getenv(helperVariable)
	if dir == "" {
		t.Skip("only as a helper of another test")
	}
	r, err := New(Config{Lib: os.Getenv("SQUALL_TEST_PYTHON_LIB"), Python: pythonForTests, Cold: strings.HasSuffix(dir, "cold")})
	if err != nil {
		t.Fatal(err)
	}
	j := &runner.Job{
		Execution: &squall.Execution{ID: "helper"}, PackDir: dir, Env: map[string]string{},
		Action:       &squall.Action{Ref: squall.Ref{Pack: "mypack", Name: "act"}, EntryPoint: "act.py"},
		RunnerParams: map[string]any{"timeout": json.Number("600")}, ActionParams: map[string]any{"pids": filepath.Join(dir, "pids")},
	}
	_, _ = r.Run(context.Background(), j, runner.Discard) // never returns: the process is killed
}

func TestNothingOutlivesAKilledServer(t *testing.T) {
	lib, err := library()
	if err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"warm", "cold"} {
		t.Run(how, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), how)
			if err := os.MkdirAll(filepath.Join(dir, "actions"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "actions", "act.py"), []byte(forever), 0o644); err != nil {
				t.Fatal(err)
			}
			server := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelperServer$")
			server.Env = append(os.Environ(), helperVariable+"="+dir, "SQUALL_TEST_PYTHON_LIB="+lib)
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			var pids []string
			for until := time.Now().Add(60 * time.Second); pids == nil && time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
				if text, err := os.ReadFile(filepath.Join(dir, "pids")); err == nil {
					pids = strings.Fields(string(text))
				}
			}
			if len(pids) != 2 || !alive(pids[0]) {
				t.Fatalf("the action does not run: %v", pids)
			}
			if err := server.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_ = server.Wait() // it was killed
			for until := time.Now().Add(10 * time.Second); alive(pids[0]) || alive(pids[1]); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(until) {
					t.Fatalf("action and its parent live on: %v %t %t", pids, alive(pids[0]), alive(pids[1]))
				}
			}
		})
	}
}

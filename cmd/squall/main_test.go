package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"squall": main, "st2": main})
}

// TestScripts runs the scripts of testdata/script: the program as a user sees it.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			// Actions run real programs.
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
			env.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server":  startServer,
			"halt":    stopServer,
			"envfile": envFile,
			"lastid":  lastID,
		},
	})
}

type serverProcess struct {
	cmd *exec.Cmd
	log *bytes.Buffer
}

var servers = map[*testscript.TestScript]*serverProcess{}

// startServer starts a server on $WORK/data and makes its address known:
//
//	server [flags]
func startServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("server cannot be negated")
	}
	data := ts.MkAbs("data")
	p := &serverProcess{log: &bytes.Buffer{}}
	p.cmd = exec.Command("squall", append([]string{"server", "--data", data, "--listen", "127.0.0.1:0"}, args...)...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "SQUALL_") && !strings.HasPrefix(kv, "PATH=") {
			p.cmd.Env = append(p.cmd.Env, kv)
		}
	}
	p.cmd.Env = append(p.cmd.Env, "PATH="+ts.Getenv("PATH"))
	path, err := exec.LookPath("squall")
	if err != nil { // testscript puts it only into the script's PATH
		for dir := range strings.SplitSeq(ts.Getenv("PATH"), ":") {
			if _, err := os.Stat(filepath.Join(dir, "squall")); err == nil {
				path = filepath.Join(dir, "squall")
				break
			}
		}
	}
	p.cmd.Path, p.cmd.Err = path, nil
	p.cmd.Stderr = p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ts.Check(p.cmd.Start())
	ended := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(ended) }()
	servers[ts] = p
	ts.Defer(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = p.cmd.Process.Kill()
			<-ended
		}
	})
	deadline := time.Now().Add(20 * time.Second)
	for {
		address, err := os.ReadFile(filepath.Join(data, "address"))
		if err == nil && len(address) > 0 {
			ts.Setenv("SQUALL_URL", strings.TrimSpace(string(address)))
			return
		}
		select {
		case <-ended:
			ts.Fatalf("the server ended:\n%s", p.log)
		default:
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the server does not start:\n%s", p.log)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// stopServer ends the server: halt [KILL]
func stopServer(ts *testscript.TestScript, _ bool, args []string) {
	p := servers[ts]
	sig := syscall.SIGTERM
	if len(args) > 0 && args[0] == "KILL" {
		sig = syscall.SIGKILL
	}
	ts.Check(p.cmd.Process.Signal(sig))
	for range 4000 {
		if p.cmd.Process.Signal(syscall.Signal(0)) != nil {
			ts.Check(os.RemoveAll(ts.MkAbs("data/address"))) // a killed server leaves it
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	ts.Fatalf("the server does not end:\n%s", p.log)
}

// envFile sets a variable to a file's content: envfile NAME FILE
func envFile(ts *testscript.TestScript, _ bool, args []string) {
	text, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Setenv(args[0], strings.TrimSpace(string(text)))
}

// lastID sets a variable to the first word of the last command's output: lastid NAME
func lastID(ts *testscript.TestScript, _ bool, args []string) {
	words := strings.Fields(ts.ReadFile("stdout"))
	if len(words) == 0 {
		ts.Fatalf("nothing was printed")
	}
	ts.Setenv(args[0], words[0])
}

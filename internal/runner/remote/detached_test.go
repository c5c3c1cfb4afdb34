package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"squall/internal/runner"
	"squall/internal/runner/ssh"
	"squall/internal/squall"
	"squall/internal/sshtest"
)

// server is what one process of ours has; the next one has the same directory.
type server struct {
	js  *Journals
	cmd *Runner
	net *sshtest.Net
}

func start(t *testing.T, n *sshtest.Net) *server {
	t.Helper()
	p := pool(t, n, func(c *ssh.Config) { c.ConnectTimeout = 5 * time.Second })
	js, err := OpenJournals(filepath.Join(n.Dir, "journals"), p, n.Dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(js.Close)
	cfg := Config{Journals: js, DetachDir: n.Dir, Grace: 200 * time.Millisecond}
	return &server{js: js, cmd: NewCmd(p, cfg), net: n}
}

// detachedJob is a job with an execution of its own.
func detachedJob(n *sshtest.Net, params map[string]any) *runner.Job {
	j := job(addresses(n), params)
	j.RunnerParams["detach"] = true
	j.Execution = &squall.Execution{ID: squall.ID(fmt.Sprintf("%024x", time.Now().UnixNano())), Attempt: 1, StartedAt: time.Now()}
	j.Env["SQUALL_EXECUTION_ID"] = string(j.Execution.ID)
	return j
}

// flight is a run under way.
type flight struct {
	out     *capture
	cancel  context.CancelCauseFunc
	ended   chan struct{}
	outcome squall.Outcome
	err     error
}

func fly(t *testing.T, run func(context.Context, *runner.Job, runner.Output) (squall.Outcome, error), j *runner.Job) *flight {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	f := &flight{out: &capture{}, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(f.ended)
		f.outcome, f.err = run(ctx, j, f.out)
	}()
	return f
}

// until waits until the live output holds text n times.
func (f *flight) until(t *testing.T, text string, n int) {
	t.Helper()
	for range 6000 {
		f.out.mu.Lock()
		got := bytes.Count(f.out.stdout.Bytes(), []byte(text))
		f.out.mu.Unlock()
		if got >= n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%q was not printed %d times: %s", text, n, f.out.stdout.String())
}

func (f *flight) entries(t *testing.T) map[string]entry {
	t.Helper()
	<-f.ended
	var entries map[string]entry
	if f.err != nil || json.Unmarshal(f.outcome.Result, &entries) != nil {
		t.Fatalf("%v: %s", f.err, f.outcome.Result)
	}
	return entries
}

// counting is a command that prints four lines on each stream, waits for the gate
// in between, and notes when it begins and ends.
func counting(n *sshtest.Net) (cmd, file, gate string) {
	file, gate = filepath.Join(n.Dir, "count"), filepath.Join(n.Dir, "gate")
	return `echo began >>` + file + `; for n in 1 2 3 4; do echo line $n; echo other $n >&2; [ $n != 2 ] || while [ ! -e ` + gate + ` ]; do sleep 0.05; done; done; echo ended >>` + file + `; exit 3`, file, gate
}

func open(t *testing.T, gate string) {
	t.Helper()
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// complete checks that every host ran the command once, to its end, and that all it
// printed is there.
func (s *server) complete(t *testing.T, f *flight, file string) {
	t.Helper()
	for host, e := range f.entries(t) {
		if e.ReturnCode != 3 || e.Stdout != "line 1\nline 2\nline 3\nline 4" || e.Stderr != "other 1\nother 2\nother 3\nother 4" || e.Error != "" || e.Notice != "" {
			t.Errorf("%s: %+v", host, e)
		}
	}
	want := strings.Repeat("x", len(s.net.Hosts))
	text, _ := os.ReadFile(file)
	for _, word := range []string{"began", "ended"} {
		if got := strings.Repeat("x", strings.Count(string(text), word)); got != want {
			t.Errorf("%d commands %s, want %d", len(got), word, len(want))
		}
	}
	for _, h := range s.net.Hosts {
		for k := 1; k <= 4; k++ {
			for stream, line := range map[string]string{f.out.stdout.String(): "line", f.out.stderr.String(): "other"} {
				if len(s.net.Hosts) > 1 {
					line = "[" + h.Addr + "] " + line
				}
				if got := strings.Count(stream, line+" "+strconv.Itoa(k)+"\n"); got != 1 {
					t.Errorf("live: %q is there %d times", line+" "+strconv.Itoa(k), got)
				}
			}
		}
	}
}

// clean waits until nothing is left, on the hosts and here.
func (s *server) clean(t *testing.T, j *runner.Job) {
	t.Helper()
	s.js.Release(j.Execution.IdempotencyKey())
	var left []string
	for range 500 {
		onHosts, _ := filepath.Glob(filepath.Join(s.net.Dir, "squall-*", "*"))
		here, _ := filepath.Glob(filepath.Join(s.net.Dir, "journals", "*"))
		if left = slices.Concat(onHosts, here); len(left) == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if alive := marked(string(j.Execution.ID)); len(alive) > 0 {
		t.Errorf("still run: %v", alive)
	}
}

// marked lists processes with a text in their environment.
func marked(text string) (list []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		if env, err := os.ReadFile(file); err == nil && bytes.Contains(env, []byte(text)) {
			list = append(list, file)
		}
	}
	return list
}

// TestLostConnection: sshd's processes are killed under the commands, one host is
// even away for a while, and nothing is lost or done twice.
func TestLostConnection(t *testing.T) {
	n := sshtest.Start(t, 4)
	s := start(t, n)
	cmd, file, gate := counting(n)
	j := detachedJob(n, map[string]any{"cmd": cmd})
	f := fly(t, s.cmd.Run, j)
	f.until(t, "line 2", 4)
	for i, h := range n.Hosts[:3] {
		if i == 2 {
			h.Stop() // takes no connections any more
		}
		h.Cut(t)
	}
	open(t, gate)
	time.Sleep(300 * time.Millisecond)
	n.Hosts[2].Restart(t, false)
	s.complete(t, f, file)
	if f.outcome.Status != squall.Failed {
		t.Errorf("%s", f.outcome.Status)
	}
	s.clean(t, j)
}

// TestRestart: the server stops in the middle, and another one goes on where it
// was, however often, and also when the commands have ended meanwhile.
func TestRestart(t *testing.T) {
	for name, away := range map[string]bool{"goes on": false, "has ended": true} {
		t.Run(name, func(t *testing.T) {
			n := sshtest.Start(t, 3)
			cmd, file, gate := counting(n)
			j := detachedJob(n, map[string]any{"cmd": cmd})
			s := start(t, n)
			f := fly(t, s.cmd.Run, j)
			for range 2 {
				f.until(t, "line 2", 3)
				f.cancel(runner.ErrShutdown)
				if <-f.ended; !errors.Is(f.err, runner.ErrDetached) {
					t.Fatalf("%v %+v", f.err, f.outcome)
				}
				before := f.out.stdout.String()
				if away {
					open(t, gate)
					for range 1000 {
						if text, _ := os.ReadFile(file); bytes.Count(text, []byte("ended")) == 3 {
							break
						}
						time.Sleep(10 * time.Millisecond)
					}
				}
				s = start(t, n)
				keys, err := s.js.Kept()
				if err != nil || !slices.Equal(keys, []string{j.Execution.IdempotencyKey()}) {
					t.Fatalf("%v %v", keys, err)
				}
				f = fly(t, s.cmd.Resume, j)
				f.until(t, "line 2", 3)
				f.out.mu.Lock()
				if now := f.out.stdout.String(); !strings.HasPrefix(now, before) {
					t.Errorf("what is told again is not what was told before:\n%s\n%s", now, before)
				}
				f.out.mu.Unlock()
				if away {
					break
				}
			}
			if keys, _ := s.js.Kept(); len(keys) > 0 {
				t.Errorf("%v is in nobody's hand?", keys)
			}
			open(t, gate)
			s.complete(t, f, file)
			s.clean(t, j)
		})
	}
}

// TestTornJournal: a machine that crashes leaves half a line.
func TestTornJournal(t *testing.T) {
	n := sshtest.Start(t, 1)
	cmd, file, gate := counting(n)
	j := detachedJob(n, map[string]any{"cmd": cmd})
	s := start(t, n)
	f := fly(t, s.cmd.Run, j)
	f.until(t, "line 2", 1)
	f.cancel(runner.ErrLeaseLost)
	if <-f.ended; !errors.Is(f.err, runner.ErrDetached) {
		t.Fatalf("%v", f.err)
	}
	name := s.js.file(j.Execution.IdempotencyKey())
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	// Everything but the beginning is lost: even that the host has begun.
	head, rest, _ := bytes.Cut(text, []byte("\n"))
	if err := os.WriteFile(name, append(append(head, '\n'), rest[:10]...), 0o600); err != nil {
		t.Fatal(err)
	}
	s = start(t, n)
	f = fly(t, s.cmd.Resume, j)
	f.until(t, "line 2", 1)
	open(t, gate)
	s.complete(t, f, file)
	s.clean(t, j)
}

// TestRebootedHost: the directory is there, the processes are not.
func TestRebootedHost(t *testing.T) {
	n := sshtest.Start(t, 2)
	s := start(t, n)
	cmd, _, gate := counting(n)
	j := detachedJob(n, map[string]any{"cmd": cmd})
	f := fly(t, s.cmd.Run, j)
	f.until(t, "line 2", 2)
	dirs, _ := filepath.Glob(filepath.Join(n.Dir, "squall-*", "*."+n.Hosts[0].Addr+"*"))
	if len(dirs) != 1 {
		t.Fatalf("%v", dirs)
	}
	text, err := os.ReadFile(filepath.Join(dirs[0], "pid"))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text))
	pid, _ := strconv.Atoi(fields[0])
	if err := os.WriteFile(filepath.Join(dirs[0], "pid"), []byte("1 1 another-boot\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	open(t, gate)
	entries := f.entries(t)
	if e := entries[n.Hosts[0].Addr]; e.ReturnCode != 255 || !strings.Contains(e.Error, "the host was restarted while the command ran") || e.Stdout != "line 1\nline 2" {
		t.Errorf("%+v", e)
	}
	if e := entries[n.Hosts[1].Addr]; e.ReturnCode != 3 || e.Error != "" {
		t.Errorf("%+v", e)
	}
	s.clean(t, j)
}

// TestCancelDetached ends the tree, also of a run that was picked up; so does the
// end of its time.
func TestCancelDetached(t *testing.T) {
	n := sshtest.Start(t, 2)
	for name, late := range map[string]bool{"cancel": false, "timeout": true} {
		t.Run(name, func(t *testing.T) {
			j := detachedJob(n, map[string]any{"cmd": "trap '' TERM; setsid sleep 300 & echo line 2; while :; do sleep 1; done"})
			s := start(t, n)
			f := fly(t, s.cmd.Run, j)
			f.until(t, "line 2", 2)
			f.cancel(runner.ErrShutdown)
			<-f.ended
			s = start(t, n)
			if late { // nobody was there when it was over
				j.RunnerParams["timeout"] = json.Number("1")
				time.Sleep(time.Second)
			}
			f = fly(t, s.cmd.Resume, j)
			f.until(t, "line 2", 2)
			if !late {
				f.cancel(runner.ErrCanceled)
			}
			for host, e := range f.entries(t) {
				if e.ReturnCode != -9 || e.Timeout != late || e.Notice != "" || e.Stdout != "line 2" {
					t.Errorf("%s: %+v", host, e)
				}
			}
			if alive := marked(string(j.Execution.ID)); len(alive) > 0 {
				t.Errorf("still run: %v", alive)
			}
			s.clean(t, j)
		})
	}
}

// TestDetachedScript: it is copied once, and taken away when all is over.
func TestDetachedScript(t *testing.T) {
	n := sshtest.Start(t, 1)
	dir := t.TempDir()
	cmd, file, gate := counting(n)
	if err := os.MkdirAll(filepath.Join(dir, "actions"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "actions", "count.sh"), []byte("#!/bin/bash\n"+cmd+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	j := detachedJob(n, map[string]any{"dir": base, "cwd": "/"})
	j.PackDir, j.Action.EntryPoint = dir, "count.sh"
	s := start(t, n)
	f := fly(t, NewScript(s.cmd.pool, s.cmd.cfg).Run, j)
	f.until(t, "line 2", 1)
	f.cancel(runner.ErrShutdown)
	<-f.ended
	s = start(t, n)
	f = fly(t, NewScript(s.cmd.pool, s.cmd.cfg).Resume, j)
	f.until(t, "line 2", 1)
	open(t, gate)
	s.complete(t, f, file)
	s.clean(t, j)
	if left, _ := os.ReadDir(base); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestUnwantedRun: nobody waits for what an earlier process has begun. It is ended
// and taken away with what the journal knows.
func TestUnwantedRun(t *testing.T) {
	n := sshtest.Start(t, 2)
	j := detachedJob(n, map[string]any{"cmd": "echo line 2; sleep 300"})
	s := start(t, n)
	f := fly(t, s.cmd.Run, j)
	f.until(t, "line 2", 2)
	f.cancel(runner.ErrShutdown)
	<-f.ended
	s = start(t, n)
	s.clean(t, j)
}

// TestDetachedBadHosts: a host that cannot be reached has begun nothing.
func TestDetachedBadHosts(t *testing.T) {
	n := sshtest.Start(t, 2)
	n.Hosts[1].Restart(t, true)
	j := detachedJob(n, map[string]any{"cmd": "echo here"})
	hosts := j.RunnerParams["hosts"].(string)
	j.RunnerParams["hosts"] = hosts + "," + sshtest.Mute(t)
	s := start(t, n)
	entries := fly(t, s.cmd.Run, j).entries(t)
	if e := entries[n.Hosts[0].Addr]; e.Stdout != "here" || !e.Succeeded {
		t.Errorf("%+v", e)
	}
	if e := entries[n.Hosts[1].Addr]; !strings.Contains(e.Error, "HAS CHANGED") || e.ReturnCode != 255 {
		t.Errorf("%+v", e)
	}
	if e := entries["127.0.0.1"]; !strings.Contains(e.Error, "did not answer") || e.ReturnCode != 255 {
		t.Errorf("%+v", e)
	}
	s.clean(t, j)
}

// TestCancelAtOnce: whenever the cancel comes, nothing goes on.
func TestCancelAtOnce(t *testing.T) {
	n := sshtest.Start(t, 1)
	s := start(t, n)
	for pause := time.Duration(0); pause < 200*time.Millisecond; pause += 50 * time.Millisecond {
		j := detachedJob(n, map[string]any{"cmd": "sleep 300"})
		f := fly(t, s.cmd.Run, j)
		time.Sleep(pause)
		f.cancel(runner.ErrCanceled)
		if <-f.ended; f.err != nil || f.outcome.Status != squall.Canceled {
			t.Errorf("%v %s", f.err, f.outcome.Status)
		}
		if alive := marked(string(j.Execution.ID)); len(alive) > 0 {
			t.Errorf("canceled after %s: still run: %v", pause, alive)
		}
		s.js.Release(j.Execution.IdempotencyKey())
	}
}

package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"squall/internal/sshtest"
)

// kept is a detached command of the test's own.
func kept(n *sshtest.Net) Detached {
	return Detached{Base: n.Dir, ID: nonce(), Attempt: "1", Host: "web1"}
}

// launch starts a command, which has to work.
func launch(t *testing.T, p *Pool, tg *Target, c Command, d Detached) (dir string) {
	t.Helper()
	dir, _, err := p.Launch(t.Context(), tg, c, d, false)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// followed is what a detached command printed, and how it ended.
func followed(t *testing.T, p *Pool, tg *Target, dir string) (stdout, stderr string, state State, code int) {
	t.Helper()
	var o, e bytes.Buffer
	state, err := p.Follow(t.Context(), tg, dir, &o, &e, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if code, err = p.Rest(t.Context(), tg, dir, &o, &e, int64(o.Len()), int64(e.Len())); err != nil {
		t.Fatal(err)
	}
	return o.String(), e.String(), state, code
}

func TestDetached(t *testing.T) {
	// A chatty shell: what it says is no part of any command's output.
	n := sshtest.Start(t, 1, `ForceCommand echo welcome; echo welcome >&2; exec bash -c "$SSH_ORIGINAL_COMMAND"`)
	p := pool(t, n)
	tg := target(t, p, n.Hosts[0])
	for _, c := range []struct {
		name           string
		c              Command
		stdout, stderr string
		code           int
	}{
		{"both streams", Command{Line: "echo out; sleep 0.3; echo err >&2; echo out"}, "out\nout\n", "err\n", 0},
		{"exit code", Command{Line: "exit 7"}, "", "", 7},
		{"killed", Command{Line: "kill -9 $$"}, "", "", 137},
		{"bash", Command{Line: "[[ a == a ]] && echo 'it''s \"yes\"'"}, "its \"yes\"\n", "", 0},
		{"environment", Command{Line: `printf '%s|' "$A" "$B"`, Env: map[string]string{"A": "it's", "B": "two\nlines $HOME"}}, "it's|two\nlines $HOME|", "", 0},
		{"no input", Command{Line: "cat; echo end"}, "end\n", "", 0},
		{"much", Command{Line: "head -c 3000000 /dev/zero | tr '\\0' x"}, strings.Repeat("x", 3000000), "", 0},
		{"sudo", Command{Line: "id -u; cat; echo $A", Sudo: true, Password: "secret", Env: map[string]string{"A": "b"}}, "0\nb\n", "", 0},
		{"own umask", Command{Line: "umask"}, fmt.Sprintf("%04o\n", umask()), "", 0},
		{"nothing of ours in the environment", Command{Line: "set | grep -c ^squall_; true"}, "0\n", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := os.Stat("/usr/bin/sudo"); err != nil && c.c.Sudo {
				t.Skip("SKIPPED: no sudo")
			}
			d := kept(n)
			dir := launch(t, p, tg, c.c, d)
			stdout, stderr, state, code := followed(t, p, tg, dir)
			if state != HasEnded || stdout != c.stdout || stderr != c.stderr || code != c.code {
				t.Errorf("%d %.200q %q %d, want %.200q %q %d", state, stdout, stderr, code, c.stdout, c.stderr, c.code)
			}
			if files, _ := filepath.Glob(dir + "/run"); len(files) > 0 {
				t.Errorf("left: %v", files)
			}
			if err := p.Clean(t.Context(), tg, dir, d); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the directory is still there: %v", err)
			}
		})
	}
}

func umask() int {
	old := unix.Umask(0)
	unix.Umask(old)
	return old
}

// TestLaunchedOnce: however many ask for it, and at the same time.
func TestLaunchedOnce(t *testing.T) {
	n := sshtest.Start(t, 1)
	tg := target(t, pool(t, n), n.Hosts[0])
	file := filepath.Join(n.Dir, "began")
	d := kept(n)
	c := Command{Line: "echo x >>" + file + "; sleep 1"}
	var all sync.WaitGroup
	for range 8 {
		p := pool(t, n) // as another server would
		all.Go(func() {
			if _, _, err := p.Launch(t.Context(), tg, c, d, false); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	p := pool(t, n)
	dir := launch(t, p, tg, c, d)
	// A later attempt of the same execution finds what still runs, and has it from then on.
	later := d
	later.Attempt = "2"
	if found := launch(t, p, tg, c, later); found != dir {
		t.Errorf("the second attempt has %s, the first %s", found, dir)
	}
	if _, _, state, code := followed(t, p, tg, dir); state != HasEnded || code != 0 {
		t.Errorf("%d %d", state, code)
	}
	if err := p.Clean(t.Context(), tg, dir, d); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error("the first attempt deleted what is the second's")
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "x\n" {
		t.Errorf("%q %v", text, err)
	}
	// What has ended is found too, and is not begun again, but by another attempt.
	if _, _, err := p.Launch(t.Context(), tg, c, d, true); err != nil {
		t.Error(err)
	}
	later.Attempt = "3"
	var state State
	if _, _, err := p.Launch(t.Context(), tg, c, later, true); !errors.As(err, &state) || state != IsGone {
		t.Errorf("%v", err)
	}
	if again := launch(t, p, tg, c, later); again == dir {
		t.Error("a retry got the result of the attempt before")
	}
}

// TestFollowIsCut: the session on the host is killed, and the next one goes on
// where it stopped.
func TestFollowIsCut(t *testing.T) {
	n := sshtest.Start(t, 1)
	p := pool(t, n)
	tg := target(t, p, n.Hosts[0])
	gate := filepath.Join(n.Dir, "gate")
	dir := launch(t, p, tg, Command{Line: "echo one; echo uno >&2; while [ ! -e " + gate + " ]; do sleep 0.05; done; echo two; echo due >&2; exit 5"}, kept(n))
	var o, e watched
	ended := make(chan error, 1)
	go func() {
		_, err := p.Follow(t.Context(), tg, dir, &o, &e, 0, 0)
		ended <- err
	}()
	o.wait(t, "one\n")
	e.wait(t, "uno\n")
	n.Hosts[0].Cut(t)
	if err := <-ended; err == nil {
		t.Fatal("the connection is gone, and nobody says so")
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	state, err := p.Follow(t.Context(), tg, dir, &o, &e, int64(o.len()), int64(e.len()))
	if err != nil || state != HasEnded {
		t.Fatalf("%d %v", state, err)
	}
	code, err := p.Rest(t.Context(), tg, dir, &o, &e, int64(o.len()), int64(e.len()))
	if err != nil || code != 5 || o.text() != "one\ntwo\n" || e.text() != "uno\ndue\n" {
		t.Errorf("%q %q %d %v", o.text(), e.text(), code, err)
	}
	noFollowers(t, dir)
}

// noFollowers waits until nobody on the host looks into dir any more.
func noFollowers(t *testing.T, dir string) {
	t.Helper()
	var left []string
	for range 200 {
		left = nil
		files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, file := range files {
			if text, _ := os.ReadFile(file); bytes.Contains(text, []byte(dir+"/out")) {
				left = append(left, strings.ReplaceAll(string(text), "\x00", " "))
			}
		}
		if len(left) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("still look into %s: %q", dir, left)
}

// watched is a buffer that can be waited for.
type watched struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(b)
}

func (w *watched) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

func (w *watched) len() int { return len(w.text()) }

func (w *watched) wait(t *testing.T, text string) {
	t.Helper()
	for range 3000 {
		if w.text() == text {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%q is not there: %q", text, w.text())
}

// TestLostCommands: what nobody can know is said as it is.
func TestLostCommands(t *testing.T) {
	n := sshtest.Start(t, 1)
	p := pool(t, n)
	tg := target(t, p, n.Hosts[0])
	ask := func(dir string) State {
		t.Helper()
		state, err := p.Follow(t.Context(), tg, dir, io.Discard, io.Discard, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	dir := launch(t, p, tg, Command{Line: "sleep 300"}, kept(n))
	kill(t, supervisor(t, dir))
	if state := ask(dir); state != HasDied {
		t.Errorf("a killed supervisor: %d", state)
	}
	// The host was started again: its number is another one, and the process with
	// the supervisor's number, should there be one, is somebody else's.
	who, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(who))
	if err := os.WriteFile(filepath.Join(dir, "pid"), []byte(strconv.Itoa(os.Getpid())+" "+fields[1]+" 00000000-0000-0000-0000-000000000000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if state := ask(dir); state != HasRebooted {
		t.Errorf("a host that was restarted: %d", state)
	}
	if err := p.Stop(t.Context(), tg, dir, Command{}); err != nil { // us, if it took the number for granted
		t.Error(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if state := ask(dir); state != IsGone {
		t.Errorf("a directory that is gone: %d", state)
	}
	// A directory that is not ours.
	other := kept(n)
	other.Base = filepath.Join(n.Dir, "other")
	if err := os.Mkdir(other.Base, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(n.Dir, filepath.Join(other.Base, "squall-"+strconv.Itoa(os.Getuid()))); err != nil {
		t.Fatal(err)
	}
	var state State
	if _, _, err := p.Launch(t.Context(), tg, Command{Line: "true"}, other, false); !errors.As(err, &state) || state != notOurs {
		t.Errorf("%v", err)
	}
}

// supervisor is the number of the process that looks after the command in dir.
func supervisor(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.Fields(string(text))[0])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// kill ends a supervisor's whole session, as a host does that goes down.
func kill(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(-pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// TestStopDetached ends the tree of a command, and what has left it.
func TestStopDetached(t *testing.T) {
	n := sshtest.Start(t, 1)
	p := pool(t, n)
	tg := target(t, p, n.Hosts[0])
	for _, sudo := range []bool{false, true} {
		if _, err := os.Stat("/usr/bin/sudo"); err != nil && sudo {
			t.Skip("SKIPPED: no sudo")
		}
		mark := "SQUALL_EXECUTION_ID=" + nonce()
		key, value, _ := strings.Cut(mark, "=")
		c := Command{
			Line: "trap '' TERM; setsid sleep 300 & (sleep 300 &) ; echo on; while :; do sleep 1; done",
			Env:  map[string]string{key: value}, Mark: mark, Grace: 200 * time.Millisecond, Sudo: sudo,
		}
		dir := launch(t, p, tg, c, kept(n))
		ctx, cancel := context.WithCancel(t.Context())
		var o watched
		ended := make(chan struct{})
		go func() { defer close(ended); _, _ = p.Follow(ctx, tg, dir, &o, io.Discard, 0, 0) }()
		o.wait(t, "on\n")
		cancel()
		<-ended
		if err := p.Stop(t.Context(), tg, dir, c); err != nil {
			t.Error(err)
		}
		if left := withMark(t, mark); len(left) > 0 {
			t.Errorf("sudo %t: still run: %v", sudo, left)
		}
		if _, _, state, _ := followed(t, p, tg, dir); state != IsStopped {
			t.Errorf("sudo %t: %d", sudo, state)
		}
		noFollowers(t, dir)
	}
}

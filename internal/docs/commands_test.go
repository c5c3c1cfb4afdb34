package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"squall/internal/squalltest"
	"squall/internal/sshtest"
)

func TestMain(m *testing.M) { os.Exit(squalltest.Main(m)) }

// TestCommandsOfThePages does what a reader does: it types in the commands of
// every page, in order, and compares what they print. Each page has a directory,
// a shell and a server of its own. As readers have it, the server listens on port
// 9101 - of an address of its own.
func TestCommandsOfThePages(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	for _, name := range []string{"squall", "st2"} {
		if err := os.Symlink(squalltest.Program(t), filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	ran := 0
	var mu sync.Mutex
	t.Run("pages", func(t *testing.T) {
		for _, file := range pageFiles(t) {
			tour, err := parsePage(read(t, file))
			if err != nil {
				t.Errorf("%s:\n%v", file, err)
				continue
			}
			commands := 0
			for _, s := range tour.steps {
				if s.command != "" && s.skip == "" {
					commands++
				}
			}
			if commands == 0 {
				continue
			}
			t.Run(filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				runPage(t, file, bin, tour)
				mu.Lock()
				defer mu.Unlock()
				ran += commands // those of a page that failed do not matter any more
			})
		}
	})
	if ran < 50 && !t.Failed() && testing.CoverMode() == "" && onlyAll() {
		t.Errorf("only %d commands of the pages were run", ran)
	}
	t.Logf("%d commands were run", ran)
}

// onlyAll reports whether no part of the test was chosen.
func onlyAll() bool {
	for _, a := range os.Args {
		if strings.HasPrefix(a, "-test.run=") && strings.Contains(a, "/") {
			return false
		}
	}
	return true
}

func runPage(t *testing.T, file, bin string, tour tour) {
	dir, err := os.MkdirTemp("", "squall-docs") // short: sockets have short names
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Symlink(bin, filepath.Join(dir, "bin")); err != nil { // as in the source, after make build
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.%d.%d.%d:9101", 64+rand.IntN(64), rand.IntN(256), 1+rand.IntN(250))
	sh := startShell(t, dir, []string{
		"PATH=" + bin + ":/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + dir, "NO_COLOR=1", "LANG=C.UTF-8", "TZ=UTC", "USER=you", "TERM=dumb",
		"SQUALL_URL=http://" + address, "SQUALL_SERVER_LISTEN=" + address, "GIT_CONFIG_GLOBAL=/dev/null",
	})
	if tour.hosts != nil {
		startHosts(t, filepath.Join(dir, ".ssh"), tour.hosts)
	}
	if tour.server != "none" {
		startServer(t, sh, tour.server)
	}
	for _, s := range tour.steps {
		switch {
		case s.file != "":
			path := filepath.Join(dir, s.file)
			if !filepath.IsLocal(s.file) {
				t.Fatalf("%s:%d: %s is no place for a file", file, s.line, s.file)
			}
			mode := os.FileMode(0o644)
			if strings.HasPrefix(s.content, "#!") {
				mode = 0o755
			}
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(s.content), mode)); err != nil {
				t.Fatal(err)
			}
		case s.skip == "":
			command := strings.ReplaceAll(s.command, "127.0.0.1:9101", address)
			out, status := sh.run(t, command)
			if testing.Verbose() {
				t.Logf("$ %s\n%s", command, out)
			}
			if err := s.check(strings.ReplaceAll(out, address, "127.0.0.1:9101"), status); err != nil {
				t.Errorf("%s:%d: $ %s\n%v", file, s.line, s.command, err)
			}
			if t.Failed() {
				return // what follows builds on it
			}
		}
	}
}

// startHosts starts machines that SSH reaches under the names.
func startHosts(t *testing.T, dir string, names []string) {
	t.Helper()
	machines := sshtest.Start(t, len(names))
	var config strings.Builder
	for i, h := range machines.Hosts {
		fmt.Fprintf(&config, "Host %s\n\tHostName %s\n\tPort %d\n\tUser %s\n\tIdentityFile %s\n\tUserKnownHostsFile %s\n",
			names[i], h.Addr, h.Port, machines.User, machines.KeyFile, machines.KnownHosts)
	}
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "config"), []byte(config.String()), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// startServer starts the server that a page takes for granted, and logs in.
func startServer(t *testing.T, sh *shell, flags string) {
	t.Helper()
	for _, line := range []string{
		"squall server --data ./data " + flags + " 2>server.log & SERVER=$!",
		"squall wait --timeout 60s || { cat server.log; false; }",
		"export SQUALL_PASSWORD=$(cat data/admin-password)", // instead of typing it in
		"squall login admin",
		"export TOKEN=$(squall login admin --print)",
	} {
		if out, status := sh.run(t, line); status != 0 {
			t.Fatalf("%s: status %d\n%s", line, status, out)
		}
	}
}

// shell is one bash that lives as long as a page.
type shell struct {
	in    io.Writer
	lines chan string
	mark  string
}

func startShell(t *testing.T, dir string, env []string) *shell {
	t.Helper()
	cmd := exec.Command("bash", "--norc", "--noprofile")
	cmd.Dir, cmd.Env = dir, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	s := &shell{in: in, lines: make(chan string), mark: fmt.Sprintf("--%d--", rand.Int64())}
	go func() {
		defer close(s.lines)
		sc := bufio.NewScanner(r)
		sc.Buffer(nil, 64<<20) // documents of the API are one line
		for sc.Scan() {
			s.lines <- sc.Text()
		}
	}()
	t.Cleanup(func() {
		// In the end the page's processes, in an orderly way first.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		in.Close()
		go func() {
			for range s.lines { //nolint:revive // nobody reads any more
			}
		}()
		done := make(chan struct{})
		go func() { _ = cmd.Wait(); close(done) }()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		for syscall.Kill(-cmd.Process.Pid, 0) == nil && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-done
		r.Close()
	})
	return s
}

func TestShell(t *testing.T) {
	t.Parallel()
	sh := startShell(t, t.TempDir(), []string{"PATH=/usr/bin:/bin"})
	for _, c := range []struct {
		command, output string
		status          int
	}{
		{"printf one; x=2", "one", 0},
		{"echo $x >&2; ls /nowhere 2>/dev/null", "2", 2},
		{"(exit 3)", "", 3},
		{"cat", "", 0},
	} {
		if out, status := sh.run(t, c.command); out != c.output || status != c.status {
			t.Errorf("$ %s: %q, status %d", c.command, out, status)
		}
	}
}

// run types in a command and returns what it printed and its status.
func (s *shell) run(t *testing.T, command string) (output string, status int) {
	t.Helper()
	// Where a person would sit at the terminal there is nobody.
	if _, err := fmt.Fprintf(s.in, "{ %s\n} </dev/null; _status=$?; echo; echo %s$_status\n", command, s.mark); err != nil {
		t.Fatalf("$ %s: %v", command, err)
	}
	timeout := time.After(2 * time.Minute)
	var out strings.Builder
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				t.Fatalf("$ %s\nended the shell:\n%s", command, out.String())
			}
			if code, ok := strings.CutPrefix(line, s.mark); ok {
				status, err := strconv.Atoi(code)
				if err != nil {
					t.Fatal(err)
				}
				return strings.TrimRight(out.String(), "\n"), status
			}
			out.WriteString(line + "\n")
		case <-timeout:
			t.Fatalf("$ %s\ndoes not end:\n%s", command, out.String())
		}
	}
}

package keep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"squall/internal/runner"
	"squall/internal/runner/process"
)

// TestMain is also the keeper's program, and a server's that is to be killed.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "keeper" {
		if err := Serve(os.Args[2], os.Stdout); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	if len(os.Args) == 4 && os.Args[1] == "server" {
		c, err := New(os.Args[2], []string{"keep.test", "keeper"})
		if err != nil {
			panic(err)
		}
		for i := range 20 {
			if _, err := c.Start(context.Background(), shell(fmt.Sprintf("run:%d", i), os.Args[3])); err != nil {
				panic(err)
			}
		}
		fmt.Println("started")
		select {} // until it is killed
	}
	os.Exit(m.Run())
}

func shell(key, line string) Spec {
	return Spec{
		Key: key, Path: "/bin/sh", Argv: []string{"sh", "-c", line}, Env: []string{"KEY=" + key, "PATH=/usr/bin:/bin"}, Dir: "/",
		Marker: "KEY=" + key, Limit: 1 << 20, Timeout: -1, Grace: 200 * time.Millisecond, Delay: time.Second,
	}
}

func client(t *testing.T, dir string) *Client {
	t.Helper()
	c, err := New(dir, []string{"keep.test", "keeper"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// tempDir outlives no test, but a keeper may still write into it at the end.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "keep")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 100 {
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	return dir
}

func wait(t *testing.T, ctx context.Context, r *Run) (Ending, string, string, error) {
	t.Helper()
	var out, errs bytes.Buffer
	end := process.NewEnding(&out, &errs, 1<<20)
	said, err := r.Wait(ctx, &end)
	return said, out.String(), errs.String(), err
}

func TestStart(t *testing.T) {
	c := client(t, tempDir(t))
	r, err := c.Start(t.Context(), shell("a:1", "echo out; echo err >&2; exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	end, out, errs, err := wait(t, t.Context(), r)
	if err != nil || out != "out\n" || errs != "err\n" || end.Code != 3 || end.OutTotal != 4 {
		t.Errorf("%+v %q %q %v", end, out, errs, err)
	}
	if _, err := c.Start(t.Context(), shell("a:1", "true")); err == nil || !strings.Contains(err.Error(), "started already") {
		t.Errorf("the same again before it is released: %v", err)
	}
	c.Release("a:1")
	if r, err = c.Start(t.Context(), shell("a:2", "true")); err != nil {
		t.Error(err)
	} else if _, _, _, err := wait(t, t.Context(), r); err != nil {
		t.Error(err)
	}
	missing := shell("a:3", "")
	missing.Path = "/nonexistent"
	if _, err := c.Start(t.Context(), missing); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("a program that is not there: %v", err)
	}
	missing.Shell = &Spec{Path: "/bin/sh", Argv: []string{"sh", "-c", "exit 9"}}
	if r, err = c.Start(t.Context(), missing); err != nil {
		t.Fatal(err)
	}
	if end, _, _, err := wait(t, t.Context(), r); err != nil || end.Code != 9 {
		t.Errorf("the shell instead: %+v %v", end, err)
	}
}

func TestLimitsAndTimes(t *testing.T) {
	c := client(t, tempDir(t))
	long := shell("long:1", "head -c 3000000 /dev/zero; sleep 0.1; echo end")
	r, err := c.Start(t.Context(), long)
	if err != nil {
		t.Fatal(err)
	}
	end, out, _, err := wait(t, t.Context(), r)
	if err != nil || len(out) != 1<<20 || end.OutTotal != 3000004 {
		t.Errorf("%d bytes, %+v, %v", len(out), end, err)
	}
	late := shell("late:1", "echo before; sleep 60")
	late.Timeout = 300 * time.Millisecond
	if r, err = c.Start(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	if end, out, _, err = wait(t, t.Context(), r); err != nil || !end.TimedOut || !end.Stopped || out != "before\n" {
		t.Errorf("%+v %q %v", end, out, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	if r, err = c.Start(t.Context(), shell("gone:1", "trap '' TERM; setsid sleep 60 & sleep 60")); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, func() { cancel(runner.ErrCanceled) })
	if end, _, _, err = wait(t, ctx, r); err != nil || !end.Stopped || end.TimedOut {
		t.Errorf("%+v %v", end, err)
	}
	if left := running("KEY=gone:1"); left != 0 {
		t.Errorf("%d processes are left", left)
	}
}

// running counts the processes with that entry in their environment.
func running(mark string) (n int) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte(mark+"\x00")) {
			n++
		}
	}
	return n
}

// TestTheServerIsKilled: what it started goes on, and the next one hears all.
func TestTheServerIsKilled(t *testing.T) {
	for name, pause := range map[string]time.Duration{"while they run": 0, "they have ended meanwhile": 1500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tempDir(t)
			server := exec.Command(os.Args[0], "server", dir, "for i in 1 2 3 4 5 6; do echo line $i of $KEY; sleep 0.1; done; echo bad >&2; exit 5")
			out, err := server.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			started := make([]byte, 7)
			if _, err := out.Read(started); err != nil {
				t.Fatal(err)
			}
			if err := server.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = server.Wait()
			time.Sleep(pause)
			c := client(t, dir)
			keys, err := c.Kept()
			if err != nil || len(keys) != 20 {
				t.Fatalf("%d runs are kept: %v %v", len(keys), keys, err)
			}
			for _, key := range keys {
				r, err := c.Attach(Spec{Key: key})
				if err != nil {
					t.Fatal(err)
				}
				end, out, errs, err := wait(t, t.Context(), r)
				want := ""
				for i := range 6 {
					want += fmt.Sprintf("line %d of %s\n", i+1, key)
				}
				if err != nil || end.Code != 5 || out != want || errs != "bad\n" {
					t.Errorf("%s: %+v %q %q %v", key, end, out, errs, err)
				}
				c.Release(key)
			}
			for range 200 { // the keeper hears of it a moment later
				if keys, err = c.Kept(); err != nil || len(keys) == 0 {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			if err != nil || len(keys) != 0 {
				t.Errorf("after all are released: %v %v", keys, err)
			}
		})
	}
}

func TestDetachAndRelease(t *testing.T) {
	dir := tempDir(t)
	c := client(t, dir)
	r, err := c.Start(t.Context(), shell("d:1", "echo on; sleep 60"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(200*time.Millisecond, func() { cancel(runner.ErrLeaseLost) })
	if _, _, _, err := wait(t, ctx, r); !errors.Is(err, runner.ErrDetached) {
		t.Errorf("%v, want that it goes on", err)
	}
	for range 100 {
		if keys, _ := c.Kept(); len(keys) == 1 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if running("KEY=d:1") == 0 {
		t.Error("it does not go on")
	}
	c.Release("d:1")
	for range 400 {
		if running("KEY=d:1") == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("it goes on after it was released")
}

// TestAlone: what another node may start again ends by itself.
func TestAlone(t *testing.T) {
	dir := tempDir(t)
	c := client(t, dir)
	spec := shell("alone:1", "sleep 60")
	spec.Alone = 200 * time.Millisecond
	r, err := c.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	r.conn.Close()
	for range 600 {
		if running("KEY=alone:1") == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("it goes on")
}

// keeperOf is the number of a client's keeper.
func keeperOf(t *testing.T, c *Client) (pid int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := fmt.Sscanf(c.socket, "keeper-%d.sock", &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

// TestTheDirectoryIsDeleted: a keeper whose endings have no place any more ends
// when nothing runs.
func TestTheDirectoryIsDeleted(t *testing.T) {
	dir := tempDir(t)
	c := client(t, dir)
	gate := filepath.Join(t.TempDir(), "gate")
	r, err := c.Start(t.Context(), shell("deleted:1", "while [ ! -e "+gate+" ]; do sleep 0.02; done"))
	if err != nil {
		t.Fatal(err)
	}
	pid := keeperOf(t, c)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	c.Close()
	r.conn.Close()
	time.Sleep(3 * linger / 4) // it looks around several times
	if running("KEY=deleted:1") == 0 || syscall.Kill(pid, 0) != nil {
		t.Error("the run was ended")
	}
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(20 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the keeper lives on")
		}
	}
}

func TestTheKeeperIsKilled(t *testing.T) {
	c := client(t, tempDir(t))
	r, err := c.Start(t.Context(), shell("k:1", "exec sleep 60"))
	if err != nil {
		t.Fatal(err)
	}
	pid := keeperOf(t, c)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := wait(t, t.Context(), r); err == nil || !strings.Contains(err.Error(), "has died") {
		t.Errorf("%v", err)
	}
	for range 400 {
		if running("KEY=k:1") == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if n := running("KEY=k:1"); n != 0 {
		t.Errorf("%d of its commands run on", n)
	}
	// One that is just dying may still be reached, and does not answer.
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if r, err = c.Start(t.Context(), shell("k:2", "true")); err == nil {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("no other keeper was started: %v", err)
		}
	}
	if _, _, _, err := wait(t, t.Context(), r); err != nil {
		t.Error(err)
	}
}

// TestShortCommands starts commands that end at once: however late the keeper
// comes to tell who asked, it is told.
func TestShortCommands(t *testing.T) {
	c := client(t, tempDir(t))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 40 {
				spec := shell(fmt.Sprintf("short:%d.%d", i, n), "")
				spec.Path, spec.Argv = "/bin/true", []string{"true"}
				run, err := c.Start(t.Context(), spec)
				if err != nil {
					t.Errorf("start %s: %v", spec.Key, err)
					return
				}
				if end, _, _, err := wait(t, t.Context(), run); err != nil || end.Code != 0 {
					t.Errorf("%s ended %+v, %v", spec.Key, end, err)
				}
				c.Release(spec.Key)
			}
		})
	}
	all.Wait()
}

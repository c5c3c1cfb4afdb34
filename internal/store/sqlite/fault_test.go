package sqlite

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

	"squall/internal/squall"
	"squall/internal/store"
)

func mustOpen(t *testing.T, opts Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// insert stores an execution with a document of about size bytes that cannot be
// compressed away.
func insert(s *Store, ids *squall.IDSource, size int) (squall.ID, error) {
	doc := fmt.Appendf(nil, `"%s"`, strings.Repeat("x", min(size, 1900)))
	var id squall.ID
	err := s.Update(context.Background(), func(tx store.Tx) error {
		now := tx.Now()
		id = ids.Next(now)
		return tx.InsertExecution(context.Background(), &squall.Execution{
			ID: id, Action: squall.Ref{Pack: "core", Name: "noop"}, Status: squall.Requested, CreatedAt: now, Parameters: doc,
			Log: []squall.Change{{Status: squall.Requested, At: now}},
		})
	})
	return id, err
}

// inCommitter runs a statement on the writing connection. No update may be under
// way: then the committer sleeps, and the queue's lock orders its next use of the
// connection after ours.
func inCommitter(t *testing.T, s *Store, statement string) {
	t.Helper()
	if _, err := s.writer.exec(context.Background(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// unavailable checks what a refused update and Health say.
func unavailable(t *testing.T, s *Store, err error, words ...string) {
	t.Helper()
	for what, err := range map[string]error{"Update": err, "Health": s.Health(t.Context())} {
		if squall.KindOf(err) != squall.Unavailable {
			t.Errorf("%s: kind %q, want unavailable: %v", what, squall.KindOf(err), err)
			continue
		}
		for _, word := range append(words, s.path) {
			if !strings.Contains(squall.MessageOf(err), word) {
				t.Errorf("%s: message %q does not say %q", what, squall.MessageOf(err), word)
			}
		}
	}
}

func checkStored(t *testing.T, s *Store, stored []squall.ID) {
	t.Helper()
	err := s.View(t.Context(), func(tx store.Tx) error {
		for _, id := range stored {
			if _, err := tx.Execution(t.Context(), id, store.WithAll); err != nil {
				t.Errorf("acknowledged execution: %v", err)
			}
		}
		n, err := tx.CountExecutions(t.Context(), store.ExecutionFilter{}, 0)
		if n != len(stored) {
			t.Errorf("%d executions, %d were acknowledged", n, len(stored))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestFull: the database may not grow any more, then it may again.
func TestFull(t *testing.T) {
	s := mustOpen(t, Options{Dir: t.TempDir()})
	ids := squall.NewIDSource()
	inCommitter(t, s, `PRAGMA max_page_count = 150`)
	var stored []squall.ID
	var err error
	for range 1000 {
		var id squall.ID
		if id, err = insert(s, ids, 1500); err != nil {
			break
		}
		stored = append(stored, id)
	}
	unavailableFull := func() {
		t.Helper()
		if squall.KindOf(err) != squall.Unavailable || !strings.Contains(err.Error(), "no space") {
			t.Fatalf("full database: %v", err)
		}
	}
	unavailableFull()
	_, err = insert(s, ids, 1500)
	unavailableFull()
	checkStored(t, s, stored) // reading goes on

	inCommitter(t, s, `PRAGMA max_page_count = 1000000`)
	for range 50 {
		id, err := insert(s, ids, 1500)
		if err != nil {
			t.Fatalf("after space was freed: %v", err)
		}
		stored = append(stored, id)
	}
	if err := s.Health(t.Context()); err != nil {
		t.Errorf("Health after space was freed: %v", err)
	}
	checkStored(t, s, stored)
}

// TestFullDisk is the same on a file system that is really full.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("mounting a small file system needs privileges: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	s := mustOpen(t, Options{Dir: dir})
	ids := squall.NewIDSource()
	var stored []squall.ID
	ballast := filepath.Join(dir, "ballast")
	for round := range 3 {
		if err := os.WriteFile(ballast, make([]byte, 700<<10), 0o600); err != nil {
			t.Logf("round %d: ballast: %v", round, err)
		}
		var err error
		for range 5000 {
			var id squall.ID
			if id, err = insert(s, ids, 1500); err != nil {
				break
			}
			stored = append(stored, id)
		}
		unavailable(t, s, err, "space")
		checkStored(t, s, stored)
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		id, err := insert(s, ids, 100)
		if err != nil {
			t.Fatalf("round %d: after space was freed: %v", round, err)
		}
		stored = append(stored, id)
		if err := s.Health(t.Context()); err != nil {
			t.Errorf("Health after space was freed: %v", err)
		}
	}
	checkStored(t, s, stored)
}

func TestReadOnly(t *testing.T) {
	s := mustOpen(t, Options{Dir: t.TempDir()})
	ids := squall.NewIDSource()
	id, err := insert(s, ids, 10)
	if err != nil {
		t.Fatal(err)
	}
	inCommitter(t, s, `PRAGMA query_only = 1`)
	_, err = insert(s, ids, 10)
	unavailable(t, s, err, "read-only", "permissions")
	checkStored(t, s, []squall.ID{id})
	inCommitter(t, s, `PRAGMA query_only = 0`)
	next, err := insert(s, ids, 10)
	if err != nil {
		t.Fatalf("after the database became writable: %v", err)
	}
	checkStored(t, s, []squall.ID{id, next})
	if err := s.Health(t.Context()); err != nil {
		t.Errorf("Health: %v", err)
	}
}

// TestLockedByOther: another program holds SQLite's lock for longer than we wait.
func TestLockedByOther(t *testing.T) {
	s := mustOpen(t, Options{Dir: t.TempDir()})
	inCommitter(t, s, `PRAGMA busy_timeout = 50`)
	other, err := openConn(t.Context(), s.dsn+writerPragmas)
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	if _, err := other.exec(t.Context(), `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	ids := squall.NewIDSource()
	_, err = insert(s, ids, 10)
	unavailable(t, s, err, "another program")
	if _, err := other.exec(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	id, err := insert(s, ids, 10)
	if err != nil {
		t.Fatal(err)
	}
	checkStored(t, s, []squall.ID{id})
}

func TestOpenTwice(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir})
	_, err := Open(t.Context(), Options{Dir: dir})
	if squall.KindOf(err) != squall.Conflict || !strings.Contains(squall.MessageOf(err), fmt.Sprintf("pid %d", os.Getpid())) {
		t.Errorf("second Open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := mustOpen(t, Options{Dir: dir}).Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenDamaged(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"not a database": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600) },
		"broken schema": func(path string) error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt(bytes.Repeat([]byte{0xff}, 3800), 100)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := mustOpen(t, Options{Dir: dir}).Close(); err != nil {
				t.Fatal(err)
			}
			if err := damage(filepath.Join(dir, FileName)); err != nil {
				t.Fatal(err)
			}
			_, err := Open(t.Context(), Options{Dir: dir})
			if squall.KindOf(err) != squall.Unavailable || !strings.Contains(err.Error(), "damaged") {
				t.Errorf("Open: %v", err)
			}
			// The lock is free again.
			if lock, err := lockFile(filepath.Join(dir, FileName)); err != nil {
				t.Errorf("lock after a failed Open: %v", err)
			} else if err := lock.release(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOpenNewerSchema(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir})
	inCommitter(t, s, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{Dir: dir})
	if squall.KindOf(err) != squall.Conflict || !strings.Contains(squall.MessageOf(err), "version 999") || !strings.Contains(squall.MessageOf(err), "newer release") {
		t.Errorf("Open: %v", err)
	}
}

func TestOpenUnusableDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, opts := range []Options{{Dir: file}, {Path: filepath.Join(file, "x.db")}, {Path: t.TempDir()}} {
		if _, err := Open(t.Context(), opts); squall.KindOf(err) != squall.Unavailable {
			t.Errorf("Open(%+v): %v", opts, err)
		}
	}
}

// TestNewestVersion: the version is that of the last file.
func TestNewestVersion(t *testing.T) {
	files, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%05d_", newestVersion); !strings.HasPrefix(files[len(files)-1].Name(), want) {
		t.Errorf("the last migration is %s; newestVersion is %d", files[len(files)-1].Name(), newestVersion)
	}
}

// TestFileModes: nobody else may read what runs on the machines.
func TestFileModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "with ? and % in it", "deep")
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	s := mustOpen(t, Options{Dir: dir})
	if _, err := insert(s, squall.NewIDSource(), 10); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		names[e.Name()] = true
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	if !names[FileName] || !names[FileName+"-wal"] || !names[FileName+".lock"] {
		t.Errorf("files: %v", names)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
}

// TestClock: Tx.Now neither goes back nor stands still when the wall clock is
// set back, also over a restart.
func TestClock(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir})
	var mu sync.Mutex
	offset := time.Duration(0)
	step := func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		offset = d
	}
	now := func() (at time.Time) {
		t.Helper()
		err := s.Update(t.Context(), func(tx store.Tx) error { at = tx.Now(); return nil })
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	// Set between two groups: only the committer and View read it.
	err := s.Update(t.Context(), func(store.Tx) error {
		s.wall = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(offset)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	before := now()
	step(-time.Hour)
	after := now()
	time.Sleep(20 * time.Millisecond)
	later := now()
	if after.Before(before) || later.Sub(after) < 8*time.Millisecond || later.Sub(after) > 15*time.Minute {
		t.Errorf("over a step back: %v, %v, 20 ms later %v", before, after, later)
	}
	step(time.Hour) // forward: followed at once
	ahead := now()
	if ahead.Sub(before) < 59*time.Minute {
		t.Errorf("after a step forward: %v, was %v", ahead, before)
	}
	if _, err := insert(s, squall.NewIDSource(), 10); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, Options{Dir: dir}) // with the true clock: an hour back
	if restarted := now(); restarted.Before(ahead) {
		t.Errorf("after a restart: %v, was %v", restarted, ahead)
	}
}

// Crash consistency: a child process writes until it is killed; what it reported
// as acknowledged must be there.

const crashVariable = "SQUALL_TEST_CRASH_DIR"

// crashChild never returns.
func crashChild(dir string) {
	s, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ids := squall.NewIDSource()
	for range 16 {
		go func() {
			for {
				id, err := insert(s, ids, 500)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				// One write per line: the pipe keeps what was written before the kill.
				fmt.Printf("%s\n", id)
			}
		}()
	}
	select {}
}

// lines collects output and counts its lines.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
	n   int
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n += bytes.Count(p, []byte{'\n'})
	return l.buf.Write(p)
}

func (l *lines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

func TestCrash(t *testing.T) {
	if dir := os.Getenv(crashVariable); dir != "" {
		crashChild(dir)
	}
	dir := t.TempDir()
	var acknowledged []squall.ID
	for round := range 4 {
		var out lines
		var faults bytes.Buffer
		cmd := exec.Command(os.Args[0], "-test.run=^TestCrash$")
		cmd.Env = append(os.Environ(), crashVariable+"="+dir)
		cmd.Stdout, cmd.Stderr = &out, &faults
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); out.count() < 40+30*round && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || faults.Len() > 0 {
			t.Fatalf("child: %v: %s", err, faults.String())
		}
		list := strings.Split(out.buf.String(), "\n")
		for _, line := range list[:len(list)-1] { // the last one may be cut
			if !squall.ID(line).Valid() {
				t.Fatalf("child wrote %q", line)
			}
			acknowledged = append(acknowledged, squall.ID(line))
		}
		s := mustOpen(t, Options{Dir: dir})
		err := s.View(t.Context(), func(tx store.Tx) error {
			for _, id := range acknowledged {
				if _, err := tx.Execution(t.Context(), id, store.WithAll); err != nil {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(err, s.Check(t.Context()), s.Close()); err != nil {
			t.Fatalf("after kill %d: %v", round, err)
		}
	}
	if len(acknowledged) < 200 {
		t.Errorf("only %d updates in all: the test tests little", len(acknowledged))
	}
}

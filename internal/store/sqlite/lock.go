package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"squall/internal/squall"
)

// fileLock keeps a second process from opening the same database. SQLite's own
// locks would let it in, and two committers would then each believe to be alone.
type fileLock struct{ f *os.File }

// lockFile takes the lock beside the database and writes our process id into
// it. The kernel frees the lock when the process ends, however it ends.
func lockFile(database string) (*fileLock, error) {
	f, err := os.OpenFile(database+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, squall.Errorf(squall.Unavailable, "lock database %s: %w", database, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, squall.Errorf(squall.Unavailable, "lock database %s: %w", database, err)
		}
		owner, _ := io.ReadAll(io.LimitReader(f, 32)) // only for the message
		pid := strings.TrimSpace(string(owner))
		if pid == "" {
			pid = "unknown"
		}
		return nil, squall.Errorf(squall.Conflict,
			"database %s is in use by another process (pid %s): stop that one or choose another data directory", database, pid)
	}
	if err := writePID(f); err != nil {
		_ = f.Close()
		return nil, squall.Errorf(squall.Unavailable, "lock database %s: %w", database, err)
	}
	return &fileLock{f}, nil
}

// writePID records who holds the lock. A full disk is no reason not to start:
// the record only serves another process's error message.
func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(f, os.Getpid()); err != nil && !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}

// release frees the lock at once: closing alone would leave it with a process
// that was forked in this moment, until that one has become another program.
func (l *fileLock) release() error {
	return errors.Join(syscall.Flock(int(l.f.Fd()), syscall.LOCK_UN), l.f.Close())
}

package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Running is a process that was started, however it came to be.
type Running interface {
	// PID is its number, which means nobody else until it is reaped.
	PID() int
	// Ended returns when it has ended. Once killed is closed that cannot take long.
	// The error says that its end will never be known.
	Ended(killed <-chan struct{}) error
	// Reap gives its number free and returns its exit code, -N after signal N. It
	// is called once, when nobody can be about to signal the number.
	Reap() (int, error)
}

// Child is a process that this one has started.
type Child struct{ Process *os.Process }

// PID implements Running.
func (c Child) PID() int { return c.Process.Pid }

// Ended implements Running.
func (c Child) Ended(<-chan struct{}) error {
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PID, c.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Reap implements Running.
func (c Child) Reap() (int, error) {
	state, err := c.Process.Wait()
	if err != nil {
		return 0, fmt.Errorf("wait for the process: %w", err)
	}
	if status := state.Sys().(syscall.WaitStatus); status.Signaled() {
		return -int(status.Signal()), nil
	}
	return state.ExitCode(), nil
}

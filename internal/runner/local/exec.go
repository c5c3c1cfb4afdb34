package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"squall/internal/runner"
	"squall/internal/runner/process"
)

// ending is what is known of a command that has ended.
type ending struct {
	code           int  // exit code; 128+n after signal n, as a shell reports it
	stopped        bool // it did not end by itself: ctx was done
	timedOut       bool // because its time was over, whatever ctx says
	stdout, stderr process.Stream
}

// exec runs c and returns when it has ended and both its streams are closed.
// A background child that keeps a stream open keeps the run going (st2); the
// context's end is the bound. The error says that it could not be started.
func (r *Runner) exec(ctx context.Context, job *runner.Job, p *params, c *command, out runner.Output) (*ending, error) {
	if r.cfg.Keep != nil {
		return r.execKept(ctx, job, p, c, out)
	}
	end := r.newEnding(out)
	leader, err := r.start(c, end)
	if err != nil {
		if errors.Is(err, syscall.ENOENT) && c.path == "sudo" {
			end.code = 127
			end.stderr.Note("sudo: not found\n")
			return end, nil
		}
		return nil, err
	}
	tree := &process.Tree{Leader: leader.Pid, Marker: c.marker, Elevate: r.elevate(c)}
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		tree.End(r.cfg.Grace, r.cfg.WaitDelay)
		// What still holds a stream is beyond our reach; do not wait for it.
		now := time.Now()
		_ = end.stdout.From.SetReadDeadline(now)
		_ = end.stderr.From.SetReadDeadline(now)
	})

	var stderrDone sync.WaitGroup
	stderrDone.Go(end.stderr.Drain)
	end.stdout.Drain()
	stderrDone.Wait()

	// The process is reaped only when nobody can be about to signal its number.
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PID, leader.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	if !stop() {
		<-killed
		end.stopped = true
	}
	state, err := leader.Wait()
	if err != nil {
		return nil, fmt.Errorf("wait for the command: %w", err)
	}
	end.code = state.ExitCode()
	if status := state.Sys().(syscall.WaitStatus); status.Signaled() {
		end.code = 128 + int(status.Signal())
		if !end.stopped {
			end.stderr.Note(deathText(status.Signal()))
		}
	}
	return end, nil
}

// start starts c with fresh pipes, whose reading ends it leaves in end.
func (r *Runner) start(c *command, end *ending) (*os.Process, error) {
	stdin := r.null
	if c.password != "" {
		var err error
		if stdin, err = passwordInput(c.password); err != nil {
			return nil, err
		}
		defer stdin.Close()
	}
	var shell *process.Command
	if c.shell != nil {
		shell = &process.Command{Path: c.shell.path, Argv: c.shell.argv, Env: c.shell.env}
	}
	p, outR, errR, err := process.Start(process.Command{Path: c.path, Argv: c.argv, Env: c.env}, shell, c.dir, stdin)
	if err != nil {
		return nil, err
	}
	end.stdout.From, end.stderr.From = outR, errR
	return p, nil
}

// passwordInput returns a standard input that holds the password's line and
// then ends. A pipe takes that much without a reader.
func passwordInput(password string) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if _, err := io.WriteString(w, password+"\n"); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// deathText is what a shell prints when its command was killed by a signal:
// nothing for those that are somebody's wish.
func deathText(sig syscall.Signal) string {
	switch sig {
	case syscall.SIGINT, syscall.SIGPIPE:
		return ""
	}
	text := sig.String()
	return string(text[0]&^0x20) + text[1:] + "\n"
}

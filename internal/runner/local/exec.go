package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"squall/internal/runner"
	"squall/internal/runner/process"
)

// exec runs c and returns when it has ended and both its streams are closed.
// A background child that keeps a stream open keeps the run going (st2); the
// context's end is the bound. The error says that it could not be started.
func (r *Runner) exec(ctx context.Context, job *runner.Job, p *params, c *command, out runner.Output) (*process.Ending, error) {
	if r.cfg.Keep != nil {
		return r.execKept(ctx, job, p, c, out)
	}
	end := r.newEnding(out)
	leader, err := r.start(c, end)
	if err != nil {
		if errors.Is(err, syscall.ENOENT) && c.path == "sudo" {
			return r.noSudo(out), nil
		}
		return nil, err
	}
	tree := &process.Tree{Leader: leader.Pid, Marker: c.marker, Elevate: r.elevate(c)}
	_, settle := end.Drain(ctx, tree, r.cfg.Grace, r.cfg.WaitDelay)

	// The process is reaped only when nobody can be about to signal its number.
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PID, leader.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	settle()
	state, err := leader.Wait()
	if err != nil {
		return nil, fmt.Errorf("wait for the command: %w", err)
	}
	end.Code = state.ExitCode()
	if status := state.Sys().(syscall.WaitStatus); status.Signaled() {
		diedOf(end, status.Signal())
	}
	return end, nil
}

func (r *Runner) newEnding(out runner.Output) *process.Ending {
	end := process.NewEnding(out.Stdout(), out.Stderr(), r.cfg.OutputLimit)
	return &end
}

// noSudo is how a command ends that needs a sudo which is not there.
func (r *Runner) noSudo(out runner.Output) *process.Ending {
	end := r.newEnding(out)
	end.Code = 127
	end.Stderr.Note("sudo: not found\n")
	return end
}

// diedOf words an end by a signal as a shell does.
func diedOf(end *process.Ending, sig syscall.Signal) {
	end.Code = 128 + int(sig)
	if !end.Stopped {
		end.Stderr.Note(deathText(sig))
	}
}

// start starts c with fresh pipes, whose reading ends it leaves in end.
func (r *Runner) start(c *command, end *process.Ending) (*os.Process, error) {
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
	end.Stdout.From, end.Stderr.From = outR, errR
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

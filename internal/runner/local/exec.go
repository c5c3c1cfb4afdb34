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
)

// ending is what is known of a command that has ended.
type ending struct {
	code           int  // exit code; 128+n after signal n, as a shell reports it
	stopped        bool // it did not end by itself: ctx was done
	stdout, stderr stream
}

// exec runs c and returns when it has ended and both its streams are closed.
// A background child that keeps a stream open keeps the run going (st2); the
// context's end is the bound. The error says that it could not be started.
func (r *Runner) exec(ctx context.Context, c *command, out runner.Output) (*ending, error) {
	end := &ending{
		stdout: stream{live: out.Stdout(), limit: r.cfg.OutputLimit},
		stderr: stream{live: out.Stderr(), limit: r.cfg.OutputLimit},
	}
	process, err := r.start(c, end)
	if err != nil {
		if errors.Is(err, syscall.ENOENT) && c.path == "sudo" {
			end.code = 127
			end.stderr.note("sudo: not found\n")
			return end, nil
		}
		return nil, err
	}
	tree := &tree{leader: process.Pid, marker: c.marker, elevate: r.elevate(c)}
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		tree.end(r.cfg.Grace, r.cfg.WaitDelay)
		// What still holds a stream is beyond our reach; do not wait for it.
		now := time.Now()
		_ = end.stdout.from.SetReadDeadline(now)
		_ = end.stderr.from.SetReadDeadline(now)
	})

	var stderrDone sync.WaitGroup
	stderrDone.Go(end.stderr.drain)
	end.stdout.drain()
	stderrDone.Wait()

	// The process is reaped only when nobody can be about to signal its number.
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PID, process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	if !stop() {
		<-killed
		end.stopped = true
	}
	state, err := process.Wait()
	if err != nil {
		return nil, fmt.Errorf("wait for the command: %w", err)
	}
	end.code = state.ExitCode()
	if status := state.Sys().(syscall.WaitStatus); status.Signaled() {
		end.code = 128 + int(status.Signal())
		if !end.stopped {
			end.stderr.note(deathText(status.Signal()))
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
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		_, _ = outR.Close(), outW.Close()
		return nil, err
	}
	attr := &os.ProcAttr{
		Dir: c.dir, Env: c.env, Files: []*os.File{stdin, outW, errW},
		Sys: &syscall.SysProcAttr{
			// A session of its own, as in st2: no terminal, and a signal to the
			// group reaches all that did not leave it.
			Setsid: true,
			// If the server is killed, the command goes with it, so that a
			// repeatable action does not run twice at once. The kernel sends it
			// when the starting thread ends; Go keeps its threads. It reaches
			// only this process, and none that sudo started. (A supervisor that
			// outlives the server will take its place.)
			Pdeathsig: syscall.SIGKILL,
		},
	}
	process, err := os.StartProcess(c.path, c.argv, attr)
	if err != nil && c.shell != nil {
		attr.Env = c.shell.env
		process, err = os.StartProcess(c.shell.path, c.shell.argv, attr)
	}
	_, _ = outW.Close(), errW.Close()
	if err != nil {
		_, _ = outR.Close(), errR.Close()
		return nil, err
	}
	end.stdout.from, end.stderr.from = outR, errR
	return process, nil
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

// stream collects one output stream.
type stream struct {
	from  *os.File
	live  io.Writer // gets everything as it comes
	limit int       // bytes to keep
	kept  []byte
	total int64
}

// firstRead is the size of a stream's first buffer: most commands print less.
const firstRead = 4 << 10

// drain reads until the stream ends, then closes it.
func (s *stream) drain() {
	defer s.from.Close()
	var spill []byte // where what exceeds the limit is read to
	for {
		if len(s.kept) == cap(s.kept) && len(s.kept) < s.limit {
			grown := make([]byte, len(s.kept), min(s.limit, max(firstRead, 2*cap(s.kept))))
			copy(grown, s.kept)
			s.kept = grown
		}
		buf := s.kept[len(s.kept):cap(s.kept)]
		keeps := len(buf) > 0
		if !keeps {
			if spill == nil {
				spill = make([]byte, 32<<10)
			}
			buf = spill
		}
		n, err := s.from.Read(buf)
		if n > 0 {
			s.total += int64(n)
			if keeps {
				s.kept = s.kept[:len(s.kept)+n]
			}
			_, _ = s.live.Write(buf[:n]) // an Output never fails
		}
		if err != nil {
			return // the end, or the deadline set when nothing more is waited for
		}
	}
}

// note adds a line of ours, as if the command's shell had printed it.
func (s *stream) note(line string) {
	if line == "" {
		return
	}
	s.kept = append(s.kept, line...)
	s.total += int64(len(line))
	_, _ = io.WriteString(s.live, line)
}

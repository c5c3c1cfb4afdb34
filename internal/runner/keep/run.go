package keep

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"squall/internal/runner/process"
)

// run is one command in the keeper's hands.
type run struct {
	k    *keeper
	spec Spec
	tree *process.Tree

	outR, errR *os.File
	killed     chan struct{} // closed when it has been ended

	mu       sync.Mutex
	more     *sync.Cond // something was printed, it ended, or the server changed
	out, err spool
	conn     net.Conn // the server that is told; nil: nobody
	stopping bool     // it is being ended, or was
	timedOut bool
	over     bool    // it has ended: there is nothing to be ended any more
	ending   *Ending // nil while it runs
	alone    *time.Timer
	saved    bool // it lies on disk
}

// begin starts the command. The error is the system's.
func (k *keeper) begin(spec Spec) (*run, error) {
	stdin := k.null
	if spec.Input != "" {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		defer r.Close()
		go func() { // ends when it is read, or nobody reads any more
			defer w.Close()
			_, _ = io.WriteString(w, spec.Input)
		}()
		stdin = r
	}
	var shell *process.Command
	if spec.Shell != nil {
		shell = &process.Command{Path: spec.Shell.Path, Argv: spec.Shell.Argv, Env: spec.Shell.Env}
	}
	p, outR, errR, err := process.Start(process.Command{Path: spec.Path, Argv: spec.Argv, Env: spec.Env}, shell, spec.Dir, stdin)
	if err != nil {
		return nil, err
	}
	r := &run{
		k: k, spec: spec,
		tree: &process.Tree{Leader: p.Pid, Marker: spec.Marker, Elevate: elevate(spec)},
		outR: outR, errR: errR, killed: make(chan struct{}),
		out: spool{dir: k.dir, limit: spec.Limit}, err: spool{dir: k.dir, limit: spec.Limit},
	}
	r.more = sync.NewCond(&r.mu)
	k.alive.Go(func() { r.watch(p) })
	return r, nil
}

// watch collects the command's output and its end. It returns when it has ended
// and nobody holds its output open any more: what a background child prints counts.
func (r *run) watch(p *os.Process) {
	if r.spec.Timeout >= 0 {
		limit := time.AfterFunc(r.spec.Timeout, func() { r.stop(true) })
		defer limit.Stop()
	}
	var other sync.WaitGroup
	other.Go(func() { r.collect(r.errR, &r.err) })
	r.collect(r.outR, &r.out)
	other.Wait()

	// The process is reaped only when nobody can be about to signal its number.
	var info unix.Siginfo
	for unix.Waitid(unix.P_PID, p.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	r.mu.Lock()
	r.over = true
	stopping := r.stopping
	r.mu.Unlock()
	if stopping {
		<-r.killed
	}
	end := Ending{Stopped: stopping, TimedOut: r.timedOut, OutTotal: r.out.total, ErrTotal: r.err.total}
	state, err := p.Wait()
	if err != nil {
		end.Fault = err.Error()
	} else {
		end.Code = state.ExitCode()
		if status := state.Sys().(syscall.WaitStatus); status.Signaled() {
			end.Signal = int(status.Signal())
		}
	}
	r.mu.Lock()
	r.ending = &end
	if r.alone != nil {
		r.alone.Stop()
	}
	r.more.Broadcast()
	r.mu.Unlock()
	r.k.settle(r)
}

// collect reads one stream to its end.
func (r *run) collect(from *os.File, to *spool) {
	defer from.Close()
	buf := make([]byte, 8<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			r.mu.Lock()
			to.write(buf[:n])
			r.more.Broadcast()
			r.mu.Unlock()
		}
		if err != nil {
			return // the end, or the deadline set when nothing more is waited for
		}
	}
}

// stop ends the command, once.
func (r *run) stop(timedOut bool) {
	r.mu.Lock()
	if r.stopping || r.over {
		r.mu.Unlock()
		return
	}
	r.stopping, r.timedOut = true, timedOut
	r.mu.Unlock()
	r.tree.End(r.spec.Grace, r.spec.Delay)
	// What still holds a stream is beyond our reach; do not wait for it.
	now := time.Now()
	_ = r.outR.SetReadDeadline(now)
	_ = r.errR.SetReadDeadline(now)
	close(r.killed)
}

// attach makes conn the server that is told everything, from the beginning on.
// It is false for a run that lies on disk already.
func (r *run) attach(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.saved {
		return false
	}
	if r.conn != nil {
		r.conn.Close()
	}
	r.conn = conn
	if r.alone != nil {
		r.alone.Stop()
	}
	r.more.Broadcast()
	return true
}

// detach notes that conn is gone. What ended meanwhile goes to disk.
func (r *run) detach(conn net.Conn) {
	conn.Close()
	r.mu.Lock()
	if r.conn != conn {
		r.mu.Unlock()
		return
	}
	r.conn = nil
	r.more.Broadcast()
	if r.spec.Alone > 0 && r.ending == nil {
		r.alone = time.AfterFunc(r.spec.Alone, func() { r.stop(false) })
	}
	r.mu.Unlock()
	r.k.settle(r)
}

// tell sends what is printed, and at the end how it ended, while conn is the one.
func (r *run) tell(conn net.Conn) {
	var sentOut, sentErr int
	buf := make([]byte, 32<<10)
	r.mu.Lock()
	for r.conn == conn {
		kind := byte(frameOut)
		n := r.out.read(buf, sentOut)
		if n > 0 {
			sentOut += n
		} else if n = r.err.read(buf, sentErr); n > 0 {
			kind = frameErr
			sentErr += n
		}
		if n == 0 && r.ending == nil {
			r.more.Wait()
			continue
		}
		end := r.ending
		r.mu.Unlock()
		var err error
		if n > 0 {
			err = writeFrame(conn, kind, buf[:n])
		} else {
			err = writeJSON(conn, frameEnd, end)
		}
		if err != nil || n == 0 {
			return // who listens on conn notices that it is gone
		}
		r.mu.Lock()
	}
	r.mu.Unlock()
}

// save writes a run that ended, and that nobody was there to hear of, to disk:
// a directory with its streams and its ending, all there or not at all. Called
// with mu held, so that nobody attaches meanwhile.
func (r *run) save(dir string) error {
	name := savedName(dir, r.spec.Key)
	tmp := name + ".new"
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return err
	}
	doc, err := json.Marshal(saved{Key: r.spec.Key, Ending: *r.ending})
	if err != nil {
		return err
	}
	err = errors.Join(r.out.save(tmp+"/stdout"), r.err.save(tmp+"/stderr"), os.WriteFile(tmp+"/ending", doc, 0o600))
	if err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

// elevate returns how to signal processes that sudo started for another user:
// with sudo again (st2: sudo pkill); nil where that cannot be needed.
func elevate(spec Spec) func(unix.Signal, []int) {
	if spec.Sudo == "" || os.Geteuid() == 0 {
		return nil
	}
	return process.Elevated(spec.Sudo, spec.Secret)
}

// saved is what the file "ending" of a saved run holds.
type saved struct {
	Key    string
	Ending Ending
}

func savedName(dir, key string) string {
	return fmt.Sprintf("%s/ended-%x", dir, key)
}

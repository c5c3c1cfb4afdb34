package keep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"squall/internal/runner/process"
	"squall/internal/runner/warm"
)

// run is one command in the keeper's hands.
type run struct {
	k      *keeper
	spec   Spec
	cancel context.CancelFunc // of its start, which may take a while
	begun  chan struct{}      // closed when it was started, or could not be
	killed chan struct{}      // closed when it has been ended

	// Set before begun is closed.
	process    process.Running // nil: it could not be started
	python     *warm.Run       // of a Python program
	tree       *process.Tree
	outR, errR *os.File

	mu       sync.Mutex
	more     *sync.Cond // it was started, something was printed, it ended, or the server changed
	out, err spool
	conn     net.Conn // the server that is told; nil: nobody
	failed   *Ending  // why it could not be started; nil: it was, or may yet be
	started  bool     // it was
	stopping bool     // it is being ended, or was
	timedOut bool
	over     bool    // it has ended: there is nothing to be ended any more
	ending   *Ending // nil while it runs
	alone    *time.Timer
	saved    bool // it lies on disk
}

func (k *keeper) newRun(spec Spec) (r *run, start context.Context) {
	start, cancel := context.WithCancel(context.Background())
	r = &run{
		k: k, spec: spec, cancel: cancel, begun: make(chan struct{}), killed: make(chan struct{}),
		out: spool{dir: k.dir, limit: spec.Limit}, err: spool{dir: k.dir, limit: spec.Limit},
	}
	r.more = sync.NewCond(&r.mu)
	return r, start
}

// live is the life of the command, from its start to its end.
func (r *run) live(start context.Context) {
	err := r.begin(start)
	r.cancel()
	if err == nil {
		r.tree = &process.Tree{Leader: r.process.PID(), Marker: r.spec.Marker, Elevate: elevate(r.spec)}
	}
	r.mu.Lock()
	switch {
	case err == nil:
		r.started = true
	case r.stopping: // its start was given up
		r.started, r.over = true, true
		r.ending = &Ending{Stopped: true, TimedOut: r.timedOut}
	default:
		r.failed = &Ending{Fault: err.Error()}
		var errno syscall.Errno
		if errors.As(err, &errno) {
			r.failed.Errno = int(errno)
		}
	}
	failed := r.failed != nil
	close(r.begun)
	r.more.Broadcast()
	r.mu.Unlock()
	switch {
	case failed:
		r.k.forget(r)
	case err != nil:
		r.k.settle(r)
	default:
		r.watch()
	}
}

// begin starts the command. The error is the system's.
func (r *run) begin(ctx context.Context) error {
	if r.spec.Python != nil {
		p, err := r.k.pool.Start(ctx, r.spec.Python)
		if err != nil {
			return err
		}
		r.process, r.python, r.outR, r.errR = p, p, p.Stdout, p.Stderr
		return nil
	}
	stdin := r.k.null
	if r.spec.Input != "" {
		in, w, err := os.Pipe()
		if err != nil {
			return err
		}
		defer in.Close()
		go func() { // ends when it is read, or nobody reads any more
			defer w.Close()
			_, _ = io.WriteString(w, r.spec.Input)
		}()
		stdin = in
	}
	var shell *process.Command
	if s := r.spec.Shell; s != nil {
		shell = &process.Command{Path: s.Path, Argv: s.Argv, Env: s.Env}
	}
	p, outR, errR, err := process.Start(process.Command{Path: r.spec.Path, Argv: r.spec.Argv, Env: r.spec.Env}, shell, r.spec.Dir, stdin)
	if err != nil {
		return err
	}
	r.process, r.outR, r.errR = process.Child{Process: p}, outR, errR
	return nil
}

// watch collects the command's output and its end. It returns when it has ended
// and nobody holds its output open any more: what a background child prints counts.
func (r *run) watch() {
	if r.spec.Timeout >= 0 {
		limit := time.AfterFunc(r.spec.Timeout, func() { r.stop(true) })
		defer limit.Stop()
	}
	var other sync.WaitGroup
	other.Go(func() { r.collect(r.errR, &r.err) })
	r.collect(r.outR, &r.out)
	other.Wait()

	// The process is reaped only when nobody can be about to signal its number.
	err := r.process.Ended(r.killed)
	r.mu.Lock()
	r.over = true
	stopping := r.stopping
	r.mu.Unlock()
	if stopping {
		<-r.killed
	}
	end := Ending{Stopped: stopping, TimedOut: r.timedOut, OutTotal: r.out.total, ErrTotal: r.err.total}
	code, reapErr := r.process.Reap()
	if err = errors.Join(err, reapErr); err != nil {
		end.Fault = err.Error()
	} else {
		end.Code, end.Signal = max(code, 0), max(-code, 0)
	}
	if r.python != nil {
		end.Outcome = r.python.Outcome()
		r.python.Close()
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
	defer close(r.killed)
	r.cancel()
	<-r.begun
	if r.process == nil {
		return
	}
	r.tree.End(r.spec.Grace, r.spec.Delay)
	// What still holds a stream is beyond our reach; do not wait for it.
	now := time.Now()
	_ = r.outR.SetReadDeadline(now)
	_ = r.errR.SetReadDeadline(now)
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

// tell sends that it has begun, what is printed, and at the end how it ended, while
// conn is the one.
func (r *run) tell(conn net.Conn) {
	<-r.begun
	r.mu.Lock()
	failed, note := r.failed, ""
	r.mu.Unlock()
	if failed != nil {
		_ = writeJSON(conn, frameNone, failed) // who listens on conn notices that it is gone
		return
	}
	if r.python != nil {
		note = r.python.Cold
	}
	if writeFrame(conn, frameBegun, []byte(note)) != nil {
		return
	}
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
			err = tellEnd(conn, end)
		}
		if err != nil || n == 0 {
			return // who listens on conn notices that it is gone
		}
		r.mu.Lock()
	}
	r.mu.Unlock()
}

func tellEnd(conn net.Conn, end *Ending) error {
	for part := range slices.Chunk(end.Outcome, 1<<20) {
		if err := writeFrame(conn, frameOutcome, part); err != nil {
			return err
		}
	}
	return writeJSON(conn, frameEnd, end)
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
	if len(r.ending.Outcome) > 0 {
		err = errors.Join(err, os.WriteFile(tmp+"/outcome", r.ending.Outcome, 0o600))
	}
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

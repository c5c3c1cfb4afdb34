package keep

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"squall/internal/runner/warm"
)

// keeper is the process that owns commands.
type keeper struct {
	dir  string
	null *os.File
	pool *warm.Pool

	mu      sync.Mutex
	runs    map[string]*run // by key: those that run, and those the server has not done with
	servers int             // that are present
	newest  int             // the number of the last connection
	coming  map[int]bool    // connections that have not said yet what they want
	told    *sync.Cond      // one of them has
	news    chan struct{}   // something ended
	alive   sync.WaitGroup
}

// linger is how long a keeper waits for work when it has none and no server.
const linger = 2 * time.Second

// Serve is the keeper's whole life: it listens on a socket in dir, says "ready"
// on ready, and returns when there is nobody and nothing left to serve.
func Serve(dir string, ready io.WriteCloser) error {
	// It belongs to nobody's terminal, and its server's signals are not meant for it.
	// They are caught, not ignored: commands would inherit that.
	wishes := make(chan os.Signal, 1)
	signal.Notify(wishes, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	go func() {
		for range wishes { //nolint:revive // they are for somebody else
		}
	}()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	// A socket's name is at most 107 bytes long, a directory's is not: it is
	// reached through its descriptor.
	at, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer at.Close() // not before: sockets are named by it
	pool, err := warm.NewPool(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	defer pool.Close()
	k := &keeper{dir: dir, null: null, pool: pool, runs: map[string]*run{}, news: make(chan struct{}, 1), coming: map[int]bool{}}
	k.told = sync.NewCond(&k.mu)
	socket := through(at, fmt.Sprintf("keeper-%d.sock", os.Getpid()))
	l, err := listen(through(at, fmt.Sprintf("starting-%d.sock", os.Getpid())), socket)
	if err != nil {
		return fmt.Errorf("listen for the server: %w", err)
	}
	defer func() { _ = os.Remove(socket) }() // what is left of it only names a keeper that is gone
	go k.accept(l)
	if _, err := io.WriteString(ready, "ready\n"); err != nil {
		return err
	}
	ready.Close()
	for quiet := time.Now(); ; {
		select {
		case <-k.news:
		case <-time.After(linger / 4):
		}
		k.mu.Lock()
		busy := len(k.runs)+k.servers > 0
		k.mu.Unlock()
		if busy {
			quiet = time.Now()
		} else if time.Since(quiet) > linger {
			break
		}
		// A data directory that was deleted leaves nobody to tell, and no place for
		// what nobody has heard of.
		if _, err := os.Stat(socket); errors.Is(err, fs.ErrNotExist) && k.idle() {
			break
		}
	}
	return l.Close()
}

// listen returns a listener at socket. The file gets its name when somebody
// listens there: one that refuses is a dead keeper's, and is removed.
func listen(starting, socket string) (net.Listener, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: starting, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(starting, 0o600), os.Rename(starting, socket)); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// idle reports whether nothing runs and nobody is there: there are endings at most.
func (k *keeper) idle() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.runs {
		r.mu.Lock()
		needed := r.ending == nil || r.conn != nil
		r.mu.Unlock()
		if needed {
			return false
		}
	}
	return k.servers == 0
}

func (k *keeper) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		k.mu.Lock()
		k.newest++
		n := k.newest
		k.coming[n] = true
		k.mu.Unlock()
		go k.serve(conn, n)
	}
}

// patience is how long a question waits for connections that came before it.
const patience = 2 * time.Second

// heard notes that connection n has said what it wants, and that this is done.
func (k *keeper) heard(n int) {
	k.mu.Lock()
	delete(k.coming, n)
	k.told.Broadcast()
	k.mu.Unlock()
}

// catchUp returns when the connections before n have been heard: a server that was
// killed may have asked for a run a moment ago.
func (k *keeper) catchUp(n int) {
	late := false
	t := time.AfterFunc(patience, func() {
		k.mu.Lock()
		late = true
		k.told.Broadcast()
		k.mu.Unlock()
	})
	defer t.Stop()
	k.mu.Lock()
	defer k.mu.Unlock()
	for !late && slices.ContainsFunc(slices.Collect(maps.Keys(k.coming)), func(other int) bool { return other < n }) {
		k.told.Wait()
	}
}

// serve answers connection n: a command, or a question.
func (k *keeper) serve(conn net.Conn, n int) {
	defer k.heard(n)
	var buf []byte
	kind, payload, err := readFrame(conn, &buf)
	if err != nil {
		conn.Close()
		return
	}
	if kind == frameList || kind == frameAttach {
		k.catchUp(n)
	}
	if kind != frameStart {
		k.heard(n)
	}
	switch kind {
	case framePresence:
		k.present(conn, &buf)
	case frameList:
		// A keeper of another server may not have noticed yet that it is gone:
		// all it has is for who asks.
		_ = writeJSON(conn, frameKeys, k.list(string(payload) == "true")) // who is gone asks again
		conn.Close()
	case frameStart:
		k.start(conn, n, payload, &buf)
	case frameAttach:
		k.mu.Lock()
		r := k.runs[string(payload)]
		k.mu.Unlock()
		if r == nil {
			_ = writeFrame(conn, frameNone, nil)
			conn.Close()
			return
		}
		if !r.attach(conn) {
			_ = writeFrame(conn, frameNone, nil)
			conn.Close()
			return
		}
		k.follow(r, conn, &buf)
	default:
		conn.Close()
	}
}

func (k *keeper) present(conn net.Conn, buf *[]byte) {
	k.mu.Lock()
	k.servers++
	k.mu.Unlock()
	if writeFrame(conn, frameBegun, nil) == nil {
		_, _, _ = readFrame(conn, buf) // until it is gone
	}
	conn.Close()
	k.mu.Lock()
	k.servers--
	k.mu.Unlock()
}

func (k *keeper) start(conn net.Conn, n int, payload []byte, buf *[]byte) {
	var spec Spec
	if err := json.Unmarshal(payload, &spec); err != nil {
		conn.Close()
		return
	}
	r, start := k.newRun(spec)
	k.mu.Lock()
	_, twice := k.runs[spec.Key]
	if !twice {
		k.runs[spec.Key] = r
	}
	k.mu.Unlock()
	k.heard(n)
	if twice {
		r.cancel()
		_ = writeJSON(conn, frameNone, Ending{Fault: "the run " + spec.Key + " was started already"})
		conn.Close()
		return
	}
	// Who asked for it is told from the beginning: a run that has ended before
	// anybody listens goes to disk.
	r.attach(conn)
	k.alive.Go(func() { r.live(start) })
	k.follow(r, conn, buf)
}

// follow tells conn, which is attached to r, about it and listens to what the
// server wants, until one of them is gone.
func (k *keeper) follow(r *run, conn net.Conn, buf *[]byte) {
	go r.tell(conn)
	for {
		kind, _, err := readFrame(conn, buf)
		switch {
		case err != nil:
			r.detach(conn)
			return
		case kind == frameStop:
			go r.stop(false)
		case kind == frameDone:
			conn.Close()
			k.drop(r)
			return
		}
	}
}

// list lists the runs, or only those that no server follows.
func (k *keeper) list(unattended bool) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys := []string{}
	for key, r := range k.runs {
		r.mu.Lock()
		if r.conn == nil || !unattended {
			keys = append(keys, key)
		}
		r.mu.Unlock()
	}
	return keys
}

// drop ends what still runs of r and forgets it: the server is done with it.
func (k *keeper) drop(r *run) {
	r.stop(false)
	k.forget(r)
}

func (k *keeper) forget(r *run) {
	k.mu.Lock()
	if k.runs[r.spec.Key] == r {
		delete(k.runs, r.spec.Key)
	}
	k.mu.Unlock()
	r.mu.Lock()
	if r.ending != nil {
		r.out.close()
		r.err.close()
	}
	r.mu.Unlock()
	select {
	case k.news <- struct{}{}:
	default:
	}
}

// settle writes r to disk when it has ended and nobody is there to hear of it.
// Where that fails, the keeper stays and keeps it in memory.
func (k *keeper) settle(r *run) {
	k.mu.Lock()
	wanted := k.runs[r.spec.Key] == r
	k.mu.Unlock()
	r.mu.Lock()
	if wanted && r.ending != nil && r.conn == nil && !r.saved {
		r.saved = r.save(k.dir) == nil
	}
	done := r.saved
	r.mu.Unlock()
	if done {
		k.forget(r)
	}
}

// through names a file by way of its open directory.
func through(dir *os.File, name string) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), name)
}

package keep

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"squall/internal/runner"
	"squall/internal/runner/process"
)

// Client is the server's side. It starts a keeper when the first command needs
// one, and another one when that has died.
type Client struct {
	dir     string
	at      *os.File // the directory, to name its sockets with
	command []string

	mu       sync.Mutex
	socket   string              // of our keeper; empty: none yet
	presence net.Conn            // as long as it lives, so does the keeper
	kept     map[string]string   // key → socket of an earlier keeper, or directory
	ended    map[string]net.Conn // key → connection of a run that ended and is not released yet
	let      map[string]bool     // keys of runs that were let go
	closed   bool
}

// New returns a client that keeps its sockets and files in dir, and starts
// keepers with command, to which dir is added.
func New(dir string, command []string) (*Client, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of kept runs: %w", err)
	}
	at, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open the directory of kept runs: %w", err)
	}
	return &Client{dir: dir, at: at, command: command, kept: map[string]string{}, ended: map[string]net.Conn{}, let: map[string]bool{}}, nil
}

// Close lets the keeper go when its commands have ended.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.presence != nil {
		c.presence.Close()
		c.presence, c.socket = nil, ""
	}
	for key, conn := range c.ended {
		conn.Close()
		delete(c.ended, key)
	}
	c.closed = true
	c.at.Close()
}

// Prepare starts the keeper before it is needed. What goes wrong shows when it is.
func (c *Client) Prepare() { _, _ = c.ready() }

// ready returns the socket of a keeper that lives.
func (c *Client) ready() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return "", errors.New("this process keeps no runs any more")
	}
	if c.socket != "" {
		return c.socket, nil
	}
	socket, err := c.spawn()
	if err != nil {
		return "", fmt.Errorf("start the keeper of local actions: %w", err)
	}
	conn, err := c.dial(socket)
	if err != nil {
		return "", fmt.Errorf("reach the keeper of local actions: %w", err)
	}
	if err := writeFrame(conn, framePresence, nil); err != nil {
		conn.Close()
		return "", fmt.Errorf("reach the keeper of local actions: %w", err)
	}
	c.socket, c.presence = socket, conn
	go func() { // ends with the connection
		_, _ = io.Copy(io.Discard, conn)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.presence == conn {
			c.presence, c.socket = nil, "" // it has died: the next command gets another
		}
		conn.Close()
	}()
	return socket, nil
}

// spawn starts a keeper and waits until it listens.
func (c *Client) spawn() (socket string, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	log, err := os.OpenFile(filepath.Join(c.dir, "keeper.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		w.Close()
		return "", err
	}
	defer log.Close()
	cmd := exec.Command("/proc/self/exe", append(slices.Clone(c.command[1:]), c.dir)...)
	cmd.Args[0] = c.command[0]
	cmd.Stdout, cmd.Stderr, cmd.Dir = w, log, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return "", err
	}
	go func() { _ = cmd.Wait() }() // reaps it, should it end before us
	if line, err := bufio.NewReader(r).ReadString('\n'); err != nil || line != "ready\n" {
		return "", fmt.Errorf("it ended before it was ready: see %s", log.Name())
	}
	return fmt.Sprintf("keeper-%d.sock", cmd.Process.Pid), nil
}

func (c *Client) dial(socket string) (net.Conn, error) {
	return net.Dial("unix", through(c.at, filepath.Base(socket)))
}

// Start starts a command. An error that is a syscall.Errno is the system's: the
// program cannot be executed, the directory is not there. When ctx ends before it
// has begun, Start does what Wait does then.
func (c *Client) Start(ctx context.Context, spec Spec) (*Run, error) {
	conn, err := c.reach()
	if err != nil {
		return nil, err
	}
	r := newRun(c, spec)
	r.conn, r.in = conn, bufio.NewReaderSize(conn, 8<<10)
	if err := writeJSON(conn, frameStart, spec); err != nil {
		conn.Close()
		return nil, fmt.Errorf("talk to the keeper of local actions: %w", err)
	}
	left := r.heed(ctx)
	err = r.begun()
	if left() {
		return nil, runner.ErrDetached
	}
	return r, err
}

// reach connects to a keeper; when ours has just died, to a new one.
func (c *Client) reach() (net.Conn, error) {
	var err error
	for range 2 {
		var socket string
		if socket, err = c.ready(); err != nil {
			return nil, err
		}
		var conn net.Conn
		if conn, err = c.dial(socket); err == nil {
			return conn, nil
		}
		c.mu.Lock()
		if c.socket == socket && c.presence != nil {
			c.presence.Close()
			c.presence, c.socket = nil, ""
		}
		c.mu.Unlock()
	}
	return nil, fmt.Errorf("reach the keeper of local actions: %w", err)
}

// Kept lists the keys of runs that go on, or ended, with no server: those of
// earlier processes and those this one has let go.
func (c *Client) Kept() ([]string, error) {
	// What has ended and was not released is let go: its keeper has it still, and
	// notices a moment later.
	c.mu.Lock()
	for key, conn := range c.ended {
		conn.Close()
		delete(c.ended, key)
		c.let[key] = true
	}
	waiting := slices.Collect(maps.Keys(c.let))
	clear(c.let)
	c.mu.Unlock()
	for until := time.Now().Add(time.Second); ; time.Sleep(5 * time.Millisecond) {
		keys, err := c.find()
		missing := slices.ContainsFunc(waiting, func(key string) bool { return !slices.Contains(keys, key) })
		if err != nil || !missing || time.Now().After(until) {
			return keys, err
		}
	}
}

func (c *Client) find() ([]string, error) {
	sockets, err := filepath.Glob(filepath.Join(c.dir, "keeper-*.sock"))
	if err != nil {
		return nil, err
	}
	kept := map[string]string{}
	for _, socket := range sockets {
		keys, err := c.list(socket)
		if errors.Is(err, syscall.ECONNREFUSED) {
			_ = os.Remove(socket) // its keeper has died
		}
		if err != nil {
			continue
		}
		for _, key := range keys {
			kept[key] = socket
		}
	}
	dirs, err := filepath.Glob(filepath.Join(c.dir, "ended-*"))
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if strings.HasSuffix(dir, ".new") {
			continue // its writer has died, or is at it
		}
		if doc, err := readSaved(dir); err == nil {
			kept[doc.Key] = dir
		}
	}
	c.mu.Lock()
	c.kept = kept
	c.mu.Unlock()
	return slices.Sorted(maps.Keys(kept)), nil
}

func (c *Client) list(socket string) ([]string, error) {
	conn, err := c.dial(socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	c.mu.Lock()
	mine := filepath.Base(socket) == c.socket
	c.mu.Unlock()
	if err := writeJSON(conn, frameList, mine); err != nil {
		return nil, err
	}
	var buf []byte
	_, payload, err := readFrame(conn, &buf)
	if err != nil {
		return nil, err
	}
	var keys []string
	return keys, json.Unmarshal(payload, &keys)
}

func readSaved(dir string) (doc saved, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "ending"))
	if err != nil {
		return doc, err
	}
	return doc, json.Unmarshal(text, &doc)
}

// errNotKept: nobody knows of the run any more.
var errNotKept = errors.New("the run is not kept any more")

// Attach goes on with a kept run: all it has printed comes again. It is found by its
// key; of the rest of the spec it counts how it is ended.
func (c *Client) Attach(spec Spec) (*Run, error) {
	c.mu.Lock()
	place := c.kept[spec.Key]
	c.mu.Unlock()
	return c.attach(spec, place)
}

func (c *Client) attach(spec Spec, place string) (*Run, error) {
	r := newRun(c, spec)
	if strings.HasSuffix(place, ".sock") {
		conn, err := c.dial(place)
		if err == nil {
			r.conn, r.in = conn, bufio.NewReaderSize(conn, 8<<10)
			if err := writeFrame(conn, frameAttach, []byte(spec.Key)); err == nil && r.begun() == nil {
				return r, nil
			}
			conn.Close()
		}
		r.conn, r.in = nil, nil
		place = savedName(c.dir, spec.Key) // it may have ended just now
	}
	if _, err := readSaved(place); err != nil {
		return nil, errNotKept
	}
	r.dir = place
	return r, nil
}

// Release says that nothing is wanted of a run any more: what still runs of it
// ends, what is kept of it goes.
func (c *Client) Release(key string) {
	c.mu.Lock()
	conn := c.ended[key]
	delete(c.ended, key)
	delete(c.let, key)
	place := c.kept[key]
	delete(c.kept, key)
	c.mu.Unlock()
	if conn != nil {
		_ = writeFrame(conn, frameDone, nil) // a keeper that is gone has forgotten it too
		conn.Close()
		return
	}
	if strings.HasSuffix(place, ".sock") {
		if r, err := c.attach(Spec{Key: key}, place); err == nil && r.conn != nil {
			_ = writeFrame(r.conn, frameDone, nil)
			r.conn.Close()
		}
	}
	_ = os.RemoveAll(savedName(c.dir, key))
}

// ErrDied: nobody will ever know how the command ended. It has been killed.
var ErrDied = errors.New("the keeper of local actions has died, and its commands with it")

// Run is a command in a keeper's hands.
type Run struct {
	c    *Client
	key  string
	conn net.Conn
	in   *bufio.Reader
	dir  string // of a run that ended unheard; conn is nil then
	note string

	marker       string // of its processes
	grace, delay time.Duration
}

// newRun keeps nothing else of the spec: it may be large, and hold a password.
func newRun(c *Client, spec Spec) *Run {
	return &Run{c: c, key: spec.Key, marker: spec.Marker, grace: spec.Grace, delay: spec.Delay}
}

// Note tells why a Python program was not forked; "" when it was.
func (r *Run) Note() string { return r.note }

// begun reads the keeper's answer to a start or an attach.
func (r *Run) begun() error {
	var buf []byte
	kind, payload, err := readFrame(r.in, &buf)
	if err == nil && kind == frameBegun {
		r.note = string(payload)
		return nil
	}
	r.conn.Close()
	var end Ending
	switch {
	case err != nil:
		return fmt.Errorf("the keeper of local actions does not answer: %w", err)
	case json.Unmarshal(payload, &end) != nil:
		return errNotKept
	case end.Errno != 0:
		return syscall.Errno(end.Errno)
	default:
		return errors.New(end.Fault)
	}
}

// Wait collects in end what the command prints and how it ends, and returns then.
// Where a signal has ended it, end.Code is the caller's to fill. When ctx ends it
// ends the command; but when the node stops or has lost its lease, it lets it go on
// and returns runner.ErrDetached. The run is kept until Release.
func (r *Run) Wait(ctx context.Context, end *process.Ending) (said Ending, err error) {
	if r.conn == nil {
		said, err = r.read(end.Stdout.Take, end.Stderr.Take)
	} else {
		said, err = r.hear(ctx, end.Stdout.Take, end.Stderr.Take)
	}
	if err != nil {
		return Ending{}, err
	}
	end.Stdout.Total, end.Stderr.Total = said.OutTotal, said.ErrTotal
	end.Code, end.Stopped, end.TimedOut = said.Code, said.Stopped, said.TimedOut
	return said, nil
}

// hear is Wait for a run that a keeper has.
func (r *Run) hear(ctx context.Context, stdout, stderr func([]byte)) (Ending, error) {
	left := r.heed(ctx)
	defer left()
	var outcome []byte
	var buf []byte
	for {
		kind, payload, err := readFrame(r.in, &buf)
		if err != nil {
			r.conn.Close()
			if left() {
				return Ending{}, runner.ErrDetached
			}
			if r.marker != "" {
				// The command itself went with its keeper; what it has started is known by its mark.
				(&process.Tree{Leader: -1, Marker: r.marker}).End(r.grace, r.delay)
			}
			return Ending{}, ErrDied
		}
		switch kind {
		case frameOut:
			stdout(payload)
		case frameErr:
			stderr(payload)
		case frameOutcome:
			outcome = append(outcome, payload...)
		case frameEnd:
			end := Ending{Outcome: outcome}
			if err := json.Unmarshal(payload, &end); err != nil {
				return Ending{}, fmt.Errorf("read the ending of a command: %w", err)
			}
			r.c.mu.Lock()
			r.c.ended[r.key] = r.conn
			r.c.mu.Unlock()
			return end, nil
		}
	}
}

// heed does to the command what the end of ctx means: it ends it, or lets it go.
// left says whether it was let go; from then on ctx means nothing.
func (r *Run) heed(ctx context.Context) (left func() bool) {
	detached := false
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		if cause := context.Cause(ctx); errors.Is(cause, runner.ErrShutdown) || errors.Is(cause, runner.ErrLeaseLost) {
			detached = true
			r.c.mu.Lock()
			r.c.let[r.key] = true
			r.c.mu.Unlock()
			r.conn.Close()
			return
		}
		_ = writeFrame(r.conn, frameStop, nil) // a keeper that is gone shows by itself
	})
	return sync.OnceValue(func() bool {
		if !stop() {
			<-done
		}
		return detached
	})
}

// read is Wait for a run that lies on disk.
func (r *Run) read(stdout, stderr func([]byte)) (Ending, error) {
	doc, err := readSaved(r.dir)
	if err != nil {
		return Ending{}, fmt.Errorf("read a kept run: %w", err)
	}
	for name, to := range map[string]func([]byte){"stdout": stdout, "stderr": stderr} {
		text, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			return Ending{}, fmt.Errorf("read a kept run: %w", err)
		}
		to(text)
	}
	doc.Ending.Outcome, err = os.ReadFile(filepath.Join(r.dir, "outcome"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Ending{}, fmt.Errorf("read a kept run: %w", err)
	}
	return doc.Ending, nil
}

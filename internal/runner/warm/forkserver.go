package warm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds on the fork server, which does nothing that takes long.
const (
	startWait  = 60 * time.Second // until it has imported everything, on a busy machine
	forkWait   = 15 * time.Second
	reportWait = 5 * time.Second
	retryAfter = time.Minute // after it could not be started
)

// ErrClosed: the pool ends, and starts nothing any more.
var ErrClosed = errors.New("the server is stopping")

var errIdle = errors.New("its fork server has ended because nobody needed it")

// forkServer is a Python process that forks others (squall_runner/forkserver.py).
// Its end is the end of its socket; what it forked ends with it.
type forkServer struct {
	stamp   time.Time // of its environment
	process *os.Process
	pid     int // of process, which forgets it at its end
	socket  *net.UnixConn
	log     *slog.Logger

	ready chan struct{} // closed when it forks, or has failed
	gone  chan struct{} // closed when the socket has ended

	mu    sync.Mutex
	err   error // why it does not fork; read after ready
	last  int
	runs  map[int]*warmRun
	idle  *time.Timer
	after time.Duration // how long it may be idle
	since time.Time     // of the failure
}

// warmRun is an action in a forked process.
type warmRun struct {
	server *forkServer
	id     int
	number int
	code   int
	err    error
	forked chan struct{} // closed when number or err is set
	done   chan struct{} // closed when code or err is set
}

// message is what the fork server says.
type message struct {
	Ready   bool     `json:"ready"`
	Missing []string `json:"missing"`
	ID      int      `json:"id"`
	PID     int      `json:"pid"`
	Code    *int     `json:"code"`
	Error   string   `json:"error"`
}

func (s *forkServer) start(spec *Spec, null *os.File) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "fork server"), os.NewFile(uintptr(pair[1]), "fork server")
	defer theirs.Close()
	defer ours.Close() // FileConn has a copy
	conn, err := net.FileConn(ours)
	if err != nil {
		return err
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		conn.Close()
		return err
	}
	defer errW.Close()
	s.process, err = os.StartProcess(spec.Python, spec.Server, &os.ProcAttr{
		Env: spec.ServerEnv, Dir: spec.Dir, Files: []*os.File{null, errW, errW, theirs},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		_, _ = conn.Close(), errR.Close()
		return err
	}
	s.pid, s.socket = s.process.Pid, conn.(*net.UnixConn)
	complaints := make(chan string, 1)
	go func() { complaints <- firstWords(errR) }() // ends with the last process that holds the pipe
	go s.listen(complaints)
	return nil
}

// firstWords reads everything and returns the beginning.
func firstWords(f *os.File) string {
	defer f.Close()
	var kept bytes.Buffer
	_, _ = io.CopyN(&kept, f, 8<<10)
	_, _ = io.Copy(io.Discard, f)
	return strings.TrimSpace(kept.String())
}

// listen takes what the fork server says until its end. It owns the process.
func (s *forkServer) listen(complaints <-chan string) {
	defer close(s.gone)
	_ = s.socket.SetReadDeadline(time.Now().Add(startWait))
	buf := make([]byte, 64<<10)
	for {
		n, err := s.socket.Read(buf)
		if err != nil || n == 0 {
			break
		}
		var m message
		if json.Unmarshal(buf[:n], &m) != nil {
			break // it is not ours any more
		}
		if m.Ready {
			_ = s.socket.SetReadDeadline(time.Time{})
			s.log.Debug("fork server ready", "pid", s.pid, "not_installed", m.Missing)
			s.mu.Lock()
			s.idle.Reset(s.after)
			s.mu.Unlock()
			close(s.ready)
			continue
		}
		s.heard(&m)
	}
	_ = s.process.Kill() // it may have ended already
	_, _ = s.process.Wait()
	s.socket.Close()
	words := ""
	select {
	case words = <-complaints:
	case <-time.After(100 * time.Millisecond): // an action's daemon holds its pipe
	}
	if words != "" {
		words = ": " + lastLine(words)
	}
	s.fail(fmt.Errorf("its fork server has ended%s", words))
}

func lastLine(text string) string {
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// heard handles one message about a run.
func (s *forkServer) heard(m *message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.runs[m.ID]
	if run == nil {
		return
	}
	switch {
	case m.Error != "":
		run.err = errors.New(m.Error)
		delete(s.runs, m.ID)
		close(run.forked)
		close(run.done)
	case m.Code != nil:
		run.code = *m.Code
		close(run.done)
	default:
		run.number = m.PID
		close(run.forked)
	}
}

// fail ends everything that waits for the fork server. It is called once.
func (s *forkServer) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.since = time.Now()
	s.idle.Stop()
	select {
	case <-s.ready:
	default:
		s.last = -1 // it never forked
		close(s.ready)
	}
	for id, run := range s.runs {
		select {
		case <-run.done: // it has ended before, and waits to be reaped
			continue
		default:
		}
		run.err = s.err
		if run.number == 0 {
			close(run.forked)
		}
		close(run.done)
		delete(s.runs, id)
	}
}

// dead reports whether it has failed or ended.
func (s *forkServer) dead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err != nil
}

// never reports whether it has failed without having been ready once.
func (s *forkServer) never() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last == -1
}

// fork asks for a process and waits for its number. When it does not answer it
// is ended: an action may have stopped it.
func (s *forkServer) fork(job *memory, files []*os.File) (*warmRun, error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return nil, s.err
	}
	s.last++
	run := &warmRun{server: s, id: s.last, forked: make(chan struct{}), done: make(chan struct{})}
	s.runs[run.id] = run
	s.idle.Stop()
	s.mu.Unlock()

	rights := make([]int, len(files))
	for i, f := range files {
		rights[i] = int(f.Fd())
	}
	text := fmt.Appendf(nil, `{"run":%d,"channel":%q}`, run.id, job.path())
	if _, _, err := s.socket.WriteMsgUnix(text, unix.UnixRights(rights...), nil); err != nil {
		s.stop()
	}
	timer := time.NewTimer(forkWait)
	defer timer.Stop()
	select {
	case <-run.forked:
	case <-timer.C:
		s.log.Warn("a fork server does not answer and is ended", "pid", s.pid)
		s.stop()
		<-run.forked
	}
	if run.number == 0 {
		return nil, run.err
	}
	return run, nil
}

// stop ends the fork server and what it forked.
func (s *forkServer) stop() {
	if s.process != nil {
		_ = s.process.Kill() // it may have ended already
	}
	<-s.gone
}

// retire ends the fork server when nothing it forked runs any more.
func (s *forkServer) retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = 0
	if len(s.runs) == 0 {
		s.idle.Reset(0)
	}
}

// expire ends the fork server when it was idle for a while.
func (s *forkServer) expire() {
	s.mu.Lock()
	if len(s.runs) > 0 || s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = errIdle // from here on nobody forks
	s.mu.Unlock()
	s.stop()
}

func (r *warmRun) PID() int { return r.number }

func (r *warmRun) Ended(killed <-chan struct{}) error {
	select {
	case <-r.done:
		return r.err
	case <-killed:
	}
	timer := time.NewTimer(reportWait)
	defer timer.Stop()
	select {
	case <-r.done:
	case <-timer.C: // an action has stopped the fork server
		r.server.log.Warn("a fork server says nothing of a killed action and is ended", "pid", r.server.pid)
		r.server.stop()
		<-r.done
	}
	return r.err
}

func (r *warmRun) Reap() (int, error) {
	s := r.server
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.runs, r.id)
	if len(s.runs) == 0 && s.err == nil {
		s.idle.Reset(s.after)
	}
	if s.err == nil {
		_, _ = fmt.Fprintf(s.socket, `{"release":%d}`, r.id) // fails when it is gone, and then there is nothing to release
	}
	return r.code, r.err
}

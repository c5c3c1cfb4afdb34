package squalltest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"squall/internal/client"
)

// patience bounds the start of a server on a machine that is busy with others.
const patience = 3 * time.Minute

// Server is one server: a data directory, an address, and now and then a process.
type Server struct {
	Name, Dir, URL string
	Args           []string // of its next start, with the program
	Token          string   // which Do goes with; see Login

	log *os.File

	mu  sync.Mutex
	cmd *exec.Cmd // nil while it does not run
}

// New prepares a server of that name with its data in dir; settings are those of
// Set. At the end of the test it is killed if it still runs, and a test that has
// failed shows the end of its log.
func New(t testing.TB, name, dir string, settings ...string) *Server {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	s := &Server{Name: name, Dir: dir, URL: "http://" + address, Args: []string{
		Program(t), "server", "--data", dir, "--listen", address, "--node", name, "--log-level", "info",
	}}
	s.Set("scheduler.poll=100ms")
	s.Set(settings...)
	var err error
	if s.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Signal(syscall.SIGCONT)
		s.Kill()
		s.log.Close()
		if t.Failed() {
			t.Logf("the log of %s ends with:\n%s", s.Name, s.tail())
		}
	})
	return s
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Set adds settings, as "key=value", to those of the next start.
func (s *Server) Set(settings ...string) {
	for _, setting := range settings {
		s.Args = append(s.Args, "--set", setting)
	}
}

// Start starts the process and waits until it accepts work.
func (s *Server) Start(ctx context.Context) error {
	cmd := exec.Command(s.Args[0], s.Args[1:]...)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.mu.Lock()
	s.cmd = cmd
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		resp, err := http.Get(s.URL + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("server %s does not get ready: %w", s.Name, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Kill ends the process without warning and waits until it is gone.
func (s *Server) Kill() {
	if cmd := s.take(); cmd != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// Stop ends the process in an orderly way.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	cmd := s.take()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("server %s did not stop cleanly: %v; its log ends with:\n%s", s.Name, err, s.tail())
	}
}

// take returns the process, which is not the server's any more.
func (s *Server) take() *exec.Cmd {
	s.mu.Lock()
	defer s.mu.Unlock()
	cmd := s.cmd
	s.cmd = nil
	return cmd
}

// Signal sends a signal to the process, if there is one.
func (s *Server) Signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(sig)
	}
}

// Log is all that the processes have logged so far.
func (s *Server) Log() string {
	text, _ := os.ReadFile(s.log.Name())
	return string(text)
}

func (s *Server) tail() string {
	lines := strings.Split(strings.TrimSpace(s.Log()), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// Login fetches a token, with the password that the first server of a database
// writes. It is good on all servers of that database.
func (s *Server) Login(ctx context.Context) error {
	password, err := os.ReadFile(filepath.Join(s.Dir, "admin-password"))
	if err != nil {
		return err
	}
	c, err := client.New(client.Options{URL: s.URL})
	if err != nil {
		return err
	}
	defer c.Close()
	token, err := c.Login(ctx, "admin", strings.TrimSpace(string(password)), time.Hour)
	if err != nil {
		return err
	}
	s.Token = token.Token
	return nil
}

// ErrRefused: the server answered, but did not do it.
var ErrRefused = errors.New("refused")

// Do makes one request of the API, without trying again: what it reports as done
// was acknowledged exactly once. What is sent is the JSON of body; nil: nothing.
// headers are names and values, in turns, beside the usual ones. An answer that is
// no success is an ErrRefused with its status and text.
func (s *Server) Do(ctx context.Context, method, path string, body any, headers ...string) (header http.Header, answer []byte, err error) {
	var payload io.Reader
	if body != nil {
		doc, err := json.Marshal(body)
		if err != nil {
			return nil, nil, err
		}
		payload = bytes.NewReader(doc)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, payload)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("X-Auth-Token", s.Token)
	req.Header.Set("Content-Type", "application/json")
	for pair := range slices.Chunk(headers, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if answer, err = io.ReadAll(resp.Body); err != nil {
		return nil, nil, err
	}
	if resp.StatusCode >= 300 {
		return nil, nil, fmt.Errorf("%w: %s: %s %s: %s", ErrRefused, resp.Status, method, path, answer)
	}
	return resp.Header, answer, nil
}

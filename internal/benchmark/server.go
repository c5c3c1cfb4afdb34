package main

import (
	"bufio"
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
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a real squall server in a process of its own, and a client of it.
type server struct {
	cmd   *exec.Cmd
	url   string
	token string
	http  *http.Client
	log   bytes.Buffer
}

// startServer starts binary on dir and returns when it is ready, with the time
// that took from the start of the process.
func startServer(binary, dir string, args ...string) (*server, time.Duration, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // a free port, known before the start so that readiness can be polled
	if err != nil {
		return nil, 0, err
	}
	addr := l.Addr().String()
	l.Close()

	s := &server{url: "http://" + addr, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}}}
	s.cmd = exec.Command(binary, append([]string{"server", "--data", dir, "--listen", addr, "--log-level", "warn"}, args...)...)
	s.cmd.Stderr = &s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, 0, err
	}
	for {
		resp, err := s.http.Get(s.url + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Since(began) > 20*time.Second {
			s.stop()
			return nil, 0, fmt.Errorf("the server is not ready: %s", s.log.String())
		}
		time.Sleep(500 * time.Microsecond)
	}
	took := time.Since(began)
	if err := s.login(dir); err != nil {
		s.stop()
		return nil, 0, err
	}
	return s, took, nil
}

func (s *server) login(dir string) error {
	password, err := os.ReadFile(filepath.Join(dir, "admin-password"))
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, s.url+"/auth/v1/tokens", strings.NewReader("{}"))
	if err != nil {
		return err
	}
	req.SetBasicAuth("admin", string(password))
	req.Header.Set("Content-Type", "application/json")
	var token struct{ Token string }
	if err := s.do(req, &token); err != nil {
		return err
	}
	s.token = token.Token
	return nil
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	_ = s.cmd.Wait()
}

// rss returns the server's resident memory in bytes.
func (s *server) rss() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("no VmRSS in /proc")
}

// cpu returns the processor time that the server has used so far.
func (s *server) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("no processor time in /proc")
	}
	var ticks int64 // of a hundredth of a second: the kernel's interface is fixed
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

func (s *server) do(req *http.Request, into any) error {
	if s.token != "" {
		req.Header.Set("X-Auth-Token", s.token)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %.300s", req.Method, req.URL.Path, resp.Status, body)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(body, into)
}

type execution struct {
	ID     string
	Status string
	Result json.RawMessage
}

// request starts an action.
func (s *server) request(ctx context.Context, body []byte) (ex execution, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/v1/executions", bytes.NewReader(body))
	if err != nil {
		return ex, err
	}
	req.Header.Set("Content-Type", "application/json")
	return ex, s.do(req, &ex)
}

// finish waits, in one request, until the execution has ended; it must have succeeded.
func (s *server) finish(ctx context.Context, id string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/v1/executions/"+id+"?include_attributes=status", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Prefer", "wait=60")
	var ex execution
	if err := s.do(req, &ex); err != nil {
		return err
	}
	if ex.Status != "succeeded" {
		return fmt.Errorf("execution %s is %s", id, ex.Status)
	}
	return nil
}

// result reads the result of an execution.
func (s *server) result(ctx context.Context, id string) (json.RawMessage, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/v1/executions/"+id+"?include_attributes=result", nil)
	if err != nil {
		return nil, err
	}
	var ex execution
	err = s.do(req, &ex)
	return ex.Result, err
}

// open counts the executions that have not ended.
func (s *server) open(ctx context.Context) (total int, err error) {
	for _, status := range []string{"requested", "delayed", "running"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/v1/executions?limit=1&include_attributes=status&status="+status, nil)
		if err != nil {
			return 0, err
		}
		n, err := s.count(req)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// count returns how many rows a list has.
func (s *server) count(req *http.Request) (int, error) {
	req.Header.Set("X-Auth-Token", s.token)
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, err
	}
	return strconv.Atoi(resp.Header.Get("X-Total-Count"))
}

// throughput lets clients request one action after the other for d and
// returns how many finished per second, those that were still open at the end included.
func (s *server) throughput(clients int, d time.Duration, body []byte) (float64, error) {
	idle := make(chan *lean, clients)
	for range clients {
		c, err := s.connect(body)
		if err != nil {
			return 0, err
		}
		defer c.conn.Close()
		idle <- c
	}
	began := time.Now()
	perSecond, err := rate(clients, d, func(context.Context) error {
		c := <-idle
		defer func() { idle <- c }()
		_, err := c.post()
		return err
	})
	if err != nil {
		return 0, err
	}
	count := perSecond * time.Since(began).Seconds()
	for {
		n, err := s.open(context.Background())
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return count / time.Since(began).Seconds(), nil
		}
		// Counting what is open costs the server something, so it is asked when it
		// may be through: no action takes it less than 50 µs.
		time.Sleep(max(2*time.Millisecond, time.Duration(n)*50*time.Microsecond))
	}
}

// subscribe opens an event stream and calls seen for every event until it ends.
func (s *server) subscribe(ctx context.Context, seen func(event string)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/stream/v1/stream", nil)
	if err != nil {
		return err
	}
	req.Header.Set("X-Auth-Token", s.token)
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("stream: %s", resp.Status)
	}
	seen("")
	r := bufio.NewReaderSize(resp.Body, 8<<10)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil // the test has ended it
		}
		if event, ok := strings.CutPrefix(line, "event: "); ok {
			seen(strings.TrimSpace(event))
		}
	}
}

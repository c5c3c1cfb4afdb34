package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"squall/internal/client"
)

// world is what runs on this machine for the show.
type world struct {
	binary string
	dir    string // everything lies below it
	listen string // address of Squall; empty: any free port

	passing bool // the directory is removed in the end

	hosts  []*host
	mail   mailbox
	api    *client.Client
	squall *exec.Cmd
	ended  chan struct{} // closed when the server has ended
	others []*exec.Cmd   // sshd and the mail server
}

// path is the name of a file of the world.
func (w *world) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}

// startSquall starts the server and logs in.
func (w *world) startSquall(ctx context.Context) error {
	listen := w.listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	args := []string{"server", "--data", w.path("data"), "--listen", listen, "--log-level", "warn"}
	for _, s := range w.settings() {
		args = append(args, "--set", s)
	}
	log, err := os.Create(w.path("server.log"))
	if err != nil {
		return err
	}
	defer log.Close()                          //nolint:errcheck // the server writes to it
	os.Remove(w.path("data/address"))          //nolint:errcheck // of an earlier run in this directory
	w.squall = exec.Command(w.binary, args...) //nolint:gosec // the program that is shown
	w.squall.Stderr = log
	// A group of its own: Ctrl-C at the terminal must not stop it before we do.
	w.squall.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := w.squall.Start(); err != nil {
		return err
	}
	w.ended = make(chan struct{})
	go func() { _ = w.squall.Wait(); close(w.ended) }()

	var url string
	err = until(ctx, time.Minute, func() (bool, error) {
		select {
		case <-w.ended:
			text, _ := os.ReadFile(w.path("server.log"))
			return false, fmt.Errorf("the server ended:\n%s", tail(string(text), 20))
		default:
		}
		text, err := os.ReadFile(w.path("data", "address"))
		url = strings.TrimSpace(string(text))
		return err == nil && url != "", nil
	})
	if err != nil {
		return err
	}
	password, err := os.ReadFile(w.path("data", "admin-password"))
	if err != nil {
		return err
	}
	w.api, err = client.New(client.Options{URL: url, User: "admin", Password: strings.TrimSpace(string(password)), UserAgent: "demo"})
	if err != nil {
		return err
	}
	return until(ctx, time.Minute, func() (bool, error) { return w.api.Ready(ctx) == nil, nil })
}

// command is a command line of Squall's, for this server.
func (w *world) command(ctx context.Context, args ...string) *exec.Cmd {
	password, _ := os.ReadFile(w.path("data", "admin-password")) // it was there
	cmd := exec.CommandContext(ctx, w.binary, args...)           //nolint:gosec // the program that is shown
	cmd.Env = append(os.Environ(), "SQUALL_URL="+w.api.Base(), "SQUALL_USER=admin", "SQUALL_PASSWORD="+strings.TrimSpace(string(password)))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}

// wait waits until the server ends by itself, or somebody stops us.
func (w *world) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		if w.passing {
			fmt.Printf("\nStopping, and removing %s.\n", w.dir)
		} else {
			fmt.Printf("\nStopping; %s stays.\n", w.dir)
		}
		return nil
	case <-w.ended:
		text, _ := os.ReadFile(w.path("server.log"))
		return fmt.Errorf("the server ended:\n%s", tail(string(text), 20))
	}
}

// stop ends everything, Squall first and in an orderly way.
func (w *world) stop() {
	if w.ended != nil {
		_ = w.squall.Process.Signal(syscall.SIGTERM)
		select {
		case <-w.ended:
		case <-time.After(40 * time.Second): // longer than server.shutdown_timeout
			_ = w.squall.Process.Kill()
			<-w.ended
		}
	}
	for _, cmd := range w.others {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// spawn starts a program that runs as long as the world.
func (w *world) spawn(log string, name string, args ...string) error {
	out, err := os.Create(log)
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // the program writes to it
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	w.others = append(w.others, cmd)
	return nil
}

// answers waits until somebody listens at an address.
func answers(ctx context.Context, address, log string) error {
	err := until(ctx, time.Minute, func() (bool, error) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil, nil
	})
	if err != nil {
		text, _ := os.ReadFile(log)
		return fmt.Errorf("%s does not answer: %w\n%s", address, err, tail(string(text), 5))
	}
	return nil
}

// until waits for a condition, an error, or the end of the time.
func until(ctx context.Context, limit time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("nothing after %s", limit))
	defer cancel()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// freePort is a port that is free on all addresses of loopback now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close() //nolint:errcheck // nobody connected
	return l.Addr().(*net.TCPAddr).Port, nil
}

func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

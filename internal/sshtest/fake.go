package sshtest

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os/exec"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// Fake is an SSH server in this process, for what sshd cannot be made to do
// without changing the machine: passwords, and hosts that misbehave.
type Fake struct {
	Password    string // accepted by the method "password"
	Interactive string // accepted by keyboard-interactive
	// Misbehave, when set, gets every session instead of the shell.
	Misbehave func(ch ssh.Channel, reqs <-chan *ssh.Request)
}

// Listen starts the fake and returns its address and its key.
func (f *Fake) Listen(t testing.TB) (address string, key ssh.PublicKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{}
	if f.Password != "" {
		config.PasswordCallback = func(_ ssh.ConnMetadata, given []byte) (*ssh.Permissions, error) {
			if string(given) == f.Password {
				return nil, nil
			}
			return nil, errors.New("wrong password")
		}
	}
	if f.Interactive != "" {
		config.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err == nil && len(answers) == 1 && answers[0] == f.Interactive {
				return nil, nil
			}
			return nil, errors.New("wrong answer")
		}
	}
	config.NoClientAuth = f.Password == "" && f.Interactive == ""
	config.AddHostKey(signer)
	address = Accept(t, func(c net.Conn) {
		conn, channels, requests, err := ssh.NewServerConn(c, config)
		if err != nil {
			return
		}
		go ssh.DiscardRequests(requests)
		for ch := range channels {
			f.serve(ch)
		}
		_ = conn.Wait()
	})
	return address, signer.PublicKey()
}

func (f *Fake) serve(n ssh.NewChannel) {
	ch, reqs, err := n.Accept()
	if err != nil {
		return
	}
	if f.Misbehave != nil {
		go f.Misbehave(ch, reqs)
		return
	}
	go func() {
		for req := range reqs {
			var m struct{ Command string }
			if req.Type != "exec" || ssh.Unmarshal(req.Payload, &m) != nil {
				_ = req.Reply(false, nil)
				continue
			}
			_ = req.Reply(true, nil)
			go shell(ch, m.Command)
		}
	}()
}

func shell(ch ssh.Channel, line string) {
	cmd := exec.Command("bash", "-c", line)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = ch, ch, ch.Stderr()
	code := 0
	if err := cmd.Run(); err != nil {
		code = 255
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			code = exit.ExitCode()
		}
	}
	_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{uint32(code)}))
	ch.Close()
}

// Accept listens on a loopback port and hands every connection to serve, until
// the test ends.
func Accept(t testing.TB, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []net.Conn
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			served.Go(func() { defer c.Close(); serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		served.Wait()
	})
	return l.Addr().String()
}

// Mute is a host that accepts connections and never says a word.
func Mute(t testing.TB) (address string) {
	return Accept(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
}

// Blackhole is an address of this machine that does not even answer the first
// packet: its queue of connections is full.
func Blackhole(t testing.TB) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	fill(t, l)
	for range 16 { // connections beyond the queue are not answered
		c, err := net.DialTimeout("tcp", l.Addr().String(), 50*time.Millisecond)
		if err != nil {
			return l.Addr().String()
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the queue of connections does not become full")
	return ""
}

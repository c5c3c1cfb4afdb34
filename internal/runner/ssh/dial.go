package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// dial connects to t and logs in, within t's time. A host that hangs up before
// it has said who it is has too many log-ins under way (sshd's MaxStartups): it
// is asked again, later each time.
func (p *Pool) dial(ctx context.Context, t *Target) (*conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, t.connectTimeout, silence(t))
	defer cancel()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		c, again, err := p.connect(ctx, t)
		if err == nil {
			return c, nil
		}
		var key *HostKeyError
		var slow net.Error
		switch {
		case errors.As(err, &key):
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		case errors.As(err, &slow) && slow.Timeout():
			err = silence(t)
		}
		if !again {
			return nil, connectError(t, err)
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return nil, connectError(t, fmt.Errorf("it hangs up on us again and again (%w): sshd's MaxStartups or a firewall", err))
		}
	}
}

func silence(t *Target) error { return fmt.Errorf("it did not answer within %s", t.connectTimeout) }

// connect is one attempt; again says that another one may succeed.
func (p *Pool) connect(ctx context.Context, t *Target) (_ *conn, again bool, err error) {
	check, algorithms, err := p.hostKeys(t)
	if err != nil {
		return nil, false, err
	}
	c := &conn{p: p, target: t, since: time.Now()}
	raw, err := p.reach(ctx, t, c)
	if err != nil {
		return nil, false, err
	}
	defer func() {
		if err != nil {
			raw.Close()
			if c.via != nil {
				c.via.give(true)
			}
		}
	}()
	defer context.AfterFunc(ctx, func() { raw.Close() })() // ends a handshake that takes too long
	leave, err := p.shake.Enter(ctx)
	if err != nil {
		return nil, false, err
	}
	defer leave()

	var known atomic.Bool // the host has shown its key
	methods, done := p.methods(t)
	defer done()
	inner, channels, requests, err := ssh.NewClientConn(raw, t.Address(), &ssh.ClientConfig{
		User: t.User, Auth: methods, HostKeyAlgorithms: algorithms, ClientVersion: "SSH-2.0-Squall",
		HostKeyCallback: func(name string, remote net.Addr, key ssh.PublicKey) error {
			known.Store(true)
			return check(name, remote, key)
		},
	})
	if err != nil {
		return nil, !known.Load() && hungUp(err), explain(err, t, known.Load())
	}
	c.client = ssh.NewClient(inner, channels, requests)
	return c, false, nil
}

// reach makes the byte stream to t, through its jump host if it has one.
func (p *Pool) reach(ctx context.Context, t *Target, c *conn) (net.Conn, error) {
	if t.Via == nil {
		return (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext(ctx, "tcp", t.Address())
	}
	via, err := p.take(ctx, t.Via, true)
	if err != nil {
		return nil, fmt.Errorf("through the jump host: %w", err)
	}
	raw, err := via.client.DialContext(ctx, "tcp", t.Address())
	if err != nil {
		via.give(true)
		return nil, fmt.Errorf("through the jump host %s: %w", t.Via.Name, err)
	}
	c.via = via
	return raw, nil
}

// hungUp reports whether the other side closed the connection.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// explain words the library's errors for people who do not know it. met says
// that the host's key was accepted: what failed then is the log-in.
func explain(err error, t *Target, met bool) error {
	var key *HostKeyError
	switch {
	case errors.As(err, &key):
		return key
	case met && hungUp(err):
		return fmt.Errorf("it hung up during the log-in of %s", t.User)
	case met:
		return fmt.Errorf("the log-in of %s was refused: %s", t.User, strings.TrimPrefix(err.Error(), "ssh: handshake failed: "))
	}
	return err
}

// HostKey returns the key a host shows, without logging in and without
// comparing it with what is known.
func (p *Pool) HostKey(ctx context.Context, t *Target) (ssh.PublicKey, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, t.connectTimeout, silence(t))
	defer cancel()
	c := &conn{p: p, target: t}
	raw, err := p.reach(ctx, t, c)
	if err != nil {
		return nil, connectError(t, err)
	}
	defer func() {
		raw.Close()
		if c.via != nil {
			c.via.give(true)
		}
	}()
	defer context.AfterFunc(ctx, func() { raw.Close() })()
	var shown ssh.PublicKey
	seen := errors.New("seen")
	_, _, _, err = ssh.NewClientConn(raw, t.Address(), &ssh.ClientConfig{
		User: t.User, HostKeyAlgorithms: plainAlgorithms(), ClientVersion: "SSH-2.0-Squall",
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error { shown = key; return seen },
	})
	if shown == nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, connectError(t, err)
	}
	return shown, nil
}

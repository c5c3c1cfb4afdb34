package ssh

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// session is a channel on a shared connection.
type session struct {
	ch   ssh.Channel
	reqs <-chan *ssh.Request
	c    *conn
	once sync.Once
}

// open begins a session with t. A host that has no room for another one is
// asked again until ctx ends; one that dropped a kept connection, once more.
func (p *Pool) open(ctx context.Context, t *Target) (*session, error) {
	reconnects, alone := 0, 0
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		c, err := p.take(ctx, t, false)
		if err != nil {
			return nil, err
		}
		s, err := c.session(ctx)
		if err == nil {
			return s, nil
		}
		var refused *ssh.OpenChannelError
		switch {
		case ctx.Err() != nil:
			c.give(false)
			return nil, connectError(t, context.Cause(ctx))
		case errors.As(err, &refused):
			more := c.full()
			c.give(false)
			// A host needs a moment to notice that a session has ended, so a refusal
			// counts only when it lasts.
			if alone++; more {
				alone = 0
			}
			if alone > 8 {
				return nil, connectError(t, fmt.Errorf("it refuses sessions: %s", refused.Message))
			}
		default:
			c.client.Close()
			c.give(false)
			if reconnects++; reconnects > 2 {
				return nil, connectError(t, err)
			}
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return nil, connectError(t, context.Cause(ctx))
		}
	}
}

// session opens a channel, within the time a connection may take. A host that
// does not answer keeps the goroutine, not us, until the connection is given up.
func (c *conn) session(ctx context.Context) (*session, error) {
	type answer struct {
		s   *session
		err error
	}
	answers := make(chan answer, 1)
	go func() { // ends with the connection at the latest
		ch, reqs, err := c.client.OpenChannel("session", nil)
		answers <- answer{&session{ch: ch, reqs: reqs, c: c}, err}
	}()
	limit := time.NewTimer(c.target.connectTimeout)
	defer limit.Stop()
	var err error
	select {
	case a := <-answers:
		return a.s, a.err
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-limit.C:
		err = fmt.Errorf("it did not open a session within %s", c.target.connectTimeout)
	}
	go func() { // a late channel is not left open
		if a := <-answers; a.err == nil {
			go ssh.DiscardRequests(a.s.reqs)
			a.s.ch.Close()
		}
	}()
	return nil, err
}

// request asks for something and waits for the answer, at most until ctx ends.
func (s *session) request(ctx context.Context, name string, payload any) error {
	stop := context.AfterFunc(ctx, func() { s.ch.Close() })
	ok, err := s.ch.SendRequest(name, true, ssh.Marshal(payload))
	switch {
	case !stop():
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("the connection was lost: %w", err)
	case !ok:
		return fmt.Errorf("the host refuses %s", name)
	}
	return nil
}

// close ends the session and gives its place back.
func (s *session) close() {
	s.once.Do(func() {
		s.ch.Close()
		s.c.give(false)
	})
}

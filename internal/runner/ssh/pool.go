package ssh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Pool keeps the connections of this process. Make it with New; Close ends it.
type Pool struct {
	cfg   Config
	files *sshConfig
	known knownHosts
	shake Lanes

	mu     sync.Mutex
	groups map[string]*group // by Target.id
	keys   map[string]keyFile
	closed bool
	alive  sync.WaitGroup // a goroutine for each connection
}

// group is the connections to one account of one host.
type group struct {
	conns   []*conn
	dialing int
	waiting int
	limit   int           // sessions of one connection, as far as is known
	shrunk  time.Time     // when the limit was lowered; it is tried again later
	changed chan struct{} // closed and replaced when something may go on
	failed  error         // why the last dial came to nothing
	fails   int           // how many dials came to nothing
}

// conn is one connection. Its counts are guarded by Pool.mu.
type conn struct {
	p      *Pool
	g      *group
	target *Target
	client *ssh.Client
	via    *conn // the connection to the jump host it goes through

	used  int // sessions
	pins  int // connections that go through it
	since time.Time
	gone  bool
	beat  *time.Timer
}

// relearn is how long a lowered limit of sessions is believed.
const relearn = 30 * time.Second

var errClosed = errors.New("the SSH connections of this process are closed")

// New returns a pool without connections. The error is about the configuration's files.
func New(cfg Config) (*Pool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	files, err := readConfig(cfg.ConfigFiles)
	if err != nil {
		return nil, err
	}
	return &Pool{cfg: cfg, files: files, shake: make(Lanes, cfg.Handshakes), groups: map[string]*group{}, keys: map[string]keyFile{}}, nil
}

// Close ends all connections and waits until they are gone.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	var all []*conn
	for _, g := range p.groups {
		all = append(all, g.conns...)
		g.wake()
	}
	p.mu.Unlock()
	for _, c := range all {
		c.client.Close()
	}
	p.alive.Wait()
}

// Connections returns how many are open, for metrics and tests.
func (p *Pool) Connections() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.groups {
		n += len(g.conns)
	}
	return n
}

// wake lets everybody look again. Called with Pool.mu held.
func (g *group) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// take returns a connection to t with a place on it: for a session, or (pin)
// for connections that go through it. It shares what is there, makes a new one
// where that is full, and waits where the host gets no more of them.
func (p *Pool) take(ctx context.Context, t *Target, pin bool) (*conn, error) {
	id := t.id()
	p.mu.Lock()
	defer p.mu.Unlock()
	var waited *group // where we have waited
	fails := 0        // and what had failed there before
	for {
		if p.closed {
			return nil, errClosed
		}
		g := p.groups[id]
		if g == nil {
			g = &group{limit: p.cfg.MaxSessions, changed: make(chan struct{})}
			p.groups[id] = g
		}
		if g == waited && g.fails != fails {
			return nil, g.failed // it was for us too that somebody dialed
		}
		waited, fails = g, g.fails
		if g.limit < p.cfg.MaxSessions && time.Since(g.shrunk) > relearn {
			g.limit = p.cfg.MaxSessions
		}
		if c := g.free(pin); c != nil {
			if c.fresh() {
				c.hold(pin)
				return c, nil
			}
			c.hold(pin)
			p.mu.Unlock()
			ok := c.answers(3 * time.Second)
			p.mu.Lock()
			if ok {
				c.since = time.Now()
				return c, nil
			}
			c.release(pin)
			continue
		}
		// As many as wait are served by the dials under way, each for a whole connection.
		if len(g.conns)+g.dialing < p.cfg.MaxConnections && g.waiting >= g.dialing*g.limit {
			return p.dialInto(ctx, g, t, pin)
		}
		g.waiting++
		changed := g.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		p.mu.Lock()
		g.waiting--
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// dialInto makes a connection for g. Called, and returns, with Pool.mu held.
func (p *Pool) dialInto(ctx context.Context, g *group, t *Target, pin bool) (*conn, error) {
	g.dialing++
	p.mu.Unlock()
	c, err := p.dial(ctx, t)
	p.mu.Lock()
	g.dialing--
	defer p.forget(t.id(), g)
	defer g.wake()
	if err == nil && p.closed {
		c.client.Close()
		err = errClosed
	}
	if err != nil {
		if c == nil && ctx.Err() == nil { // the caller's own end is nobody else's failure
			g.fails++
			g.failed = err
		}
		return nil, err
	}
	c.g = g
	c.hold(pin)
	g.conns = append(g.conns, c)
	p.alive.Go(func() {
		_ = c.client.Wait() // how it ended is told by those who used it
		c.ended()
	})
	c.beat = time.AfterFunc(p.cfg.KeepAlive, c.tick)
	return c, nil
}

// forget drops a group that nobody is concerned with. Called with Pool.mu held.
func (p *Pool) forget(id string, g *group) {
	if len(g.conns)+g.dialing+g.waiting == 0 && p.groups[id] == g {
		delete(p.groups, id)
	}
}

// free returns a connection with room, the fullest one, so that others become idle.
func (g *group) free(pin bool) (best *conn) {
	for _, c := range g.conns {
		if !c.gone && (pin || c.used < g.limit) && (best == nil || c.used > best.used) {
			best = c
		}
	}
	return best
}

// fresh reports whether c has been in use lately, so that it can be trusted to live.
func (c *conn) fresh() bool { return c.used > 0 || time.Since(c.since) < c.p.cfg.KeepAlive }

func (c *conn) hold(pin bool) {
	if pin {
		c.pins++
	} else {
		c.used++
	}
	c.since = time.Now()
}

func (c *conn) release(pin bool) {
	if pin {
		c.pins--
	} else {
		c.used--
	}
	c.since = time.Now()
	c.g.wake()
}

// give returns a place taken with take.
func (c *conn) give(pin bool) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.release(pin)
}

// full notes that the host refused a session beside those that are open.
// It returns false when there is no other: then it refuses all.
func (c *conn) full() bool {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	others := c.used - 1
	if others < 1 {
		return false
	}
	if others < c.g.limit {
		c.g.limit, c.g.shrunk = others, time.Now()
		c.p.cfg.Log.Info("a host takes fewer sessions on a connection", "host", c.target.Name, "sessions", others)
	}
	return true
}

// ended takes a connection that is gone out of the pool.
func (c *conn) ended() {
	c.p.mu.Lock()
	c.gone = true
	c.g.conns = slices.DeleteFunc(c.g.conns, func(o *conn) bool { return o == c })
	if c.beat != nil {
		c.beat.Stop()
	}
	c.p.forget(c.target.id(), c.g)
	c.g.wake()
	c.p.mu.Unlock()
	if c.via != nil {
		c.via.give(true)
	}
}

// tick looks after a connection every now and then: one that is used must
// answer, one that is not used for long is closed.
func (c *conn) tick() {
	c.p.mu.Lock()
	busy := c.used+c.pins > 0
	old := time.Since(c.since) > c.p.cfg.Idle
	gone := c.gone || c.p.closed
	c.p.mu.Unlock()
	switch {
	case gone:
		return
	case !busy && old:
		c.client.Close()
		return
	case busy && !c.answers(c.p.cfg.KeepAlive):
		return
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if !c.gone {
		c.beat.Reset(c.p.cfg.KeepAlive)
	}
}

// answers asks the host for a sign of life and closes the connection when there
// is none in time. Any answer is one, a refusal as well.
func (c *conn) answers(within time.Duration) bool {
	late := time.AfterFunc(within, func() {
		c.p.cfg.Log.Warn("a host does not answer any more", "host", c.target.Name, "waited", within)
		c.client.Close()
	})
	defer late.Stop()
	_, _, err := c.client.SendRequest("keepalive@openssh.com", true, nil)
	return err == nil
}

// ConnectError says that a host could not be reached, so nothing was run on it.
type ConnectError struct {
	Target *Target
	Err    error
}

// Error names the host, and its address where that is not the name.
func (e *ConnectError) Error() string {
	if t := e.Target; t.Name != t.Host || t.Port != 22 {
		return fmt.Sprintf("connect to %s (%s): %v", t.Name, t.Address(), e.Err)
	}
	return fmt.Sprintf("connect to %s: %v", e.Target.Name, e.Err)
}

// Unwrap returns why.
func (e *ConnectError) Unwrap() error { return e.Err }

func connectError(t *Target, err error) error { return &ConnectError{t, err} }

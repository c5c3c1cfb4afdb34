package postgres

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// channel is the NOTIFY channel; the payload is "sender topic".
const channel = "squall"

// signals carries wake-ups between the nodes. Topics to be sent are merged
// while an earlier NOTIFY is on its way.
type signals struct {
	store  *Store
	sender string // so that a node does not wake itself twice

	mu      sync.Mutex
	pending driver.Topics
	more    chan struct{}
	idle    chan struct{} // closed once everything was sent after flush; see there
	flushed bool

	tried     chan struct{} // closed after the first attempt to listen
	triedOnce sync.Once
}

func newSignals(s *Store) *signals {
	return &signals{
		store: s, sender: string(squall.NewIDSource().Next(time.Now())),
		more: make(chan struct{}, 1), idle: make(chan struct{}), tried: make(chan struct{}),
	}
}

// wake signals the sleepers here at once and those of other nodes soon.
func (g *signals) wake(topics driver.Topics) {
	if len(topics) == 0 {
		return
	}
	g.mu.Lock()
	for _, t := range topics {
		g.pending.Add(t)
	}
	g.mu.Unlock()
	g.prod()
	for _, t := range topics {
		g.store.hub.Wake(t)
	}
}

func (g *signals) prod() {
	select {
	case g.more <- struct{}{}:
	default:
	}
}

func (g *signals) take() (topics driver.Topics, flushed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	topics, g.pending = g.pending, nil
	return topics, g.flushed
}

// flush waits a moment for what is still to be sent.
func (g *signals) flush() {
	g.mu.Lock()
	g.flushed = true
	g.mu.Unlock()
	g.prod()
	select {
	case <-g.idle:
	case <-time.After(time.Second):
	}
}

// send is the loop that notifies. Topics that cannot be sent are dropped: the
// other nodes poll.
func (g *signals) send() {
	var conn *pgx.Conn
	defer func() { g.store.discard(conn) }()
	for {
		select {
		case <-g.more:
		case <-g.store.base.Done():
			return
		}
		topics, flushed := g.take()
		if len(topics) > 0 {
			conn = g.notify(conn, topics)
		}
		if flushed {
			close(g.idle)
			return
		}
	}
}

// notify returns the connection to use next time, nil after a failure.
func (g *signals) notify(conn *pgx.Conn, topics driver.Topics) *pgx.Conn {
	ctx, cancel := context.WithTimeout(g.store.base, g.store.timeout)
	defer cancel()
	var err error
	if conn == nil {
		if conn, err = g.store.connect(ctx); err != nil {
			return nil
		}
	}
	batch := &pgx.Batch{}
	for _, t := range topics {
		batch.Queue(`SELECT pg_notify($1, $2)`, channel, g.sender+" "+string(t))
	}
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		g.store.discard(conn)
		return nil
	}
	return conn
}

// listen is the loop that receives. After every (re)connection it wakes
// everybody: signals may have been missed.
func (g *signals) listen() {
	const longest = 2 * time.Second
	pause := 50 * time.Millisecond
	for g.store.base.Err() == nil {
		conn, err := g.store.connect(g.store.base)
		if err == nil {
			_, err = conn.Exec(g.store.base, `LISTEN `+channel)
		}
		g.triedOnce.Do(func() { close(g.tried) })
		if err == nil {
			pause = 50 * time.Millisecond
			g.store.hub.WakeAll()
			g.receive(conn)
		}
		g.store.discard(conn)
		select {
		case <-time.After(pause):
		case <-g.store.base.Done():
		}
		pause = min(2*pause, longest)
	}
}

// receive returns when the connection is lost.
func (g *signals) receive(conn *pgx.Conn) {
	for {
		// A connection that the network dropped silently is noticed by asking.
		ctx, cancel := context.WithTimeout(g.store.base, 15*time.Second)
		n, err := conn.WaitForNotification(ctx)
		idle := ctx.Err() != nil && g.store.base.Err() == nil
		cancel()
		switch {
		case err == nil:
			if sender, topic, ok := strings.Cut(n.Payload, " "); ok && sender != g.sender {
				g.store.hub.Wake(store.Topic(topic))
			}
		case idle && !conn.IsClosed():
			ctx, cancel := context.WithTimeout(g.store.base, 3*time.Second)
			err := conn.Ping(ctx)
			cancel()
			if err != nil {
				return
			}
		default:
			return
		}
	}
}

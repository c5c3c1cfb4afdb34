package api

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// hub is the one reader of the outbox in this process. It passes messages on to
// the open streams; each message is encoded once, by whoever needs it first.
//
// A stream comes in through join, at the place in the outbox up to which it has
// read by itself. The hub keeps the last messages, so that such a place can be
// found although the hub has moved on meanwhile. Nobody waits for a slow
// stream: one whose channel is full is dropped.
type hub struct {
	s    *Server
	poke chan struct{} // somebody came while nobody was there
	done chan struct{} // closed when the hub has stopped

	mu       sync.Mutex
	active   bool         // pos is valid and the outbox is being read
	pos      store.Cursor // of the last message read
	recent   []*entry     // the last messages read, oldest first
	base     store.Cursor // the place in front of recent
	streams  map[*stream]struct{}
	watchers map[squall.ID]map[chan struct{}]struct{}
}

const (
	recentEntries = 256 // kept for streams that join
	streamBuffer  = 256 // messages a stream may lie behind
	outboxBatch   = 256 // messages read at once
	outboxPoll    = time.Second
)

// stream is one client's place in the hub.
type stream struct {
	wants   func(store.Message) bool // a first, cheap look
	entries chan *entry
	lagged  chan struct{} // closed when the stream was dropped for being slow
}

// entry is one message on its way to the streams.
type entry struct {
	store.Message
	once   sync.Once
	ready  atomic.Bool // events and err are there: nobody has to read for them
	events []event
	err    error
}

func newHub(s *Server) *hub {
	return &hub{
		s: s, poke: make(chan struct{}, 1), done: make(chan struct{}),
		streams: map[*stream]struct{}{}, watchers: map[squall.ID]map[chan struct{}]struct{}{},
	}
}

// run reads the outbox while anybody listens, until ctx ends.
func (h *hub) run(ctx context.Context) {
	defer close(h.done)
	wake, stop := h.s.Store.Wake(store.TopicOutbox)
	defer stop()
	poll := time.NewTicker(outboxPoll)
	defer poll.Stop()
	for polled := false; ; {
		if !h.resting(polled) {
			more, err := h.step(ctx)
			if err != nil && ctx.Err() == nil {
				h.s.Log.ErrorContext(ctx, "event stream cannot read the outbox", "error", err)
			}
			if more && err == nil {
				continue
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
			polled = false
		case <-h.poke:
			polled = false
		case <-poll.C:
			polled = true
		}
	}
}

// resting reports whether nobody listens. At a poll it forgets the place then,
// and who comes next brings a new one: not at once, because one who waits for
// the end of an execution is often followed by another.
func (h *hub) resting(polled bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if polled && len(h.streams) == 0 && len(h.watchers) == 0 {
		h.active, h.recent = false, nil
	}
	return !h.active
}

// step reads one batch and passes it on. more says that there may be another.
func (h *hub) step(ctx context.Context) (more bool, err error) {
	h.mu.Lock()
	pos := h.pos
	h.mu.Unlock()
	msgs, err := h.s.outbox(ctx, pos)
	if err != nil || len(msgs) == 0 {
		return false, err
	}
	entries := make([]*entry, len(msgs))
	for i, m := range msgs {
		entries[i] = &entry{Message: m}
	}
	h.encode(ctx, entries)

	h.mu.Lock()
	defer h.mu.Unlock()
	h.pos = msgs[len(msgs)-1].Cursor
	for _, e := range entries {
		h.pass(e)
	}
	h.recent = append(h.recent, entries...)
	if over := len(h.recent) - recentEntries; over > 0 {
		h.base = h.recent[over-1].Cursor
		h.recent = append(h.recent[:0:0], h.recent[over:]...)
	}
	return len(msgs) == outboxBatch, nil
}

// pass hands an entry to the streams that want it and wakes who watches its
// execution. h.mu is held.
func (h *hub) pass(e *entry) {
	for st := range h.streams {
		if !st.wants(e.Message) {
			continue
		}
		select {
		case st.entries <- e:
		default:
			delete(h.streams, st)
			close(st.lagged)
		}
	}
	for c := range h.watchers[e.Execution] {
		signal(c)
	}
}

// encode encodes the entries that anybody wants, before the streams ask for
// them, with one read for the whole batch.
func (h *hub) encode(ctx context.Context, entries []*entry) {
	var wanted []*entry
	h.mu.Lock()
	for _, e := range entries {
		for st := range h.streams {
			if st.wants(e.Message) {
				wanted = append(wanted, e)
				break
			}
		}
	}
	h.mu.Unlock()
	h.s.encodeEntries(ctx, wanted)
}

// join lets a stream in behind the message at cursor. It returns the messages
// that the hub has passed on since, which the stream delivers first. ok is
// false when the hub does not know the place: the stream reads on by itself
// and tries again.
func (h *hub) join(cursor store.Cursor, wants func(store.Message) bool) (st *stream, behind []*entry, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	behind, ok = h.since(cursor)
	if !ok {
		return nil, nil, false
	}
	st = &stream{wants: wants, entries: make(chan *entry, streamBuffer), lagged: make(chan struct{})}
	h.streams[st] = struct{}{}
	return st, behind, true
}

// since returns what was passed on behind cursor; the first to come decides
// where the hub begins. h.mu is held.
func (h *hub) since(cursor store.Cursor) ([]*entry, bool) {
	if !h.active {
		h.active, h.pos, h.base, h.recent = true, cursor, cursor, nil
		signal(h.poke)
		return nil, true
	}
	if cursor == h.pos {
		return nil, true
	}
	if cursor == h.base {
		return append([]*entry(nil), h.recent...), true
	}
	for i := len(h.recent) - 1; i >= 0; i-- {
		if h.recent[i].Cursor == cursor {
			return append([]*entry(nil), h.recent[i+1:]...), true
		}
	}
	return nil, false
}

func (h *hub) leave(st *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, st)
}

// watch returns a channel that gets a value when something was told about the
// execution: a hint to look again. stop ends it.
func (h *hub) watch(ctx context.Context, id squall.ID) (c chan struct{}, stop func(), err error) {
	c = make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.active {
		h.mu.Unlock()
		end, err := h.s.outboxEnd(ctx)
		h.mu.Lock()
		if err != nil {
			return nil, nil, err
		}
		h.since(end)
	}
	if h.watchers[id] == nil {
		h.watchers[id] = map[chan struct{}]struct{}{}
	}
	h.watchers[id][c] = struct{}{}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if delete(h.watchers[id], c); len(h.watchers[id]) == 0 {
			delete(h.watchers, id)
		}
	}, nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// outbox reads what comes behind a place.
func (s *Server) outbox(ctx context.Context, after store.Cursor) (msgs []store.Message, err error) {
	err = s.Store.View(ctx, func(tx store.Tx) (err error) {
		msgs, err = tx.ReadOutbox(ctx, after, outboxBatch)
		return err
	})
	return msgs, err
}

func (s *Server) outboxEnd(ctx context.Context) (end store.Cursor, err error) {
	err = s.Store.View(ctx, func(tx store.Tx) (err error) {
		end, err = tx.OutboxEnd(ctx)
		return err
	})
	return end, err
}

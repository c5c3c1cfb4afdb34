package api

import (
	"context"
	"errors"
	"net/http"
	"path"
	"slices"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// writeTimeout is how long a stream waits for its client to take what it was
// sent. A client that does not for so long is gone.
const writeTimeout = 30 * time.Second

// eventFilter selects what one stream shows.
type eventFilter struct {
	names      []string // patterns with "*"
	actions    []string
	executions []string
	endEvent   string // with end: the stream ends behind this event of this execution
	end        squall.ID

	output bool            // whether pieces of output are among the names
	shown  map[string]bool // verdicts on names seen; of the stream's goroutine alone
}

// defaultEvents are the events of a stream that does not name any (st2).
var defaultEvents = []string{
	"st2.announcement__*", "st2.execution__create", "st2.execution__update", "st2.execution__delete",
	"st2.liveaction__create", "st2.liveaction__update", "st2.liveaction__delete",
}

func newEventFilter(r *request) (*eventFilter, error) {
	f := &eventFilter{
		names: list(r.query, "events"), actions: list(r.query, "action_refs"), executions: list(r.query, "execution_ids"),
		endEvent: orDefault(r.query.Get("end_event"), executionUpdate), end: squall.ID(r.query.Get("end_execution_id")),
	}
	return f, f.compile()
}

// compile checks the patterns.
func (f *eventFilter) compile() error {
	if len(f.names) == 0 {
		f.names = defaultEvents
	}
	for _, n := range f.names {
		if _, err := path.Match(n, ""); err != nil {
			return squall.Errorf(squall.Invalid, "%q is not a pattern of event names.", n)
		}
	}
	f.output, f.shown = f.named(outputCreate), map[string]bool{}
	return nil
}

// wants looks at a message before anything is read or encoded for it.
func (f *eventFilter) wants(m store.Message) bool {
	if f.end != "" && m.Execution == f.end {
		return true
	}
	if len(f.executions) > 0 && !slices.Contains(f.executions, string(m.Execution)) {
		return false
	}
	if m.Kind == store.ExecutionOutput {
		return f.output
	}
	return true
}

func (f *eventFilter) named(name string) bool {
	for _, n := range f.names {
		if ok, _ := path.Match(n, name); ok { // the pattern was checked
			return true
		}
	}
	return false
}

func (f *eventFilter) shows(e *event) bool {
	named, known := f.shown[e.name]
	if !known {
		if len(f.shown) > 1000 { // routes of announcements are without end
			clear(f.shown)
		}
		named = f.named(e.name)
		f.shown[e.name] = named
	}
	return named &&
		(len(f.actions) == 0 || slices.Contains(f.actions, e.action)) &&
		(len(f.executions) == 0 || slices.Contains(f.executions, string(e.execution)))
}

func (f *eventFilter) ends(e *event) bool {
	return f.end != "" && e.execution == f.end && e.name == f.endEvent && e.status.Final()
}

// errStreamEnd says that a stream has shown all it was opened for.
var errStreamEnd = errors.New("end of stream")

// streamEvents sends events as they happen. Last-Event-ID continues behind an
// event seen before, so that a client that lost its connection misses nothing.
func (s *Server) streamEvents(w http.ResponseWriter, r *request) error {
	if r.caller.Isolated() {
		return squall.Errorf(squall.Denied, "The stream shows the executions of all users, and you may see only yours. Follow one by /stream/v1/executions/{id}/output.")
	}
	f, err := newEventFilter(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	cursor := store.Cursor(lastEventID(r))
	resumed := cursor != ""
	if resumed {
		_, err = s.outbox(ctx, cursor) // a place that is none is refused before the answer begins
	} else {
		cursor, err = s.outboxEnd(ctx)
	}
	if err != nil {
		return err
	}
	out := newEventWriter(w, s.Heartbeat)
	defer out.stop()
	if err := out.begin(); err != nil {
		return endOfStream(err)
	}
	return endOfStream(s.pump(ctx, out, f, cursor, resumed))
}

// endOfStream turns the ends that are none of our faults into no error.
func endOfStream(err error) error {
	if errors.Is(err, errStreamEnd) || errors.Is(err, context.Canceled) || errors.Is(err, errClientGone) {
		return nil
	}
	return err
}

// pump reads by itself until the hub knows its place, then follows the hub.
func (s *Server) pump(ctx context.Context, out *eventWriter, f *eventFilter, cursor store.Cursor, behind bool) error {
	for {
		if behind {
			next, err := s.catchUp(ctx, out, f, cursor)
			if err != nil {
				return err
			}
			cursor = next
		}
		st, missed, ok := s.hub.join(cursor, f.wants)
		if ok {
			defer s.hub.leave(st)
			if err := s.alreadyEnded(ctx, out, f); err != nil {
				return err
			}
			s.encodeEntries(ctx, missed)
			for _, e := range missed {
				if err := out.entry(e, f); err != nil {
					return err
				}
			}
			return s.live(ctx, out, f, st)
		}
		behind = true
		select { // the hub is on its way to where this stream is
		case <-ctx.Done():
			return ctx.Err()
		case <-s.hub.done:
			return errStreamEnd
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// catchUp sends what the outbox holds behind cursor and returns its end.
func (s *Server) catchUp(ctx context.Context, out *eventWriter, f *eventFilter, cursor store.Cursor) (store.Cursor, error) {
	for {
		msgs, err := s.outbox(ctx, cursor)
		if err != nil || len(msgs) == 0 {
			return cursor, err
		}
		entries := make([]*entry, 0, len(msgs))
		for _, m := range msgs {
			if f.wants(m) {
				entries = append(entries, &entry{Message: m})
			}
		}
		s.encodeEntries(ctx, entries)
		for _, e := range entries {
			if err := out.entry(e, f); err != nil {
				return cursor, err
			}
		}
		if err := out.flush(); err != nil {
			return cursor, err
		}
		cursor = msgs[len(msgs)-1].Cursor
	}
}

// alreadyEnded ends a stream that waits for the end of an execution that has
// ended before: nothing will ever be told about it again.
func (s *Server) alreadyEnded(ctx context.Context, out *eventWriter, f *eventFilter) error {
	if f.end == "" {
		return nil
	}
	last := &entry{Message: store.Message{Kind: store.ExecutionUpdated, Execution: f.end}}
	exs, err := s.executionsOf(ctx, []*entry{last})
	if err != nil {
		return err
	}
	ex := exs[f.end]
	if ex == nil || !ex.Status.Final() {
		return nil
	}
	last.Status = ex.Status
	s.encodeEntries(ctx, []*entry{last})
	return out.entry(last, f)
}

// live follows the hub. What has gathered is sent at once.
func (s *Server) live(ctx context.Context, out *eventWriter, f *eventFilter, st *stream) error {
	for {
		select {
		case e := <-st.entries:
			for more := true; more; {
				if !e.ready.Load() {
					s.encodeEntries(ctx, []*entry{e})
				}
				if err := out.entry(e, f); err != nil {
					return err
				}
				select {
				case e = <-st.entries:
				default:
					more = false
				}
			}
		case <-out.beat.C:
			out.heartbeat()
		case <-st.lagged:
			return out.end("squall.stream.lagged", `{"faultstring":"This client reads too slowly and was disconnected. Connect again with Last-Event-ID to go on behind the last event."}`)
		case <-s.hub.done:
			return out.end("squall.stream.closed", `{"faultstring":"The server is stopping. Connect again with Last-Event-ID to go on behind the last event."}`)
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := out.flush(); err != nil {
			return err
		}
	}
}

// lastEventID is where a client wants to go on: the standard's header, or a
// parameter for clients that cannot set it.
func lastEventID(r *request) string {
	return orDefault(r.Header.Get("Last-Event-ID"), r.query.Get("last_event_id"))
}

// eventWriter writes server-sent events to one client.
type eventWriter struct {
	w    http.ResponseWriter
	rc   *http.ResponseController
	beat *time.Timer
	idle time.Duration
	owed int // bytes that may still be written before the deadline is set anew
}

// deadlineBytes is how much is written under one deadline.
const deadlineBytes = 256 << 10

// errClientGone hides the details of a lost connection: they are nobody's fault.
var errClientGone = errors.New("client has gone")

func newEventWriter(w http.ResponseWriter, heartbeat time.Duration) *eventWriter {
	return &eventWriter{w: w, rc: http.NewResponseController(w), beat: time.NewTimer(heartbeat), idle: heartbeat}
}

func (o *eventWriter) stop() { o.beat.Stop() }

// begin sends the head and an empty line (st2), so that the client knows that
// it is connected.
func (o *eventWriter) begin() error {
	h := o.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=UTF-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	o.w.WriteHeader(http.StatusOK)
	o.heartbeat()
	return o.flush()
}

// heartbeat writes an empty line, which means nothing to a client (st2) but
// keeps proxies from closing the connection.
func (o *eventWriter) heartbeat() { _ = o.write([]byte{'\n'}) }

// entry writes what f shows of an entry. The last event carries the place in
// the outbox: a client that goes on from there has seen all of the entry.
func (o *eventWriter) entry(e *entry, f *eventFilter) error {
	if e.err != nil {
		return e.err
	}
	last := -1
	for i := range e.events {
		if f.shows(&e.events[i]) {
			last = i
		}
	}
	for i := range e.events {
		ev := &e.events[i]
		if i == last && e.Cursor != "" {
			if err := o.id(string(e.Cursor)); err != nil {
				return err
			}
		}
		if i <= last && f.shows(ev) {
			if err := o.write(ev.frame); err != nil {
				return err
			}
		}
		if f.ends(ev) {
			return orElse(o.flush(), errStreamEnd)
		}
	}
	return nil
}

// id writes the line that names the event behind it.
func (o *eventWriter) id(id string) error {
	var b [64]byte
	return o.write(append(append(append(b[:0], "id: "...), id...), '\n'))
}

// end writes the last event of a stream that ends for a reason of ours.
func (o *eventWriter) end(name, data string) error {
	return orElse(orElse(o.write(frame(name, []byte(data))), o.flush()), errStreamEnd)
}

func (o *eventWriter) write(b []byte) error {
	if o.owed -= len(b); o.owed < 0 {
		_ = o.rc.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every writer has deadlines; then the server's hold
		o.owed = deadlineBytes
	}
	if _, err := o.w.Write(b); err != nil {
		return errClientGone
	}
	return nil
}

func (o *eventWriter) flush() error {
	o.beat.Reset(o.idle)
	o.owed = 0
	if err := o.rc.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return errClientGone
	}
	return nil
}

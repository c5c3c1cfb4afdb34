package api

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"

	"squall/internal/api/wire"
	"squall/internal/squall"
	"squall/internal/store"
)

// The names of events, as StackStorm's stream has them.
const (
	liveactionCreate = "st2.liveaction__create"
	liveactionUpdate = "st2.liveaction__update"
	executionCreate  = "st2.execution__create"
	executionUpdate  = "st2.execution__update"
	executionDelete  = "st2.execution__delete"
	outputCreate     = "st2.execution.output__create"
	announcement     = "st2.announcement__" // with the route behind it
)

// event is what a stream shows of a message, encoded.
type event struct {
	name      string
	execution squall.ID
	action    string
	status    squall.Status // of the execution, at that moment
	frame     []byte        // "event: …\ndata: …\n\n"
}

// eventResultLimit is the size up to which a result is part of events, in
// bytes. Who needs a bigger one asks for it; result_size says that there is one.
const eventResultLimit = 64 << 10

// maxOutputChunks bounds the pieces of output that one message stands for.
const maxOutputChunks = 10_000

// encodeEntries encodes what the messages say, each message once. What cannot
// be read is an error of that entry.
func (s *Server) encodeEntries(ctx context.Context, entries []*entry) {
	var open []*entry
	for _, e := range entries {
		if !e.ready.Load() {
			open = append(open, e)
		}
	}
	if len(open) == 0 {
		return
	}
	ctx = context.WithoutCancel(ctx) // the entries are everybody's, whoever reads for them first
	exs, err := s.executionsOf(ctx, open)
	for _, e := range open {
		e.once.Do(func() {
			if e.err = err; err == nil {
				e.events, e.err = s.events(ctx, e.Message, exs[e.Execution])
			}
			e.ready.Store(true)
		})
	}
}

// executionsOf reads the executions that messages are about, with one query.
func (s *Server) executionsOf(ctx context.Context, entries []*entry) (map[squall.ID]*squall.Execution, error) {
	exs := map[squall.ID]*squall.Execution{}
	var ids []squall.ID
	for _, e := range entries {
		if _, seen := exs[e.Execution]; !seen && e.Execution != "" {
			exs[e.Execution] = nil
			ids = append(ids, e.Execution)
		}
	}
	if len(ids) == 0 {
		return exs, nil
	}
	err := s.Store.View(ctx, func(tx store.Tx) error {
		if err := s.nodes.refresh(ctx, tx); err != nil {
			return err
		}
		found, err := tx.FindExecutions(ctx, store.ExecutionFilter{IDs: ids, Limit: len(ids), Parts: store.WithParameters | store.WithLog})
		if err != nil {
			return err
		}
		for _, ex := range found {
			exs[ex.ID] = ex
		}
		return eventResults(ctx, tx, exs)
	})
	return exs, err
}

// eventResults adds the results that are small enough for an event.
func eventResults(ctx context.Context, tx store.Tx, exs map[squall.ID]*squall.Execution) error {
	var ids []squall.ID
	for id, ex := range exs {
		if ex != nil && ex.ResultSize > 0 && ex.ResultSize <= eventResultLimit {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	with, err := tx.FindExecutions(ctx, store.ExecutionFilter{IDs: ids, Limit: len(ids), Parts: store.WithResult})
	for _, ex := range with {
		exs[ex.ID].Result = ex.Result
	}
	return err
}

// events says what a message means to streams. ex is its execution, nil when it
// exists no more.
func (s *Server) events(ctx context.Context, m store.Message, ex *squall.Execution) ([]event, error) {
	switch m.Kind {
	case store.Announcement:
		return announcementEvents(m), nil
	case store.ExecutionDeleted:
		return []event{{
			name: executionDelete, execution: m.Execution,
			frame: frame(executionDelete, []byte(`{"id":"`+string(m.Execution)+`"}`)),
		}}, nil
	case store.ExecutionOutput:
		if ex == nil {
			return nil, nil
		}
		return s.outputEvents(ctx, m, ex)
	case store.ExecutionCreated, store.ExecutionUpdated:
		if ex == nil {
			return nil, nil
		}
		return s.moveEvents(ctx, m, ex)
	default:
		return nil, nil // of a newer release
	}
}

// moveEvents shows an execution that was requested or changed its state.
func (s *Server) moveEvents(ctx context.Context, m store.Message, ex *squall.Execution) ([]event, error) {
	v, err := s.view(ctx, ex, false)
	if err != nil {
		return nil, err
	}
	var events []event
	if m.Kind == store.ExecutionCreated {
		events = stateEvents(nil, liveactionCreate, executionCreate, at(v, squall.Requested))
		if m.Status == squall.Requested {
			return events, nil
		}
	}
	if m.Status == squall.Running && begins(ex.Log) { // scheduled and started, in one transaction
		events = stateEvents(events, liveactionUpdate, executionUpdate, at(v, squall.Scheduled))
	}
	return stateEvents(events, liveactionUpdate, executionUpdate, at(v, m.Status)), nil
}

// begins reports whether the last start in a log came right after the execution
// was given to a node: then there was no message in between.
func begins(log []squall.Change) bool {
	for i := len(log) - 1; i > 0; i-- {
		if log[i].Status == squall.Running {
			return log[i-1].Status == squall.Scheduled
		}
	}
	return false
}

func stateEvents(events []event, live, full string, v *wire.View) []event {
	e := event{execution: v.ID, action: v.Execution.Action.String(), status: v.Status}
	e.name, e.frame = live, frame(live, encodeLine(func(enc *wire.Encoder) { enc.LiveAction(v) }))
	events = append(events, e)
	e.name, e.frame = full, frame(full, encodeLine(func(enc *wire.Encoder) { enc.Execution(v, wire.Fields{}) }))
	return append(events, e)
}

// outputEvents reads the pieces of output a message stands for: those from the
// number in its body to its sequence number.
func (s *Server) outputEvents(ctx context.Context, m store.Message, ex *squall.Execution) (events []event, err error) {
	first, err := strconv.ParseInt(string(m.Body), 10, 64)
	if err != nil || first > m.Seq || m.Seq-first >= maxOutputChunks {
		first = m.Seq
	}
	var chunks []squall.Chunk
	err = s.Store.View(ctx, func(tx store.Tx) (err error) {
		chunks, err = tx.Output(ctx, ex.ID, first-1, int(m.Seq-first)+1)
		return err
	})
	for _, c := range chunks {
		events = append(events, event{
			name: outputCreate, execution: ex.ID, action: ex.Action.String(), status: m.Status,
			frame: outputFrame(ex, c),
		})
	}
	return events, err
}

func outputFrame(ex *squall.Execution, c squall.Chunk) []byte {
	return frame(outputCreate, encodeLine(func(e *wire.Encoder) { e.Output(ex, c) }))
}

// announcementEvents makes the event of an announcement; its route is part of
// the name.
func announcementEvents(m store.Message) []event {
	var a wire.Announcement
	if json.Unmarshal(m.Body, &a) != nil || a.Route == "" {
		return nil
	}
	a.Route = announcement + a.Route
	var body bytes.Buffer
	if doc, err := json.Marshal(struct {
		Payload json.RawMessage `json:"payload"`
	}{a.Payload}); err != nil || json.Compact(&body, doc) != nil {
		return nil
	}
	return []event{{name: a.Route, frame: frame(a.Route, body.Bytes())}}
}

// frame wraps one line of data into an event.
func frame(name string, data []byte) []byte {
	b := make([]byte, 0, len(name)+len(data)+17)
	b = append(append(b, "event: "...), name...)
	b = append(append(b, "\ndata: "...), data...)
	return append(b, "\n\n"...)
}

// encodeLine returns one encoded document without line breaks.
func encodeLine(write func(*wire.Encoder)) []byte {
	var b bytes.Buffer
	e := wire.NewEncoder(&b)
	e.OneLine = true
	write(e)
	_ = e.Close() // a buffer takes everything
	return b.Bytes()
}

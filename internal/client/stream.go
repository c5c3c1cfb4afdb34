package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"squall/internal/api/wire"
	"squall/internal/squall"
)

// Event is one event of a stream.
type Event struct {
	ID   string // where to go on behind it; empty when it cannot be gone on from
	Name string // "st2.execution__update"
	Data json.RawMessage
}

// EventQuery selects events; zero fields do not restrict.
type EventQuery struct {
	Names        []string // may hold "*"
	Actions      []string // references
	Executions   []string // ids
	EndExecution string   // end behind the last event of this execution
	After        string   // an event's id: go on behind it
	// Opened, when set, is called each time the stream has been opened, before its
	// first event: what happens from now on will be told. Its error ends the stream.
	Opened func() error
}

// reconnects is how often in a row a stream is opened again without having
// brought anything.
const reconnects = 8

// silence is how long a stream may say nothing, not even a heartbeat, until it
// is taken for dead.
const silence = 60 * time.Second

// FollowOutput calls fn with each piece of output of an execution whose number
// is above after, as it is printed, until the execution has ended. It goes on by
// itself when the connection is lost. An error of fn ends it and is returned.
func (c *Client) FollowOutput(ctx context.Context, id string, after int64, fn func(wire.Output) error) error {
	path := "/stream/v1/executions/" + url.PathEscape(id) + "/output"
	from := ""
	if after > 0 {
		from = jsonInt(after)
	}
	return c.follow(ctx, path, nil, from, nil, func(ev Event) (bool, error) {
		if ev.Name == "EOF" {
			return true, nil
		}
		var out wire.Output
		if err := json.Unmarshal(ev.Data, &out); err != nil || ev.Name != "st2.execution.output__create" {
			return false, nil // of a newer server: not for us
		}
		return false, fn(out)
	})
}

func jsonInt(n int64) string {
	b, _ := json.Marshal(n) // an integer always encodes
	return string(b)
}

// FollowEvents calls fn with each event, as it happens, until ctx ends, or
// behind the last event of q.EndExecution. It goes on by itself when the
// connection is lost: no event that has an id is missed or seen twice. An error
// of fn ends it and is returned.
func (c *Client) FollowEvents(ctx context.Context, q EventQuery, fn func(Event) error) error {
	v := url.Values{}
	for name, list := range map[string][]string{"events": q.Names, "action_refs": q.Actions, "execution_ids": q.Executions} {
		if len(list) > 0 {
			v.Set(name, strings.Join(list, ","))
		}
	}
	if q.EndExecution != "" {
		v.Set("end_execution_id", q.EndExecution)
	}
	return c.follow(ctx, "/stream/v1/stream", v, q.After, q.Opened, func(ev Event) (bool, error) {
		if strings.HasPrefix(ev.Name, "squall.stream.") {
			return false, nil // the server hangs up and says why: go on behind the last event
		}
		if err := fn(ev); err != nil {
			return false, err
		}
		return q.EndExecution != "" && ends(ev, q.EndExecution), nil
	})
}

// ends reports whether ev is the last that will be told about execution id.
func ends(ev Event, id string) bool {
	var doc struct {
		ID     string        `json:"id"`
		Status squall.Status `json:"status"`
	}
	return ev.Name == "st2.execution__update" && json.Unmarshal(ev.Data, &doc) == nil && doc.ID == id && doc.Status.Final()
}

// errUser marks an error of the caller's function.
type errUser struct{ error }

// follow reads a stream until handle says it is done, opening it again behind
// the last event when it breaks.
func (c *Client) follow(ctx context.Context, path string, query url.Values, from string, opened func() error, handle func(Event) (done bool, err error)) error {
	for idle := 0; ; idle++ {
		done := false
		err := c.stream(ctx, path, query, from, opened, func(ev Event) error {
			idle = 0
			var err error
			if done, err = handle(ev); err != nil {
				return errUser{err}
			}
			if ev.ID != "" {
				from = ev.ID
			}
			if done {
				return io.EOF
			}
			return nil
		})
		if u, ok := errors.AsType[errUser](err); ok {
			return u.error
		}
		switch {
		case done:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && squall.KindOf(err) != squall.Unavailable:
			return err
		case idle >= reconnects:
			return orLost(err, c.base)
		}
		if err := pause(ctx, min(time.Duration(1<<idle)*100*time.Millisecond, 5*time.Second)); err != nil {
			return err
		}
	}
}

func orLost(err error, base string) error {
	if err != nil {
		return err
	}
	return squall.Errorf(squall.Unavailable, "the server at %s closes the stream again and again", base)
}

// stream opens a stream and calls fn with its events until it ends.
func (c *Client) stream(ctx context.Context, path string, query url.Values, from string, opened func() error, fn func(Event) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	header := http.Header{"Accept": {"text/event-stream"}}
	if from != "" {
		header.Set("Last-Event-ID", from)
	}
	resp, err := c.do(ctx, http.MethodGet, path, query, header, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // a stream is cut, not finished
	if opened != nil {
		if err := opened(); err != nil {
			return errUser{err}
		}
	}
	dead := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer dead.Stop()
	err = readEvents(resp.Body, func() { dead.Reset(silence) }, fn)
	if _, ok := errors.AsType[errUser](err); ok || err == nil {
		return err
	}
	return squall.Errorf(squall.Unavailable, "the connection to %s was lost: %w", c.base, err)
}

var errSilent = errors.New("the stream was silent for too long")

// maxLine bounds one line of a stream, in bytes.
const maxLine = 64 << 20

// readEvents reads server-sent events. alive is called for every line. It
// returns nil at the end of the stream, or when fn returns io.EOF.
func readEvents(r io.Reader, alive func(), fn func(Event) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	var ev Event
	var data []byte
	for lines.Scan() {
		alive()
		line := bytes.TrimSuffix(lines.Bytes(), []byte{'\r'})
		if len(line) == 0 {
			if ev.Name != "" || data != nil {
				ev.Data = data
				if err := fn(ev); err != nil {
					if errors.Is(err, io.EOF) {
						return nil
					}
					return err
				}
			}
			ev, data = Event{}, nil
			continue
		}
		field, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimPrefix(value, []byte{' '})
		switch string(field) {
		case "event":
			ev.Name = string(value)
		case "id":
			ev.ID = string(value)
		case "data":
			if data != nil {
				data = append(data, '\n')
			}
			data = append(data, value...)
		}
	}
	return lines.Err()
}

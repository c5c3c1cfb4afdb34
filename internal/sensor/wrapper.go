package sensor

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// wrapper runs a Python class by the program sensor_wrapper.py, whose text
// describes the lines that go to and fro.
type wrapper struct {
	process
	start startMessage

	writing sync.Mutex // stdin, and known
	known   map[string]*squall.Trigger
	fault   string // what the wrapper said before it ended
}

type startMessage struct {
	Type         string           `json:"type"`
	Pack         string           `json:"pack"`
	ClassName    string           `json:"class_name"`
	FilePath     string           `json:"file_path"`
	Config       json.RawMessage  `json:"config"`
	PollInterval *float64         `json:"poll_interval"`
	Triggers     []triggerMessage `json:"triggers"`
	LibPaths     []string         `json:"lib_paths,omitempty"`
	LogLevel     string           `json:"log_level"`
}

// triggerMessage is a trigger as the API shows it.
type triggerMessage struct {
	ID         squall.ID       `json:"id"`
	Ref        string          `json:"ref"`
	UID        string          `json:"uid"`
	Pack       string          `json:"pack"`
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	Parameters json.RawMessage `json:"parameters"`
}

func triggerOf(t *squall.Trigger) triggerMessage {
	parameters := t.Parameters
	if len(parameters) == 0 {
		parameters = json.RawMessage("{}")
	}
	return triggerMessage{
		ID: squall.ObjectID(string(store.Triggers), t.Ref.String()), Ref: t.Ref.String(), UID: "trigger:" + t.Ref.Pack + ":" + t.Ref.Name,
		Pack: t.Ref.Pack, Name: t.Ref.Name, Type: t.Type.String(), Parameters: parameters,
	}
}

func newWrapper(ctx context.Context, u *unit, dir string, config json.RawMessage) (*wrapper, error) {
	command, err := u.m.Python(ctx, u.Ref.Pack)
	if err != nil {
		return nil, err
	}
	w := &wrapper{known: map[string]*squall.Trigger{}, start: startMessage{
		Type: "start", Pack: u.Ref.Pack, ClassName: u.ClassName, FilePath: filepath.Join(dir, "sensors", u.EntryPoint),
		Config: config, Triggers: []triggerMessage{}, LibPaths: command.LibPaths, LogLevel: "INFO",
	}}
	if u.PollInterval > 0 {
		w.start.PollInterval = &u.PollInterval
	}
	cmd := exec.Command(command.Args[0], command.Args[1:]...)
	cmd.Env, cmd.Dir = command.Env, orDir(command.Dir, dir)
	w.process = process{cmd: cmd, line: w.heard, begin: w.begin, farewell: func(context.Context, *unit) error { return w.send(map[string]string{"type": "stop"}) }}
	return w, nil
}

func orDir(dir, other string) string {
	if dir == "" {
		return other
	}
	return dir
}

func (w *wrapper) run(ctx context.Context, u *unit) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go w.follow(ctx, u)
	err := w.process.run(ctx, u)
	if err != nil && w.fault != "" {
		return errors.New(w.fault)
	}
	return err
}

// begin sends the first line.
func (w *wrapper) begin(ctx context.Context, u *unit) error {
	list, err := w.triggers(ctx, u)
	if err != nil {
		return err
	}
	w.writing.Lock()
	for _, t := range list {
		w.known[t.Ref.String()] = t
		w.start.Triggers = append(w.start.Triggers, triggerOf(t))
	}
	w.writing.Unlock()
	return w.send(w.start)
}

// triggers lists those of the sensor's trigger types.
func (w *wrapper) triggers(ctx context.Context, u *unit) (list []*squall.Trigger, err error) {
	err = u.m.Store.View(ctx, func(tx store.Tx) error {
		list = nil
		for _, typ := range u.TriggerTypes {
			some, err := store.Find[squall.Trigger](ctx, tx, store.ContentFilter{Kind: store.Triggers, Link: typ.String()})
			if err != nil {
				return err
			}
			list = append(list, some...)
		}
		return nil
	})
	return list, err
}

// follow tells the sensor of triggers that come and go.
func (w *wrapper) follow(ctx context.Context, u *unit) {
	wake, stop := u.m.Store.Wake(store.TopicCatalog)
	defer stop()
	poll := time.NewTicker(u.m.Lease)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-poll.C:
		}
		list, err := w.triggers(ctx, u)
		if err != nil {
			if ctx.Err() == nil {
				u.log.WarnContext(ctx, "the sensor's triggers cannot be read", "error", err)
			}
			continue
		}
		for _, change := range w.changes(list) {
			if err := w.send(change); err != nil {
				return // it has ended
			}
		}
	}
}

type changeMessage struct {
	Type    string         `json:"type"`
	Event   string         `json:"event"`
	Trigger triggerMessage `json:"trigger"`
}

func (w *wrapper) changes(list []*squall.Trigger) (changes []changeMessage) {
	w.writing.Lock()
	defer w.writing.Unlock()
	if w.start.Triggers == nil {
		return nil
	}
	now := map[string]*squall.Trigger{}
	for _, t := range list {
		name := t.Ref.String()
		now[name] = t
		switch old := w.known[name]; {
		case old == nil:
			changes = append(changes, changeMessage{"trigger", "added", triggerOf(t)})
		case string(old.Parameters) != string(t.Parameters):
			changes = append(changes, changeMessage{"trigger", "updated", triggerOf(t)})
		}
	}
	for name, t := range w.known {
		if now[name] == nil {
			changes = append(changes, changeMessage{"trigger", "removed", triggerOf(t)})
		}
	}
	w.known = now
	return changes
}

func (w *wrapper) send(message any) error {
	line, err := json.Marshal(message)
	if err != nil {
		return err
	}
	w.writing.Lock()
	defer w.writing.Unlock()
	_, err = w.stdin.Write(append(line, '\n'))
	return err
}

// heard handles a line of the wrapper.
func (w *wrapper) heard(ctx context.Context, u *unit, line []byte) error {
	var m struct {
		Type    string
		ID      int64
		Trigger json.RawMessage
		Payload json.RawMessage
		Trace   *struct {
			TraceTag string `json:"trace_tag"`
		} `json:"trace_context"`
		Method    string
		Arguments json.RawMessage
		Level     string
		Logger    string
		Message   string
		Stage     string
		Error     string
		Traceback string
	}
	if err := json.Unmarshal(line, &m); err != nil {
		u.log.WarnContext(ctx, "the sensor wrapper wrote something strange", "line", truncate(line), "error", err)
		return nil
	}
	switch m.Type {
	case "dispatch":
		tag := ""
		if m.Trace != nil {
			tag = m.Trace.TraceTag
		}
		err := w.dispatch(ctx, u, m.Trigger, m.Payload, tag)
		if err != nil && squall.KindOf(err) != squall.Invalid && squall.KindOf(err) != squall.NotFound {
			return err
		}
		return w.reply(m.ID, nil, err)
	case "call":
		v, err := u.call(ctx, m.Method, m.Arguments)
		return w.reply(m.ID, v, err)
	case "log":
		u.log.Log(ctx, level(m.Level), "the sensor says", "message", m.Message, "logger", m.Logger)
	case "failed":
		w.fault = m.Stage + ": " + m.Error
		u.log.ErrorContext(ctx, "the sensor has failed", "stage", m.Stage, "error", m.Error, "traceback", m.Traceback)
	}
	return nil
}

func (w *wrapper) reply(id int64, v any, err error) error {
	if err != nil {
		return w.send(map[string]any{"type": "reply", "id": id, "error": squall.MessageOf(err)})
	}
	return w.send(map[string]any{"type": "reply", "id": id, "value": v})
}

// dispatch stores an event. The trigger is a reference, or an object with its
// type and parameters.
func (w *wrapper) dispatch(ctx context.Context, u *unit, trigger, payload json.RawMessage, tag string) error {
	ev := &squall.Event{Payload: payload, TraceTag: tag, OccurredAt: time.Now().UTC()}
	var ref string
	if json.Unmarshal(trigger, &ref) == nil {
		parsed, err := squall.ParseRef(ref)
		if err != nil {
			return squall.Errorf(squall.Invalid, "%q is no reference of a trigger", ref)
		}
		ev.Trigger = parsed
		return u.emit(ctx, ev)
	}
	var t struct {
		Pack, Name, Type string
		Parameters       json.RawMessage
	}
	if err := json.Unmarshal(trigger, &t); err != nil {
		return squall.Errorf(squall.Invalid, "a trigger is a reference, or an object with pack, name and type")
	}
	switch {
	case t.Type != "":
		typ, err := squall.ParseRef(t.Type)
		if err != nil {
			return squall.Errorf(squall.Invalid, "%q is no reference of a trigger type", t.Type)
		}
		found := squall.TriggerFor(typ, t.Parameters)
		ev.Trigger, ev.Type = found.Ref, typ
	case t.Pack != "" && t.Name != "":
		ev.Trigger = squall.Ref{Pack: t.Pack, Name: t.Name}
	default:
		return squall.Errorf(squall.Invalid, "a trigger is a reference, or an object with pack, name and type")
	}
	return u.emit(ctx, ev)
}

// call answers what a sensor asks of the server.
func (u *unit) call(ctx context.Context, method string, arguments json.RawMessage) (any, error) {
	var a struct {
		Name    string
		Value   string
		Prefix  *string
		Limit   *int
		TTL     *float64
		Decrypt bool
		Encrypt bool
	}
	if err := json.Unmarshal(arguments, &a); err != nil {
		return nil, squall.Errorf(squall.Invalid, "the arguments of %s: %w", method, err)
	}
	switch method {
	case "get_value":
		text, found, err := u.m.Data.Get(ctx, a.Name, a.Decrypt)
		if err != nil || !found {
			return nil, err
		}
		return text, nil
	case "set_value":
		var ttl time.Duration
		if a.TTL != nil {
			ttl = time.Duration(*a.TTL * float64(time.Second))
		}
		return true, u.m.Data.Set(ctx, a.Name, a.Value, ttl, a.Encrypt)
	case "delete_value":
		return true, u.m.Data.Delete(ctx, a.Name)
	case "list_values":
		prefix, limit := "", 0
		if a.Prefix != nil {
			prefix = *a.Prefix
		}
		if a.Limit != nil {
			limit = *a.Limit
		}
		return u.m.Data.List(ctx, prefix, limit)
	case "get_user_info":
		return map[string]any{
			"username": "sensor", "rbac": map[string]any{"is_admin": false, "enabled": false, "roles": []string{}},
			"authentication": map[string]any{"method": "sensor", "location": u.name},
		}, nil
	default:
		return nil, squall.Errorf(squall.Invalid, "sensors cannot call %q", method)
	}
}

func level(name string) slog.Level {
	switch name {
	case "CRITICAL", "FATAL", "ERROR":
		return slog.LevelError
	case "WARNING", "WARN":
		return slog.LevelWarn
	case "DEBUG":
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}

// truncate shortens text that is only shown.
func truncate(line []byte) string {
	const most = 300
	if len(line) <= most {
		return string(line)
	}
	return strconv.Quote(string(line[:most])) + "..."
}

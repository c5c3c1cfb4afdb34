package sensor

import (
	"context"
	"encoding/json"
	"log/slog"

	"squall/internal/squall"
)

// Native is a source inside the server. It calls Ready when it listens, and
// returns when ctx ends or it cannot go on; it is started again then.
type Native func(ctx context.Context, job *NativeJob) error

// NativeJob is what a native source works with.
type NativeJob struct {
	Name   string          // of the sensor, also where it keeps its place
	Config json.RawMessage // a JSON object
	Log    *slog.Logger
	Data   Data
	Ready  func()
	// Emit stores an event of the sensor's trigger type, or of the type named,
	// and returns when it is stored: a source reads no further meanwhile. An event
	// with a key that was there before is the same event. An error means that it
	// is not stored and that the source must end, but for kind Invalid: nobody
	// will ever take this event.
	Emit func(ctx context.Context, trigger, key string, payload any) error
}

// inside runs a native source.
type inside struct {
	native Native
	config json.RawMessage
}

func (n *inside) run(ctx context.Context, u *unit) error {
	return n.native(ctx, &NativeJob{
		Name: u.name, Config: n.config, Log: u.log, Data: u.m.Data,
		Ready: func() { u.process(ctx, 0) },
		Emit: func(ctx context.Context, trigger, key string, payload any) error {
			doc, err := json.Marshal(payload)
			if err != nil {
				return squall.Errorf(squall.Invalid, "the payload has no JSON form: %w", err)
			}
			ev, err := u.event(reported{Trigger: trigger, Key: key, Payload: doc})
			if err != nil {
				return err
			}
			return u.emit(ctx, ev)
		},
	})
}

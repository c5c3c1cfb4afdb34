package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
)

// Options are what a Notifier needs. Zero fields get the defaults named.
type Options struct {
	Store     store.Store        // required
	Lifecycle *lifecycle.Service // required
	Config    *Config            // required
	Sinks     map[string]Sink    // required, by the names of Config
	IDs       *squall.IDSource
	Node      string // names this process in the locks of the cluster
	WebURL    string // in front of the path of an execution, for people
	Poll      time.Duration
	// First and Longest are the pauses before another attempt: the first, and that
	// which they grow to; 5s and 1h. After GiveUp a message is lost; 24h.
	First, Longest, GiveUp time.Duration
	Log                    *slog.Logger
}

// Notifier tells the world. Make it with New, run it once.
type Notifier struct{ Options }

// New returns a notifier.
func New(o Options) *Notifier {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.Poll, time.Second)
	def(&o.First, 5*time.Second)
	def(&o.Longest, time.Hour)
	def(&o.GiveUp, 24*time.Hour)
	if o.IDs == nil {
		o.IDs = squall.NewIDSource()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Notifier{o}
}

// Run reads the outbox and delivers until ctx ends.
func (n *Notifier) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { n.loop(ctx, store.TopicOutbox, "read the outbox", n.read); return nil })
	g.Go(func() error { n.loop(ctx, store.TopicDeliver, "deliver notifications", n.deliver); return nil })
	return g.Wait()
}

// loop calls step when somebody wakes it, when step says that there is more, and
// now and then.
func (n *Notifier) loop(ctx context.Context, topic store.Topic, what string, step func(context.Context) (more bool, err error)) {
	news, stop := n.Store.Wake(topic)
	defer stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-news:
		case <-timer.C:
		}
		more, err := step(ctx)
		if err != nil && ctx.Err() == nil {
			n.Log.Warn("a loop could not do its work", "loop", what, "error", err)
		}
		next := n.Poll - n.Poll/5 + rand.N(2*n.Poll/5+1)
		if more && err == nil {
			next = time.Nanosecond
		}
		timer.Reset(next)
	}
}

const (
	reader    = "notify"
	readBatch = 200
	lockTTL   = 10 * time.Second
)

// errMoved says that another node has read on.
var errMoved = errors.New("the place in the outbox was moved by another node")

// read turns the next messages of the outbox into deliveries. The place and the
// deliveries are written together; one node does it, under a lock.
func (n *Notifier) read(ctx context.Context) (more bool, err error) {
	held := false
	err = n.Store.Update(ctx, func(tx store.Tx) (err error) {
		held, err = tx.TryLock(ctx, "notifications", n.Node, lockTTL)
		return err
	})
	if err != nil || !held {
		return false, err
	}
	var messages []store.Message
	var deliveries []*store.Delivery
	var place store.Cursor
	begun := false
	err = n.Store.View(ctx, func(tx store.Tx) (err error) {
		messages, deliveries = nil, nil
		if place, begun, err = tx.Cursor(ctx, reader); err != nil {
			return err
		}
		if !begun { // what was before the first start is not told
			place, err = tx.OutboxEnd(ctx)
			return err
		}
		if messages, err = tx.ReadOutbox(ctx, place, readBatch); err != nil {
			return err
		}
		for _, m := range messages {
			list, err := n.deliveriesOf(ctx, tx, m)
			if err != nil {
				return err
			}
			deliveries = append(deliveries, list...)
		}
		return nil
	})
	if err != nil || begun && len(messages) == 0 {
		return false, err
	}
	next := place
	if len(messages) > 0 {
		next = messages[len(messages)-1].Cursor
	}
	err = n.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.LockGate(ctx, "outbox:"+reader); err != nil {
			return err
		}
		now, found, err := tx.Cursor(ctx, reader)
		if err != nil {
			return err
		}
		if found != begun || found && now != place {
			return errMoved
		}
		for _, d := range deliveries {
			d.At, d.Due = time.Time{}, time.Time{}
			if _, err := tx.InsertDelivery(ctx, d); err != nil {
				return err
			}
			tx.Wake(store.TopicDeliver)
		}
		return tx.PutCursor(ctx, reader, next)
	})
	if errors.Is(err, errMoved) {
		return true, nil
	}
	return len(messages) == readBatch, err
}

// deliveriesOf returns what a message of the outbox has to be told of.
func (n *Notifier) deliveriesOf(ctx context.Context, tx store.Tx, m store.Message) ([]*store.Delivery, error) {
	if m.Kind != store.ExecutionUpdated && m.Kind != store.ExecutionCreated || !m.Status.Final() {
		return nil, nil
	}
	ex, err := tx.Execution(ctx, m.Execution, store.WithAll)
	if squall.KindOf(err) == squall.NotFound || err == nil && ex.Status != m.Status {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []*store.Delivery
	for _, notice := range n.Lifecycle.Notices(ctx, ex) {
		for _, route := range notice.Routes {
			for _, sink := range n.Config.sinksOf(route) {
				d, err := n.delivery(ctx, ex, notice, route, sink)
				if err != nil {
					return nil, err
				}
				list = append(list, d)
			}
		}
	}
	return list, nil
}

func (n *Notifier) delivery(ctx context.Context, ex *squall.Execution, notice lifecycle.Notice, route, sink string) (*store.Delivery, error) {
	m := Message{
		ID: n.IDs.Next(time.Now()), Route: route, Message: notice.Message, Data: notice.Data, Execution: ex.ID, Action: ex.Action.String(),
		Status: ex.Status, User: ex.User, StartedAt: ex.CreatedAt, EndedAt: ex.EndedAt,
	}
	if n.WebURL != "" {
		m.URL = n.WebURL + "/#/history/" + string(ex.ID) + "/general"
	}
	m.Parameters, m.Result = n.Lifecycle.Masked(ctx, ex)
	if len(m.Result) > maxResult {
		m.Result = nil
	}
	doc, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("notification of execution %s: %w", ex.ID, err)
	}
	return &store.Delivery{ID: m.ID, Key: string(ex.ID) + ":" + notice.On + ":" + route + ":" + sink, Sink: sink, Group: route, Doc: doc}, nil
}

// maxResult bounds the result in a message; beyond it people look for themselves.
const maxResult = 64 << 10

const (
	deliverBatch = 64
	deliverLease = 2 * time.Minute
)

// deliver takes messages that are due and gives them to their sinks.
func (n *Notifier) deliver(ctx context.Context) (more bool, err error) {
	var due time.Time
	var now time.Time
	err = n.Store.View(ctx, func(tx store.Tx) (err error) {
		now = tx.Now()
		due, err = tx.NextDelivery(ctx)
		return err
	})
	if err != nil || due.IsZero() || due.After(now) {
		return false, err
	}
	var list []*store.Delivery
	err = n.Store.Update(ctx, func(tx store.Tx) (err error) {
		list, err = tx.ClaimDeliveries(ctx, deliverBatch, deliverLease)
		return err
	})
	if err != nil {
		return false, err
	}
	bySink := map[string][]*store.Delivery{}
	for _, d := range list {
		bySink[d.Sink] = append(bySink[d.Sink], d)
	}
	g := errgroup.Group{}
	for sink, waiting := range bySink { // one that is slow holds up no other
		g.Go(func() error { return n.tell(ctx, sink, waiting) })
	}
	return len(list) == deliverBatch, g.Wait()
}

// tell gives messages to a sink: one by one, or in a digest when there are many.
func (n *Notifier) tell(ctx context.Context, name string, waiting []*store.Delivery) error {
	config := n.Config.Sinks[name]
	size := 1
	if config.Digest > 0 && len(waiting) > config.Digest {
		size = len(waiting)
	}
	for len(waiting) > 0 && ctx.Err() == nil {
		part := waiting[:min(size, len(waiting))]
		waiting = waiting[len(part):]
		if err := n.finish(ctx, part, n.attempt(ctx, name, &config, part)); err != nil {
			return err
		}
	}
	return nil
}

func (n *Notifier) attempt(ctx context.Context, name string, config *SinkConfig, part []*store.Delivery) error {
	sink := n.Sinks[name]
	if sink == nil {
		return &Permanent{fmt.Errorf("there is no sink %s any more", name)}
	}
	messages := make([]*Message, len(part))
	for i, d := range part {
		messages[i] = &Message{}
		if err := json.Unmarshal(d.Doc, messages[i]); err != nil {
			return &Permanent{err}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, timeoutOf(config))
	defer cancel()
	return sink.Deliver(ctx, messages)
}

// finish writes down what became of an attempt. An attempt that was cut short by
// the end of the process is another's: its lease runs out.
func (n *Notifier) finish(ctx context.Context, part []*store.Delivery, failed error) error {
	if failed != nil && ctx.Err() != nil {
		return nil
	}
	return n.Store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		for _, d := range part {
			fault, retry := "", time.Time{}
			if failed != nil {
				fault = failed.Error()
				if _, permanent := errors.AsType[*Permanent](failed); !permanent && tx.Now().Sub(d.At) < n.GiveUp {
					retry = tx.Now().Add(n.pause(d.Attempt))
				}
				n.Log.Warn("a notification was not delivered", "sink", d.Sink, "delivery", d.ID, "attempt", d.Attempt, "again", !retry.IsZero(), "error", failed)
			}
			if _, err := tx.FinishDelivery(ctx, d.ID, d.Attempt, fault, retry); err != nil {
				return err
			}
		}
		return nil
	})
}

// pause is how long to wait after so many attempts.
func (n *Notifier) pause(attempts int) time.Duration {
	d := n.First
	for range attempts - 1 {
		if d = 2 * d; d >= n.Longest {
			return n.Longest
		}
	}
	return d - d/5 + rand.N(2*d/5+1)
}

package crashtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"squall/internal/squall"
	"squall/internal/squalltest"
)

// kind is a sort of work, and how it may end.
type kind struct {
	name   string
	share  int // of a hundred
	action string
	then   string // what the command does after it has written its key
	delay  time.Duration
	cancel bool
	ends   []squall.Status
}

// A node that dies leaves what it ran abandoned, whatever that was; only what
// is repeatable is started again.
var kinds = []kind{
	{name: "noop", share: 34, action: "core.noop", ends: []squall.Status{squall.Succeeded, squall.Abandoned}},
	{name: "short", share: 20, action: "crash.mark", then: "true", ends: []squall.Status{squall.Succeeded, squall.Abandoned}},
	{name: "sleeping", share: 8, action: "crash.mark", then: "sleep 0.3", ends: []squall.Status{squall.Succeeded, squall.Abandoned}},
	{name: "failing", share: 8, action: "crash.mark", then: "exit 3", ends: []squall.Status{squall.Failed, squall.Abandoned}},
	{name: "printing", share: 8, action: "crash.mark", then: "seq 1 200; sleep 0.02; seq 201 400", ends: []squall.Status{squall.Succeeded, squall.Abandoned}},
	{name: "delayed", share: 6, action: "crash.mark", then: "true", delay: 400 * time.Millisecond, ends: []squall.Status{squall.Succeeded, squall.Abandoned}},
	{name: "canceled", share: 5, action: "crash.mark", then: "sleep 8", cancel: true, ends: []squall.Status{squall.Canceled, squall.Abandoned}},
	{name: "workflow", share: 3, action: "crash.flow", then: "true", ends: []squall.Status{squall.Succeeded}},
	{name: "deep", share: 1, action: "crash.deep", then: "true", ends: []squall.Status{squall.Succeeded}},
	{name: "asking", share: 2, action: "crash.asking", then: "true", ends: []squall.Status{squall.Succeeded}},
	{name: "repeatable", share: 5, action: "crash.again", then: "sleep 0.1", ends: []squall.Status{squall.Succeeded}},
}

// load is what was asked for, and what of it was acknowledged.
type load struct {
	nodes []*node
	file  string // where attempts write down their keys

	mu       sync.Mutex
	accepted map[squall.ID]*kind
	canceled map[squall.ID]bool // canceling was acknowledged
	answered map[squall.ID]bool // an answer to the inquiry was acknowledged
	refused  []error            // answers that were neither yes nor "not now"
}

func newLoad(nodes []*node, file string) *load {
	return &load{nodes: nodes, file: file, accepted: map[squall.ID]*kind{}, canceled: map[squall.ID]bool{}, answered: map[squall.ID]bool{}}
}

// respond answers all questions, through any node, until ctx ends.
func (l *load) respond(ctx context.Context, rng *rand.Rand) {
	for ctx.Err() == nil {
		ids, err := l.any(rng).inquiries(ctx)
		if err != nil {
			l.note(err)
		}
		for _, id := range ids {
			_, _, err := l.any(rng).call(ctx, "PUT", "/api/v1/inquiries/"+string(id), map[string]any{"id": id, "response": map[string]int{"n": 7}})
			switch {
			case err == nil:
				l.mu.Lock()
				l.answered[id] = true
				l.mu.Unlock()
			case strings.Contains(err.Error(), "already been responded to"): // the first answer was not acknowledged
			default:
				l.note(err)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(20+rng.IntN(100)) * time.Millisecond):
		}
	}
}

// run asks for n executions, from several clients at once, until as many were
// acknowledged. What is refused because a server is just dying is asked again,
// as a new execution.
func (l *load) run(ctx context.Context, n int, pause time.Duration, rng *rand.Rand) {
	work := make(chan *kind)
	var clients sync.WaitGroup
	for i := range 8 {
		seed := rng.Uint64()
		clients.Go(func() {
			own := rand.New(rand.NewPCG(seed, uint64(i)))
			for k := range work {
				l.request(ctx, k, own)
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		time.Sleep(pause)
		select {
		case work <- pick(rng):
		case <-ctx.Done():
		}
	}
	close(work)
	clients.Wait()
}

func pick(rng *rand.Rand) *kind {
	n := rng.IntN(100)
	for i := range kinds {
		if n -= kinds[i].share; n < 0 {
			return &kinds[i]
		}
	}
	return &kinds[0]
}

func (l *load) request(ctx context.Context, k *kind, rng *rand.Rand) {
	body := map[string]any{"action": k.action}
	if k.then != "" {
		body["parameters"] = map[string]string{"file": l.file, "then": k.then}
	}
	if k.delay > 0 {
		body["delay"] = k.delay.Milliseconds()
	}
	for ctx.Err() == nil {
		id, _, err := l.any(rng).call(ctx, "POST", "/api/v1/executions", body)
		if err == nil {
			l.mu.Lock()
			l.accepted[id] = k
			l.mu.Unlock()
			if k.cancel {
				time.Sleep(time.Duration(rng.IntN(50)) * time.Millisecond)
				l.cancel(context.WithoutCancel(ctx), id, rng)
			}
			return
		}
		l.note(err)
		time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
	}
}

// cancel asks until somebody says that it will be done, or that it is too late.
func (l *load) cancel(ctx context.Context, id squall.ID, rng *rand.Rand) {
	for {
		_, status, err := l.any(rng).call(ctx, "DELETE", "/api/v1/executions/"+string(id), nil)
		switch {
		case err == nil:
			if status == squall.Canceling || status == squall.Canceled {
				l.mu.Lock()
				l.canceled[id] = true
				l.mu.Unlock()
			}
			return
		case strings.Contains(err.Error(), "cannot be canceled"):
			return // its node died before; it is abandoned
		}
		l.note(err)
		time.Sleep(20 * time.Millisecond)
	}
}

func (l *load) any(rng *rand.Rand) *node { return l.nodes[rng.IntN(len(l.nodes))] }

// note keeps answers that no stopping server may give: "not now" (503) is the
// one that it may.
func (l *load) note(err error) {
	if !errors.Is(err, squalltest.ErrRefused) || strings.Contains(err.Error(), ": 503") {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.refused) < 10 {
		l.refused = append(l.refused, err)
	}
}

func (l *load) wasAnswered(id squall.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answered[id]
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted)
}

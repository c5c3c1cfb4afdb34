package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"squall/internal/expr"
	"squall/internal/squall"
	"squall/internal/store"
)

// Workflows are the settings of workflows. Without Exprs a Service refuses to
// start any.
type Workflows struct {
	Exprs   *expr.Set
	Options expr.Options
	APIURL  string // for st2.api_url
	// Window is how many items of a workflow are requested at a time, whatever
	// their task allows; 512.
	Window int
}

const (
	workflowWindow = 512
	eventBatch     = 256
	maxFlows       = 256 // conductors kept in memory
)

// errSuperseded: the workflow moved on between reading and writing.
var errSuperseded = errors.New("the workflow has moved on")

// flows are the workflows this process works on.
type flows struct {
	mu    sync.Mutex
	busy  map[squall.ID]bool // true: look again when done
	kept  map[squall.ID]*flow
	order []squall.ID // of kept, the longest unused first
}

func newFlows() *flows {
	return &flows{busy: map[squall.ID]bool{}, kept: map[squall.ID]*flow{}}
}

// begin makes the caller the one who advances id; false when somebody does
// already, who will look again.
func (f *flows) begin(id squall.ID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, busy := f.busy[id]; busy {
		f.busy[id] = true
		return false
	}
	f.busy[id] = false
	return true
}

// beginIdle is begin without leaving word: false when somebody advances id.
func (f *flows) beginIdle(id squall.ID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, busy := f.busy[id]; busy {
		return false
	}
	f.busy[id] = false
	return true
}

// end gives id back; false when it was asked for meanwhile, and the caller has
// to look again.
func (f *flows) end(id squall.ID, stop bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy[id] && !stop {
		f.busy[id] = false
		return false
	}
	delete(f.busy, id)
	return true
}

// take returns the flow that is kept for id, nil when there is none. It is the
// caller's until he keeps it again.
func (f *flows) take(id squall.ID) *flow {
	f.mu.Lock()
	defer f.mu.Unlock()
	fl := f.kept[id]
	if fl != nil {
		delete(f.kept, id)
		f.order = slices.DeleteFunc(f.order, func(o squall.ID) bool { return o == id })
	}
	return fl
}

func (f *flows) keep(fl *flow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.order) >= maxFlows {
		delete(f.kept, f.order[0])
		f.order = slices.Delete(f.order, 0, 1)
	}
	f.kept[fl.id] = fl
	f.order = append(f.order, fl.id)
}

// flow is a workflow at work: its conductor at one revision.
type flow struct {
	id       squall.ID
	ex       *squall.Execution // as it was behind the last step, with its parameters
	revision int64             // of the store's row; 0 before the first step
	state    flowState
	c        conductor
	waiting  []waitingAction
	tasks    *taskLookup
	secrets  *secrecy
	restored []store.WorkflowRow // taken over from the execution that is run again
}

// Advance takes what a workflow has to be told and lets it do the next steps,
// until nothing is left; then those of the workflows that were told something
// by it: its children and its parent. When somebody in this process advances it
// already, that one does it and Advance returns at once.
//
// It may be called at any time, by anyone, for any execution. An error leaves
// the workflow as it was; the next call tries again.
func (s *Service) Advance(ctx context.Context, id squall.ID) error {
	var errs []error
	for queue := []squall.ID{id}; len(queue) > 0; {
		next, err := s.advance(ctx, queue[0])
		if err != nil {
			errs = append(errs, fmt.Errorf("advance workflow %s: %w", queue[0], err))
		}
		queue = queue[1:]
		for _, id := range next {
			if !slices.Contains(queue, id) {
				queue = append(queue, id)
			}
		}
	}
	return errors.Join(errs...)
}

// advance does the steps of one workflow and returns which others have news.
func (s *Service) advance(ctx context.Context, id squall.ID) (told []squall.ID, err error) {
	if !s.flows.begin(id) {
		return nil, nil
	}
	for late := 0; ; {
		more, others, err := s.step(ctx, id)
		told = append(told, others...)
		switch {
		case errors.Is(err, errSuperseded) && late < 5:
			late++
			continue
		case err != nil:
			s.flows.end(id, true)
			return told, err
		case more:
			late = 0
			continue
		}
		if s.flows.end(id, false) {
			return told, nil
		}
	}
}

// AdvanceDue advances the workflows that have something to be told, at most
// limit, and returns how many, and when the next one becomes due; zero: unknown.
// It heals what a crash left between two transactions.
func (s *Service) AdvanceDue(ctx context.Context, limit int) (n int, next time.Time, err error) {
	if s.flow.Exprs == nil {
		return 0, time.Time{}, nil
	}
	var ids []squall.ID
	err = s.st.View(ctx, func(tx store.Tx) (err error) {
		ids, next, err = tx.DueWorkflows(ctx, limit)
		return err
	})
	if err != nil {
		return 0, next, err
	}
	var errs []error
	for _, id := range ids {
		if err := s.Advance(ctx, id); err != nil {
			errs = append(errs, err)
		}
	}
	return len(ids), next, errors.Join(errs...)
}

// advanceSoon advances a workflow after its events were committed. What goes
// wrong is not the caller's business: the events are stored, and the next look
// finds them.
func (s *Service) advanceSoon(ctx context.Context, id squall.ID) {
	if id == "" || s.flow.Exprs == nil {
		return
	}
	if err := s.Advance(ctx, id); err != nil && ctx.Err() == nil {
		s.log.Warn("a workflow did not advance; it will be tried again", "execution_id", id, "error", err)
	}
}

func (s *Service) advanceAll(ctx context.Context, ids []squall.ID) {
	for _, id := range ids {
		s.advanceSoon(ctx, id)
	}
}

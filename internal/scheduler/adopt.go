package scheduler

import (
	"context"
	"maps"
	"slices"
	"strings"

	"squall/internal/runner"
	"squall/internal/squall"
	"squall/internal/store"
)

// keeps lists the runners whose runs outlive this process.
func (s *Scheduler) keeps() (names []string) {
	if s.cfg.Keep == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.runners)) {
		if _, ok := s.runners[name].(runner.Resumer); ok {
			names = append(names, name)
		}
	}
	return names
}

// adopt takes over what an earlier epoch of this node has left running: those
// whose runs are kept go on here, the others have ended with their process. It is
// called when the node has joined and before others may rescue them.
func (s *Scheduler) adopt(ctx context.Context, l *lease) {
	if s.cfg.Keep == nil {
		return
	}
	keys, err := s.cfg.Keep.Kept()
	if err != nil {
		s.cfg.Log.Error("the runs of an earlier process cannot be found", "error", err)
		return // they stay as they are until somebody rescues them
	}
	kept := map[string]bool{}
	for _, key := range keys {
		kept[key] = true
	}
	rows, err := s.leftBehind(ctx, l)
	if err != nil {
		s.cfg.Log.Error("the executions of an earlier process cannot be read", "error", err)
		return
	}
	adopted := 0
	for _, ex := range rows {
		key := ex.IdempotencyKey()
		if !kept[key] {
			if err := s.svc.Lost(ctx, ex); err != nil {
				s.cfg.Log.Warn("an execution without a run stays", "execution_id", ex.ID, "error", err)
			}
			continue
		}
		var mine *squall.Execution
		var ok bool
		err := retry(ctx, func() (err error) {
			mine, ok, err = s.svc.Adopt(ctx, l.owner, ex)
			return err
		})
		if err != nil {
			s.cfg.Log.Error("a run that goes on cannot be taken over", "execution_id", ex.ID, "error", err)
			delete(kept, key) // not ours to end
			continue
		}
		if ok {
			if !s.resume(l, mine) {
				return // the node stops already: the runs go on for the next one
			}
			delete(kept, key)
			adopted++
		}
	}
	for key := range kept {
		if s.ours(ctx, l, key) {
			delete(kept, key) // begun while we looked
			continue
		}
		s.cfg.Keep.Release(key) // nobody waits for it any more
	}
	if adopted+len(kept) > 0 {
		s.cfg.Log.Info("running executions were taken over", "count", adopted, "ended", len(kept))
	}
}

// ours reports whether a run is that of an execution which this node has begun in
// its present epoch, or may be.
func (s *Scheduler) ours(ctx context.Context, l *lease, key string) bool {
	id, _, _ := strings.Cut(key, ":")
	var ex *squall.Execution
	err := s.st.View(ctx, func(tx store.Tx) (err error) {
		ex, err = tx.Execution(ctx, squall.ID(id), 0)
		return err
	})
	if err != nil {
		return squall.KindOf(err) != squall.NotFound
	}
	return ex.Node == l.owner.Node && ex.Epoch == l.owner.Epoch && ex.IdempotencyKey() == key
}

// leftBehind lists the open executions of earlier epochs of this node whose
// runners keep their runs.
func (s *Scheduler) leftBehind(ctx context.Context, l *lease) (rows []*squall.Execution, err error) {
	names := s.keeps()
	var after squall.ID
	for {
		var page []*squall.Execution
		err := retry(ctx, func() error {
			return s.st.View(ctx, func(tx store.Tx) (err error) {
				page, err = tx.FindExecutions(ctx, store.ExecutionFilter{
					Node: l.owner.Node, Ascending: true, After: after, Limit: 500,
					Statuses: []squall.Status{squall.Running, squall.Canceling, squall.Pausing, squall.Resuming},
				})
				return err
			})
		})
		if err != nil || len(page) == 0 {
			return rows, err
		}
		for _, ex := range page {
			if ex.Epoch != l.owner.Epoch && slices.Contains(names, ex.Runner) {
				rows = append(rows, ex)
			}
		}
		after = page[len(page)-1].ID
	}
}

// resume goes on with a run. It takes a slot, also when there is none left: the
// run is there already. It does nothing when the node stops.
func (s *Scheduler) resume(l *lease, ex *squall.Execution) bool {
	s.mu.Lock()
	if l.sealed || s.stopping {
		s.mu.Unlock()
		return false
	}
	s.used++
	l.held++
	s.mu.Unlock()
	r := s.newRun(&slot{s: s, lease: l}, ex)
	r.resumed = true
	s.launch(r)
	return true
}

// release says that nothing is wanted any more of what a run left with its keeper.
func (s *Scheduler) release(r *run) {
	if s.resumer(r.ex.Runner) != nil {
		s.cfg.Keep.Release(r.ex.IdempotencyKey())
	}
}

// resumer returns the runner if its runs outlive this process.
func (s *Scheduler) resumer(name string) runner.Resumer {
	if s.cfg.Keep == nil {
		return nil
	}
	rs, _ := s.runners[name].(runner.Resumer)
	return rs
}

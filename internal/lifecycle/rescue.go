package lifecycle

import (
	"context"
	"fmt"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

const (
	// overdueGrace is how long a node has, after a run's time is over, to end
	// it and report. It covers TERM, the wait, KILL and a slow database.
	overdueGrace = time.Minute
	rescueBatch  = 100
)

// Rescue ends executions whose node has lost its lease, or lets a run go on
// long after its time: abandoned, timeout, canceled, or requested again when
// the action says it is repeatable. It returns how many. One node of the
// cluster calls it, under a named lock; a second one would do no harm, since
// every move is guarded.
func (s *Service) Rescue(ctx context.Context) (int, error) {
	rescued := 0
	for {
		orphans, nodes, now, err := s.orphans(ctx)
		if err != nil {
			return rescued, fmt.Errorf("find orphans: %w", err)
		}
		n := 0
		for _, ex := range orphans {
			ok, err := s.rescue(ctx, ex, alive(nodes, ex, now))
			if err != nil {
				return rescued, fmt.Errorf("rescue execution %s: %w", ex.ID, err)
			}
			if ok {
				n++
			}
		}
		rescued += n
		if len(orphans) < rescueBatch || n == 0 {
			return rescued, nil
		}
	}
}

func (s *Service) orphans(ctx context.Context) (orphans []*squall.Execution, nodes []store.Node, now time.Time, err error) {
	err = s.st.View(ctx, func(tx store.Tx) (err error) {
		now = tx.Now()
		if orphans, err = tx.Orphans(ctx, overdueGrace, rescueBatch); err != nil || len(orphans) == 0 {
			return err
		}
		nodes, err = tx.Nodes(ctx)
		return err
	})
	return orphans, nodes, now, err
}

func (s *Service) rescue(ctx context.Context, ex *squall.Execution, nodeLives bool) (ok bool, err error) {
	repeatable := false
	if def, err := s.Definition(ctx, ex.ActionVersion); err == nil {
		repeatable = def.Action.Repeatable
	} else if squall.KindOf(err) != squall.NotFound {
		return false, err
	}
	st := rescueStep(ex, nodeLives, repeatable)
	owner := store.Owner{Node: ex.Node, Epoch: ex.Epoch}
	var told []squall.ID
	err = s.st.Update(ctx, func(tx store.Tx) (err error) {
		ok, told, err = s.conclude(ctx, tx, ex, ex.Status, owner, st)
		return err
	})
	if err != nil {
		return false, err
	}
	s.advanceAll(ctx, told)
	if ok {
		s.log.Warn("execution rescued", "execution_id", ex.ID, "action", ex.Action.String(), "node", ex.Node, "status", st.to, "reason", st.reason)
	}
	return ok, nil
}

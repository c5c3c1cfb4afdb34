package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"squall/internal/fleet"
	"squall/internal/squall"
	"squall/internal/store"
)

const (
	busy     = 250 * time.Millisecond // between two looks while rollouts are open
	idle     = 2 * time.Second        // and when there are none
	lockLife = 10 * time.Second
	// atOnce is how many machines one transaction begins with.
	atOnce = 100
)

// Run moves rollouts on until ctx ends. One process of the cluster does it.
func (s *Service) Run(ctx context.Context) error {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		open, err := s.round(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("rollouts do not go on", "error", err)
		}
		if open {
			t.Reset(busy)
		} else {
			t.Reset(idle)
		}
	}
}

// round takes one step of every open rollout; open says that there are some.
func (s *Service) round(ctx context.Context) (open bool, err error) {
	var list []*squall.Rollout
	err = s.st.View(ctx, func(tx store.Tx) (err error) {
		list, err = tx.Rollouts(ctx, true, 1000)
		return err
	})
	if err != nil || len(list) == 0 {
		return false, err
	}
	held := false
	err = s.st.Update(ctx, func(tx store.Tx) (err error) {
		held, err = tx.TryLock(ctx, "rollouts", s.owner, lockLife)
		return err
	})
	if err != nil || !held {
		return true, err
	}
	for _, r := range list {
		if err := s.step(ctx, r.ID); err != nil {
			return true, fmt.Errorf("rollout %s: %w", r.ID, err)
		}
	}
	return true, nil
}

// step moves one rollout on.
func (s *Service) step(ctx context.Context, id squall.ID) error {
	statuses, err := s.statuses(ctx, id)
	if err != nil {
		return err
	}
	var state squall.RolloutState
	err = s.st.Update(ctx, func(tx store.Tx) error {
		r, err := tx.Rollout(ctx, id)
		if err != nil {
			return err
		}
		next := fleet.Next(r, statuses, tx.Now())
		state = r.State
		for _, i := range next.Finish {
			if err := tx.UnlockHost(ctx, r.Hosts[i].Name, r.ID); err != nil {
				return err
			}
		}
		begun, err := s.begin(ctx, tx, r, next.Start)
		if err != nil || begun == 0 && !next.Changed {
			return err
		}
		_, err = tx.UpdateRollout(ctx, r) // false: somebody was faster, and the next look sees what he did
		return err
	})
	if err == nil && state.Ended() {
		s.log.Info("rollout ended", "rollout", id, "state", state)
	}
	return err
}

// statuses reads what has become of the rollout's executions.
func (s *Service) statuses(ctx context.Context, id squall.ID) (map[squall.ID]squall.Status, error) {
	found := map[squall.ID]squall.Status{}
	err := s.st.View(ctx, func(tx store.Tx) error {
		r, err := tx.Rollout(ctx, id)
		if err != nil {
			return err
		}
		var ids []squall.ID
		for _, h := range r.Hosts {
			if h.Execution != "" && !h.Status.Final() {
				ids = append(ids, h.Execution)
			}
		}
		for len(ids) > 0 {
			n := min(500, len(ids))
			list, err := tx.FindExecutions(ctx, store.ExecutionFilter{IDs: ids[:n], Limit: n})
			if err != nil {
				return err
			}
			have := map[squall.ID]bool{}
			for _, ex := range list {
				found[ex.ID], have[ex.ID] = ex.Status, true
			}
			for _, id := range ids[:n] {
				if !have[id] {
					found[id] = squall.Abandoned // it was deleted
				}
			}
			ids = ids[n:]
		}
		return nil
	})
	return found, err
}

// begin requests the executions of machines, as far as nobody else works on them.
// It returns how many machines have changed.
func (s *Service) begin(ctx context.Context, tx store.Tx, r *squall.Rollout, hosts []int) (begun int, err error) {
	for _, i := range hosts {
		if begun == atOnce {
			return begun, nil // the rest comes with the next look
		}
		h := &r.Hosts[i]
		if !r.Shared {
			mine, err := tx.LockHost(ctx, h.Name, r.ID)
			if err != nil {
				return begun, err
			}
			if !mine {
				continue // it waits until the other rollout has done with it
			}
		}
		ex, err := s.request(ctx, tx, r, h)
		switch kind := squall.KindOf(err); {
		case err == nil:
			h.Execution, h.Status = ex.ID, squall.Requested
		case kind == squall.Invalid || kind == squall.NotFound || kind == squall.Denied:
			h.Status, h.Error = squall.Failed, squall.MessageOf(err)
			if err := tx.UnlockHost(ctx, h.Name, r.ID); err != nil {
				return begun, err
			}
		default:
			return begun, err
		}
		begun++
	}
	return begun, nil
}

func (s *Service) request(ctx context.Context, tx store.Tx, r *squall.Rollout, h *squall.RolloutHost) (*squall.Execution, error) {
	params, err := with(r.Parameters, r.Param, h.Target)
	if err != nil {
		return nil, err
	}
	extra, err := json.Marshal(map[string]any{"rollout": map[string]any{"id": r.ID, "machine": h.Name, "batch": h.Batch}})
	if err != nil {
		return nil, err
	}
	return s.svc.RequestTx(ctx, tx, squall.Request{Action: r.Action, Parameters: params, Context: extra, User: r.User, NoSecrets: r.NoSecrets})
}

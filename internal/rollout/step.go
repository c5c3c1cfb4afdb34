package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
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
	known, err := s.know(ctx, id)
	if err != nil {
		return err
	}
	if known.forsaken {
		_, err := s.Cancel(ctx, id, "the end of its execution")
		return err
	}
	var state squall.RolloutState
	err = s.st.Update(ctx, func(tx store.Tx) error {
		r, err := tx.Rollout(ctx, id)
		if err != nil {
			return err
		}
		for i := range r.Hosts {
			if known.untouched[r.Hosts[i].Execution] {
				r.Hosts[i].Untouched = true
			}
		}
		next := fleet.Next(r, known.statuses, tx.Now())
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

// known is what has become of a rollout's executions.
type known struct {
	statuses  map[squall.ID]squall.Status
	untouched map[squall.ID]bool // failed before anything was run on the machine
	forsaken  bool               // what waited for the rollout has ended
}

// know reads it.
func (s *Service) know(ctx context.Context, id squall.ID) (k known, err error) {
	err = s.st.View(ctx, func(tx store.Tx) error {
		k = known{statuses: map[squall.ID]squall.Status{}, untouched: map[squall.ID]bool{}}
		r, err := tx.Rollout(ctx, id)
		if err != nil {
			return err
		}
		if r.Waiting && !r.State.Ended() {
			ex, err := tx.Execution(ctx, r.ID, 0)
			if err != nil && squall.KindOf(err) != squall.NotFound {
				return err
			}
			k.forsaken = err != nil || ex.Status.Final()
		}
		var ids []squall.ID
		for _, h := range r.Hosts {
			if h.Execution != "" && !h.Status.Final() {
				ids = append(ids, h.Execution)
			}
		}
		for part := range slices.Chunk(ids, 500) {
			if err := k.add(ctx, tx, part, r.Failover == squall.FailoverUntouched); err != nil {
				return err
			}
		}
		return nil
	})
	return k, err
}

// add reads executions; closely: also whether those that failed had begun.
func (k *known) add(ctx context.Context, tx store.Tx, ids []squall.ID, closely bool) error {
	list, err := tx.FindExecutions(ctx, store.ExecutionFilter{IDs: ids, Limit: len(ids)})
	if err != nil {
		return err
	}
	for _, id := range ids {
		k.statuses[id] = squall.Abandoned // unless it is found: it was deleted
	}
	for _, ex := range list {
		k.statuses[ex.ID] = ex.Status
		if closely && ex.Status == squall.Failed {
			if ex, err = tx.Execution(ctx, ex.ID, store.WithResult); err != nil {
				return err
			}
			k.untouched[ex.ID] = unreached(ex.Result)
		}
	}
	return nil
}

// unreached reports whether the result of a remote action says that nothing was
// run: the host could not be connected to, or the script not be brought there. A
// connection that was lost later proves nothing.
func unreached(result json.RawMessage) bool {
	var hosts map[string]struct {
		Code  int    `json:"return_code"`
		Error string `json:"error"`
	}
	if json.Unmarshal(result, &hosts) != nil || len(hosts) == 0 {
		return false
	}
	for _, h := range hosts {
		if h.Code != 255 || !strings.HasPrefix(h.Error, "Failed connecting to host ") && !strings.HasPrefix(h.Error, "Failed copying content ") {
			return false
		}
	}
	return true
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
			h.Status, h.Error, h.Untouched = squall.Failed, squall.MessageOf(err), true
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
	params, err := with(s.svc.OpenRollout(r), r.Param, h.Target)
	if err != nil {
		return nil, err
	}
	extra, err := json.Marshal(map[string]any{"rollout": map[string]any{"id": r.ID, "machine": h.Name, "batch": h.Batch}})
	if err != nil {
		return nil, err
	}
	return s.svc.RequestTx(ctx, tx, squall.Request{Action: r.Action, Parameters: params, Context: extra, User: r.User, NoSecrets: r.NoSecrets})
}

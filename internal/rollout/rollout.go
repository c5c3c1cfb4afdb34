package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"squall/internal/fleet"
	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/timer"
)

// Service makes rollouts happen. Make it with New; Run moves them on.
type Service struct {
	st    store.Store
	svc   *lifecycle.Service
	ids   *squall.IDSource
	owner string // who holds the lock: this process
	log   *slog.Logger
}

// New returns a service; owner names this process in the cluster.
func New(st store.Store, svc *lifecycle.Service, ids *squall.IDSource, owner string, log *slog.Logger) *Service {
	return &Service{st: st, svc: svc, ids: ids, owner: owner, log: log}
}

// Nodes returns the machines that target means; empty: all.
func (s *Service) Nodes(ctx context.Context, target string) (nodes []*squall.FleetNode, err error) {
	if target == "" {
		target = "*"
	}
	t, err := fleet.ParseTarget(target)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "The target is not understood: %w", err)
	}
	err = s.st.View(ctx, func(tx store.Tx) error {
		all, err := tx.FleetNodes(ctx)
		nodes = t.Select(all)
		return err
	})
	return nodes, err
}

// Pick chooses some of the machines that a target means. The zero Pick is all.
type Pick struct {
	Count  string // see fleet.ParsePick
	Prefer fleet.Prefer
	// Key names what happens again and again: what PreferSame and splay go by.
	Key string
}

// Create stores a rollout of r's action over the machines that r.Target means
// now. It begins soon. Error kinds: Invalid, and Conflict when r has an ID and
// there is one with it.
func (s *Service) Create(ctx context.Context, r squall.Rollout, picks ...Pick) (*squall.Rollout, error) {
	nodes, err := s.Nodes(ctx, r.Target)
	if err != nil {
		return nil, err
	}
	if len(nodes) == 0 {
		return nil, squall.Errorf(squall.Invalid, "No machine of the inventory is meant by %q.", r.Target)
	}
	var pick Pick
	for _, pick = range picks {
		if nodes, err = s.pick(ctx, &r, nodes, pick); err != nil {
			return nil, err
		}
	}
	batchOf, err := fleet.ParseBatches(r.Batches, len(nodes))
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "%w", err)
	}
	if _, err := fleet.ParseMaxFail(r.MaxFail, len(nodes)); err != nil {
		return nil, squall.Errorf(squall.Invalid, "%w", err)
	}
	if r.Param == "" {
		r.Param = "hosts"
	}
	if r.Pause < 0 {
		return nil, squall.Errorf(squall.Invalid, "The pause between batches must not be negative.")
	}
	if r.AtOnce < 0 || r.Splay < 0 {
		return nil, squall.Errorf(squall.Invalid, "at_once and splay must not be negative.")
	}
	r.State, r.Hosts = squall.RolloutRunning, nil
	for i, n := range nodes {
		r.Hosts = append(r.Hosts, squall.RolloutHost{Name: n.Name, Target: n.Target(), Batch: batchOf[i]})
	}
	// What the first machine's request says of the action and its parameters is
	// true for all: better now than a hundred times later.
	params, err := with(r.Parameters, r.Param, r.Hosts[0].Target)
	if err != nil {
		return nil, err
	}
	if _, err := s.svc.Try(ctx, squall.Request{Action: r.Action, Parameters: params, User: r.User, NoSecrets: r.NoSecrets}); err != nil {
		return nil, err
	}
	given, plain := r.ID, r.Parameters
	err = s.st.Update(ctx, func(tx store.Tx) error {
		r.CreatedAt, r.ID = tx.Now(), given
		if given == "" {
			r.ID = s.ids.Next(r.CreatedAt)
		}
		if r.Splay > 0 {
			day := r.CreatedAt.UTC().Truncate(24 * time.Hour)
			for i := range r.Hosts {
				h := &r.Hosts[i]
				h.NotBefore = r.CreatedAt.Add(timer.Jitter(pick.Key+"\x00"+h.Name, day, r.Splay))
			}
		}
		r.Parameters = plain
		if err := s.svc.SealRollout(ctx, tx, &r); err != nil {
			return err
		}
		return tx.InsertRollout(ctx, &r)
	})
	if err != nil {
		return nil, fmt.Errorf("store a rollout: %w", err)
	}
	return &r, nil
}

// pick orders the machines and notes how many of them are wanted.
func (s *Service) pick(ctx context.Context, r *squall.Rollout, nodes []*squall.FleetNode, p Pick) (list []*squall.FleetNode, err error) {
	if r.Want, err = fleet.ParsePick(p.Count, len(nodes)); err != nil {
		return nil, squall.Errorf(squall.Invalid, "%w", err)
	}
	switch r.Failover {
	case "", squall.FailoverNever, squall.FailoverUntouched, squall.FailoverAlways:
	default:
		return nil, squall.Errorf(squall.Invalid, "failover: %q is none of never, unreachable, always", r.Failover)
	}
	if r.Want == 0 {
		return nodes, nil
	}
	if r.Batches != "" || r.Canary {
		return nil, squall.Errorf(squall.Invalid, "Batches are for all machines; with pick there are none.")
	}
	busy := map[string]int{}
	if p.Prefer == fleet.PreferIdle {
		err := s.st.View(ctx, func(tx store.Tx) error {
			clear(busy)
			open, err := tx.Rollouts(ctx, true, 1000)
			for _, o := range open {
				for _, h := range o.Hosts {
					if h.Status != "" && !h.Status.Final() {
						busy[h.Name]++
					}
				}
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if list, err = fleet.Order(nodes, p.Prefer, p.Key, string(r.ID), busy); err != nil {
		return nil, squall.Errorf(squall.Invalid, "%w", err)
	}
	return list, nil
}

// Rollout reads one. Error kind: NotFound.
func (s *Service) Rollout(ctx context.Context, id squall.ID) (r *squall.Rollout, err error) {
	err = s.st.View(ctx, func(tx store.Tx) (err error) {
		r, err = tx.Rollout(ctx, id)
		return err
	})
	return r, err
}

// Rollouts lists the newest ones.
func (s *Service) Rollouts(ctx context.Context, limit int) (list []*squall.Rollout, err error) {
	err = s.st.View(ctx, func(tx store.Tx) (err error) {
		list, err = tx.Rollouts(ctx, false, limit)
		return err
	})
	return list, err
}

// Pause lets what runs end and begins with nothing more. Error kinds: NotFound, Conflict.
func (s *Service) Pause(ctx context.Context, id squall.ID, by string) (*squall.Rollout, error) {
	return s.change(ctx, id, func(r *squall.Rollout, _ time.Time) bool {
		if r.State != squall.RolloutRunning {
			return false
		}
		r.State, r.Reason = squall.RolloutPaused, "paused by "+by
		return true
	})
}

// Resume goes on where a rollout was paused, stopped or canceled; again also
// repeats what failed. Error kinds: NotFound, Conflict.
func (s *Service) Resume(ctx context.Context, id squall.ID, again bool) (*squall.Rollout, error) {
	return s.change(ctx, id, func(r *squall.Rollout, now time.Time) bool { return fleet.Resume(r, again, now) })
}

// Cancel begins with nothing more and cancels what runs. Error kinds: NotFound, Conflict.
func (s *Service) Cancel(ctx context.Context, id squall.ID, by string) (*squall.Rollout, error) {
	r, err := s.change(ctx, id, func(r *squall.Rollout, now time.Time) bool {
		if r.State.Ended() {
			return false
		}
		r.State, r.Reason, r.EndedAt = squall.RolloutCanceled, "canceled by "+by, now
		return true
	})
	if err != nil {
		return nil, err
	}
	for _, h := range r.Hosts {
		if h.Execution == "" || h.Status.Final() {
			continue
		}
		if _, err := s.svc.Cancel(ctx, h.Execution, by); err != nil && squall.KindOf(err) != squall.Conflict {
			s.log.Warn("an execution of a canceled rollout cannot be canceled", "rollout", r.ID, "execution_id", h.Execution, "error", err)
		}
	}
	return r, nil
}

// change applies fn to the rollout as it is now.
func (s *Service) change(ctx context.Context, id squall.ID, fn func(*squall.Rollout, time.Time) bool) (r *squall.Rollout, err error) {
	err = s.st.Update(ctx, func(tx store.Tx) (err error) {
		if r, err = tx.Rollout(ctx, id); err != nil {
			return err
		}
		if !fn(r, tx.Now()) {
			return squall.Errorf(squall.Conflict, "The rollout is %s: that cannot be done to it now.", r.State)
		}
		ok, err := tx.UpdateRollout(ctx, r)
		if err == nil && !ok {
			err = squall.Errorf(squall.Conflict, "The rollout changes just now; try again.")
		}
		return err
	})
	return r, err
}

// with returns the parameters with one more.
func with(parameters json.RawMessage, name, value string) (json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	if len(parameters) > 0 {
		if err := json.Unmarshal(parameters, &all); err != nil {
			return nil, squall.Errorf(squall.Invalid, "The parameters must be a JSON object: %w", err)
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	all[name] = text
	return json.Marshal(all)
}

package scheduler

import (
	"context"
	"slices"
	"strings"

	"squall/internal/squall"
	"squall/internal/store"
)

// queues lists what this node serves beside the empty queue.
func (c *Config) queues() []string {
	if len(c.Labels) == 0 {
		return c.Queues
	}
	return squall.QueuesOf(append(slices.Clone(c.Queues), c.Labels...))
}

// take claims up to n executions, within the limits of labels: first those that
// ask for a limited label, label by label, then all others.
func (s *Scheduler) take(ctx context.Context, owner store.Owner, n int) (list []*squall.Execution, err error) {
	rest := s.cfg.queues()
	for label, most := range s.cfg.LabelLimits {
		var with []string
		rest = slices.DeleteFunc(slices.Clone(rest), func(queue string) bool {
			if !asks(queue, label) {
				return false
			}
			with = append(with, queue)
			return true
		})
		room := min(n-len(list), most-s.running(label)-count(list, label))
		if room <= 0 || len(with) == 0 {
			continue
		}
		more, err := s.svc.ClaimOnly(ctx, owner, room, with)
		list = append(list, more...)
		if err != nil {
			return list, err
		}
	}
	if n == len(list) {
		return list, nil
	}
	claim := s.svc.Claim
	if s.cfg.OnlyLabels {
		if len(rest) == 0 {
			return list, nil
		}
		claim = s.svc.ClaimOnly
	}
	more, err := claim(ctx, owner, n-len(list), rest)
	return append(list, more...), err
}

// asks reports whether a queue holds the label.
func asks(queue, label string) bool { return slices.Contains(strings.Split(queue, ","), label) }

func count(list []*squall.Execution, label string) (n int) {
	for _, ex := range list {
		if asks(ex.Queue, label) {
			n++
		}
	}
	return n
}

// running counts the executions at work here that ask for the label.
func (s *Scheduler) running(label string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.active {
		if asks(r.ex.Queue, label) {
			n++
		}
	}
	return n
}

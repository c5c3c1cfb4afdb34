package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"squall/internal/expr"
	"squall/internal/lifecycle"
	"squall/internal/reactor"
	"squall/internal/squall"
)

// newReactor makes what takes events. Nothing runs yet.
func (s *server) newReactor(svc *lifecycle.Service, exprs *expr.Set, ids *squall.IDSource) *reactor.Reactor {
	c := s.config
	return reactor.New(reactor.Config{
		Store: s.store, Lifecycle: svc, Exprs: exprs, IDs: ids, Node: c.NodeName(), Poll: c.Scheduler.Poll, Zone: time.Local,
		Retention: c.Retention.Executions, Hooks: s.metrics.events(), Log: s.log.With("part", "reactor"),
	})
}

// runEvents takes events until the order to stop, or until something else has failed.
func (s *server) runEvents(stop, failed context.Context) error {
	ctx, cancel := context.WithCancel(failed)
	defer cancel()
	defer context.AfterFunc(stop, cancel)()
	return s.events.Run(ctx)
}

// events counts what the reactor does.
func (m *metrics) events() reactor.Hooks {
	accepted := prometheus.NewCounter(prometheus.CounterOpts{Name: "squall_events_total", Help: "Events this node has accepted."})
	enforced := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "squall_rule_enforcements_total", Help: "What rules made of events: executions, or failures to request or match.",
	}, []string{"result"})
	reacted := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "squall_event_seconds", Help: "Time from an event to its durable executions.", Buckets: prometheus.ExponentialBuckets(0.0005, 3, 9),
	})
	late := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "squall_timer_late_seconds", Help: "How long after its instant a timer fired.", Buckets: []float64{.001, .005, .02, .1, .5, 1, 5, 10, 60, 3600},
	})
	failed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "squall_reactor_failures_total", Help: "Times a loop of the reactor could not do its work, by loop.",
	}, []string{"loop"})
	skewed := prometheus.NewGauge(prometheus.GaugeOpts{Name: "squall_clock_skew_seconds", Help: "How far the database's clock is ahead of this node's."})
	skipped := prometheus.NewCounter(prometheus.CounterOpts{Name: "squall_timer_skipped_total", Help: "Times of schedules that did not fire because of a condition or of a run that was still going."})
	m.registry.MustRegister(accepted, enforced, reacted, late, failed, skewed, skipped)
	return reactor.Hooks{
		Events: func(n int) { accepted.Add(float64(n)) },
		Enforced: func(executions, failures int) {
			enforced.WithLabelValues("execution").Add(float64(executions))
			enforced.WithLabelValues("failure").Add(float64(failures))
		},
		Reacted: func(took time.Duration) { reacted.Observe(took.Seconds()) },
		Skipped: func(n int) { skipped.Add(float64(n)) },
		Skewed:  func(by time.Duration) { skewed.Set(by.Seconds()) },
		Fired:   func(after time.Duration) { late.Observe(after.Seconds()) },
		Failed:  func(what string, _ error) { failed.WithLabelValues(what).Inc() },
	}
}

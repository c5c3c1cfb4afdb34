package app

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"squall/internal/api"
	"squall/internal/scheduler"
	"squall/internal/squall"
	"squall/internal/store"
)

// metrics are the figures along the flow: what waits, how long the oldest has
// waited, what is claimed, how long actions run, how commits are grouped. The
// one to alarm on is squall_queue_oldest_seconds.
type metrics struct {
	registry *prometheus.Registry

	commits      *prometheus.CounterVec
	commitGroup  prometheus.Histogram
	commitTime   prometheus.Histogram
	claimed      prometheus.Counter
	running      prometheus.Gauge
	runTime      *prometheus.HistogramVec
	finished     *prometheus.CounterVec
	outputCut    prometheus.Counter
	leasesLost   prometheus.Counter
	stuck        *prometheus.CounterVec
	httpRequests *prometheus.CounterVec
	httpTime     *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		commits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "squall_store_commits_total", Help: "Group commits of the database, by result.",
		}, []string{"result"}),
		commitGroup: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "squall_store_commit_group_size", Help: "Updates that went into one commit.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
		commitTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "squall_store_commit_seconds", Help: "Time of one group commit, its updates included.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12),
		}),
		claimed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "squall_executions_claimed_total", Help: "Executions this node has started.",
		}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "squall_executions_running", Help: "Executions that run on this node now.",
		}),
		runTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "squall_execution_run_seconds", Help: "Time an execution ran, by runner.",
			Buckets: []float64{.001, .005, .025, .1, .5, 1, 5, 15, 60, 300, 1800, 7200},
		}, []string{"runner"}),
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "squall_executions_finished_total", Help: "Executions that ended on this node, by status.",
		}, []string{"status"}),
		outputCut: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "squall_output_cut_bytes_total", Help: "Bytes of output dropped because an execution exceeded scheduler.output_limit.",
		}),
		leasesLost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "squall_leases_lost_total", Help: "Times this node lost its lease and stopped its actions.",
		}),
		stuck: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "squall_runs_stuck_total", Help: "Runs that did not end after they were told to, by runner.",
		}, []string{"runner"}),
		httpRequests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "squall_http_requests_total", Help: "API requests, by route and status.",
		}, []string{"route", "code"}),
		httpTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "squall_http_request_seconds", Help: "Time of API requests (streams not counted), by route.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 3, 9),
		}, []string{"route"}),
	}
	m.registry.MustRegister(
		m.commits, m.commitGroup, m.commitTime, m.claimed, m.running, m.runTime,
		m.finished, m.outputCut, m.leasesLost, m.stuck, m.httpRequests, m.httpTime,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// hooks tells the scheduler where to count.
func (m *metrics) hooks() scheduler.Hooks {
	return scheduler.Hooks{
		Claimed: func(n int) { m.claimed.Add(float64(n)) },
		Active:  func(delta int) { m.running.Add(float64(delta)) },
		Ended: func(runner string, status squall.Status, took time.Duration) {
			m.runTime.WithLabelValues(runner).Observe(took.Seconds())
			m.finished.WithLabelValues(string(status)).Inc()
		},
		OutputCut: func(n int64) { m.outputCut.Add(float64(n)) },
		LeaseLost: m.leasesLost.Inc,
		Stuck:     func(runner string) { m.stuck.WithLabelValues(runner).Inc() },
	}
}

// request counts an answered API request. The route is the pattern, never the
// path: labels must stay few.
func (m *metrics) request(r api.Request) {
	m.httpRequests.WithLabelValues(r.Method+" "+r.Route, strconv.Itoa(r.Status)).Inc()
	if !strings.HasPrefix(r.Route, "/stream/") {
		m.httpTime.WithLabelValues(r.Method + " " + r.Route).Observe(r.Took.Seconds())
	}
}

var _ store.Observer = (*metrics)(nil)

// Commit counts a group commit.
func (m *metrics) Commit(group int, took time.Duration, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.commits.WithLabelValues(result).Inc()
	m.commitGroup.Observe(float64(group))
	m.commitTime.Observe(took.Seconds())
}

// watchQueue adds the figures that are read from the database when somebody asks.
func (m *metrics) watchQueue(st store.Store) {
	m.registry.MustRegister(&queueCollector{st: st})
}

var (
	queueDepth = prometheus.NewDesc("squall_queue_executions", "Executions of the whole cluster that wait or run, by status.", []string{"status"}, nil)
	queueAge   = prometheus.NewDesc("squall_queue_oldest_seconds", "How long the oldest execution that is due has been waiting for a node.", nil, nil)
	storeUp    = prometheus.NewDesc("squall_store_up", "1 when the database takes writes.", nil, nil)
)

type queueCollector struct{ st store.Store }

func (q *queueCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- queueDepth
	ch <- queueAge
	ch <- storeUp
}

func (q *queueCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	up := 1.0
	if q.st.Health(ctx) != nil {
		up = 0
	}
	ch <- prometheus.MustNewConstMetric(storeUp, prometheus.GaugeValue, up)

	var (
		stats store.QueueStats
		age   time.Duration
	)
	err := q.st.View(ctx, func(tx store.Tx) (err error) {
		if stats, err = tx.QueueStats(ctx); err == nil && !stats.OldestDue.IsZero() {
			age = max(0, tx.Now().Sub(stats.OldestDue))
		}
		return err
	})
	if err != nil {
		return // squall_store_up tells it
	}
	for status, n := range map[string]int{"requested": stats.Requested, "delayed": stats.Delayed, "running": stats.Running} {
		ch <- prometheus.MustNewConstMetric(queueDepth, prometheus.GaugeValue, float64(n), status)
	}
	ch <- prometheus.MustNewConstMetric(queueAge, prometheus.GaugeValue, age.Seconds())
}

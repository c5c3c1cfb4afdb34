package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

// committer runs groups of updates, one transaction each, on one connection.
type committer struct {
	store *Store
	conn  *pgx.Conn
	down  time.Time // after a failed connection: when it failed
}

// downPause is how long after a failed connection groups are refused without
// trying again, so that callers are not held up one after the other.
const downPause = 300 * time.Millisecond

func (c *committer) run() {
	defer func() { c.store.discard(c.conn) }()
	for group := c.store.queue.Take(); group != nil; group = c.store.queue.Take() {
		jobs := group[:0]
		for _, job := range group {
			if job.Start() {
				jobs = append(jobs, job)
			}
		}
		if len(jobs) > 0 {
			c.commit(jobs)
		}
	}
}

// answer is what became of one job.
type answer struct {
	err      error
	handBack bool
}

// commit runs the jobs and answers each.
//
// First all in one transaction, without savepoints and without waiting for the
// results of inserts. If one job must be undone, or a statement fails (which ends
// a transaction in PostgreSQL), the group is rolled back and runs once more,
// carefully: each job in a savepoint, each statement answered before the next.
// If another transaction is in the way (deadlock, serialization), each job gets
// a transaction of its own, and a few attempts.
func (c *committer) commit(jobs []*driver.Job) {
	start := time.Now()
	g := c.newGroup(jobs, false)
	err := g.run()
	if errors.Is(err, errCareful) {
		g = c.newGroup(jobs, true)
		err = g.run()
	}
	if isCollision(err) {
		c.commitSingly(jobs, start)
		return
	}
	c.finish(g, err, start)
}

// collisions is how often a job is run again because others were in the way.
const collisions = 8

func (c *committer) commitSingly(jobs []*driver.Job, start time.Time) {
	for i := range jobs {
		var g *group
		var err error
		for attempt := range collisions {
			g = c.newGroup(jobs[i:i+1], true)
			if err = g.run(); !isCollision(err) {
				break
			}
			time.Sleep(rand.N(time.Millisecond << attempt))
		}
		c.finish(g, err, start)
	}
}

// finish answers the jobs of a group that ended with err.
func (c *committer) finish(g *group, err error, start time.Time) {
	if unknown, ok := errors.AsType[*unknownError](err); ok {
		// The committer goes on; the jobs wait until the truth is known.
		c.store.tail.Go(func() { g.finish(c.store.resolve(unknown), start) })
		return
	}
	g.finish(err, start)
}

func (g *group) finish(err error, start time.Time) {
	s := g.store
	err = explain(err)
	s.health.commit(err)
	if err == nil {
		s.signals.wake(g.topics)
	}
	for i, job := range g.jobs {
		switch a := g.answers[i]; {
		case err != nil:
			job.Answer(err)
		case a.handBack:
			job.HandBack()
		default:
			job.Answer(explain(a.err))
		}
	}
	if s.observer != nil {
		s.observer.Commit(len(g.jobs), time.Since(start), err)
	}
}

// errCareful asks for the careful pass.
var errCareful = errors.New("run the group again with savepoints")

// group is one transaction.
type group struct {
	*committer
	jobs    []*driver.Job
	answers []answer
	topics  driver.Topics
	careful bool

	ctx      context.Context
	batch    *pgx.Batch // statements queued for the next round trip
	xid      string
	leases   map[store.Owner]bool  // what HoldsLease found
	versions map[squall.Ref]string // what CurrentVersion found
	widened  bool                  // id_slack was changed, and is not committed yet
	catalog  int64                 // store.Contents.ContentVersion; 0: not asked
}

func (c *committer) newGroup(jobs []*driver.Job, careful bool) *group {
	return &group{
		committer: c, jobs: jobs, answers: make([]answer, len(jobs)), careful: careful,
		batch: &pgx.Batch{}, leases: map[store.Owner]bool{}, versions: map[squall.Ref]string{},
	}
}

// run executes the group. An error means that nothing is stored, except
// *unknownError, which means that it is not known.
func (g *group) run() (err error) {
	now, err := g.begin()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), g.store.timeout)
	defer cancel()
	g.ctx = ctx
	defer func() {
		if err != nil {
			g.rollback()
		}
	}()
	for i, job := range g.jobs {
		if err := g.runJob(i, job, now); err != nil {
			return err
		}
	}
	return g.commitTransaction()
}

// begin starts the transaction and learns its number, which tells what became
// of it should the connection be lost during the commit.
func (g *group) begin() (time.Time, error) {
	if time.Since(g.down) < downPause {
		return time.Time{}, errBroken
	}
	ctx, cancel := context.WithTimeout(context.Background(), g.store.timeout)
	defer cancel()
	conn, now, xid, err := g.store.begin(ctx, g.conn, beginUpdate)
	g.conn, g.xid = conn, xid
	if err != nil {
		g.down = time.Now()
	}
	return now, err
}

func (g *group) runJob(i int, job *driver.Job, now time.Time) error {
	t := &tx{store: g.store, conn: g.conn, now: now, job: job, group: g}
	t.Statements = portable.Statements{Conn: t, Dialect: dialect}
	if g.careful {
		g.batch.Queue(`SAVEPOINT job`)
	}
	err := job.Run(t)
	if err == nil && g.careful {
		err = t.flush() // so that a fault is this job's and not the next one's
	}
	a := answer{err: err, handBack: job.WantsPacking()}
	fault := t.fault
	failed := a.err != nil || a.handBack || fault != nil
	switch {
	case isConnectionFault(fault) || isCollision(fault):
		return fault
	case fault != nil && isDatabaseFault(fault):
		return fault
	case !g.careful && fault != nil:
		return errCareful
	case !g.careful && failed && t.wrote:
		return errCareful
	case !g.careful && !failed:
		g.addTopics(t.topics)
	case g.careful && failed:
		if a.err == nil && fault != nil {
			a.err = fault // fn swallowed it, but its writes are undone
		}
		g.dropQueued()
		if err := g.exec(`ROLLBACK TO job`); err != nil {
			return err
		}
		g.batch.Queue(`RELEASE job`)
		clear(g.leases)
		clear(g.versions)
		g.catalog = 0
	case g.careful:
		g.batch.Queue(`RELEASE job`)
		g.addTopics(t.topics)
	}
	g.answers[i] = a
	return nil
}

func (g *group) addTopics(topics driver.Topics) {
	for _, t := range topics {
		g.topics.Add(t)
	}
}

// dropQueued forgets queued statements. It only happens in the careful pass,
// where what is queued is the failed job's, after its savepoint was sent; a
// savepoint not sent yet is sent now, to be rolled back to.
func (g *group) dropQueued() {
	queued := g.batch.QueuedQueries
	g.batch = &pgx.Batch{}
	for i, q := range queued {
		if q.SQL == `SAVEPOINT job` {
			g.batch.QueuedQueries = append(g.batch.QueuedQueries, queued[:i+1]...)
			return
		}
	}
}

// exec sends what is queued and one statement more.
func (g *group) exec(sql string) error {
	g.batch.Queue(sql)
	return g.flush()
}

// flush sends what is queued and waits for the results.
func (g *group) flush() error {
	if g.batch.Len() == 0 {
		return nil
	}
	batch := g.batch
	g.batch = &pgx.Batch{}
	return g.conn.SendBatch(g.ctx, batch).Close()
}

// commitTransaction sends the rest with the COMMIT in one round trip: a fault in
// the rest keeps the server from executing the COMMIT.
func (g *group) commitTransaction() error {
	committed := false
	g.batch.Queue(`COMMIT`).Exec(func(tag pgconn.CommandTag) error {
		committed = tag.String() == "COMMIT"
		return nil
	})
	err := g.flush()
	switch {
	case err == nil && committed:
		return nil
	case err == nil:
		return errCareful // the server has rolled back
	case isCollision(err) || isDatabaseFault(err):
		return err
	case sqlState(err) != "" && !isConnectionFault(err):
		if g.careful {
			return fmt.Errorf("commit: %w", err)
		}
		return errCareful
	}
	return &unknownError{xid: g.xid, err: err}
}

// rollback ends a failed transaction; the connection is given up if that is not
// possible.
func (g *group) rollback() {
	if g.conn == nil {
		return
	}
	if !g.conn.IsClosed() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := g.conn.Exec(ctx, `ROLLBACK`); err == nil {
			return
		}
	}
	g.store.discard(g.conn)
	g.conn = nil
}

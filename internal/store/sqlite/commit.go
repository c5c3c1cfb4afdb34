package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

// numbers are rows of the table meta that the committer keeps in memory.
type numbers struct {
	outboxNext int64 // position of the next outbox message
	idSlack    int64 // seconds
	catalog    int64 // store.Contents.ContentVersion
}

func readNumbers(ctx context.Context, c *conn) (n numbers, err error) {
	// Positions below the stored one were used and trimmed.
	_, err = c.one(ctx, `
		SELECT max((SELECT value FROM meta WHERE key = 'outbox_next'), coalesce((SELECT max(id) FROM outbox), 0) + 1),
		       (SELECT value FROM meta WHERE key = 'id_slack'),
		       (SELECT value FROM meta WHERE key = 'catalog')`, nil, func(r portable.Row) error {
		n = numbers{outboxNext: r.Int64(), idSlack: r.Int64(), catalog: r.Int64()}
		return nil
	})
	return n, err
}

func (s *Store) commitLoop() {
	defer close(s.committed)
	for group := s.queue.Take(); group != nil; group = s.queue.Take() {
		jobs := group[:0]
		for _, job := range group {
			if job.Start() {
				jobs = append(jobs, job)
			}
		}
		if len(jobs) > 0 {
			s.commit(jobs)
		}
	}
}

// errHandBack stands in a group's answers for "give it back to be packed".
var errHandBack = errors.New("hand back")

// commit runs the jobs in one transaction and answers them. Nobody gets an
// answer, not even an error of its own making, before the commit: that error
// may come from what an earlier job of the same group wrote.
func (s *Store) commit(jobs []*driver.Job) {
	start := time.Now()
	answers := make([]error, len(jobs))
	topics, err := s.runGroup(jobs, answers)
	if err != nil {
		err = s.explain(err)
	}
	took := time.Since(start)
	s.health.commit(err)
	if err == nil {
		for _, topic := range topics {
			s.hub.Wake(topic)
		}
	}
	for i, job := range jobs {
		switch {
		case err != nil:
			job.Answer(err)
		case errors.Is(answers[i], errHandBack):
			job.HandBack()
		default:
			job.Answer(s.explain(answers[i]))
		}
	}
	if s.observer != nil {
		s.observer.Commit(len(jobs), took, err)
	}
}

// runGroup executes the jobs and commits. An error means that nothing was
// stored; the jobs' own errors are in answers.
//
// A job that fails before it has written is simply left out. One that fails
// after it has written must be undone without the others: the first such case
// rolls the group back and runs the rest again, now with a savepoint around
// each job that writes. Savepoints from the start would burden every commit
// (each makes SQLite keep the pages it touches) for what hardly ever happens.
func (s *Store) runGroup(jobs []*driver.Job, answers []error) (driver.Topics, error) {
	topics, failed, err := s.runOnce(jobs, answers, -1)
	if err == nil && failed >= 0 {
		topics, _, err = s.runOnce(jobs, answers, failed)
	}
	return topics, err
}

// runOnce makes one pass. With skip < 0 it stops, rolled back, at the first job
// that must be undone and returns its index in failed; otherwise it leaves out
// the job skip, whose answer is known, and undoes others by savepoints.
func (s *Store) runOnce(jobs []*driver.Job, answers []error, skip int) (topics driver.Topics, failed int, err error) {
	ctx := context.Background()
	if _, err := s.writer.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return nil, -1, err
	}
	committed := false
	saved := s.numbers
	defer func() {
		if !committed {
			s.numbers = saved
			_, _ = s.writer.exec(ctx, "ROLLBACK") // fails when SQLite has done it already
		}
	}()

	now, leases, versions := s.now(), map[store.Owner]bool{}, map[squall.Ref]string{}
	for i, job := range jobs {
		if i == skip {
			continue
		}
		t := &tx{store: s, conn: s.writer, now: now, job: job, savepoints: skip >= 0, before: s.numbers, leases: leases, versions: versions}
		t.Statements = portable.Statements{Conn: t, Dialect: dialect}
		err := job.Run(t)
		if t.fault != nil {
			return nil, -1, t.fault
		}
		if job.WantsPacking() {
			err = errHandBack
		}
		answers[i] = err
		switch {
		case err == nil:
			for _, topic := range t.topics {
				topics.Add(topic)
			}
		case !t.wrote:
		case skip < 0:
			return nil, i, nil
		default:
			if err := t.undo(); err != nil {
				return nil, -1, err
			}
			continue
		}
		if err := t.release(); err != nil {
			return nil, -1, err
		}
	}
	if _, err := s.writer.exec(ctx, "COMMIT"); err != nil {
		return nil, -1, fmt.Errorf("commit: %w", err)
	}
	committed = true
	return topics, -1, nil
}

var _ store.Tx = (*tx)(nil)

// tx is one transaction of View, or one job's share of a group.
type tx struct {
	portable.Statements // on the transaction itself

	store *Store
	conn  *conn
	now   time.Time

	// Of updates only.
	job        *driver.Job // nil in View
	topics     driver.Topics
	wrote      bool
	savepoints bool // set one before the first write
	open       bool // it is set
	fault      error
	before     numbers               // as they were when the job started
	leases     map[store.Owner]bool  // what HoldsLease found in this group
	versions   map[squall.Ref]string // what CurrentVersion found in this group
}

// dialect is what the shared statements have to know about SQLite.
var dialect = portable.NewDialect("user", "instr", "instr(%s, ?) > 0")

// Now implements store.Tx.
func (t *tx) Now() time.Time { return t.now }

// Wake implements store.Tx.
func (t *tx) Wake(topic store.Topic) { t.topics.Add(topic) }

// Job implements portable.Conn.
func (t *tx) Job() *driver.Job { return t.job }

// Write implements portable.Conn.
func (t *tx) Write(query string, args ...any) (int, error) {
	if t.job == nil {
		return 0, portable.ErrReadOnly
	}
	if err := t.savepoint(); err != nil {
		return 0, err
	}
	n, err := t.conn.exec(context.Background(), query, args...) // a started update is not interrupted
	if n > 0 {
		t.wrote = true
	}
	return n, t.note(err)
}

// Send implements portable.Conn. There is nothing to wait for in this process.
func (t *tx) Send(query string, args ...any) error {
	_, err := t.Write(query, args...)
	return err
}

// WriteEach implements portable.Conn.
func (t *tx) WriteEach(query string, args []any, fn func(portable.Row) error) error {
	if t.job == nil {
		return portable.ErrReadOnly
	}
	if err := t.savepoint(); err != nil {
		return err
	}
	return t.note(t.conn.each(context.Background(), query, args, func(r portable.Row) error {
		t.wrote = true
		return fn(r)
	}))
}

// savepoint prepares for undo, once, when this pass needs it.
func (t *tx) savepoint() error {
	if !t.savepoints || t.open {
		return nil
	}
	if _, err := t.conn.exec(context.Background(), "SAVEPOINT job"); err != nil {
		return t.note(err)
	}
	t.open = true
	return nil
}

// Each implements portable.Conn. In an update it does not watch the caller's context.
func (t *tx) Each(ctx context.Context, query string, args []any, fn func(portable.Row) error) error {
	if t.job != nil {
		ctx = context.Background()
	}
	return t.note(t.conn.each(ctx, query, args, fn))
}

// note keeps the first fault of the database: whatever fn makes of the error,
// the group cannot be committed.
func (t *tx) note(err error) error {
	if err != nil && t.job != nil && t.fault == nil && isDatabaseFault(err) {
		t.fault = err
	}
	return err
}

// undo takes back what the job wrote.
func (t *tx) undo() error {
	t.store.numbers = t.before
	clear(t.leases)
	clear(t.versions)
	if _, err := t.conn.exec(context.Background(), "ROLLBACK TO job"); err != nil {
		return err
	}
	return t.release()
}

func (t *tx) release() error {
	if !t.open {
		return nil
	}
	t.open = false
	_, err := t.conn.exec(context.Background(), "RELEASE job")
	return err
}

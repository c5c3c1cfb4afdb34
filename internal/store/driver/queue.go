package driver

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"squall/internal/squall"
	"squall/internal/store"
)

// MaxGroup is how many updates one commit takes at most. More would only make
// the first of them wait longer: at this size the cost of the commit itself is
// already small against that of the statements.
const MaxGroup = 512

// maxHandBacks bounds how often one update goes back to its caller to have
// documents compressed; after that the committer compresses them itself.
const maxHandBacks = 4

// ErrClosed is what a closed store answers.
var ErrClosed = squall.Errorf(squall.Unavailable, "the database is closed")

// Queue holds updates that wait for the next commit. Any number of goroutines
// may call Do, any number of committers may call Take.
type Queue struct {
	mu      sync.Mutex
	waiting []*Job
	closed  bool
	signal  chan struct{} // a hint to one taker that something waits
}

// NewQueue returns an empty queue.
func NewQueue() *Queue { return &Queue{signal: make(chan struct{}, 1)} }

// Do runs fn in some group commit and returns what the committer answered. It
// returns ctx's error when ctx ended before fn was started.
//
// Large documents fn writes are compressed here, in the caller's goroutine,
// between two runs of fn: the committer, which everybody waits for, only stores
// the finished bytes.
func (q *Queue) Do(ctx context.Context, fn func(store.Tx) error) error {
	job := &Job{fn: fn}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		job.state.Store(jobWaiting)
		job.done = make(chan error, 1)
		if !q.put(job) {
			return ErrClosed
		}
		err := job.wait(ctx)
		if !errors.Is(err, errHandBack) {
			return err
		}
		job.packWanted()
		ctx = context.WithoutCancel(ctx) // fn was started: from here on the answer counts
	}
}

func (q *Queue) put(job *Job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.waiting = append(q.waiting, job)
	q.wakeTaker()
	return true
}

// wakeTaker is called with mu held and the queue open.
func (q *Queue) wakeTaker() {
	select {
	case q.signal <- struct{}{}:
	default:
	}
}

// Take blocks until updates wait and returns all of them, at most MaxGroup. It
// returns nil when the queue was closed and is empty.
func (q *Queue) Take() []*Job {
	for {
		q.mu.Lock()
		if n := min(len(q.waiting), MaxGroup); n > 0 {
			group := q.waiting[:n:n]
			q.waiting = q.waiting[n:]
			if len(q.waiting) == 0 {
				q.waiting = nil
			} else if !q.closed {
				q.wakeTaker()
			}
			q.mu.Unlock()
			return group
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return nil
		}
		<-q.signal
	}
}

// Close refuses further updates; those that wait are still taken.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.signal)
	}
}

const (
	jobWaiting int32 = iota
	jobStarted
	jobDropped
)

// Job is one update on its way through a committer.
type Job struct {
	fn    func(store.Tx) error
	state atomic.Int32
	done  chan error

	packed    []packedDocument // finished by earlier hand-backs
	wanted    [][]byte         // asked for by the last run
	handBacks int
}

// Start reports whether the job is still wanted. After true the caller waits
// for the answer, whatever happens to its context.
func (j *Job) Start() bool {
	return j.state.CompareAndSwap(jobWaiting, jobStarted) || j.state.Load() == jobStarted
}

// Run calls the update's function. A panic in it becomes an error, so that one
// faulty caller does not take the committer, and with it everybody, down.
func (j *Job) Run(tx store.Tx) (err error) {
	j.wanted = nil
	defer func() {
		if p := recover(); p != nil {
			err = &Panic{Value: p, Stack: debug.Stack()}
		}
	}()
	return j.fn(tx)
}

// WantsPacking reports whether the last run met large documents that are not
// compressed yet. Such a run must be undone and answered with HandBack.
func (j *Job) WantsPacking() bool { return len(j.wanted) > 0 }

// HandBack returns the job to its caller's goroutine, which compresses what the
// run asked for and queues the update again.
func (j *Job) HandBack() { j.Answer(errHandBack) }

// Answer ends the job. It is called once per time the job was taken.
func (j *Job) Answer(err error) { j.done <- err }

func (j *Job) wait(ctx context.Context) error {
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		if j.state.CompareAndSwap(jobWaiting, jobDropped) {
			return ctx.Err()
		}
		return <-j.done
	}
}

// Panic is the error of an update whose function panicked.
type Panic struct {
	Value any
	Stack []byte
}

// Error returns the panic's value and where it happened.
func (p *Panic) Error() string {
	return fmt.Sprintf("update panicked: %v\n%s", p.Value, p.Stack)
}

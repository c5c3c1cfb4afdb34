package process

import (
	"context"
	"io"
	"sync"
	"time"
)

// Ending is what is known of a run that has ended.
type Ending struct {
	Code           int  // exit code; what a death by a signal makes of it is up to the runner
	Stopped        bool // it did not end by itself: its context was done
	TimedOut       bool // because its time was over, whatever the context says
	Stdout, Stderr Stream
}

// NewEnding returns one whose streams go to the writers, and keep limit bytes each.
func NewEnding(stdout, stderr io.Writer, limit int) Ending {
	return Ending{Stdout: Stream{Live: stdout, Limit: limit}, Stderr: Stream{Live: stderr, Limit: limit}}
}

// Drain collects both streams until they are closed. When ctx ends, it ends the
// tree, and then closes killed. settle says that the leader has ended, and has to be
// called before it is reaped: nobody is about to signal its number then.
func (e *Ending) Drain(ctx context.Context, tree *Tree, grace, delay time.Duration) (killed <-chan struct{}, settle func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		tree.End(grace, delay)
		// What still holds a stream is beyond our reach; do not wait for it.
		now := time.Now()
		_ = e.Stdout.From.SetReadDeadline(now)
		_ = e.Stderr.From.SetReadDeadline(now)
	})
	var stderr sync.WaitGroup
	stderr.Go(e.Stderr.Drain)
	e.Stdout.Drain()
	stderr.Wait()
	return done, func() {
		if !stop() {
			<-done
			e.Stopped = true
		}
	}
}

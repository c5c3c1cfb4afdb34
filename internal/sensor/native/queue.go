package native

import (
	"context"
	"time"

	"squall/internal/sensor"
)

// queueLength is how many messages wait for the database before they are dropped.
const queueLength = 10_000

// queue stands between a sender that cannot wait and the database that may take
// its time.
type queue struct {
	job   *sensor.NativeJob
	items chan map[string]any
	lost  chan struct{}
}

func newQueue(job *sensor.NativeJob) *queue {
	return &queue{job: job, items: make(chan map[string]any, queueLength), lost: make(chan struct{}, queueLength)}
}

// offer adds a message if there is room.
func (q *queue) offer(payload map[string]any) {
	select {
	case q.items <- payload:
	default:
		select {
		case q.lost <- struct{}{}:
		default: // it is many anyway
		}
	}
}

// drain emits what comes until ctx ends.
func (q *queue) drain(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case payload := <-q.items:
			if err := refused(ctx, q.job.Log, q.job.Emit(ctx, "", "", payload)); err != nil {
				return err
			}
		case <-tick.C:
			n := len(q.lost)
			for range n {
				<-q.lost
			}
			if n > 0 {
				q.job.Log.WarnContext(ctx, "messages came faster than they could be stored and were lost", "count", n)
			}
		}
	}
}

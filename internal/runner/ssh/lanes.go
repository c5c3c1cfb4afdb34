package ssh

import (
	"context"
	"sync"
	"time"
)

// Lanes bound how much is done at once. Who holds one for longer than a second
// waits for somebody else and not for us: his lane is given to the next. So what
// is slow or dead never keeps others waiting, and what is busy is bounded.
type Lanes chan struct{}

const patience = time.Second

// Enter waits for a lane; leave gives it back and may be called twice.
func (l Lanes) Enter(ctx context.Context) (leave func(), err error) {
	select {
	case l <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	free := sync.OnceFunc(func() { <-l })
	t := time.AfterFunc(patience, free)
	return func() { t.Stop(); free() }, nil
}

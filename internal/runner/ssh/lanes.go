package ssh

import (
	"context"
	"sync"
	"time"
)

// lanes bound how much is done at once. Who holds one for longer than patience
// waits for somebody else and not for us: his lane is given to the next.
type lanes chan struct{}

const patience = time.Second

func (l lanes) enter(ctx context.Context) (func(), error) {
	select {
	case l <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	leave := sync.OnceFunc(func() { <-l })
	t := time.AfterFunc(patience, leave)
	return func() { t.Stop(); leave() }, nil
}

package reactor

import (
	"context"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

type extra struct{}

func readExtra(*squall.Rule) (extra, error) { return extra{}, nil }

type stateChange struct{}

func (stateChange) write(context.Context, store.Tx) error { return nil }

func (m *match) holdBack(context.Context, *listener, *outcome) (bool, error) { return true, nil }

func (r *Reactor) stateLoop(ctx context.Context) {
	_ = time.Now
	<-ctx.Done()
}

package sqlite

import (
	"context"
	"sync"
	"time"

	"squall/internal/store"
)

// healthAge is how long the last commit speaks for the present.
const healthAge = 3 * time.Second

// health remembers how the last commit went.
type health struct {
	mu  sync.Mutex
	err error
	at  time.Time
}

func (h *health) commit(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err, h.at = err, time.Now()
}

func (h *health) fresh() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err == nil && time.Since(h.at) < healthAge
}

// Health implements store.Store.
func (s *Store) Health(ctx context.Context) error {
	if s.health.fresh() {
		return nil
	}
	return s.Update(ctx, func(t store.Tx) error {
		_, err := t.(*tx).write(`UPDATE meta SET value = ? WHERE key = 'health'`, t.Now())
		return err
	})
}

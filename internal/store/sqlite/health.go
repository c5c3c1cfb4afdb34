package sqlite

import (
	"context"
	"sync"
	"syscall"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

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

// spareSpace is what must be free again before a full disk counts as healthy: the
// probe below is so small that it often fits where no update does.
const spareSpace = 512 << 10

// full returns the last error if it was a full disk and the disk is still full.
func (h *health) full(path string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if resultCode(h.err) != sqlite3.SQLITE_FULL {
		return nil
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil || int64(fs.Bavail)*fs.Bsize >= spareSpace {
		return nil // let the probe find out
	}
	return h.err
}

// Health implements store.Store.
func (s *Store) Health(ctx context.Context) error {
	if s.health.fresh() {
		return nil
	}
	if err := s.health.full(s.path); err != nil {
		return err
	}
	return s.Update(ctx, func(t store.Tx) error {
		_, err := t.(*tx).Write(`UPDATE meta SET value = ? WHERE key = 'health'`, t.Now())
		return err
	})
}

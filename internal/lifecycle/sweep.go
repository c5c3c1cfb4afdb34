package lifecycle

import (
	"context"
	"fmt"
	"time"

	"squall/internal/store"
)

// Retention says how long what is over is kept. Zero fields keep for ever,
// except Nodes and Tokens, which have no other use.
type Retention struct {
	Executions time.Duration // after their end
	Outbox     time.Duration
	Tokens     time.Duration // after they expired
	Nodes      time.Duration // after their lease ended
	Audit      time.Duration // entries of the audit log
	Batch      int           // rows in one transaction; 0: 500
}

// Sweep deletes what is older than r, in small transactions, so that others
// are not held up. It returns how many rows went. It may stop half-way without
// harm; the next call goes on.
func (s *Service) Sweep(ctx context.Context, r Retention) (int, error) {
	if r.Batch <= 0 {
		r.Batch = 500
	}
	total := 0
	for _, part := range []struct {
		name string
		keep time.Duration
		del  func(tx store.Tx, before time.Time) (int, error)
	}{
		{"executions", r.Executions, func(tx store.Tx, t time.Time) (int, error) { return tx.DeleteExecutions(ctx, t, r.Batch) }},
		{"outbox", r.Outbox, func(tx store.Tx, t time.Time) (int, error) { return tx.TrimOutbox(ctx, t, r.Batch) }},
		{"tokens", max(r.Tokens, time.Hour), func(tx store.Tx, t time.Time) (int, error) { return tx.DeleteTokens(ctx, t, r.Batch) }},
		{"keys", time.Nanosecond, func(tx store.Tx, t time.Time) (int, error) { return tx.DeleteExpiredKeys(ctx, t, r.Batch) }},
		{"audit", r.Audit, func(tx store.Tx, t time.Time) (int, error) { return tx.TrimAudit(ctx, t, r.Batch) }},
		{"nodes", max(r.Nodes, time.Hour), func(tx store.Tx, t time.Time) (int, error) { return tx.ForgetNodes(ctx, t) }},
	} {
		if part.keep <= 0 {
			continue
		}
		n, err := s.sweep(ctx, part.keep, r.Batch, part.del)
		total += n
		if err != nil {
			return total, fmt.Errorf("sweep %s: %w", part.name, err)
		}
		if n > 0 {
			s.log.Info("old rows deleted", "what", part.name, "count", n)
		}
	}
	return total, nil
}

// sweep deletes in portions until one was not full.
func (s *Service) sweep(ctx context.Context, keep time.Duration, batch int, del func(store.Tx, time.Time) (int, error)) (int, error) {
	for total := 0; ; {
		var n int
		err := s.st.Update(ctx, func(tx store.Tx) (err error) {
			n, err = del(tx, tx.Now().Add(-keep))
			return err
		})
		if err != nil {
			return total, err
		}
		total += n
		if n < batch {
			return total, nil
		}
	}
}

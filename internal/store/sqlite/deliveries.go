package sqlite

import (
	"context"
	"slices"
	"strings"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// InsertDelivery implements store.Deliveries.
func (t *tx) InsertDelivery(_ context.Context, d *store.Delivery) (bool, error) {
	if err := driver.CheckDelivery(d, t.now); err != nil {
		return false, err
	}
	n, err := t.write(`INSERT INTO deliveries (id, key, sink, grp, state, attempt, due, at, ended_at, fault, doc)
		VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
		d.ID, d.Key, d.Sink, d.Group, string(d.State), d.Attempt, d.Due, d.At, d.EndedAt, d.Fault, d.Doc)
	return n > 0, wrap("insert delivery", err)
}

const deliveryColumns = `id, key, sink, grp, state, attempt, due, at, ended_at, fault, doc`

func scanDelivery(r *row) *store.Delivery {
	return &store.Delivery{
		ID: r.id(), Key: r.text(), Sink: r.text(), Group: r.text(), State: store.DeliveryState(r.text()), Attempt: r.int(),
		Due: r.time(), At: r.time(), EndedAt: r.time(), Fault: r.text(), Doc: r.bytes(),
	}
}

// ClaimDeliveries implements store.Deliveries.
func (t *tx) ClaimDeliveries(_ context.Context, limit int, lease time.Duration) ([]*store.Delivery, error) {
	var list []*store.Delivery
	err := t.writeEach(`
		UPDATE deliveries SET attempt = attempt + 1, due = ? WHERE id IN (
			SELECT id FROM deliveries WHERE state = 'open' AND due <= ? ORDER BY due, id LIMIT ?)
		RETURNING `+deliveryColumns, []any{t.now.Add(lease), t.now, driver.Limit(limit)}, func(r *row) error {
		list = append(list, scanDelivery(r))
		return r.err
	})
	slices.SortFunc(list, func(a, b *store.Delivery) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return list, wrap("claim deliveries", err)
}

// FinishDelivery implements store.Deliveries.
func (t *tx) FinishDelivery(_ context.Context, id squall.ID, attempt int, fault string, retry time.Time) (bool, error) {
	state, ended := driver.DeliveryEnd(fault, retry, t.now)
	n, err := t.write(`UPDATE deliveries SET state = ?, fault = ?, due = ?, ended_at = ? WHERE id = ? AND attempt = ? AND state = 'open'`,
		string(state), driver.PlainText(fault), retry, ended, id, attempt)
	return n > 0, wrap("finish delivery "+string(id), err)
}

// NextDelivery implements store.Deliveries.
func (t *tx) NextDelivery(ctx context.Context) (due time.Time, err error) {
	_, err = t.one(ctx, `SELECT due FROM deliveries WHERE state = 'open' ORDER BY due LIMIT 1`, nil, func(r *row) error {
		due = r.time()
		return nil
	})
	return due, wrap("read the next delivery", err)
}

// FindDeliveries implements store.Deliveries.
func (t *tx) FindDeliveries(ctx context.Context, state store.DeliveryState, limit int) ([]*store.Delivery, error) {
	var list []*store.Delivery
	err := t.each(ctx, `SELECT `+deliveryColumns+` FROM deliveries WHERE ? = '' OR state = ? ORDER BY id DESC LIMIT ?`,
		[]any{string(state), string(state), driver.Limit(limit)}, func(r *row) error {
			list = append(list, scanDelivery(r))
			return r.err
		})
	return list, wrap("list deliveries", err)
}

// TrimDeliveries implements store.Deliveries.
func (t *tx) TrimDeliveries(_ context.Context, before time.Time, limit int) (int, error) {
	n, err := t.write(`DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE state <> 'open' AND ended_at < ? LIMIT ?)`, before, driver.Limit(limit))
	return n, wrap("trim deliveries", err)
}

// Cursor implements store.Deliveries.
func (t *tx) Cursor(ctx context.Context, reader string) (c store.Cursor, found bool, err error) {
	found, err = t.one(ctx, `SELECT place FROM cursors WHERE reader = ?`, []any{reader}, func(r *row) error {
		c = store.Cursor(r.text())
		return nil
	})
	return c, found, wrap("read place of "+reader, err)
}

// PutCursor implements store.Deliveries.
func (t *tx) PutCursor(_ context.Context, reader string, c store.Cursor) error {
	_, err := t.write(`INSERT INTO cursors (reader, place) VALUES (?,?) ON CONFLICT (reader) DO UPDATE SET place = excluded.place`, reader, string(c))
	return wrap("store place of "+reader, err)
}

// RuleState implements store.Deliveries.
func (t *tx) RuleState(ctx context.Context, rule, key string) (doc []byte, err error) {
	_, err = t.one(ctx, `SELECT doc FROM rule_states WHERE rule = ? AND key = ? AND until > ?`, []any{rule, key, t.now}, func(r *row) error {
		doc = r.bytes()
		return nil
	})
	return doc, wrap("read state of rule "+rule, err)
}

// PutRuleState implements store.Deliveries.
func (t *tx) PutRuleState(_ context.Context, s store.RuleState) error {
	if err := driver.CheckText(s.Rule, s.Key); err != nil {
		return err
	}
	if s.Doc == nil {
		_, err := t.write(`DELETE FROM rule_states WHERE rule = ? AND key = ?`, s.Rule, s.Key)
		return wrap("remove state of rule "+s.Rule, err)
	}
	_, err := t.write(`INSERT INTO rule_states (rule, key, until, due, doc) VALUES (?,?,?,?,?)
		ON CONFLICT (rule, key) DO UPDATE SET until = excluded.until, due = excluded.due, doc = excluded.doc`, s.Rule, s.Key, s.Until, s.Due, s.Doc)
	return wrap("store state of rule "+s.Rule, err)
}

// DueRuleStates implements store.Deliveries.
func (t *tx) DueRuleStates(ctx context.Context, limit int) ([]store.RuleState, error) {
	var list []store.RuleState
	err := t.each(ctx, `SELECT rule, key, until, due, doc FROM rule_states WHERE due > 0 AND due <= ? ORDER BY due LIMIT ?`,
		[]any{t.now, driver.Limit(limit)}, func(r *row) error {
			list = append(list, store.RuleState{Rule: r.text(), Key: r.text(), Until: r.time(), Due: r.time(), Doc: r.bytes()})
			return r.err
		})
	return list, wrap("list due states of rules", err)
}

// NextRuleState implements store.Deliveries.
func (t *tx) NextRuleState(ctx context.Context) (due time.Time, err error) {
	_, err = t.one(ctx, `SELECT due FROM rule_states WHERE due > 0 ORDER BY due LIMIT 1`, nil, func(r *row) error {
		due = r.time()
		return nil
	})
	return due, wrap("read the next state of a rule", err)
}

// CountRuleStates implements store.Deliveries.
func (t *tx) CountRuleStates(ctx context.Context, rule string, max int) (int, error) {
	n, err := t.number(ctx, `SELECT count(*) FROM (SELECT 1 FROM rule_states WHERE rule = ? LIMIT ?)`, rule, driver.Limit(max))
	return int(n), wrap("count states of rule "+rule, err)
}

// TrimRuleStates implements store.Deliveries.
func (t *tx) TrimRuleStates(_ context.Context, limit int) (int, error) {
	n, err := t.write(`DELETE FROM rule_states WHERE (rule, key) IN (SELECT rule, key FROM rule_states WHERE until <= ? AND due = 0 LIMIT ?)`,
		t.now, driver.Limit(limit))
	return n, wrap("trim states of rules", err)
}

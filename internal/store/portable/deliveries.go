package portable

import (
	"context"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// InsertDelivery implements store.Deliveries.
func (t Statements) InsertDelivery(_ context.Context, d *store.Delivery) (bool, error) {
	if err := driver.CheckDelivery(d, t.Now()); err != nil {
		return false, err
	}
	n, err := t.Write(`INSERT INTO deliveries (id, key, sink, grp, state, attempt, due, at, ended_at, fault, doc)
		VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
		d.ID, d.Key, d.Sink, d.Group, string(d.State), d.Attempt, d.Due, d.At, d.EndedAt, d.Fault, d.Doc)
	return n > 0, driver.Wrap("insert delivery", err)
}

// DeliveryColumns are what ScanDelivery reads.
const DeliveryColumns = `id, key, sink, grp, state, attempt, due, at, ended_at, fault, doc`

// ScanDelivery reads a row of DeliveryColumns.
func ScanDelivery(r Row) *store.Delivery {
	return &store.Delivery{
		ID: r.ID(), Key: r.Text(), Sink: r.Text(), Group: r.Text(), State: store.DeliveryState(r.Text()), Attempt: r.Int(),
		Due: r.Time(), At: r.Time(), EndedAt: r.Time(), Fault: r.Text(), Doc: r.Bytes(),
	}
}

// FinishDelivery implements store.Deliveries.
func (t Statements) FinishDelivery(_ context.Context, id squall.ID, attempt int, fault string, retry time.Time) (bool, error) {
	state, ended := driver.DeliveryEnd(fault, retry, t.Now())
	n, err := t.Write(`UPDATE deliveries SET state = ?, fault = ?, due = ?, ended_at = ? WHERE id = ? AND attempt = ? AND state = 'open'`,
		string(state), driver.PlainText(fault), retry, ended, id, attempt)
	return n > 0, driver.Wrap("finish delivery "+string(id), err)
}

// NextDelivery implements store.Deliveries.
func (t Statements) NextDelivery(ctx context.Context) (due time.Time, err error) {
	_, err = t.One(ctx, `SELECT due FROM deliveries WHERE state = 'open' ORDER BY due LIMIT 1`, nil, func(r Row) error {
		due = r.Time()
		return nil
	})
	return due, driver.Wrap("read the next delivery", err)
}

// FindDeliveries implements store.Deliveries.
func (t Statements) FindDeliveries(ctx context.Context, state store.DeliveryState, limit int) ([]*store.Delivery, error) {
	var list []*store.Delivery
	err := t.Each(ctx, `SELECT `+DeliveryColumns+` FROM deliveries WHERE CAST(? AS text) = '' OR state = ? ORDER BY id DESC LIMIT ?`,
		[]any{string(state), string(state), driver.Limit(limit)}, func(r Row) error {
			list = append(list, ScanDelivery(r))
			return r.Err()
		})
	return list, driver.Wrap("list deliveries", err)
}

// TrimDeliveries implements store.Deliveries.
func (t Statements) TrimDeliveries(_ context.Context, before time.Time, limit int) (int, error) {
	n, err := t.Write(`DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE state <> 'open' AND ended_at < ? LIMIT ?)`, before, driver.Limit(limit))
	return n, driver.Wrap("trim deliveries", err)
}

// Cursor implements store.Deliveries.
func (t Statements) Cursor(ctx context.Context, reader string) (c store.Cursor, found bool, err error) {
	found, err = t.One(ctx, `SELECT place FROM cursors WHERE reader = ?`, []any{reader}, func(r Row) error {
		c = store.Cursor(r.Text())
		return nil
	})
	return c, found, driver.Wrap("read place of "+reader, err)
}

// PutCursor implements store.Deliveries.
func (t Statements) PutCursor(_ context.Context, reader string, c store.Cursor) error {
	err := t.Send(`INSERT INTO cursors (reader, place) VALUES (?,?) ON CONFLICT (reader) DO UPDATE SET place = excluded.place`, reader, string(c))
	return driver.Wrap("store place of "+reader, err)
}

// RuleState implements store.Deliveries.
func (t Statements) RuleState(ctx context.Context, rule, key string) (doc []byte, err error) {
	_, err = t.One(ctx, `SELECT doc FROM rule_states WHERE rule = ? AND key = ? AND until > ?`, []any{rule, key, t.Now()}, func(r Row) error {
		doc = r.Bytes()
		return nil
	})
	return doc, driver.Wrap("read state of rule "+rule, err)
}

// PutRuleState implements store.Deliveries.
func (t Statements) PutRuleState(_ context.Context, s store.RuleState) error {
	if err := driver.CheckText(s.Rule, s.Key); err != nil {
		return err
	}
	if s.Doc == nil {
		err := t.Send(`DELETE FROM rule_states WHERE rule = ? AND key = ?`, s.Rule, s.Key)
		return driver.Wrap("remove state of rule "+s.Rule, err)
	}
	err := t.Send(`INSERT INTO rule_states (rule, key, until, due, doc) VALUES (?,?,?,?,?)
		ON CONFLICT (rule, key) DO UPDATE SET until = excluded.until, due = excluded.due, doc = excluded.doc`, s.Rule, s.Key, s.Until, s.Due, s.Doc)
	return driver.Wrap("store state of rule "+s.Rule, err)
}

// DueRuleStates implements store.Deliveries.
func (t Statements) DueRuleStates(ctx context.Context, limit int) ([]store.RuleState, error) {
	var list []store.RuleState
	err := t.Each(ctx, `SELECT rule, key, until, due, doc FROM rule_states WHERE due > 0 AND due <= ? ORDER BY due LIMIT ?`,
		[]any{t.Now(), driver.Limit(limit)}, func(r Row) error {
			list = append(list, store.RuleState{Rule: r.Text(), Key: r.Text(), Until: r.Time(), Due: r.Time(), Doc: r.Bytes()})
			return r.Err()
		})
	return list, driver.Wrap("list due states of rules", err)
}

// NextRuleState implements store.Deliveries.
func (t Statements) NextRuleState(ctx context.Context) (due time.Time, err error) {
	_, err = t.One(ctx, `SELECT due FROM rule_states WHERE due > 0 ORDER BY due LIMIT 1`, nil, func(r Row) error {
		due = r.Time()
		return nil
	})
	return due, driver.Wrap("read the next state of a rule", err)
}

// CountRuleStates implements store.Deliveries.
func (t Statements) CountRuleStates(ctx context.Context, rule string, max int) (int, error) {
	n, err := t.Number(ctx, `SELECT count(*) FROM (SELECT 1 FROM rule_states WHERE rule = ? LIMIT ?) AS found`, rule, driver.Limit(max))
	return int(n), driver.Wrap("count states of rule "+rule, err)
}

// TrimRuleStates implements store.Deliveries.
func (t Statements) TrimRuleStates(_ context.Context, limit int) (int, error) {
	n, err := t.Write(`DELETE FROM rule_states WHERE (rule, key) IN (SELECT rule, key FROM rule_states WHERE until <= ? AND due = 0 LIMIT ?)`,
		t.Now(), driver.Limit(limit))
	return n, driver.Wrap("trim states of rules", err)
}

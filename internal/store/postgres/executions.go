package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
	"squall/internal/store/portable"
)

// InsertExecution implements store.Executions.
func (t *tx) InsertExecution(_ context.Context, ex *squall.Execution) error {
	if t.job == nil {
		return portable.ErrReadOnly
	}
	if err := driver.CheckExecution(ex, t.now); err != nil {
		return err
	}
	parameters, err := t.StoreDocument(ex.Root, ex.Parameters)
	if err != nil {
		return err
	}
	exContext, err := t.StoreDocument(ex.Root, ex.Context)
	if err != nil {
		return err
	}
	result, err := t.StoreDocument(ex.Root, ex.Result)
	if err != nil {
		return err
	}
	if err := t.widenSlack(driver.Skew(ex.ID, ex.CreatedAt)); err != nil {
		return err
	}
	var parent, task, route, item any
	if p := ex.Parent; p != nil {
		parent, task, route, item = p.Execution, p.Task, p.Route, p.Item
	}
	sql, args := insertExecution, []any{
		ex.ID, ex.Action, ex.ActionVersion, ex.Runner, ex.User, ex.Parent != nil, ex.Root, parent, task, route, item,
		ex.Status, ex.Attempt, ex.Version, ex.Node, ex.Epoch, ex.CreatedAt, ex.NotBefore, ex.StartedAt, ex.EndedAt, ex.Deadline, ex.UpdatedAt,
		ex.ResultSize, ex.RerunOf, ex.Queue, ex.Attached, string(driver.AppendLog(nil, ex.Log...)), parameters, exContext, result,
	}
	if t.group.careful {
		n, err := t.Write(sql+` ON CONFLICT (id) DO NOTHING`, args...)
		if err == nil && n == 0 {
			return squall.Errorf(squall.Conflict, "execution %s exists already", ex.ID)
		}
		return driver.Wrap("insert execution", err)
	}
	return driver.Wrap("insert execution", t.Send(sql, args...))
}

// insertExecution fails where the identifier exists; that ends the transaction
// and brings the careful pass, which says so properly.
const insertExecution = `
	INSERT INTO executions (id, action, action_version, runner, username, child, root, parent, task, task_route, task_item,
		status, attempt, version, node, epoch, created_at, not_before, started_at, ended_at, deadline, updated_at,
		result_size, rerun_of, queue, attached, log, parameters, context, result)
	VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24,$25,$26,$27,$28,$29,$30)`

// widenSlack keeps the largest difference between an identifier's time and the
// creation. It grows a few times in the life of a database.
func (t *tx) widenSlack(skew int64) error {
	if skew <= t.store.idSlack.Load() {
		return nil
	}
	// What is remembered must be committed: read it back, at the cost of asking
	// again in the next insert until then.
	if committed, err := t.Number(context.Background(), `SELECT value FROM meta WHERE key = 'id_slack'`); err != nil {
		return err
	} else if committed >= skew {
		if !t.group.widened {
			t.store.idSlack.Store(committed)
		}
		return nil
	}
	t.group.widened = true
	return driver.Wrap("widen the slack of identifiers", t.Send(`UPDATE meta SET value = greatest(value, $1) WHERE key = 'id_slack'`, skew))
}

// ClaimExecutions implements store.Executions.
func (t *tx) ClaimExecutions(ctx context.Context, c store.Claim) ([]*squall.Execution, error) {
	if t.job == nil {
		return nil, portable.ErrReadOnly
	}
	if c.Limit <= 0 {
		return nil, nil
	}
	queues := slices.Clone(c.Queues)
	if !c.Only {
		queues = append(queues, "")
	}
	log := driver.AppendLog(nil,
		squall.Change{Status: squall.Scheduled, At: t.now, Node: c.Node},
		squall.Change{Status: squall.Running, At: t.now, Node: c.Node})
	p := &params{}
	set := fmt.Sprintf(`status = 'running', attempt = attempt + 1, version = version + 1, node = %s, epoch = %s,
		started_at = %s, ended_at = 0, updated_at = %[3]s, log = log || %[4]s`,
		p.add(c.Node), p.add(c.Epoch), p.add(t.now), p.add(string(log)))
	where := `status IN ('requested', 'delayed') AND greatest(not_before, created_at) <= $3
		AND queue = ANY (` + p.add(queues) + `)`
	if len(c.Exclude) > 0 {
		where += ` AND runner <> ALL (` + p.add(c.Exclude) + `)`
	}
	if c.Gated {
		where += ` AND NOT EXISTS (SELECT 1 FROM gate_places WHERE execution = executions.id AND waiting)`
	}
	var list []*squall.Execution
	err := t.WriteEach(`
		UPDATE executions SET `+set+`
		WHERE id = ANY (ARRAY(SELECT id FROM executions WHERE `+where+`
			ORDER BY greatest(not_before, created_at), id LIMIT `+p.add(c.Limit)+` FOR UPDATE SKIP LOCKED))
		RETURNING `+t.Columns(store.WithParameters), p.args, func(r portable.Row) error {
		ex, err := portable.ScanExecution(r, store.WithParameters)
		list = append(list, ex)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim executions: %w", err)
	}
	slices.SortFunc(list, driver.ByDue) // RETURNING promises no order
	return list, t.Resolve(ctx, list)
}

// MoveExecution implements store.Executions.
func (t *tx) MoveExecution(ctx context.Context, m store.Move) (bool, error) {
	if err := driver.CheckMove(m); err != nil {
		return false, err
	}
	p := &params{}
	set := []string{"status = " + p.add(m.To), "version = version + 1", "updated_at = " + p.add(t.now)}
	for _, c := range []struct {
		column string
		at     *time.Time
	}{{"not_before", m.NotBefore}, {"deadline", m.Deadline}, {"started_at", m.StartedAt}, {"ended_at", m.EndedAt}} {
		if c.at != nil {
			set = append(set, c.column+" = "+p.add(*c.at))
		}
	}
	if m.Attempt != nil {
		set = append(set, "attempt = "+p.add(*m.Attempt))
	}
	switch {
	case m.Assign != nil:
		set = append(set, "node = "+p.add(m.Assign.Node), "epoch = "+p.add(m.Assign.Epoch))
	case m.Release:
		set = append(set, "node = ''", "epoch = 0")
	}
	if len(m.Log) > 0 {
		set = append(set, "log = log || "+p.add(string(driver.AppendLog(nil, m.Log...))))
	}
	var result driver.Document
	if m.Result != nil {
		var err error
		if result, err = t.PrepareDocument(m.Result); err != nil {
			return false, err
		}
		set = append(set, "result = "+p.add(result.Column), "result_size = "+p.add(len(m.Result)))
	}
	where := "id = " + p.add(m.ID) + " AND status = ANY (" + p.add(texts(m.From)) + ")"
	if m.Node != "" {
		where += " AND node = " + p.add(m.Node) + " AND epoch = " + p.add(m.Epoch)
	}
	if m.Version != 0 {
		where += " AND version = " + p.add(m.Version)
	}
	update := "UPDATE executions SET " + strings.Join(set, ", ") + " WHERE " + where + " RETURNING root"
	if result.Value == nil && t.group != nil && !t.group.careful {
		// Nearly every move finds its row. So it is not waited for: one that does
		// not ends the transaction, and the careful pass tells the caller.
		if err := t.Send("WITH moved AS ("+update+") SELECT 1 / count(*) FROM moved", p.args...); err != nil {
			return false, fmt.Errorf("move execution %s: %w", m.ID, err)
		}
		return true, nil
	}
	var root squall.ID
	err := t.WriteEach(update, p.args, func(r portable.Row) error {
		root = r.ID()
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("move execution %s: %w", m.ID, err)
	}
	if root != "" && result.Value != nil {
		if err := t.StoreValue(root, result.Value); err != nil {
			return false, err
		}
	}
	return root != "", nil
}

func texts(list []squall.Status) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// QueueStats implements store.Executions.
func (t *tx) QueueStats(ctx context.Context) (st store.QueueStats, err error) {
	_, err = t.One(ctx, `
		SELECT (SELECT count(*) FROM executions WHERE status = 'requested'),
		       (SELECT count(*) FROM executions WHERE status = 'delayed'),
		       (SELECT count(*) FROM executions WHERE status = 'running'),
		       (SELECT greatest(not_before, created_at) FROM executions
		        WHERE status IN ('requested', 'delayed') AND greatest(not_before, created_at) <= $1
		        ORDER BY greatest(not_before, created_at), id LIMIT 1),
		       (SELECT greatest(not_before, created_at) FROM executions
		        WHERE status IN ('requested', 'delayed') AND greatest(not_before, created_at) > $1
		        ORDER BY greatest(not_before, created_at), id LIMIT 1)`, []any{t.now}, func(r portable.Row) error {
		st = store.QueueStats{Requested: r.Int(), Delayed: r.Int(), Running: r.Int(), OldestDue: r.Time(), NextDue: r.Time()}
		return nil
	})
	if err != nil {
		return st, fmt.Errorf("read queue statistics: %w", err)
	}
	return st, nil
}

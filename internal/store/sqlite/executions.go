package sqlite

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
	n, err := t.Write(`
		INSERT INTO executions (id, action, action_version, runner, user, child, root, parent, task, task_route, task_item,
			status, attempt, version, node, epoch, created_at, not_before, started_at, ended_at, deadline, updated_at,
			result_size, rerun_of, queue, attached, log, parameters, context, result)
		VALUES (?,?,?,?,?,?,?,?,?,?,?, ?,?,?,?,?,?,?,?,?,?,?, ?,?,?,?,?,?,?,?)
		ON CONFLICT (id) DO NOTHING`,
		ex.ID, ex.Action, ex.ActionVersion, ex.Runner, ex.User, ex.Parent != nil, ex.Root, parent, task, route, item,
		ex.Status, ex.Attempt, ex.Version, ex.Node, ex.Epoch, ex.CreatedAt, ex.NotBefore, ex.StartedAt, ex.EndedAt, ex.Deadline, ex.UpdatedAt,
		ex.ResultSize, ex.RerunOf, ex.Queue, ex.Attached, string(driver.AppendLog(nil, ex.Log...)), parameters, exContext, result)
	if err != nil {
		return fmt.Errorf("insert execution: %w", err)
	}
	if n == 0 {
		return squall.Errorf(squall.Conflict, "execution %s exists already", ex.ID)
	}
	return nil
}

// widenSlack keeps the largest difference between an identifier's time and the
// creation. It grows a few times in the life of a database.
func (t *tx) widenSlack(skew int64) error {
	if skew <= t.store.numbers.idSlack {
		return nil
	}
	if _, err := t.Write(`UPDATE meta SET value = ? WHERE key = 'id_slack'`, skew); err != nil {
		return fmt.Errorf("widen the slack of identifiers: %w", err)
	}
	t.store.numbers.idSlack = skew
	return nil
}

// ClaimExecutions implements store.Executions.
func (t *tx) ClaimExecutions(ctx context.Context, c store.Claim) ([]*squall.Execution, error) {
	if t.job == nil {
		return nil, portable.ErrReadOnly
	}
	if c.Limit <= 0 {
		return nil, nil
	}
	log := driver.AppendLog(nil,
		squall.Change{Status: squall.Scheduled, At: t.now, Node: c.Node},
		squall.Change{Status: squall.Running, At: t.now, Node: c.Node})
	args := []any{c.Node, c.Epoch, t.now, t.now, string(log), t.now}
	queues := c.Queues
	if !c.Only {
		queues = append([]string{""}, queues...)
	}
	for _, q := range queues {
		args = append(args, q)
	}
	exclude := ""
	if len(c.Exclude) > 0 {
		exclude = ` AND runner NOT IN (` + driver.Marks(len(c.Exclude)) + `)`
		for _, r := range c.Exclude {
			args = append(args, r)
		}
	}
	if c.Gated {
		exclude += ` AND NOT EXISTS (SELECT 1 FROM gate_places WHERE execution = executions.id AND waiting = 1)`
	}
	args = append(args, c.Limit)
	var list []*squall.Execution
	err := t.WriteEach(`
		UPDATE executions
		SET status = 'running', attempt = attempt + 1, version = version + 1, node = ?, epoch = ?,
		    started_at = ?, ended_at = 0, updated_at = ?, log = log || ?
		WHERE n IN (SELECT n FROM executions INDEXED BY executions_due
			WHERE status IN ('requested', 'delayed') AND max(not_before, created_at) <= ?
			  AND queue IN (`+driver.Marks(len(queues))+`)`+exclude+`
			ORDER BY max(not_before, created_at), id LIMIT ?)
		RETURNING `+t.Columns(store.WithParameters), args, func(r portable.Row) error {
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
	set, args := []string{"status = ?", "version = version + 1", "updated_at = ?"}, []any{m.To, t.now}
	change := func(assignment string, v any) {
		set, args = append(set, assignment), append(args, v)
	}
	for _, c := range []struct {
		assignment string
		at         *time.Time
	}{{"not_before = ?", m.NotBefore}, {"deadline = ?", m.Deadline}, {"started_at = ?", m.StartedAt}, {"ended_at = ?", m.EndedAt}} {
		if c.at != nil {
			change(c.assignment, *c.at)
		}
	}
	if m.Attempt != nil {
		change("attempt = ?", *m.Attempt)
	}
	switch {
	case m.Assign != nil:
		change("node = ?", m.Assign.Node)
		change("epoch = ?", m.Assign.Epoch)
	case m.Release:
		set = append(set, "node = ''", "epoch = 0")
	}
	if len(m.Log) > 0 {
		change("log = log || ?", string(driver.AppendLog(nil, m.Log...)))
	}
	var result driver.Document
	if m.Result != nil {
		var err error
		if result, err = t.PrepareDocument(m.Result); err != nil {
			return false, err
		}
		change("result = ?", result.Column)
		change("result_size = ?", len(m.Result))
	}

	where := "id = ? AND status IN (" + driver.Marks(len(m.From)) + ")"
	args = append(args, m.ID)
	for _, s := range m.From {
		args = append(args, s)
	}
	if m.Node != "" {
		where += " AND node = ? AND epoch = ?"
		args = append(args, m.Node, m.Epoch)
	}
	if m.Version != 0 {
		where += " AND version = ?"
		args = append(args, m.Version)
	}
	n, err := t.Write("UPDATE executions SET "+strings.Join(set, ", ")+" WHERE "+where, args...)
	if err != nil {
		return false, fmt.Errorf("move execution %s: %w", m.ID, err)
	}
	if n > 0 && result.Value != nil {
		var root squall.ID
		if _, err := t.One(ctx, `SELECT root FROM executions WHERE id = ?`, []any{m.ID}, func(r portable.Row) error {
			root = r.ID()
			return nil
		}); err != nil {
			return false, fmt.Errorf("move execution %s: %w", m.ID, err)
		}
		if err := t.StoreValue(root, result.Value); err != nil {
			return false, err
		}
	}
	return n > 0, nil
}

// QueueStats implements store.Executions.
func (t *tx) QueueStats(ctx context.Context) (st store.QueueStats, err error) {
	_, err = t.One(ctx, `
		SELECT (SELECT count(*) FROM executions WHERE status = 'requested'),
		       (SELECT count(*) FROM executions WHERE status = 'delayed'),
		       (SELECT count(*) FROM executions WHERE status = 'running'),
		       (SELECT max(not_before, created_at) FROM executions INDEXED BY executions_due
		        WHERE status IN ('requested', 'delayed') AND max(not_before, created_at) <= ?
		        ORDER BY max(not_before, created_at), id LIMIT 1),
		       (SELECT max(not_before, created_at) FROM executions INDEXED BY executions_due
		        WHERE status IN ('requested', 'delayed') AND max(not_before, created_at) > ?
		        ORDER BY max(not_before, created_at), id LIMIT 1)`, []any{t.now, t.now}, func(r portable.Row) error {
		st = store.QueueStats{Requested: r.Int(), Delayed: r.Int(), Running: r.Int(), OldestDue: r.Time(), NextDue: r.Time()}
		return nil
	})
	if err != nil {
		return st, fmt.Errorf("read queue statistics: %w", err)
	}
	return st, nil
}

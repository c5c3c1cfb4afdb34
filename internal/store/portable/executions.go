package portable

import (
	"context"
	"fmt"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// executionColumns is what ScanExecution reads first; %s is the user's column.
const executionColumns = `id, action, action_version, runner, %s, root, parent, task, task_route, task_item,
	status, attempt, version, node, epoch, created_at, not_before, started_at, ended_at, deadline, updated_at,
	result_size, rerun_of, queue, attached`

// FinalStates are the states an execution does not leave, for IN.
const FinalStates = `('succeeded', 'failed', 'timeout', 'canceled', 'abandoned')`

// Columns names the columns of executions that ScanExecution reads for parts.
func (d *Dialect) Columns(parts store.Parts) string {
	columns := d.executionColumns
	if parts&store.WithParameters != 0 {
		columns += ", parameters, context"
	}
	if parts&store.WithResult != 0 {
		columns += ", result"
	}
	if parts&store.WithLog != 0 {
		columns += ", log"
	}
	return columns
}

// ScanExecution reads the columns of Columns. Documents that lie in the table of
// values are fetched later, by Resolve: the query is still running.
func ScanExecution(r Row, parts store.Parts) (*squall.Execution, error) {
	ex := &squall.Execution{ID: r.ID()}
	ex.Action, _ = squall.ParseRef(r.Text())
	ex.ActionVersion, ex.Runner, ex.User, ex.Root = r.Text(), r.Text(), r.Text(), r.ID()
	parent := squall.TaskRef{Execution: r.ID(), Task: r.Text(), Route: r.Int(), Item: r.Int()}
	if parent.Execution != "" {
		ex.Parent = &parent
	}
	ex.Status, ex.Attempt, ex.Version = squall.Status(r.Text()), r.Int(), r.Int64()
	ex.Node, ex.Epoch = r.Text(), r.Int64()
	ex.CreatedAt, ex.NotBefore, ex.StartedAt = r.Time(), r.Time(), r.Time()
	ex.EndedAt, ex.Deadline, ex.UpdatedAt = r.Time(), r.Time(), r.Time()
	ex.ResultSize, ex.RerunOf, ex.Queue, ex.Attached = r.Int(), r.ID(), r.Text(), r.Bool()
	if parts&store.WithParameters != 0 {
		ex.Parameters, ex.Context = r.Bytes(), r.Bytes()
	}
	if parts&store.WithResult != 0 {
		ex.Result = r.Bytes()
	}
	if parts&store.WithLog != 0 {
		log, err := driver.ParseLog([]byte(r.Text()))
		if err != nil {
			return nil, fmt.Errorf("execution %s: %w", ex.ID, err)
		}
		ex.Log = log
	}
	return ex, r.Err()
}

// ReadExecutions runs a query for the columns of Columns.
func (t Statements) ReadExecutions(ctx context.Context, parts store.Parts, query string, args ...any) ([]*squall.Execution, error) {
	var list []*squall.Execution
	err := t.Each(ctx, query, args, func(r Row) error {
		ex, err := ScanExecution(r, parts)
		list = append(list, ex)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, t.Resolve(ctx, list)
}

// Resolve replaces references to values by the documents.
func (t Statements) Resolve(ctx context.Context, list []*squall.Execution) (err error) {
	for _, ex := range list {
		if ex.Parameters, err = t.FetchDocument(ctx, ex.Root, ex.Parameters); err != nil {
			return err
		}
		if ex.Context, err = t.FetchDocument(ctx, ex.Root, ex.Context); err != nil {
			return err
		}
		if ex.Result, err = t.FetchDocument(ctx, ex.Root, ex.Result); err != nil {
			return err
		}
	}
	return nil
}

// Execution implements store.Executions.
func (t Statements) Execution(ctx context.Context, id squall.ID, parts store.Parts) (*squall.Execution, error) {
	list, err := t.ReadExecutions(ctx, parts, `SELECT `+t.Columns(parts)+` FROM executions WHERE id = ?`, id)
	if err != nil {
		return nil, fmt.Errorf("read execution %s: %w", id, err)
	}
	if len(list) == 0 {
		return nil, squall.Errorf(squall.NotFound, "execution %q does not exist", id)
	}
	return list[0], nil
}

// Orphans implements store.Executions.
func (t Statements) Orphans(ctx context.Context, grace time.Duration, limit int) ([]*squall.Execution, error) {
	now := t.Now()
	list, err := t.ReadExecutions(ctx, 0, `
		SELECT `+t.Columns(0)+` FROM executions AS e
		WHERE status IN ('running', 'canceling', 'pausing', 'resuming') AND node <> ''
		  AND (NOT EXISTS (SELECT 1 FROM nodes WHERE name = e.node AND nodes.epoch = e.epoch AND lease_until > ?)
		       OR (deadline <> 0 AND deadline < ?))
		  AND (attached OR NOT EXISTS (SELECT 1 FROM nodes WHERE name = e.node AND `+t.Position+`(keeps, ',' || e.runner || ',') > 0
		       AND CASE WHEN lease_until <= ? THEN lease_until + keep_for > ? ELSE nodes.epoch <> e.epoch AND joined_at + keep_for > ? END))
		ORDER BY id LIMIT ?`, now, now.Add(-grace), now, now, now, driver.Limit(limit))
	return list, driver.Wrap("list orphans", err)
}

package conformance

import (
	"context"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// env makes the environment of a case from its context and fixtures.
func env(c *Case) *expr.Env {
	e := &expr.Env{Vars: expr.DictVars(c.Context)}
	if kv, ok := c.Option("kv").(*value.List); ok {
		e.Store = kvFixture(kv.Items)
	}
	if tasks, ok := c.Option("task_executions").(*value.List); ok {
		e.Tasks = taskFixture(tasks.Items)
	}
	e.User, _ = c.Option("user").(string)
	return e
}

// kvFixture answers st2kv from the records {scope, user, key, value}.
type kvFixture []any

// Get implements expr.Datastore.
func (f kvFixture) Get(_ context.Context, key expr.KeyRef) (string, bool, error) {
	for _, item := range f {
		d := item.(*value.Dict)
		if str(d, "scope") == key.Scope && str(d, "key") == key.Name && (key.Scope != expr.ScopeUser || str(d, "user") == key.User) {
			return str(d, "value"), true, nil
		}
	}
	return "", false, nil
}

// taskFixture answers task() from recorded task executions.
type taskFixture []any

// Latest implements expr.Tasks.
func (f taskFixture) Latest(_ context.Context, taskID string, route int64) (expr.TaskExecution, bool, error) {
	var best expr.TaskExecution
	found := false
	for _, item := range f {
		d := item.(*value.Dict)
		r, _ := d.GetStr("route")
		n, _ := value.AsInt(r)
		if str(d, "task_id") != taskID || route >= 0 && n != route {
			continue
		}
		if start := str(d, "start"); found && start <= best.Start {
			continue
		}
		result, _ := d.GetStr("result")
		found = true
		best = expr.TaskExecution{
			ID: str(d, "id"), WorkflowExecution: str(d, "workflow_execution"), TaskName: taskID, TaskID: taskID,
			Route: n, Result: result, Status: str(d, "status"), Start: str(d, "start"), End: str(d, "end"),
		}
	}
	return best, found, nil
}

func str(d *value.Dict, key string) string {
	v, _ := d.GetStr(key)
	s, _ := v.(string)
	return s
}

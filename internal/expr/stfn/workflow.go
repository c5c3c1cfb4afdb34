package stfn

import (
	"errors"
	"fmt"
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// statusUnset is Orquesta's status of a task that has not run.
const statusUnset = "null"

// evalError is Orquesta's ExpressionEvaluationException.
func evalError(format string, args ...any) error {
	return value.Errorf("ExpressionEvaluationException", format, args...)
}

// Ctx is ctx(): one variable by name, or without a name a dict of all that
// are not internal. The dict is new, its values are not copied.
func Ctx(env *expr.Env, key any) (any, error) {
	if given, err := value.Truth(key); err != nil {
		return nil, err
	} else if given {
		return ctxVar(env, key)
	}
	if env == nil || env.Vars == nil {
		return value.NewDict(0), nil
	}
	d := value.NewDict(8)
	for name := range env.Vars.Names() {
		if strings.HasPrefix(name, expr.InternalPrefix) {
			continue
		}
		if v, ok := env.Vars.Lookup(name); ok {
			d.SetStr(name, v)
		}
	}
	return d, nil
}

func ctxVar(env *expr.Env, key any) (any, error) {
	name, ok := value.AsString(key)
	if !ok {
		if _, err := value.Hash(key); err != nil {
			return nil, err
		}
		text, err := value.Str(nil, key)
		if err != nil {
			return nil, err
		}
		return nil, value.Errorf("VariableUndefinedError", "The variable \"%s\" is undefined.", text)
	}
	v, ok := env.Lookup(name)
	if !ok {
		return nil, value.Errorf("VariableUndefinedError", "The variable \"%s\" is undefined.", name)
	}
	if strings.HasPrefix(name, expr.InternalPrefix) {
		return nil, value.Errorf("VariableInaccessibleError", "The variable \"%s\" is for internal use and inaccessible.", name)
	}
	return v, nil
}

// Item is item(): the current item of a task with items, or one key of it.
func Item(env *expr.Env, key any) (any, error) {
	item, _ := env.Lookup(expr.VarCurrentItem)
	if given, err := value.Truth(key); err != nil || !given {
		return item, err
	}
	d, ok := item.(*value.Dict)
	if !ok {
		return nil, evalError("Item is not type of collections.abc.Mapping.")
	}
	if _, err := value.Hash(key); err != nil {
		return nil, err
	}
	v, ok := d.Get(key)
	if !ok {
		text, err := value.Str(nil, key)
		if err != nil {
			return nil, err
		}
		return nil, evalError("Item does not have key \"%s\".", text)
	}
	return v, nil
}

// currentTask is the task an expression of a transition speaks of; nil when
// there is none.
func currentTask(env *expr.Env) *value.Dict {
	v, _ := env.Lookup(expr.VarCurrentTask)
	d, ok := v.(*value.Dict)
	if !ok || d.Len() == 0 {
		return nil
	}
	return d
}

func requireCurrentTask(env *expr.Env) (*value.Dict, error) {
	d := currentTask(env)
	if d == nil {
		return nil, evalError("The current task is not set in the context.")
	}
	return d, nil
}

// Result is result(): the current task's result, null when it has none.
func Result(env *expr.Env) (any, error) {
	d, err := requireCurrentTask(env)
	if err != nil {
		return nil, err
	}
	v, _ := d.GetStr("result")
	return v, nil
}

func currentStatusIn(c *Call, wanted ...string) (any, error) {
	d, err := requireCurrentTask(c.Env)
	if err != nil {
		return nil, err
	}
	id, ok := d.GetStr("id")
	if !ok {
		return nil, value.KeyError("id")
	}
	route, ok := d.GetStr("route")
	if !ok {
		return nil, value.KeyError("route")
	}
	status, err := TaskStatus(c, id, route)
	if err != nil {
		return nil, err
	}
	for _, w := range wanted {
		if status == w {
			return true, nil
		}
	}
	return false, nil
}

// state is the workflow state; an absent one is empty.
func state(env *expr.Env) *value.Dict {
	v, _ := env.Lookup(expr.VarState)
	if d, ok := v.(*value.Dict); ok {
		return d
	}
	return value.NewDict(0)
}

// errNotInRoutes says that a task has not run on a route or the ones it came from.
var errNotInRoutes = errors.New("task is not in the routes")

// findEntry finds the entry of a task in the state's sequence: on the route
// itself, else on the longest earlier route that it came from.
func findEntry(c *Call, taskID any, route int64) (any, error) {
	id, err := value.Str(c.Budget, taskID)
	if err != nil {
		return nil, err
	}
	if c.Env != nil && c.Env.States != nil {
		entryRoute, status, found := c.Env.States.FindTask(id, route)
		if !found {
			return nil, errNotInRoutes
		}
		return value.DictOf("route", entryRoute, "status", status), nil
	}
	st := state(c.Env)
	pointers, _ := st.GetStr("tasks")
	tasks, _ := pointers.(*value.Dict)
	for {
		if err := c.Budget.Step(1); err != nil {
			return nil, err
		}
		var index any
		if tasks != nil {
			index, _ = tasks.GetStr(fmt.Sprintf("%s__r%d", id, route))
		}
		if index != nil {
			seq, _ := st.GetStr("sequence")
			return c.element(seq, index)
		}
		if route <= 0 {
			return nil, errNotInRoutes
		}
		prev, err := earlierRoute(c, st, route)
		if err != nil {
			return nil, err
		}
		route = prev
	}
}

// earlierRoute gives the longest route before this one whose transitions are
// all part of it.
func earlierRoute(c *Call, st *value.Dict, route int64) (int64, error) {
	v, ok := st.GetStr("routes")
	if !ok {
		return 0, value.KeyError("routes")
	}
	current, err := c.element(v, route)
	if err != nil {
		return 0, err
	}
	have, err := transitionSet(c, current)
	if err != nil {
		return 0, err
	}
	all, err := value.Elements(c.Budget, v)
	if err != nil {
		return 0, err
	}
	for i := route - 1; i >= 0; i-- {
		earlier, err := transitionSet(c, all[i])
		if err != nil {
			return 0, err
		}
		if earlier.SubsetOf(have) {
			return i, nil
		}
	}
	return 0, errNotInRoutes
}

func transitionSet(c *Call, v any) (*value.Set, error) {
	items, err := value.Elements(c.Budget, v)
	if err != nil {
		return nil, err
	}
	return value.SetFrom(items)
}

// element indexes a list of the state, with the wording of what the language
// shows it as.
func (c *Call) element(list, index any) (any, error) {
	if l, ok := list.(*value.List); ok && c.Frozen {
		list = value.Tuple(l.Items)
	}
	if list == nil {
		list = value.NewList()
	}
	return value.GetItem(c.Budget, list, index)
}

// routeOf reads a route argument; the default is the current task's, else 0.
func routeOf(c *Call, route any) (int64, error) {
	if route == nil {
		if d := currentTask(c.Env); d != nil {
			route, _ = d.GetStr("route")
		}
		if route == nil {
			return 0, nil
		}
	}
	if n, ok := value.AsInt(route); ok {
		return n, nil
	}
	return 0, value.TypeErrorf("'>' not supported between instances of '%s' and 'int'", value.TypeName(route))
}

// TaskStatus is task_status(): a status word, "null" for a task that has not run.
func TaskStatus(c *Call, taskID, route any) (any, error) {
	r, err := routeOf(c, route)
	if err != nil {
		return nil, err
	}
	entry, err := findEntry(c, taskID, r)
	if errors.Is(err, errNotInRoutes) {
		return statusUnset, nil
	}
	if err != nil {
		return nil, err
	}
	if d, ok := entry.(*value.Dict); ok {
		if s, ok := d.GetStr("status"); ok {
			return s, nil
		}
	}
	return statusUnset, nil
}

// Task is task(): the newest execution of a task, by default the current one.
func Task(c *Call, taskID, route any) (any, error) {
	if taskID == nil {
		var ok bool
		if d := currentTask(c.Env); d != nil {
			taskID, ok = d.GetStr("id")
		}
		if !ok {
			return nil, value.KeyError("id")
		}
	}
	id, err := value.Str(c.Budget, taskID)
	if err != nil {
		return nil, err
	}
	unknown := evalError("Unable to find task execution for \"%s\".", id)
	r, err := routeOf(c, route)
	if err != nil {
		return nil, err
	}
	entry, err := findEntry(c, taskID, r)
	if errors.Is(err, errNotInRoutes) {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	d, _ := entry.(*value.Dict)
	if d == nil {
		return nil, unknown
	}
	entryRoute, ok := d.GetStr("route")
	if !ok {
		return nil, value.KeyError("route")
	}
	if err := requireVar(c.Env, "st2", "workflow_execution_id"); err != nil {
		return nil, err
	}
	if c.Env == nil || c.Env.Tasks == nil {
		return nil, unknown
	}
	n, _ := value.AsInt(entryRoute)
	t, found, err := c.Env.Tasks.Latest(c.Ctx, id, n)
	if err != nil {
		return nil, fmt.Errorf("look task execution up: %w", err)
	}
	if !found {
		return nil, unknown
	}
	return taskDict(t), nil
}

// requireVar raises the KeyError of a missing variable, or of a missing key in it.
func requireVar(env *expr.Env, name, key string) error {
	v, ok := env.Lookup(name)
	if !ok {
		return value.KeyError(name)
	}
	if d, ok := v.(*value.Dict); ok {
		if _, ok := d.GetStr(key); ok {
			return nil
		}
	}
	return value.KeyError(key)
}

func taskDict(t expr.TaskExecution) *value.Dict {
	d := value.NewDict(9)
	d.SetStr("task_execution_id", t.ID)
	d.SetStr("workflow_execution_id", t.WorkflowExecution)
	d.SetStr("task_name", t.TaskName)
	d.SetStr("task_id", t.TaskID)
	d.SetStr("route", t.Route)
	d.SetStr("result", t.Result)
	d.SetStr("status", t.Status)
	d.SetStr("start_timestamp", t.Start)
	d.SetStr("end_timestamp", t.End)
	return d
}

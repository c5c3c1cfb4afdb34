package lifecycle

import (
	"fmt"

	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/workflow"
)

// This file writes the conductor's rows as documents and reads them back.

// rowWriter makes documents. Data without a JSON form (a set, an instant)
// becomes text; the conductor in memory still has the original then and must
// not be used any further, or a crash would change what comes next.
type rowWriter struct {
	lossy bool
	err   error
}

func (w *rowWriter) doc(pairs ...any) []byte { return w.json(value.DictOf(pairs...)) }

func (w *rowWriter) json(v any) []byte {
	if w.err != nil {
		return nil
	}
	text, err := value.DumpJSON(nil, v, value.JSONOptions{ItemSep: ",", KeySep: ":", KeepUnicode: true,
		Default: func(v any) (any, error) {
			w.lossy = true
			return value.Str(nil, v)
		}})
	if err != nil {
		w.err = err
	}
	return []byte(text)
}

func texts(list []string) *value.List {
	l := &value.List{Items: make([]any, len(list))}
	for i, s := range list {
		l.Items[i] = s
	}
	return l
}

func linkList(links []workflow.Link) *value.List {
	l := &value.List{Items: make([]any, len(links))}
	for i, k := range links {
		l.Items[i] = value.NewList(k.Transition, int64(k.Task))
	}
	return l
}

func retryDoc(r *workflow.RetryState) any {
	if r == nil {
		return nil
	}
	return value.NewList(r.When, r.Count, r.Delay, int64(r.Tally))
}

// dict turns a nil *Dict into a plain nil.
func dictOrNull(d *value.Dict) any {
	if d == nil {
		return nil
	}
	return d
}

func (w *rowWriter) row(kind store.WorkflowRowKind, name string, route int, number int64, pairs ...any) store.WorkflowRow {
	return store.WorkflowRow{WorkflowKey: store.WorkflowKey{Kind: kind, Name: name, Route: route, Number: number}, Doc: w.doc(pairs...)}
}

func (w *rowWriter) task(t *workflow.TaskRow) store.WorkflowRow {
	next := value.NewList()
	for _, n := range t.Next {
		next.Items = append(next.Items, value.NewList(n.Transition, n.Taken))
	}
	return w.row(store.WorkflowTask, "", 0, int64(t.Index), "task", t.Task, "route", int64(t.Route), "status", string(t.Status),
		"context", int64(t.Context), "prev", linkList(t.Prev), "next", next, "terminal", t.Terminal, "retry", retryDoc(t.Retry))
}

func (w *rowWriter) staged(s *workflow.StagedRow) store.WorkflowRow {
	return w.row(store.WorkflowStaged, "", 0, s.Number, "task", s.Task, "route", int64(s.Route), "context", int64(s.Context),
		"prev", linkList(s.Prev), "ready", s.Ready, "completed", s.Completed, "run_on_fail", s.RunOnFail, "retry", retryDoc(s.Retry),
		"has_items", s.HasItems, "items", int64(s.Items), "generation", int64(s.Generation))
}

// largeValue is the size from which a value gets a row of its own. Smaller ones
// are cheaper where they are.
const largeValue = 2 << 10

// apart puts a large value into a row of its own and leaves null in its place.
func (w *rowWriter) apart(c *store.WorkflowChange, k store.WorkflowKey, v any) any {
	switch x := v.(type) {
	case nil, bool, int64, float64:
		return v
	case string:
		if len(x) < largeValue/6 { // even if every character is escaped
			return v
		}
	}
	doc := w.json(v)
	if len(doc) < largeValue {
		return v
	}
	put(c, store.WorkflowRow{WorkflowKey: k, Doc: doc})
	return nil
}

func (w *rowWriter) item(c *store.WorkflowChange, i *workflow.ItemRow) {
	result := w.apart(c, store.WorkflowKey{Kind: store.WorkflowResult, Name: i.Task, Route: i.Route, Number: int64(i.Item)}, i.Result)
	put(c, w.row(store.WorkflowItem, i.Task, i.Route, int64(i.Item), "count", int64(i.Count), "list", int64(i.List), "apart", result == nil && i.Result != nil,
		"generation", int64(i.Generation), "status", string(i.Status), "reported", string(i.Reported), "result", result))
}

func (w *rowWriter) context(c *store.WorkflowChange, r *workflow.ContextRow) {
	var vars any
	if r.Vars != nil {
		d := value.NewDict(r.Vars.Len())
		for k, v := range r.Vars.All() {
			if name, ok := k.(string); ok {
				v = w.apart(c, store.WorkflowKey{Kind: store.WorkflowVariable, Name: name, Number: int64(r.ID)}, v)
			}
			d.Set(k, v)
		}
		vars = d
	}
	put(c, w.row(store.WorkflowContext, "", 0, int64(r.ID), "parent", int64(r.Parent), "merged", int64(r.Merged), "vars", vars))
}

func (w *rowWriter) waiting(n int64, r *workflow.RunAction) store.WorkflowRow {
	return w.row(store.WorkflowWaiting, "", 0, n, "task", r.Task, "route", int64(r.Route), "entry", int64(r.Entry), "item", int64(r.Item),
		"action", r.Action, "input", r.Input, "delay", r.Delay, "on_fail", r.OnFail)
}

// changes adds what a conductor changed to a step. A row that is changed twice
// is written as it is in the end.
func (w *rowWriter) changes(c *store.WorkflowChange, ch *workflow.Changes) {
	for i := range ch.Tasks {
		put(c, w.task(&ch.Tasks[i]))
	}
	for i := range ch.Staged {
		put(c, w.staged(&ch.Staged[i]))
	}
	for i := range ch.Items {
		w.item(c, &ch.Items[i])
	}
	for i := range ch.Contexts {
		w.context(c, &ch.Contexts[i])
	}
	for i := range ch.Routes {
		put(c, w.row(store.WorkflowRoute, "", 0, int64(ch.Routes[i].ID), "transitions", texts(ch.Routes[i].Transitions)))
	}
	for i := range ch.Errors {
		r := &ch.Errors[i]
		put(c, w.row(store.WorkflowError, "", 0, r.Number, "message", r.Message, "task", r.Task, "route", int64(r.Route),
			"transition", r.Transition, "result", r.Result))
	}
	for _, n := range ch.StagedGone {
		remove(c, store.WorkflowKey{Kind: store.WorkflowStaged, Number: n})
	}
	for _, n := range ch.ErrorsGone {
		remove(c, store.WorkflowKey{Kind: store.WorkflowError, Number: n})
	}
}

// put and remove add to a step; settle decides between them in the end.
func put(c *store.WorkflowChange, r store.WorkflowRow) { c.Put = append(c.Put, r) }

func remove(c *store.WorkflowChange, k store.WorkflowKey) { c.Remove = append(c.Remove, k) }

// settle makes the last word on every row count: steps are written removals
// first, and a row may have been put, removed or put again.
func settle(c *store.WorkflowChange) {
	gone := make(map[store.WorkflowKey]bool, len(c.Remove))
	for _, k := range c.Remove {
		gone[k] = true
	}
	last := make(map[store.WorkflowKey]int, len(c.Put))
	kept := c.Put[:0]
	for _, r := range c.Put {
		if gone[r.WorkflowKey] {
			continue // numbers are never used again: what went stays away
		}
		if i, twice := last[r.WorkflowKey]; twice {
			kept[i] = r
			continue
		}
		last[r.WorkflowKey] = len(kept)
		kept = append(kept, r)
	}
	c.Put = kept
}

// rowReader takes documents apart. The first mistake stays in err.
type rowReader struct {
	d   *value.Dict
	err error
}

func readDoc(doc []byte) *rowReader {
	v, err := value.FromJSON(doc)
	if err != nil {
		return &rowReader{err: err, d: value.NewDict(0)}
	}
	d, ok := v.(*value.Dict)
	if !ok {
		return &rowReader{err: fmt.Errorf("a row holds a %s", value.TypeName(v)), d: value.NewDict(0)}
	}
	return &rowReader{d: d}
}

func field[T any](r *rowReader, name string) (out T) {
	v, _ := r.d.GetStr(name)
	if v == nil {
		return out
	}
	out, ok := v.(T)
	if !ok && r.err == nil {
		r.err = fmt.Errorf("%s is a %s", name, value.TypeName(v))
	}
	return out
}

func (r *rowReader) text(name string) string       { return field[string](r, name) }
func (r *rowReader) int(name string) int           { return int(field[int64](r, name)) }
func (r *rowReader) flag(name string) bool         { return field[bool](r, name) }
func (r *rowReader) any(name string) any           { return field[any](r, name) }
func (r *rowReader) dict(name string) *value.Dict  { return field[*value.Dict](r, name) }
func (r *rowReader) status(n string) squall.Status { return squall.Status(r.text(n)) }

func (r *rowReader) list(name string) []any {
	if l := field[*value.List](r, name); l != nil {
		return l.Items
	}
	return nil
}

// tuple reads an element of a list of lists.
func (r *rowReader) tuple(v any, n int) []any {
	if l, ok := v.(*value.List); ok && len(l.Items) == n {
		return l.Items
	}
	if r.err == nil {
		r.err = fmt.Errorf("a list of %d was expected", n)
	}
	return make([]any, n)
}

func (r *rowReader) links(name string) (out []workflow.Link) {
	for _, v := range r.list(name) {
		t := r.tuple(v, 2)
		transition, _ := t[0].(string)
		task, _ := t[1].(int64)
		out = append(out, workflow.Link{Transition: transition, Task: int(task)})
	}
	return out
}

func (r *rowReader) retry(name string) *workflow.RetryState {
	v := r.any(name)
	if v == nil {
		return nil
	}
	t := r.tuple(v, 4)
	tally, _ := t[3].(int64)
	return &workflow.RetryState{When: t[0], Count: t[1], Delay: t[2], Tally: int(tally)}
}

// waitingAction is a command that waits until other actions have ended.
type waitingAction struct {
	number int64
	run    workflow.RunAction
	stored bool
}

// readRows turns rows into the conductor's state, and the actions that wait.
func readRows(list []store.WorkflowRow) (rows workflow.Rows, waiting []waitingAction, err error) {
	contexts, items := map[int64]*value.Dict{}, map[store.WorkflowKey]int{}
	for _, row := range list { // in the order of kinds: what is apart comes last
		if row.Kind == store.WorkflowVariable || row.Kind == store.WorkflowResult {
			if err := attach(&rows, contexts, items, row); err != nil {
				return rows, nil, fmt.Errorf("row %+v: %w", row.WorkflowKey, err)
			}
			continue
		}
		r := readDoc(row.Doc)
		switch row.Kind {
		case store.WorkflowTask:
			t := workflow.TaskRow{Index: int(row.Number), Task: r.text("task"), Route: r.int("route"), Status: r.status("status"),
				Context: r.int("context"), Prev: r.links("prev"), Terminal: r.flag("terminal"), Retry: r.retry("retry")}
			for _, v := range r.list("next") {
				p := r.tuple(v, 2)
				transition, _ := p[0].(string)
				taken, _ := p[1].(bool)
				t.Next = append(t.Next, workflow.Taken{Transition: transition, Taken: taken})
			}
			rows.Tasks = append(rows.Tasks, t)
		case store.WorkflowStaged:
			rows.Staged = append(rows.Staged, workflow.StagedRow{Number: row.Number, Task: r.text("task"), Route: r.int("route"), Context: r.int("context"),
				Prev: r.links("prev"), Ready: r.flag("ready"), Completed: r.flag("completed"), RunOnFail: r.flag("run_on_fail"), Retry: r.retry("retry"),
				HasItems: r.flag("has_items"), Items: r.int("items"), Generation: r.int("generation")})
		case store.WorkflowItem:
			if r.flag("apart") {
				k := row.WorkflowKey
				k.Kind = store.WorkflowResult
				items[k] = len(rows.Items)
			}
			rows.Items = append(rows.Items, workflow.ItemRow{Task: row.Name, Route: row.Route, Item: int(row.Number), Count: r.int("count"), List: r.int("list"),
				Generation: r.int("generation"), Status: r.status("status"), Reported: r.status("reported"), Result: r.any("result")})
		case store.WorkflowContext:
			rows.Contexts = append(rows.Contexts, workflow.ContextRow{ID: int(row.Number), Parent: r.int("parent"), Merged: r.int("merged"), Vars: r.dict("vars")})
			contexts[row.Number] = r.dict("vars")
		case store.WorkflowRoute:
			route := workflow.RouteRow{ID: int(row.Number)}
			for _, v := range r.list("transitions") {
				s, _ := v.(string)
				route.Transitions = append(route.Transitions, s)
			}
			rows.Routes = append(rows.Routes, route)
		case store.WorkflowError:
			rows.Errors = append(rows.Errors, workflow.ErrorRow{Number: row.Number, Message: r.text("message"), Task: r.text("task"), Route: r.int("route"),
				Transition: r.text("transition"), Result: r.any("result")})
		case store.WorkflowWaiting:
			waiting = append(waiting, waitingAction{number: row.Number, stored: true, run: workflow.RunAction{Task: r.text("task"), Route: r.int("route"),
				Entry: r.int("entry"), Item: r.int("item"), Action: r.any("action"), Input: r.any("input"), Delay: field[int64](r, "delay"), OnFail: r.flag("on_fail")}})
		default:
			r.err = fmt.Errorf("a row of the unknown kind %d", row.Kind)
		}
		if r.err != nil {
			return rows, nil, fmt.Errorf("row %+v: %w", row.WorkflowKey, r.err)
		}
	}
	return rows, waiting, nil
}

// attach puts a value that lay apart into its place.
func attach(rows *workflow.Rows, contexts map[int64]*value.Dict, items map[store.WorkflowKey]int, row store.WorkflowRow) error {
	v, err := value.FromJSON(row.Doc)
	if err != nil {
		return err
	}
	if row.Kind == store.WorkflowResult {
		if i, ok := items[row.WorkflowKey]; ok { // otherwise the item has a smaller result now
			rows.Items[i].Result = v
		}
		return nil
	}
	vars := contexts[row.Number]
	if vars == nil {
		return fmt.Errorf("the context %d is missing", row.Number)
	}
	vars.SetStr(row.Name, v)
	return nil
}

// flowState is what the row of a workflow holds beside its revision.
type flowState struct {
	row workflow.WorkflowRow
	// version is the version of the action whose definition the workflow follows.
	version string
	// active is how many children are requested and not over; nextWaiting numbers
	// the actions that wait.
	active      int
	nextWaiting int64
}

func (w *rowWriter) state(s *flowState) []byte {
	return w.doc("status", string(s.row.Status), "revision", s.row.Revision, "output", dictOrNull(s.row.Output),
		"next_staged", s.row.NextStaged, "next_error", s.row.NextError, "version", s.version, "active", int64(s.active), "next_waiting", s.nextWaiting)
}

func readState(doc []byte) (s flowState, err error) {
	r := readDoc(doc)
	s = flowState{version: r.text("version"), active: r.int("active"), nextWaiting: field[int64](r, "next_waiting")}
	s.row = workflow.WorkflowRow{Status: r.status("status"), Revision: field[int64](r, "revision"), Output: r.dict("output"),
		NextStaged: field[int64](r, "next_staged"), NextError: field[int64](r, "next_error")}
	return s, r.err
}

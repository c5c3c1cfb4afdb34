package storetest

import (
	"slices"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

func rowKey(kind store.WorkflowRowKind, name string, route int, number int64) store.WorkflowKey {
	return store.WorkflowKey{Kind: kind, Name: name, Route: route, Number: number}
}

// change writes a step and returns whether the guard held.
func (b *bundle) change(c store.WorkflowChange) (ok bool) {
	b.Helper()
	b.update(func(tx store.Tx) (err error) {
		ok, err = tx.ChangeWorkflow(b.Context(), c)
		return err
	})
	return ok
}

func (b *bundle) rows(id squall.ID, kinds ...store.WorkflowRowKind) (list []store.WorkflowRow) {
	b.Helper()
	b.view(func(tx store.Tx) (err error) {
		list, err = tx.WorkflowRows(b.Context(), id, kinds...)
		return err
	})
	return list
}

func (b *bundle) events(id squall.ID, limit int) (list []store.WorkflowEvent) {
	b.Helper()
	b.view(func(tx store.Tx) (err error) {
		list, err = tx.WorkflowEvents(b.Context(), id, limit)
		return err
	})
	return list
}

func testWorkflow(b *bundle) {
	ex, other := b.insert(), b.insert()
	b.wantKind("workflow that has not begun", b.s.View(b.Context(), func(tx store.Tx) error {
		_, err := tx.Workflow(b.Context(), ex.ID)
		return err
	}), squall.NotFound)
	want := []store.WorkflowRow{
		{WorkflowKey: rowKey(store.WorkflowTask, "", 0, 0), Doc: []byte(`{"task":"a"}`)},
		{WorkflowKey: rowKey(store.WorkflowTask, "", 0, 10), Doc: document(500_000)},
		{WorkflowKey: rowKey(store.WorkflowItem, "a", 0, 2), Doc: []byte(`2`)},
		{WorkflowKey: rowKey(store.WorkflowItem, "a", 1, 1), Doc: document(5000)},
		{WorkflowKey: rowKey(store.WorkflowItem, "é☂", 0, 1)},
	}
	shuffled := slices.Clone(want)
	slices.Reverse(shuffled)
	if !b.change(store.WorkflowChange{ID: ex.ID, Root: ex.Root, State: []byte(`{"n":1}`), Put: shuffled}) {
		b.Error("a workflow did not begin")
	}
	if !b.change(store.WorkflowChange{ID: other.ID, Root: other.Root, Put: want[:1]}) {
		b.Error("another workflow did not begin")
	}
	b.equal("rows", b.rows(ex.ID), want)
	b.equal("rows of a kind", b.rows(ex.ID, store.WorkflowItem), want[2:])
	b.equal("rows of two kinds", b.rows(ex.ID, store.WorkflowContext, store.WorkflowTask), want[:2])
	b.equal("rows of no workflow", len(b.rows(b.insert().ID)), 0)

	large := document(40_000)
	want[0].Doc = []byte(`{"task":"a","status":"succeeded"}`)
	b.change(store.WorkflowChange{ID: ex.ID, Root: ex.Root, Base: 1, State: large, Put: want[:1], Remove: []store.WorkflowKey{want[2].WorkflowKey, rowKey(9, "none", 0, 0)}})
	b.equal("rows of the second step", b.rows(ex.ID), slices.Delete(slices.Clone(want), 2, 3))
	b.equal("rows of the other workflow", len(b.rows(other.ID)), 1)
	b.view(func(tx store.Tx) error {
		w, err := tx.Workflow(b.Context(), ex.ID)
		if err == nil {
			b.equal("workflow", w, &store.Workflow{ID: ex.ID, Root: ex.Root, Revision: 2, State: large})
		}
		return err
	})
	b.wantKind("a workflow without a name", b.s.Update(b.Context(), func(tx store.Tx) error {
		_, err := tx.ChangeWorkflow(b.Context(), store.WorkflowChange{ID: "x", Root: ex.ID})
		return err
	}), squall.Invalid)
}

// A step that was decided on an old revision writes nothing.
func testWorkflowGuard(b *bundle) {
	ex := b.insert()
	row := store.WorkflowRow{WorkflowKey: rowKey(store.WorkflowTask, "", 0, 0), Doc: []byte(`1`)}
	b.update(func(tx store.Tx) error {
		return tx.AppendWorkflowEvent(b.Context(), store.WorkflowEvent{Workflow: ex.ID, Kind: store.WorkflowBegin})
	})
	event := b.events(ex.ID, 0)[0].Number
	first := store.WorkflowChange{ID: ex.ID, Root: ex.Root, State: []byte(`1`), Put: []store.WorkflowRow{row}}
	for _, c := range []struct {
		base int64
		want bool
	}{{1, false}, {0, true}, {0, false}, {2, false}, {1, true}, {1, false}} {
		before := len(b.rows(ex.ID))
		step := first
		step.Base = c.base
		if !c.want {
			step.Put = []store.WorkflowRow{{WorkflowKey: rowKey(store.WorkflowError, "", 0, 7)}}
			step.Remove, step.Consumed = []store.WorkflowKey{row.WorkflowKey}, []int64{event}
		}
		b.equal("guard held", b.change(step), c.want)
		if !c.want {
			b.equal("rows after a step that came too late", len(b.rows(ex.ID)), before)
			b.equal("events after a step that came too late", len(b.events(ex.ID, 0)), 1)
		}
	}
}

func testWorkflowEvents(b *bundle) {
	ex, other := b.insert(), b.insert()
	var now time.Time
	b.update(func(tx store.Tx) error {
		now = tx.Now()
		for _, ev := range []store.WorkflowEvent{
			{Workflow: ex.ID, Kind: store.WorkflowBegin},
			{Workflow: ex.ID, Kind: store.WorkflowControl, Status: squall.Paused, Doc: []byte(`{"by":"ann"}`)},
			{Workflow: ex.ID, Kind: store.WorkflowControl, Status: squall.Resuming, Due: now.Add(time.Hour)},
			{Workflow: other.ID, Kind: store.WorkflowChild, Child: ex.ID, Status: squall.Failed, Task: squall.TaskRef{Execution: other.ID, Task: "t", Route: 3, Item: -1}},
		} {
			if err := tx.AppendWorkflowEvent(b.Context(), ev); err != nil {
				return err
			}
		}
		return nil
	})
	list := b.events(ex.ID, 0)
	if len(list) != 2 || list[0].Number >= list[1].Number {
		b.Fatalf("events: %+v", list)
	}
	b.equal("second event", list[1], store.WorkflowEvent{
		Workflow: ex.ID, Number: list[1].Number, Kind: store.WorkflowControl, Status: squall.Paused,
		Task: squall.TaskRef{Execution: ex.ID}, Doc: []byte(`{"by":"ann"}`),
	})
	b.equal("events with a limit", len(b.events(ex.ID, 1)), 1)
	child := b.events(other.ID, 0)[0]
	b.equal("event of a child", child, store.WorkflowEvent{
		Workflow: other.ID, Number: child.Number, Kind: store.WorkflowChild, Child: ex.ID, Status: squall.Failed,
		Task: squall.TaskRef{Execution: other.ID, Task: "t", Route: 3, Item: -1},
	})
	due := func(limit int) (ids []squall.ID, next time.Time) {
		b.view(func(tx store.Tx) (err error) {
			ids, next, err = tx.DueWorkflows(b.Context(), limit)
			return err
		})
		slices.Sort(ids)
		return ids, next
	}
	ids, next := due(0)
	b.equal("due workflows", ids, []squall.ID{ex.ID, other.ID})
	b.equal("next event", next, now.Add(time.Hour).Truncate(time.Microsecond))
	ids, _ = due(1)
	b.equal("due workflows with a limit", len(ids), 1)

	b.change(store.WorkflowChange{ID: ex.ID, Root: ex.Root, Consumed: []int64{list[0].Number, list[1].Number}})
	b.equal("events that were consumed", len(b.events(ex.ID, 0)), 0)
	ids, _ = due(0)
	b.equal("due workflows after a step", ids, []squall.ID{other.ID})
	b.wantKind("event for nobody", b.s.Update(b.Context(), func(tx store.Tx) error {
		return tx.AppendWorkflowEvent(b.Context(), store.WorkflowEvent{Kind: store.WorkflowBegin})
	}), squall.Invalid)
}

func testTellParent(b *bundle) {
	parent := b.insert()
	child := b.insert(childOf(parent), func(ex *squall.Execution) { ex.Parent.Item, ex.Parent.Route = 4, 2 })
	tell := func(id squall.ID, move bool) (told squall.ID) {
		b.Helper()
		b.update(func(tx store.Tx) (err error) {
			if move {
				now := tx.Now()
				if _, err := tx.MoveExecution(b.Context(), store.Move{ID: id, From: []squall.Status{squall.Requested}, To: squall.Canceled, EndedAt: &now,
					Log: []squall.Change{{Status: squall.Canceled, At: now}}}); err != nil {
					return err
				}
			}
			told, err = tx.TellParent(b.Context(), id, squall.Canceled)
			return err
		})
		return told
	}
	b.equal("parent of the top", tell(parent.ID, true), squall.ID(""))
	b.equal("parent of nobody", tell(b.ids.Next(time.Now()), false), squall.ID(""))
	b.equal("before the move", tell(child.ID, false), squall.ID(""))
	b.equal("parent", tell(child.ID, true), parent.ID)
	b.equal("after the move", tell(child.ID, false), squall.ID(""))
	list := b.events(parent.ID, 0)
	if len(list) != 1 {
		b.Fatalf("events: %+v", list)
	}
	b.equal("event", list[0], store.WorkflowEvent{
		Workflow: parent.ID, Number: list[0].Number, Kind: store.WorkflowChild, Child: child.ID, Status: squall.Canceled,
		Task: squall.TaskRef{Execution: parent.ID, Task: "t1", Route: 2, Item: 4},
	})
}

func testDeleteWorkflow(b *bundle) {
	ended := func(ex *squall.Execution) {
		ex.Status, ex.EndedAt = squall.Succeeded, ex.CreatedAt
	}
	root := b.insert(ended)
	sub := b.insert(childOf(root), ended)
	kept := b.insert()
	for _, ex := range []*squall.Execution{root, sub, kept} {
		b.change(store.WorkflowChange{ID: ex.ID, Root: ex.Root, Put: []store.WorkflowRow{
			{WorkflowKey: rowKey(store.WorkflowTask, "", 0, 0), Doc: document(9000)},
		}})
		b.update(func(tx store.Tx) error {
			return tx.AppendWorkflowEvent(b.Context(), store.WorkflowEvent{Workflow: ex.ID, Kind: store.WorkflowBegin})
		})
	}
	b.update(func(tx store.Tx) error {
		n, err := tx.DeleteExecutions(b.Context(), tx.Now().Add(time.Hour), 100)
		b.equal("deleted", n, 2)
		return err
	})
	for _, ex := range []*squall.Execution{root, sub} {
		b.equal("rows of a deleted workflow", len(b.rows(ex.ID)), 0)
		b.equal("events of a deleted workflow", len(b.events(ex.ID, 0)), 0)
		b.wantKind("deleted workflow", b.s.View(b.Context(), func(tx store.Tx) error {
			_, err := tx.Workflow(b.Context(), ex.ID)
			return err
		}), squall.NotFound)
	}
	b.equal("rows of a workflow that stays", len(b.rows(kept.ID)), 1)
	b.equal("events of a workflow that stays", len(b.events(kept.ID, 0)), 1)
}

package storetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// population stores a few hundred different executions, some of them trees.
func (b *bundle) population(n int) []*squall.Execution {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	var all []*squall.Execution
	b.update(func(tx store.Tx) error {
		all = nil
		start := tx.Now().Add(-time.Hour)
		for i := range n {
			created := start.Add(time.Duration(i) * 3 * time.Second)
			ex := &squall.Execution{
				ID: b.ids.Next(created), Action: squall.Ref{Pack: pick("core", "core2", "linux"), Name: pick("noop", "local", "vm.get")},
				Runner: pick("noop", "local-shell-cmd"), User: pick("alice", "bob", "carol"), Node: pick("", "n1", "n2"),
				Status: squall.Status(pick("requested", "delayed", "running", "succeeded", "succeeded", "failed", "timeout")), CreatedAt: created,
				Log: []squall.Change{{Status: squall.Requested, At: created}},
			}
			if i > 0 && rng.IntN(3) == 0 {
				childOf(all[rng.IntN(len(all))])(ex)
			}
			if i > 0 && rng.IntN(5) == 0 {
				ex.RerunOf = all[rng.IntN(len(all))].ID
			}
			if err := tx.InsertExecution(b.Context(), ex); err != nil {
				return err
			}
			all = append(all, ex)
		}
		return nil
	})
	return all
}

// matches is the meaning of a filter, without its page.
func matches(f store.ExecutionFilter, ex *squall.Execution) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return (f.IDs == nil || slices.Contains(f.IDs, ex.ID)) &&
		is(f.Action, ex.Action.String()) && is(f.Pack, ex.Action.Pack) && is(f.Runner, ex.Runner) &&
		(len(f.Statuses) == 0 || slices.Contains(f.Statuses, ex.Status)) &&
		is(f.User, ex.User) && is(f.Node, ex.Node) && is(string(f.Root), string(ex.Root)) && is(string(f.RerunOf), string(ex.RerunOf)) &&
		(f.Parent == "" || ex.Parent != nil && ex.Parent.Execution == f.Parent) &&
		(!f.TopLevel || ex.Parent == nil) &&
		(f.CreatedAfter.IsZero() || ex.CreatedAt.After(f.CreatedAfter)) &&
		(f.CreatedBefore.IsZero() || ex.CreatedAt.Before(f.CreatedBefore))
}

// page is what FindExecutions must return of all.
func page(f store.ExecutionFilter, all []*squall.Execution) []squall.ID {
	var found []squall.ID
	for _, ex := range all {
		switch {
		case !matches(f, ex):
		case f.After != "" && f.Ascending && ex.ID <= f.After:
		case f.After != "" && !f.Ascending && ex.ID >= f.After:
		default:
			found = append(found, ex.ID)
		}
	}
	slices.SortFunc(found, func(a, b squall.ID) int {
		if f.Ascending {
			return cmp.Compare(a, b)
		}
		return cmp.Compare(b, a)
	})
	found = found[min(f.Offset, len(found)):]
	limit := f.Limit
	if limit == 0 {
		limit = 50
	}
	return append([]squall.ID{}, found[:min(limit, len(found))]...)
}

// testFilters compares lists and counts with the meaning of the filter, field by
// field and in random combinations.
func testFilters(b *bundle) {
	all := b.population(400)
	rng := rand.New(rand.NewPCG(3, 4))
	any := func() *squall.Execution { return all[rng.IntN(len(all))] }
	fields := []func(*store.ExecutionFilter){
		func(f *store.ExecutionFilter) { f.IDs = []squall.ID{any().ID, any().ID, any().ID, "no identifier"} },
		func(f *store.ExecutionFilter) { f.Action = any().Action.String() },
		func(f *store.ExecutionFilter) { f.Pack = any().Action.Pack },
		func(f *store.ExecutionFilter) { f.Runner = any().Runner },
		func(f *store.ExecutionFilter) { f.Statuses = []squall.Status{any().Status} },
		func(f *store.ExecutionFilter) {
			f.Statuses = []squall.Status{squall.Requested, squall.Failed, squall.Paused}
		},
		func(f *store.ExecutionFilter) { f.User = any().User },
		func(f *store.ExecutionFilter) { f.Node = any().Node },
		func(f *store.ExecutionFilter) { f.Root = any().Root },
		func(f *store.ExecutionFilter) { f.Root = any().ID }, // a child is nobody's root
		func(f *store.ExecutionFilter) {
			if ex := any(); ex.Parent != nil {
				f.Parent = ex.Parent.Execution
			}
		},
		func(f *store.ExecutionFilter) { f.TopLevel = true },
		func(f *store.ExecutionFilter) { f.CreatedAfter = any().CreatedAt },
		func(f *store.ExecutionFilter) { f.CreatedBefore = any().CreatedAt },
		func(f *store.ExecutionFilter) { f.RerunOf = any().RerunOf },
		func(f *store.ExecutionFilter) { f.Ascending = true },
		func(f *store.ExecutionFilter) { f.After = any().ID },
		func(f *store.ExecutionFilter) { f.Offset = rng.IntN(40) },
		func(f *store.ExecutionFilter) { f.Limit = 1 + rng.IntN(500) },
	}
	var filters []store.ExecutionFilter
	filters = append(filters, store.ExecutionFilter{})
	for _, set := range fields {
		var f store.ExecutionFilter
		set(&f)
		filters = append(filters, f)
	}
	for range 300 {
		var f store.ExecutionFilter
		for range 2 + rng.IntN(4) {
			fields[rng.IntN(len(fields))](&f)
		}
		filters = append(filters, f)
	}
	filters = append(filters,
		store.ExecutionFilter{IDs: []squall.ID{}},
		store.ExecutionFilter{IDs: []squall.ID{"x"}},
		store.ExecutionFilter{Root: "x"}, store.ExecutionFilter{Parent: "x"},
		store.ExecutionFilter{Action: "nobody.knows"}, store.ExecutionFilter{Action: "'"},
	)
	b.view(func(tx store.Tx) error {
		for _, f := range filters {
			list, err := tx.FindExecutions(b.Context(), f)
			if err != nil {
				return fmt.Errorf("%+v: %w", f, err)
			}
			b.equal(fmt.Sprintf("list for %+v", f), ids(list), page(f, all))

			want := f
			want.After, want.Offset, want.Limit = "", 0, len(all)
			n, err := tx.CountExecutions(b.Context(), f, 0)
			if err != nil {
				return fmt.Errorf("%+v: %w", f, err)
			}
			b.equal(fmt.Sprintf("count for %+v", f), n, len(page(want, all)))
			if b.Failed() {
				break
			}
		}
		return nil
	})
	b.view(func(tx store.Tx) error {
		_, err := tx.FindExecutions(b.Context(), store.ExecutionFilter{After: "x"})
		b.wantKind("page behind no identifier", err, squall.Invalid)
		return nil
	})
}

// testPages walks through lists and must meet everything once.
func testPages(b *bundle) {
	all := b.population(130)
	for _, f := range []store.ExecutionFilter{
		{Limit: 7}, {Limit: 7, Ascending: true}, {Limit: 3, TopLevel: true}, {Limit: 11, User: "bob"},
		{Limit: 5, Statuses: []squall.Status{squall.Succeeded, squall.Failed}, Ascending: true},
	} {
		whole := f
		whole.Limit = 1000
		want := page(whole, all)
		var byKey, byOffset []squall.ID
		for key := f; ; {
			found := b.find(key)
			if len(found) == 0 {
				break
			}
			byKey = append(byKey, found...)
			key.After = found[len(found)-1]
		}
		for offset := f; ; offset.Offset += f.Limit {
			found := b.find(offset)
			if len(found) == 0 {
				break
			}
			byOffset = append(byOffset, found...)
		}
		b.equal("keyset pages", byKey, want)
		b.equal("offset pages", byOffset, want)
	}
}

// testCreatedRange stores identifiers whose time is far from the creation, as an
// import or a node with a wrong clock may make them.
func testCreatedRange(b *bundle) {
	base := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var all []*squall.Execution
	for i, skew := range []time.Duration{0, time.Second, -time.Minute, 40 * 24 * time.Hour, -3 * time.Hour, 0, 999 * time.Millisecond} {
		created := base.Add(time.Duration(i) * 10 * time.Minute)
		all = append(all, b.insert(func(ex *squall.Execution) {
			ex.ID, ex.CreatedAt = b.ids.Next(created.Add(skew)), created
			ex.ID = squall.ID(fmt.Sprintf("%08x%016x", created.Add(skew).Unix(), i))
			ex.Root = ex.ID
		}))
	}
	for i := range len(all) + 1 {
		for j := range len(all) + 1 {
			f := store.ExecutionFilter{
				CreatedAfter:  base.Add(time.Duration(i)*10*time.Minute - time.Microsecond),
				CreatedBefore: base.Add(time.Duration(j)*10*time.Minute + time.Microsecond),
			}
			b.equal(fmt.Sprintf("created %d to %d", i, j), b.find(f), page(f, all))
		}
	}
}

func testCount(b *bundle) {
	b.population(120)
	b.view(func(tx store.Tx) error {
		for _, c := range []struct{ bound, want int }{{0, 120}, {50, 50}, {119, 119}, {120, 120}, {500, 120}} {
			n, err := tx.CountExecutions(b.Context(), store.ExecutionFilter{Limit: 3, Offset: 9}, c.bound)
			if err != nil {
				return err
			}
			b.equal(fmt.Sprintf("count up to %d", c.bound), n, c.want)
		}
		return nil
	})
}

func testFindActions(b *bundle) {
	var all []*squall.Action
	b.update(func(tx store.Tx) error {
		all = nil
		for i, name := range []string{"a.x", "a.y", "ab.x", "b.local", "b.ping", "c.z"} {
			ref, err := squall.ParseRef(name)
			if err != nil {
				return err
			}
			a := &squall.Action{Ref: ref, Runner: []string{"noop", "http-request"}[i%2], Description: []string{"Größe, 100%", "second_one", ""}[i%3]}
			all = append(all, a)
			if err := tx.PutAction(b.Context(), a); err != nil {
				return err
			}
		}
		return nil
	})
	for _, c := range []struct {
		filter store.ActionFilter
		want   string
		count  int
	}{
		{store.ActionFilter{}, "a.x a.y ab.x b.local b.ping c.z", 6},
		{store.ActionFilter{Pack: "a"}, "a.x a.y", 2},
		{store.ActionFilter{Runner: "noop"}, "a.x ab.x b.ping", 3},
		{store.ActionFilter{Name: "x"}, "a.x ab.x", 2},
		{store.ActionFilter{Search: "GRÖSSE"}, "", 0},
		{store.ActionFilter{Search: "grÖße"}, "a.x b.local", 2},
		{store.ActionFilter{Search: "%"}, "a.x b.local", 2},
		{store.ActionFilter{Search: "_"}, "a.y b.ping", 2},
		{store.ActionFilter{Search: "B."}, "ab.x b.local b.ping", 3},
		{store.ActionFilter{After: "ab.x"}, "b.local b.ping c.z", 6},
		{store.ActionFilter{Offset: 2, Limit: 2}, "ab.x b.local", 6},
		{store.ActionFilter{Pack: "a", Runner: "noop"}, "a.x", 1},
	} {
		b.view(func(tx store.Tx) error {
			list, err := tx.FindActions(b.Context(), c.filter)
			if err != nil {
				return err
			}
			var refs []string
			for _, a := range list {
				refs = append(refs, a.Ref.String())
				i := slices.IndexFunc(all, func(have *squall.Action) bool { return have.Ref == a.Ref })
				b.equal("action", a, all[i])
			}
			b.equal(fmt.Sprintf("actions for %+v", c.filter), strings.Join(refs, " "), c.want)
			c.filter.Limit, c.filter.Offset, c.filter.After = 0, 0, ""
			n, err := tx.CountActions(b.Context(), c.filter)
			b.equal(fmt.Sprintf("count for %+v", c.filter), n, c.count)
			return err
		})
	}
}

package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// full returns an execution with every field set, none of them to a usual value.
func (b *bundle) full(tx store.Tx) *squall.Execution {
	now := tx.Now()
	id := b.ids.Next(now)
	return &squall.Execution{
		ID: id, Action: squall.Ref{Pack: "linux", Name: "vm.get.état"}, ActionVersion: "0123456789abcdef0123456789abcdef",
		Runner: "local-shell-cmd", User: "jörg ☂", Root: id, RerunOf: b.ids.Next(now), Queue: "gpu,ssd", Attached: true,
		Status: squall.Canceling, Attempt: 3, Version: 17, Node: "node-1", Epoch: 1 << 40,
		CreatedAt: now, NotBefore: now.Add(1 * time.Microsecond), StartedAt: now.Add(2 * time.Second),
		EndedAt: now.Add(3 * time.Hour), Deadline: now.Add(4 * time.Minute), UpdatedAt: now.Add(5 * time.Millisecond),
		Parameters: json.RawMessage(`{"b":1,  "a":"\u0000 ☂ ' \" \\"}`), Context: json.RawMessage(`{"user":"jörg"}`),
		Result: json.RawMessage(`"done"`), ResultSize: 6,
		Log: []squall.Change{
			{Status: squall.Requested, At: now},
			{Status: squall.Running, At: now.Add(time.Microsecond), Node: "node-1"},
			{Status: squall.Canceling, At: now.Add(time.Second), Reason: "canceled by \"jörg\"\n\x00 ☂"},
			{Status: squall.Canceling, At: now.Add(time.Second), Node: "n", Reason: "r"},
		},
	}
}

func testRoundTrip(b *bundle) {
	var ex, child *squall.Execution
	b.update(func(tx store.Tx) error {
		ex = b.full(tx)
		child = b.full(tx)
		child.Root, child.Parent = ex.ID, &squall.TaskRef{Execution: ex.ID, Task: "täsk", Route: 2, Item: -1}
		if err := tx.InsertExecution(b.Context(), ex); err != nil {
			return err
		}
		return tx.InsertExecution(b.Context(), child)
	})
	for _, want := range []*squall.Execution{ex, child} {
		b.equal("whole execution", b.read(want.ID), want)
		for _, c := range []struct {
			name  string
			parts store.Parts
		}{
			{"row", 0}, {"parameters", store.WithParameters}, {"result", store.WithResult}, {"log", store.WithLog},
			{"parameters and log", store.WithParameters | store.WithLog},
		} {
			want := *want
			if c.parts&store.WithParameters == 0 {
				want.Parameters, want.Context = nil, nil
			}
			if c.parts&store.WithResult == 0 {
				want.Result = nil
			}
			if c.parts&store.WithLog == 0 {
				want.Log = nil
			}
			b.view(func(tx store.Tx) error {
				got, err := tx.Execution(b.Context(), want.ID, c.parts)
				b.equal("execution with "+c.name, got, &want)
				if err != nil {
					return err
				}
				list, err := tx.FindExecutions(b.Context(), store.ExecutionFilter{IDs: []squall.ID{want.ID}, Parts: c.parts})
				b.equal("list with "+c.name, list, []*squall.Execution{&want})
				return err
			})
		}
	}
}

func testInsertDefaults(b *bundle) {
	var ex *squall.Execution
	var now time.Time
	b.update(func(tx store.Tx) error {
		now = tx.Now()
		ex = &squall.Execution{ID: b.ids.Next(now), Action: squall.Ref{Pack: "a", Name: "b"}, Status: squall.Requested,
			Log: []squall.Change{{Status: squall.Requested, At: now}}}
		return tx.InsertExecution(b.Context(), ex)
	})
	b.equal("stored", b.read(ex.ID), ex)
	if ex.Root != ex.ID || ex.Version != 1 || !ex.CreatedAt.Equal(now) || !ex.UpdatedAt.Equal(now) {
		b.Errorf("defaults: root %q, version %d, created %v, updated %v", ex.Root, ex.Version, ex.CreatedAt, ex.UpdatedAt)
	}
}

func testInsertConflict(b *bundle) {
	ex := b.insert()
	err := b.s.Update(b.Context(), func(tx store.Tx) error {
		again := *ex
		again.User = "mallory"
		return tx.InsertExecution(b.Context(), &again)
	})
	b.wantKind("insert twice", err, squall.Conflict)
	b.equal("first execution", b.read(ex.ID), ex)

	// A run that is not the last one may not have seen the conflict yet.
	var other *squall.Execution
	b.update(func(tx store.Tx) error {
		again := *ex
		err = tx.InsertExecution(b.Context(), &again)
		other = b.make(tx)
		return tx.InsertExecution(b.Context(), other) // the transaction is still good
	})
	b.wantKind("insert twice, in the run that counts", err, squall.Conflict)
	b.equal("execution after a conflict", b.read(other.ID), other)
}

func testInsertInvalid(b *bundle) {
	for name, spoil := range map[string]func(*squall.Execution){
		"identifier too short":   func(ex *squall.Execution) { ex.ID = "abc" },
		"identifier upper case":  func(ex *squall.Execution) { ex.ID = "ABCDEFABCDEFABCDEFABCDEF" },
		"no identifier":          func(ex *squall.Execution) { ex.ID = "" },
		"parent not identifier":  func(ex *squall.Execution) { ex.Parent = &squall.TaskRef{Execution: "x"} },
		"root not identifier":    func(ex *squall.Execution) { ex.Root = "x" },
		"rerun not identifier":   func(ex *squall.Execution) { ex.RerunOf = "x" },
		"unknown state":          func(ex *squall.Execution) { ex.Status = "sleeping" },
		"NUL in the user":        func(ex *squall.Execution) { ex.User = "a\x00b" },
		"invalid UTF-8 in queue": func(ex *squall.Execution) { ex.Queue = "\xff" },
		"NUL in the action":      func(ex *squall.Execution) { ex.Action.Name = "\x00" },
	} {
		err := b.s.Update(b.Context(), func(tx store.Tx) error { return tx.InsertExecution(b.Context(), b.make(tx, spoil)) })
		b.wantKind(name, err, squall.Invalid)
	}
	if found := b.find(store.ExecutionFilter{}); len(found) != 0 {
		b.Errorf("stored all the same: %v", found)
	}
}

func testNotFound(b *bundle) {
	b.insert()
	b.view(func(tx store.Tx) error {
		for _, id := range []squall.ID{b.ids.Next(tx.Now()), "", "x", "'; DROP TABLE executions; --"} {
			_, err := tx.Execution(b.Context(), id, store.WithAll)
			b.wantKind(fmt.Sprintf("execution %q", id), err, squall.NotFound)
		}
		return nil
	})
}

// document returns a JSON string of exactly size bytes that compresses about
// as a log does.
func document(size int) json.RawMessage {
	rng := rand.New(rand.NewPCG(uint64(size), 1))
	var buf bytes.Buffer
	buf.WriteByte('"')
	for buf.Len() < size-1 {
		fmt.Fprintf(&buf, "line %d of the output, code %x;", buf.Len(), rng.Uint32())
	}
	return append(buf.Bytes()[:size-1], '"')
}

// noise returns a JSON string of size bytes that cannot be made smaller.
func noise(size int) json.RawMessage {
	rng := rand.New(rand.NewPCG(uint64(size), 2))
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	doc := make([]byte, size)
	for i := range doc {
		doc[i] = letters[rng.IntN(len(letters))]
	}
	doc[0], doc[size-1] = '"', '"'
	return doc
}

func testDocuments(b *bundle) {
	docs := []json.RawMessage{
		nil, json.RawMessage(`1`), json.RawMessage("\x01 not JSON, but opaque"), append([]byte{1}, make([]byte, 16)...),
		document(2047), document(2048), document(2049), document(16 << 10), document(16<<10 - 1), document(100_000), document(3 << 20),
		noise(2049), noise(17 << 10), noise(1 << 20),
	}
	for i, doc := range docs {
		other := docs[(i+1)%len(docs)]
		ex := b.insert(func(ex *squall.Execution) { ex.Parameters, ex.Context = doc, other })
		b.checkDocument("parameters", b.read(ex.ID).Parameters, doc)
		b.checkDocument("context", b.read(ex.ID).Context, other)
		if doc == nil {
			continue
		}
		b.move(store.Move{ID: ex.ID, From: []squall.Status{squall.Requested}, To: squall.Failed, Result: doc}, true)
		got := b.read(ex.ID)
		b.checkDocument("result", got.Result, doc)
		if got.ResultSize != len(doc) {
			b.Errorf("result size %d, want %d", got.ResultSize, len(doc))
		}
	}
	// A result may be replaced by a smaller and a larger one.
	ex := b.insert()
	for _, doc := range []json.RawMessage{document(50_000), json.RawMessage(`{}`), document(60_000), document(3000)} {
		b.move(store.Move{ID: ex.ID, From: []squall.Status{squall.Requested}, To: squall.Requested, Result: doc}, true)
		b.checkDocument("replaced result", b.read(ex.ID).Result, doc)
	}
}

func (b *bundle) checkDocument(what string, got, want []byte) {
	b.Helper()
	if !bytes.Equal(got, want) {
		b.Errorf("%s: %d bytes %.40q, want %d bytes %.40q", what, len(got), got, len(want), want)
	}
}

func testTimes(b *bundle) {
	for _, at := range []time.Time{
		time.Date(1970, 1, 1, 0, 0, 0, 1000, time.UTC),
		time.Date(2026, 2, 28, 23, 59, 59, 999_999_000, time.UTC),
		time.Date(2026, 10, 25, 2, 30, 0, 123_456_000, time.FixedZone("CET", 3600)),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
		time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC),
	} {
		ex := b.insert(func(ex *squall.Execution) { ex.NotBefore, ex.Deadline = at, at.Add(789*time.Nanosecond) })
		got := b.read(ex.ID)
		if !got.NotBefore.Equal(at) || got.NotBefore.Location() != time.UTC {
			b.Errorf("stored %v, read %v", at, got.NotBefore)
		}
		if !got.Deadline.Equal(at) {
			b.Errorf("stored %v, read %v, want it cut to the microsecond", at.Add(789*time.Nanosecond), got.Deadline)
		}
	}
}

// move runs one MoveExecution and checks its answer.
func (b *bundle) move(m store.Move, want bool) {
	b.Helper()
	b.update(func(tx store.Tx) error {
		got, err := tx.MoveExecution(b.Context(), m)
		if err == nil && got != want {
			b.Errorf("MoveExecution = %v, want %v", got, want)
		}
		return err
	})
}

func testMove(b *bundle) {
	start := b.insert()
	want := *start
	at := func(d time.Duration) *time.Time {
		t := start.CreatedAt.Add(d)
		return &t
	}
	seven := 7
	for _, c := range []struct {
		name  string
		move  store.Move
		apply func(*squall.Execution)
	}{
		{"nothing but the state", store.Move{To: squall.Delayed}, func(ex *squall.Execution) {}},
		{"due time", store.Move{To: squall.Requested, NotBefore: at(time.Hour)}, func(ex *squall.Execution) { ex.NotBefore = *at(time.Hour) }},
		{"owner", store.Move{To: squall.Running, Assign: &store.Owner{Node: "n1", Epoch: 5}, StartedAt: at(1)},
			func(ex *squall.Execution) { ex.Node, ex.Epoch, ex.StartedAt = "n1", 5, start.CreatedAt }},
		{"deadline", store.Move{To: squall.Running, Deadline: at(time.Minute)}, func(ex *squall.Execution) { ex.Deadline = *at(time.Minute) }},
		{"attempt", store.Move{To: squall.Running, Attempt: &seven}, func(ex *squall.Execution) { ex.Attempt = 7 }},
		{"log", store.Move{To: squall.Canceling, Log: []squall.Change{{Status: squall.Scheduled, At: *at(0)}, {Status: squall.Canceling, At: *at(time.Second), Reason: "because"}}},
			func(ex *squall.Execution) {
				ex.Log = append(ex.Log, squall.Change{Status: squall.Scheduled, At: *at(0)}, squall.Change{Status: squall.Canceling, At: *at(time.Second), Reason: "because"})
			}},
		{"release", store.Move{To: squall.Canceling, Release: true}, func(ex *squall.Execution) { ex.Node, ex.Epoch = "", 0 }},
		{"times taken back", store.Move{To: squall.Requested, StartedAt: new(time.Time), Deadline: new(time.Time), NotBefore: new(time.Time)},
			func(ex *squall.Execution) {
				ex.StartedAt, ex.Deadline, ex.NotBefore = time.Time{}, time.Time{}, time.Time{}
			}},
		{"end", store.Move{To: squall.Succeeded, EndedAt: at(time.Hour), Result: json.RawMessage(`[1]`)},
			func(ex *squall.Execution) {
				ex.EndedAt, ex.Result, ex.ResultSize = *at(time.Hour), json.RawMessage(`[1]`), 3
			}},
		{"empty result", store.Move{To: squall.Succeeded, Result: json.RawMessage(`""`)},
			func(ex *squall.Execution) { ex.Result, ex.ResultSize = json.RawMessage(`""`), 2 }},
	} {
		c.move.ID, c.move.From = start.ID, []squall.Status{squall.Timeout, want.Status, squall.Abandoned}
		var now time.Time
		b.update(func(tx store.Tx) error {
			now = tx.Now()
			moved, err := tx.MoveExecution(b.Context(), c.move)
			if !moved {
				b.Errorf("%s: not moved", c.name)
			}
			return err
		})
		want.Status, want.Version, want.UpdatedAt = c.move.To, want.Version+1, now
		c.apply(&want)
		b.equal("after "+c.name, b.read(start.ID), &want)
	}
}

func testMoveGuards(b *bundle) {
	good := store.Move{From: []squall.Status{squall.Running}, Node: "n1", Epoch: 4, Version: 1, To: squall.Succeeded,
		Result: document(40_000), Log: []squall.Change{{Status: squall.Succeeded}}, Release: true}
	for name, miss := range map[string]func(*store.Move){
		"other state":       func(m *store.Move) { m.From = []squall.Status{squall.Requested, squall.Canceling} },
		"other node":        func(m *store.Move) { m.Node = "n2" },
		"older epoch":       func(m *store.Move) { m.Epoch = 3 },
		"newer epoch":       func(m *store.Move) { m.Epoch = 5 },
		"older version":     func(m *store.Move) { m.Version = 2 },
		"unknown execution": func(m *store.Move) { m.ID = b.ids.Next(time.Now()) },
		"no identifier":     func(m *store.Move) { m.ID = "x" },
	} {
		ex := b.insert(running("n1", 4))
		m := good
		m.ID = ex.ID
		miss(&m)
		b.move(m, false)
		b.equal("after "+name, b.read(ex.ID), ex)

		m = good
		m.ID = ex.ID
		b.move(m, true)
		b.move(m, false) // the second of two finishers
	}
}

func testMoveInvalid(b *bundle) {
	ex := b.insert()
	for name, m := range map[string]store.Move{
		"no states to come from": {ID: ex.ID, To: squall.Running},
		"unknown state":          {ID: ex.ID, From: []squall.Status{squall.Requested}, To: "sleeping"},
	} {
		err := b.s.Update(b.Context(), func(tx store.Tx) error {
			_, err := tx.MoveExecution(b.Context(), m)
			return err
		})
		b.wantKind(name, err, squall.Invalid)
	}
}

func testClaim(b *bundle) {
	var now time.Time
	b.update(func(tx store.Tx) error { now = tx.Now(); return nil })
	past := func(d time.Duration) func(*squall.Execution) {
		return func(ex *squall.Execution) { ex.NotBefore, ex.CreatedAt = now.Add(-d), now.Add(-time.Hour) }
	}
	delayed := func(ex *squall.Execution) { ex.Status = squall.Delayed }
	queue := func(q string) func(*squall.Execution) { return func(ex *squall.Execution) { ex.Queue = q } }

	third := b.insert(past(3 * time.Second))
	first := b.insert(past(30*time.Second), delayed, func(ex *squall.Execution) { ex.Parameters = document(30_000) })
	second := b.insert(past(20 * time.Second))
	later := b.insert(func(ex *squall.Execution) { ex.NotBefore = now.Add(time.Hour) })
	laterDelayed := b.insert(delayed, func(ex *squall.Execution) { ex.NotBefore = now.Add(time.Hour) })
	gpu := b.insert(past(time.Minute), queue("gpu"))
	workflow := b.insert(past(time.Minute), func(ex *squall.Execution) { ex.Runner = "orquesta" })
	for _, s := range squall.Statuses {
		if s != squall.Requested && s != squall.Delayed {
			b.insert(past(time.Hour), func(ex *squall.Execution) { ex.Status = s })
		}
	}
	newest := b.insert(func(ex *squall.Execution) { ex.NotBefore = time.Time{} }) // no due time: due since it was created

	claim := func(c store.Claim) (list []*squall.Execution) {
		b.Helper()
		b.update(func(tx store.Tx) (err error) {
			now = tx.Now()
			list, err = tx.ClaimExecutions(b.Context(), c)
			return err
		})
		return list
	}
	c := store.Claim{Node: "n1", Epoch: 9, Limit: 2, Exclude: []string{"orquesta", "action-chain"}}
	got := claim(c)
	b.equal("two longest waiting", ids(got), []squall.ID{first.ID, second.ID})
	for i, want := range []*squall.Execution{first, second} {
		want := *want
		want.Status, want.Attempt, want.Version, want.Node, want.Epoch = squall.Running, 1, 2, "n1", 9
		want.StartedAt, want.UpdatedAt = now, now
		want.Log = append(want.Log, squall.Change{Status: squall.Scheduled, At: now, Node: "n1"}, squall.Change{Status: squall.Running, At: now, Node: "n1"})
		b.equal("stored claim", b.read(want.ID), &want)
		want.Log = nil
		b.equal("returned claim", got[i], &want)
	}
	c.Limit = 0
	b.equal("no slot", len(claim(c)), 0)
	c.Limit = 10
	b.equal("the rest", ids(claim(c)), []squall.ID{third.ID, newest.ID})
	b.equal("nothing left", len(claim(c)), 0)
	c.Queues = []string{"ssd", "gpu"}
	b.equal("node of a queue", ids(claim(c)), []squall.ID{gpu.ID})
	c.Exclude = nil
	b.equal("no runner excluded", ids(claim(c)), []squall.ID{workflow.ID})
	for _, ex := range []*squall.Execution{later, laterDelayed} {
		b.equal("not due", b.read(ex.ID), ex)
	}
	// Due at last, and a second attempt.
	b.move(store.Move{ID: first.ID, From: []squall.Status{squall.Running}, To: squall.Requested, Release: true}, true)
	got = claim(store.Claim{Node: "n2", Epoch: 1, Limit: 10})
	if len(got) != 1 || got[0].Attempt != 2 || got[0].Node != "n2" {
		b.Errorf("second attempt: %+v", got)
	}
}

func testClaimParallel(b *bundle) {
	const total, nodes = 300, 8
	b.update(func(tx store.Tx) error {
		for range total {
			if err := tx.InsertExecution(b.Context(), b.make(tx)); err != nil {
				return err
			}
		}
		return nil
	})
	stores := []store.Store{b.s}
	if b.driver.Shared {
		stores = append(stores, b.openStore(), b.openStore())
	}
	var mu sync.Mutex
	claimed := map[squall.ID]string{}
	var wg sync.WaitGroup
	for i := range nodes {
		wg.Go(func() {
			node := fmt.Sprintf("n%d", i)
			misses := 0
			for misses < 20 {
				var list []*squall.Execution
				err := stores[i%len(stores)].Update(b.Context(), func(tx store.Tx) (err error) {
					list, err = tx.ClaimExecutions(b.Context(), store.Claim{Node: node, Epoch: 1, Limit: 7})
					return err
				})
				if err != nil {
					b.Errorf("claim: %v", err)
					return
				}
				if len(list) == 0 { // passed over what others hold at this moment
					misses++
					time.Sleep(time.Millisecond)
				}
				mu.Lock()
				for _, ex := range list {
					if other, doubled := claimed[ex.ID]; doubled {
						b.Errorf("%s claimed by %s and %s", ex.ID, other, node)
					}
					claimed[ex.ID] = node
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(claimed) != total {
		b.Errorf("%d of %d executions were claimed", len(claimed), total)
	}
	b.view(func(tx store.Tx) error {
		list, err := tx.FindExecutions(b.Context(), store.ExecutionFilter{Limit: total})
		for _, ex := range list {
			if ex.Node != claimed[ex.ID] || ex.Attempt != 1 {
				b.Errorf("execution %s: node %q attempt %d, was claimed by %q", ex.ID, ex.Node, ex.Attempt, claimed[ex.ID])
			}
		}
		return err
	})
}

func testOrphans(b *bundle) {
	var live, old, ended, gone, goneLong, before, back, lazy int64
	var now time.Time
	b.update(func(tx store.Tx) (err error) {
		now = tx.Now()
		join := func(name string, ttl time.Duration) (epoch int64) {
			if err == nil {
				epoch, err = tx.JoinNode(b.Context(), store.Node{Name: name}, ttl)
			}
			return epoch
		}
		old = join("live", time.Hour)
		live = join("live", time.Hour)
		ended = join("ended", -time.Second)
		keep := func(name string, ttl, keep time.Duration) (epoch int64) {
			if err == nil {
				epoch, err = tx.JoinNode(b.Context(), store.Node{Name: name, Keeps: []string{"keeper", "another"}, KeepFor: keep}, ttl)
			}
			return epoch
		}
		gone = keep("gone", -time.Second, time.Hour)
		goneLong = keep("gone long", -time.Minute, 59*time.Second)
		before = keep("back", time.Hour, time.Hour)
		back = keep("back", time.Hour, time.Hour)
		lazy = keep("lazy", time.Hour, 0)
		keep("lazy", time.Hour, 0)
		return err
	})
	var want []squall.ID
	add := func(orphan bool, options ...func(*squall.Execution)) {
		if ex := b.insert(options...); orphan {
			want = append(want, ex.ID)
		}
	}
	state := func(s squall.Status) func(*squall.Execution) { return func(ex *squall.Execution) { ex.Status = s } }
	deadline := func(d time.Duration) func(*squall.Execution) {
		return func(ex *squall.Execution) { ex.Deadline = now.Add(d) }
	}
	add(false, running("live", live))
	add(true, running("live", old))
	add(true, running("ended", ended))
	add(true, running("unknown", 1))
	add(false, running("", 0)) // workflows have no node
	add(false, running("live", live), deadline(time.Hour))
	add(false, running("live", live), deadline(-30*time.Second)) // within the grace
	add(true, running("live", live), deadline(-2*time.Minute))
	kept := func(ex *squall.Execution) { ex.Runner = "keeper" }
	other := func(ex *squall.Execution) { ex.Runner = "keep" }
	attached := func(ex *squall.Execution) { kept(ex); ex.Attached = true }
	add(false, running("gone", gone), kept) // its node may come back for it
	add(true, running("gone", gone), other)
	add(true, running("gone", gone), attached)
	add(false, running("gone", gone), kept, deadline(-2*time.Minute)) // what looks after it has ended it
	add(true, running("gone long", goneLong), kept)
	add(false, running("back", before), kept) // about to be taken over
	add(true, running("back", before), other)
	add(true, running("back", before), attached)
	add(false, running("back", back), kept)
	add(false, running("back", back), attached)
	add(true, running("back", back), kept, deadline(-2*time.Minute))
	add(true, running("lazy", lazy), kept)
	for _, s := range squall.Statuses {
		orphan := slices.Contains([]squall.Status{squall.Running, squall.Canceling, squall.Pausing, squall.Resuming}, s)
		add(orphan, running("ended", ended), state(s))
	}
	b.view(func(tx store.Tx) error {
		list, err := tx.Orphans(b.Context(), time.Minute, 0)
		b.equal("orphans", ids(list), want)
		if err != nil {
			return err
		}
		list, err = tx.Orphans(b.Context(), time.Minute, 2)
		b.equal("first two orphans", ids(list), want[:2])
		return err
	})
}

func testQueueStats(b *bundle) {
	stats := func() (st store.QueueStats) {
		b.view(func(tx store.Tx) (err error) { st, err = tx.QueueStats(b.Context()); return err })
		return st
	}
	b.equal("empty", stats(), store.QueueStats{})
	var now time.Time
	b.update(func(tx store.Tx) error { now = tx.Now(); return nil })
	due := func(d time.Duration, s squall.Status) func(*squall.Execution) {
		return func(ex *squall.Execution) {
			ex.CreatedAt, ex.NotBefore, ex.Status = now.Add(-time.Hour), now.Add(d), s
		}
	}
	b.insert(due(time.Hour, squall.Requested))
	b.equal("nothing due", stats(), store.QueueStats{Requested: 1, NextDue: now.Add(time.Hour)})
	b.insert(due(2*time.Hour, squall.Delayed))
	b.equal("nothing due", stats(), store.QueueStats{Requested: 1, Delayed: 1, NextDue: now.Add(time.Hour)})
	b.insert(due(-time.Second, squall.Requested))
	b.insert(due(-time.Minute, squall.Delayed))
	b.insert(due(-2*time.Hour, squall.Running))
	b.insert(due(-2*time.Hour, squall.Succeeded))
	b.equal("all", stats(), store.QueueStats{Requested: 2, Delayed: 2, Running: 1, OldestDue: now.Add(-time.Minute), NextDue: now.Add(time.Hour)})
}

func testOutput(b *bundle) {
	ex := b.insert(running("n1", 1))
	other := b.insert(running("n1", 1))
	var chunks []squall.Chunk
	for i, data := range []string{"hello\n", "", "nul \x00 and ☂", strings.Repeat("x", 3000), "end"} {
		stream := "stdout"
		if i%2 == 1 {
			stream = "stderr"
		}
		chunks = append(chunks, squall.Chunk{Seq: int64(i + 1), Stream: stream, At: ex.CreatedAt.Add(time.Duration(i) * time.Microsecond), Data: data})
	}
	b.appendOutput(ex.ID, "n1", 1, true, chunks[0])
	b.appendOutput(ex.ID, "n1", 1, true, chunks[1:4]...)
	changed := chunks[1]
	changed.Data = "again"
	b.appendOutput(ex.ID, "n1", 1, true, changed, chunks[3], chunks[4]) // the first two exist
	b.appendOutput(other.ID, "n1", 1, true, chunks[4])
	b.equal("all", b.output(ex.ID, 0, 0), chunks)
	b.equal("behind 2", b.output(ex.ID, 2, 0), chunks[2:])
	b.equal("behind 1, at most 2", b.output(ex.ID, 1, 2), chunks[1:3])
	b.equal("behind the last", len(b.output(ex.ID, 5, 10)), 0)
	b.equal("of the other", b.output(other.ID, 0, 0), chunks[4:])
	b.equal("of nobody", len(b.output(b.ids.Next(time.Now()), 0, 0)), 0)
}

func testOutputGuards(b *bundle) {
	ex := b.insert(running("n1", 4))
	chunk := squall.Chunk{Seq: 1, Stream: "stdout", At: ex.CreatedAt, Data: "x"}
	b.appendOutput(ex.ID, "n2", 4, false, chunk)
	b.appendOutput(ex.ID, "n1", 3, false, chunk)
	b.appendOutput(ex.ID, "n1", 5, false, chunk)
	b.appendOutput(ex.ID, "", 0, false, chunk)
	b.appendOutput(b.ids.Next(time.Now()), "n1", 4, false, chunk)
	for _, s := range squall.Statuses {
		ex := b.insert(running("n1", 4), func(ex *squall.Execution) { ex.Status = s })
		b.appendOutput(ex.ID, "n1", 4, !s.Final(), chunk)
		want := 1
		if s.Final() {
			want = 0
		}
		b.equal("chunks in state "+string(s), len(b.output(ex.ID, 0, 0)), want)
	}
	b.equal("written in spite of the guard", len(b.output(ex.ID, 0, 0)), 0)
}

func testOutputLarge(b *bundle) {
	ex := b.insert(running("n1", 1))
	var chunks []squall.Chunk
	for i := range 4 {
		chunks = append(chunks, squall.Chunk{Seq: int64(i + 1), Stream: "stdout", At: ex.CreatedAt, Data: string(document(100_000 + i))})
	}
	b.appendOutput(ex.ID, "n1", 1, true, chunks...)
	if d := diff(chunks, b.output(ex.ID, 0, 0)); d != "" {
		b.Error("large chunks came back changed")
	}
}

func (b *bundle) appendOutput(id squall.ID, node string, epoch int64, want bool, chunks ...squall.Chunk) {
	b.Helper()
	b.update(func(tx store.Tx) error {
		got, err := tx.AppendOutput(b.Context(), store.OutputBatch{Execution: id, Owner: store.Owner{Node: node, Epoch: epoch}, Chunks: chunks})
		if err == nil && got != want {
			b.Errorf("AppendOutput for node %q, epoch %d = %v, want %v", node, epoch, got, want)
		}
		return err
	})
}

func (b *bundle) output(id squall.ID, after int64, limit int) (chunks []squall.Chunk) {
	b.Helper()
	b.view(func(tx store.Tx) (err error) {
		chunks, err = tx.Output(b.Context(), id, after, limit)
		return err
	})
	return chunks
}

func testDelete(b *bundle) {
	var now time.Time
	b.update(func(tx store.Tx) error { now = tx.Now(); return nil })
	finished := func(ago time.Duration) func(*squall.Execution) {
		return func(ex *squall.Execution) {
			ex.Status, ex.CreatedAt, ex.EndedAt = squall.Succeeded, now.Add(-24*time.Hour), now.Add(-ago)
		}
	}
	keep := map[string]*squall.Execution{}
	var gone []*squall.Execution
	tree := func(name string, delete bool, root *squall.Execution, children ...*squall.Execution) {
		for i, ex := range append([]*squall.Execution{root}, children...) {
			if delete {
				gone = append(gone, ex)
			} else {
				keep[fmt.Sprintf("%s %d", name, i)] = ex
			}
		}
	}
	old, young := finished(3*time.Hour), finished(time.Minute)
	withDocs := func(ex *squall.Execution) { ex.Parameters, ex.Result = document(5000), document(9000) }

	leaf := b.insert(old, withDocs)
	tree("a leaf", true, leaf)
	root := b.insert(old)
	child := b.insert(old, childOf(root), withDocs)
	grandchild := b.insert(old, childOf(child), withDocs)
	tree("a whole tree", true, root, child, grandchild)
	tree("too young", false, b.insert(young))
	root = b.insert(old)
	tree("a young child", false, root, b.insert(young, childOf(root)))
	root = b.insert(old)
	child = b.insert(old, childOf(root))
	tree("an open grandchild", false, root, child, b.insert(childOf(child)))
	tree("open", false, b.insert())
	root = b.insert(young)
	tree("young root of an old child", false, root, b.insert(old, childOf(root)))

	// Output of finished executions, written while they ran.
	withOutput := b.insert(running("n", 1), func(ex *squall.Execution) { ex.CreatedAt = now.Add(-24 * time.Hour) })
	b.appendOutput(withOutput.ID, "n", 1, true, squall.Chunk{Seq: 1, Stream: "stdout", At: now, Data: "x"})
	ended := now.Add(-2 * time.Hour)
	b.move(store.Move{ID: withOutput.ID, From: []squall.Status{squall.Running}, To: squall.Failed, EndedAt: &ended}, true)
	gone = append(gone, withOutput)

	var ref string
	b.update(func(tx store.Tx) (err error) {
		ref, err = tx.PutValue(b.Context(), leaf.ID, document(3000))
		return err
	})
	deleted := 0
	b.update(func(tx store.Tx) (err error) {
		deleted, err = tx.DeleteExecutions(b.Context(), now.Add(-time.Hour), 0)
		return err
	})
	b.equal("number deleted", deleted, len(gone))
	for _, ex := range gone {
		if b.exists(ex.ID) {
			b.Errorf("%s was not deleted", ex.ID)
		}
		b.equal("output left behind", len(b.output(ex.ID, 0, 0)), 0)
	}
	for name, ex := range keep {
		if !b.exists(ex.ID) {
			b.Errorf("%s was deleted", name)
		}
	}
	b.view(func(tx store.Tx) error {
		_, err := tx.Value(b.Context(), leaf.ID, ref)
		b.wantKind("value of a deleted tree", err, squall.NotFound)
		return nil
	})
}

func testDeleteLimit(b *bundle) {
	ended := func(ex *squall.Execution) {
		ex.Status, ex.CreatedAt, ex.EndedAt = squall.Failed, ex.CreatedAt.Add(-2*time.Hour), ex.CreatedAt.Add(-time.Hour)
	}
	tree := func(children int) {
		root := b.insert(ended)
		for range children {
			b.insert(ended, childOf(root))
		}
	}
	tree(1)
	tree(2)
	tree(20)
	tree(0)
	var got []int
	for range 5 {
		n := 0
		b.update(func(tx store.Tx) (err error) {
			n, err = tx.DeleteExecutions(b.Context(), tx.Now().Add(-time.Minute), 6)
			return err
		})
		got = append(got, n)
	}
	// Whole trees as long as they fit; a tree larger than the limit goes alone.
	b.equal("portions", got, []int{5, 21, 1, 0, 0})
}

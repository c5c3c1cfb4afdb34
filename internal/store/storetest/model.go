package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"squall/internal/squall"
	"squall/internal/store"
)

// testModel runs random sequences of operations, several in one transaction and
// some undone, against the store and against the plain maps of model. After each
// transaction both must hold the same.
func testModel(b *bundle) {
	rapid.Check(b.T, func(t *rapid.T) {
		s := b.driver.New(b.T)(b.T)
		defer func() {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}()
		c := &comparison{T: t, ctx: b.Context(), s: s, ids: b.ids, model: newModel()}
		t.Repeat(map[string]func(*rapid.T){
			"":     c.compare,
			"step": c.step,
		})
		if err := s.Check(b.Context()); err != nil {
			t.Errorf("Check: %v", err)
		}
	})
}

// model is a store without a database: the meaning of the contract.
type model struct {
	executions map[squall.ID]*squall.Execution
	output     map[squall.ID][]squall.Chunk
	values     map[string]string // root/ref → body
	outbox     []store.Message   // without cursors
	nodes      map[string]store.Node
	locks      map[string]lock
}

type lock struct {
	owner string
	until time.Time
}

func newModel() *model {
	return &model{
		executions: map[squall.ID]*squall.Execution{}, output: map[squall.ID][]squall.Chunk{}, values: map[string]string{},
		nodes: map[string]store.Node{}, locks: map[string]lock{},
	}
}

func (m *model) clone() *model {
	c := *m
	c.executions = maps.Clone(m.executions) // the executions themselves are replaced, not changed
	c.output, c.values, c.nodes, c.locks = maps.Clone(m.output), maps.Clone(m.values), maps.Clone(m.nodes), maps.Clone(m.locks)
	c.outbox = slices.Clone(m.outbox)
	return &c
}

// change replaces an execution by a changed copy.
func (m *model) change(id squall.ID, now time.Time, fn func(*squall.Execution)) *squall.Execution {
	ex := *m.executions[id]
	ex.Log = slices.Clone(ex.Log)
	ex.Version, ex.UpdatedAt = ex.Version+1, now
	fn(&ex)
	m.executions[id] = &ex
	return &ex
}

func (m *model) list() []*squall.Execution {
	return slices.SortedFunc(maps.Values(m.executions), func(a, b *squall.Execution) int { return strings.Compare(string(a.ID), string(b.ID)) })
}

type comparison struct {
	*rapid.T
	ctx   context.Context
	s     store.Store
	ids   *squall.IDSource
	model *model
}

// operation applies one thing to the transaction and to the model and returns an
// error when they answer differently.
type operation func(tx store.Tx, m *model) error

func (c *comparison) step(t *rapid.T) {
	c.T = t
	ops := make([]operation, rapid.IntRange(1, 4).Draw(t, "operations"))
	for i := range ops {
		ops[i] = c.draw(t)
	}
	undo := rapid.IntRange(0, 4).Draw(t, "undo") == 0
	var after *model
	err := c.s.Update(c.ctx, func(tx store.Tx) error {
		after = c.model.clone()
		for _, op := range ops {
			if err := op(tx, after); err != nil {
				return err
			}
		}
		if undo {
			return errTest
		}
		return nil
	})
	switch {
	case undo && errors.Is(err, errTest):
	case !undo && err == nil:
		c.model = after
	default:
		t.Fatalf("Update: %v", err)
	}
}

func (c *comparison) draw(t *rapid.T) operation {
	kinds := []func(*rapid.T) operation{
		c.drawInsert, c.drawInsert, c.drawMove, c.drawMove, c.drawClaim, c.drawOutput, c.drawDelete, c.drawValue, c.drawMessage, c.drawNode, c.drawLock,
	}
	return kinds[rapid.IntRange(0, len(kinds)-1).Draw(t, "operation")](t)
}

var modelNodes = []string{"n1", "n2"}

func drawDocument(t *rapid.T, label string) json.RawMessage {
	switch size := rapid.SampledFrom([]int{0, 1, 40, 2048, 2049, 20_000}).Draw(t, label); size {
	case 0:
		return nil
	case 1:
		return json.RawMessage(`1`)
	default:
		return document(size)
	}
}

func (c *comparison) drawInsert(t *rapid.T) operation {
	status := rapid.SampledFrom(squall.Statuses).Draw(t, "state")
	parameters, result := drawDocument(t, "parameters"), drawDocument(t, "result")
	owner := rapid.SampledFrom(modelNodes).Draw(t, "node")
	epoch := int64(rapid.IntRange(1, 3).Draw(t, "epoch"))
	delay := time.Duration(rapid.IntRange(-2, 1).Draw(t, "delay")) * time.Hour
	queue := rapid.SampledFrom([]string{"", "gpu"}).Draw(t, "queue")
	parent := rapid.IntRange(0, 20).Draw(t, "parent")
	age := time.Duration(rapid.IntRange(0, 3).Draw(t, "age")) * time.Hour
	return func(tx store.Tx, m *model) error {
		now := tx.Now()
		ex := &squall.Execution{
			ID: c.ids.Next(now), Action: squall.Ref{Pack: "core", Name: "noop"}, Runner: "noop", Status: status, Queue: queue,
			CreatedAt: now.Add(-age), NotBefore: now.Add(-age + delay), Parameters: parameters, Context: result, Result: result,
			Log: []squall.Change{{Status: squall.Requested, At: now}, {Status: status, At: now, Reason: "test"}},
		}
		if status.Final() {
			ex.EndedAt = now.Add(-age + time.Minute)
		}
		switch status {
		case squall.Running, squall.Canceling, squall.Pausing, squall.Resuming:
			ex.Node, ex.Epoch, ex.Attempt, ex.Deadline = owner, epoch, 1, now.Add(-age+delay)
		}
		if list := m.list(); parent < len(list) {
			childOf(list[parent])(ex)
		}
		if err := tx.InsertExecution(c.ctx, ex); err != nil {
			return err
		}
		m.executions[ex.ID] = ex
		return nil
	}
}

// pick draws an execution that may not exist any more when the operation runs.
func (c *comparison) pick(t *rapid.T) squall.ID {
	list := c.model.list()
	if len(list) == 0 {
		return c.ids.Next(time.Now())
	}
	return rapid.SampledFrom(list).Draw(t, "execution").ID
}

func (c *comparison) drawMove(t *rapid.T) operation {
	mv := store.Move{
		ID:     c.pick(t),
		From:   rapid.SliceOfN(rapid.SampledFrom(squall.Statuses), 1, 6).Draw(t, "from"),
		To:     rapid.SampledFrom(squall.Statuses).Draw(t, "to"),
		Result: drawDocument(t, "result"),
	}
	if rapid.Bool().Draw(t, "guard node") {
		mv.Node, mv.Epoch = rapid.SampledFrom(modelNodes).Draw(t, "node"), int64(rapid.IntRange(1, 3).Draw(t, "epoch"))
	}
	if rapid.IntRange(0, 3).Draw(t, "guard version") == 0 {
		mv.Version = int64(rapid.IntRange(1, 3).Draw(t, "version"))
	}
	switch rapid.IntRange(0, 2).Draw(t, "owner") {
	case 1:
		mv.Assign = &store.Owner{Node: rapid.SampledFrom(modelNodes).Draw(t, "new node"), Epoch: 2}
	case 2:
		mv.Release = true
	}
	times := rapid.IntRange(0, 3).Draw(t, "times")
	return func(tx store.Tx, m *model) error {
		mv, now := mv, tx.Now()
		mv.Log = []squall.Change{{Status: mv.To, At: now, Reason: "moved"}}
		if mv.To.Final() {
			ended := now.Add(-time.Duration(times) * time.Hour)
			if ex := m.executions[mv.ID]; ex != nil && ended.Before(ex.CreatedAt) {
				ended = ex.CreatedAt // nothing ends before it was created
			}
			mv.EndedAt = &ended
		} else if times > 0 {
			due := now.Add(time.Duration(times-2) * time.Hour)
			mv.NotBefore, mv.Deadline = &due, &due
		}
		ex := m.executions[mv.ID]
		want := ex != nil && slices.Contains(mv.From, ex.Status) &&
			(mv.Node == "" || mv.Node == ex.Node && mv.Epoch == ex.Epoch) && (mv.Version == 0 || mv.Version == ex.Version)
		got, err := tx.MoveExecution(c.ctx, mv)
		if err != nil || got != want {
			return fmt.Errorf("move %+v of %+v = %v (%w), want %v", mv, ex, got, err, want)
		}
		if !want {
			return nil
		}
		m.change(mv.ID, now, func(ex *squall.Execution) {
			ex.Status = mv.To
			ex.Log = append(ex.Log, mv.Log...)
			if mv.Result != nil {
				ex.Result, ex.ResultSize = mv.Result, len(mv.Result)
			}
			if mv.EndedAt != nil {
				ex.EndedAt = *mv.EndedAt
			}
			if mv.NotBefore != nil {
				ex.NotBefore, ex.Deadline = *mv.NotBefore, *mv.Deadline
			}
			switch {
			case mv.Assign != nil:
				ex.Node, ex.Epoch = mv.Assign.Node, mv.Assign.Epoch
			case mv.Release:
				ex.Node, ex.Epoch = "", 0
			}
		})
		return nil
	}
}

func (c *comparison) drawClaim(t *rapid.T) operation {
	cl := store.Claim{Node: rapid.SampledFrom(modelNodes).Draw(t, "node"), Epoch: 2, Limit: rapid.IntRange(0, 5).Draw(t, "limit")}
	if rapid.Bool().Draw(t, "gpu") {
		cl.Queues = []string{"gpu"}
	}
	return func(tx store.Tx, m *model) error {
		now := tx.Now()
		due := func(ex *squall.Execution) time.Time {
			if ex.NotBefore.Before(ex.CreatedAt) {
				return ex.CreatedAt
			}
			return ex.NotBefore
		}
		var want []*squall.Execution
		for _, ex := range m.list() {
			if (ex.Status == squall.Requested || ex.Status == squall.Delayed) && !due(ex).After(now) &&
				(ex.Queue == "" || slices.Contains(cl.Queues, ex.Queue)) {
				want = append(want, ex)
			}
		}
		slices.SortStableFunc(want, func(a, b *squall.Execution) int { return due(a).Compare(due(b)) })
		want = want[:min(cl.Limit, len(want))]
		got, err := tx.ClaimExecutions(c.ctx, cl)
		if err != nil {
			return err
		}
		if d := diff(ids(want), ids(got)); d != "" {
			return fmt.Errorf("claim (-want +got):\n%s", d)
		}
		for _, ex := range want {
			m.change(ex.ID, now, func(ex *squall.Execution) {
				ex.Status, ex.Attempt, ex.Node, ex.Epoch = squall.Running, ex.Attempt+1, cl.Node, cl.Epoch
				ex.StartedAt, ex.EndedAt = now, time.Time{}
				ex.Log = append(ex.Log, squall.Change{Status: squall.Scheduled, At: now, Node: cl.Node}, squall.Change{Status: squall.Running, At: now, Node: cl.Node})
			})
		}
		return nil
	}
}

func (c *comparison) drawOutput(t *rapid.T) operation {
	id := c.pick(t)
	owner := store.Owner{Node: rapid.SampledFrom(modelNodes).Draw(t, "node"), Epoch: 2}
	first := int64(rapid.IntRange(1, 4).Draw(t, "first"))
	n := int64(rapid.IntRange(1, 3).Draw(t, "chunks"))
	data := string(drawDocument(t, "data"))
	return func(tx store.Tx, m *model) error {
		o := store.OutputBatch{Execution: id, Owner: owner}
		for seq := first; seq < first+n; seq++ {
			o.Chunks = append(o.Chunks, squall.Chunk{Seq: seq, Stream: "stdout", At: tx.Now(), Data: data})
		}
		ex := m.executions[id]
		want := ex != nil && ex.Node == owner.Node && ex.Epoch == owner.Epoch && !ex.Status.Final()
		got, err := tx.AppendOutput(c.ctx, o)
		if err != nil || got != want {
			return fmt.Errorf("append output by %+v to %+v = %v (%w), want %v", owner, ex, got, err, want)
		}
		if !want {
			return nil
		}
		chunks := slices.Clone(m.output[id])
		for _, chunk := range o.Chunks {
			if !slices.ContainsFunc(chunks, func(have squall.Chunk) bool { return have.Seq == chunk.Seq }) {
				chunks = append(chunks, chunk)
			}
		}
		slices.SortFunc(chunks, func(a, b squall.Chunk) int { return int(a.Seq - b.Seq) })
		m.output[id] = chunks
		return nil
	}
}

func (c *comparison) drawDelete(t *rapid.T) operation {
	hours := time.Duration(rapid.IntRange(0, 3).Draw(t, "hours"))
	return func(tx store.Tx, m *model) error {
		before := tx.Now().Add(-hours * time.Hour)
		want := 0
		for _, root := range m.list() {
			if root.Parent != nil {
				continue
			}
			var tree []squall.ID
			done := true
			for _, ex := range m.list() {
				if ex.Root == root.ID {
					tree = append(tree, ex.ID)
					done = done && ex.Status.Final() && !ex.EndedAt.IsZero() && ex.EndedAt.Before(before)
				}
			}
			if !done {
				continue
			}
			want += len(tree)
			for _, id := range tree {
				delete(m.executions, id)
				delete(m.output, id)
			}
			maps.DeleteFunc(m.values, func(key, _ string) bool { return strings.HasPrefix(key, string(root.ID)) })
		}
		got, err := tx.DeleteExecutions(c.ctx, before, 0)
		if err != nil || got != want {
			return fmt.Errorf("delete executions = %d (%w), want %d", got, err, want)
		}
		return nil
	}
}

func (c *comparison) drawValue(t *rapid.T) operation {
	id, body := c.pick(t), string(drawDocument(t, "body"))
	return func(tx store.Tx, m *model) error {
		ex := m.executions[id]
		if ex == nil {
			return nil
		}
		ref, err := tx.PutValue(c.ctx, ex.Root, []byte(body))
		if err != nil {
			return err
		}
		m.values[string(ex.Root)+"/"+ref] = body
		return nil
	}
}

func (c *comparison) drawMessage(t *rapid.T) operation {
	trim := rapid.IntRange(0, 5).Draw(t, "trim")
	return func(tx store.Tx, m *model) error {
		if trim == 0 {
			before := tx.Now().Add(-time.Minute)
			n := 0
			for n < len(m.outbox) && n < 3 && m.outbox[n].At.Before(before) {
				n++
			}
			m.outbox = m.outbox[n:]
			got, err := tx.TrimOutbox(c.ctx, before, 3)
			if err != nil || got != n {
				return fmt.Errorf("trim outbox = %d (%w), want %d", got, err, n)
			}
			return nil
		}
		msg := store.Message{Kind: store.ExecutionOutput, Execution: c.ids.Next(tx.Now()), Status: squall.Running, Seq: int64(trim), At: tx.Now().Add(-time.Hour)}
		m.outbox = append(m.outbox, msg)
		return tx.AppendOutbox(c.ctx, msg)
	}
}

func (c *comparison) drawNode(t *rapid.T) operation {
	name := rapid.SampledFrom(modelNodes).Draw(t, "node")
	ttl := time.Duration(rapid.IntRange(-1, 1).Draw(t, "ttl")) * time.Hour
	verb := rapid.SampledFrom([]string{"join", "renew", "leave", "holds"}).Draw(t, "verb")
	epochOff := int64(rapid.IntRange(0, 1).Draw(t, "other epoch"))
	return func(tx store.Tx, m *model) error {
		now := tx.Now()
		n, known := m.nodes[name]
		epoch := n.Epoch + epochOff
		live := known && epochOff == 0 && n.LeaseUntil.After(now)
		switch verb {
		case "join":
			n = store.Node{Name: name, PID: 5, Queues: []string{"gpu"}, StartedAt: now, LeaseUntil: now.Add(ttl)}
			got, err := tx.JoinNode(c.ctx, n, ttl)
			if err != nil {
				return err
			}
			for _, other := range m.nodes {
				if got <= other.Epoch && other.Name == name {
					return fmt.Errorf("epoch %d after %d", got, other.Epoch)
				}
			}
			n.Epoch = got
			m.nodes[name] = n
		case "renew":
			got, err := tx.RenewNode(c.ctx, name, epoch, ttl)
			if err != nil || got != live {
				return fmt.Errorf("renew %+v at %v = %v (%w), want %v", n, now, got, err, live)
			}
			if live {
				n.LeaseUntil = now.Add(ttl)
				m.nodes[name] = n
			}
		case "holds":
			got, err := tx.HoldsLease(c.ctx, store.Owner{Node: name, Epoch: epoch})
			if err != nil || got != live {
				return fmt.Errorf("%+v at %v holds its lease = %v (%w), want %v", n, now, got, err, live)
			}
		case "leave":
			if err := tx.LeaveNode(c.ctx, name, epoch); err != nil {
				return err
			}
			if live {
				n.LeaseUntil = now
				m.nodes[name] = n
			}
		}
		return nil
	}
}

func (c *comparison) drawLock(t *rapid.T) operation {
	name := rapid.SampledFrom([]string{"sweep", "rescue"}).Draw(t, "lock")
	owner := rapid.SampledFrom(modelNodes).Draw(t, "owner")
	ttl := time.Duration(rapid.IntRange(-1, 1).Draw(t, "ttl")) * time.Hour
	release := rapid.IntRange(0, 2).Draw(t, "release") == 0
	return func(tx store.Tx, m *model) error {
		held, taken := m.locks[name]
		if release {
			if taken && held.owner == owner {
				delete(m.locks, name)
			}
			return tx.Unlock(c.ctx, name, owner)
		}
		want := !taken || held.owner == owner || !held.until.After(tx.Now())
		got, err := tx.TryLock(c.ctx, name, owner, ttl)
		if err != nil || got != want {
			return fmt.Errorf("lock %s by %s, held %+v = %v (%w), want %v", name, owner, held, got, err, want)
		}
		if want {
			m.locks[name] = lock{owner, tx.Now().Add(ttl)}
		}
		return nil
	}
}

// compare reads everything back.
func (c *comparison) compare(t *rapid.T) {
	m := c.model
	err := c.s.View(c.ctx, func(tx store.Tx) error {
		list, err := tx.FindExecutions(c.ctx, store.ExecutionFilter{Ascending: true, Limit: 10_000, Parts: store.WithAll})
		if err != nil {
			return err
		}
		if d := diff(m.list(), list); d != "" && len(list)+len(m.executions) > 0 {
			return fmt.Errorf("executions (-want +got):\n%s", d)
		}
		for id := range m.output {
			chunks, err := tx.Output(c.ctx, id, 0, 0)
			if err != nil {
				return err
			}
			if d := diff(m.output[id], chunks); d != "" {
				return fmt.Errorf("output (-want +got):\n%s", d)
			}
		}
		for key, body := range m.values {
			root, ref, _ := strings.Cut(key, "/")
			got, err := tx.Value(c.ctx, squall.ID(root), ref)
			if err != nil || string(got) != body {
				return fmt.Errorf("value %s: %d bytes (%w), want %d", key, len(got), err, len(body))
			}
		}
		var nodes []store.Node
		for _, name := range slices.Sorted(maps.Keys(m.nodes)) {
			nodes = append(nodes, m.nodes[name])
		}
		gotNodes, err := tx.Nodes(c.ctx)
		if err != nil {
			return err
		}
		if d := diff(nodes, gotNodes); d != "" {
			return fmt.Errorf("nodes (-want +got):\n%s", d)
		}
		return c.compareStats(tx)
	})
	if err == nil {
		err = c.compareOutbox()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// compareOutbox asks again for a while: a driver may hold messages back while
// other transactions run.
func (c *comparison) compareOutbox() error {
	var difference string
	for range 5000 {
		var messages []store.Message
		err := c.s.View(c.ctx, func(tx store.Tx) (err error) {
			messages, err = tx.ReadOutbox(c.ctx, "", 0)
			return err
		})
		if err != nil {
			return err
		}
		for i := range messages {
			messages[i].Cursor = ""
		}
		if len(messages)+len(c.model.outbox) == 0 {
			return nil
		}
		if difference = diff(c.model.outbox, messages); difference == "" {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("outbox (-want +got):\n%s", difference)
}

func (c *comparison) compareStats(tx store.Tx) error {
	var want store.QueueStats
	for _, ex := range c.model.executions {
		switch ex.Status {
		case squall.Requested:
			want.Requested++
		case squall.Delayed:
			want.Delayed++
		case squall.Running:
			want.Running++
		}
	}
	got, err := tx.QueueStats(c.ctx)
	got.OldestDue, got.NextDue = time.Time{}, time.Time{} // depend on the instant; testQueueStats has them
	if err != nil || got != want {
		return fmt.Errorf("queue statistics %+v (%w), want %+v", got, err, want)
	}
	return nil
}

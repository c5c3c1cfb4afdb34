package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

func testUpdateUndo(b *bundle) {
	var id squall.ID
	root := b.insert(running("n", 1))
	err := b.s.Update(b.Context(), func(tx store.Tx) error {
		ex := b.make(tx)
		id = ex.ID
		if err := tx.InsertExecution(b.Context(), ex); err != nil {
			return err
		}
		if _, err := tx.Execution(b.Context(), id, 0); err != nil {
			return fmt.Errorf("own write is not visible: %w", err)
		}
		moved, err := tx.MoveExecution(b.Context(), store.Move{ID: root.ID, From: []squall.Status{squall.Running}, To: squall.Failed})
		if err != nil || !moved {
			return fmt.Errorf("moved %v, %w", moved, err)
		}
		return fmt.Errorf("wrapped: %w", errTest)
	})
	if !errors.Is(err, errTest) {
		b.Errorf("error %v, want the one of fn", err)
	}
	if b.exists(id) {
		b.Error("an insert was not undone")
	}
	b.equal("a move was not undone", b.read(root.ID), root)
}

// testUpdateGroup runs many updates at once, so that they share commits; a third
// of them fails after writing, a third before. Only and all of the others' writes
// are there, and each caller gets the answer to its own update.
func testUpdateGroup(b *bundle) {
	const n = 240
	inserted := make([]squall.ID, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			err := b.s.Update(b.Context(), func(tx store.Tx) error {
				ex := b.make(tx, func(ex *squall.Execution) { ex.User = fmt.Sprintf("user%d", i) })
				inserted[i] = ex.ID
				if i%3 == 2 {
					return fmt.Errorf("before %d: %w", i, errTest)
				}
				if err := tx.InsertExecution(b.Context(), ex); err != nil {
					return err
				}
				if err := tx.AppendOutbox(b.Context(), store.Message{Kind: store.ExecutionCreated, Execution: ex.ID}); err != nil {
					return err
				}
				if i%3 == 1 {
					return fmt.Errorf("after %d: %w", i, errTest)
				}
				return nil
			})
			switch {
			case i%3 == 0 && err != nil:
				b.Errorf("update %d: %v", i, err)
			case i%3 != 0 && (!errors.Is(err, errTest) || !strings.Contains(err.Error(), fmt.Sprintf(" %d:", i))):
				b.Errorf("update %d got the answer %v", i, err)
			}
		})
	}
	wg.Wait()
	messages := map[squall.ID]int{}
	for _, m := range b.settled(n/3, "") {
		messages[m.Execution]++
	}
	for i, id := range inserted {
		want := i%3 == 0
		if got := b.exists(id); got != want {
			b.Errorf("execution %d exists: %v, want %v", i, got, want)
		}
		if got := messages[id] == 1; got != want {
			b.Errorf("execution %d has %d messages", i, messages[id])
		}
	}
	b.equal("executions", len(b.find(store.ExecutionFilter{Limit: 2 * n})), n/3)
}

func testUpdatePanic(b *bundle) {
	var id squall.ID
	err := b.s.Update(b.Context(), func(tx store.Tx) error {
		ex := b.make(tx)
		id = ex.ID
		if err := tx.InsertExecution(b.Context(), ex); err != nil {
			return err
		}
		panic("out of cheese")
	})
	b.wantKind("panic", err, squall.Internal)
	if err == nil || !strings.Contains(err.Error(), "out of cheese") || !strings.Contains(err.Error(), "testUpdatePanic") {
		b.Errorf("error %v does not tell what panicked and where", err)
	}
	if b.exists(id) {
		b.Error("the write of a panicking update was kept")
	}
	b.insert() // and life goes on
}

// testUpdateSwallowedErrors: whatever fn makes of the store's errors, a nil
// answer means that what it wrote is there.
func testUpdateSwallowedErrors(b *bundle) {
	var ex *squall.Execution
	b.update(func(tx store.Tx) error {
		ex = b.make(tx, func(ex *squall.Execution) { ex.Parameters = document(200_000) })
		_ = tx.InsertExecution(b.Context(), ex)
		_ = tx.InsertExecution(b.Context(), ex)
		_, _ = tx.Execution(b.Context(), "x", 0)
		_, _ = tx.ReadOutbox(b.Context(), "x", 0)
		_, _ = tx.MoveExecution(b.Context(), store.Move{ID: ex.ID})
		return nil
	})
	b.equal("execution", b.read(ex.ID), ex)
}

// testUpdateLargeDocuments writes documents that are compressed outside the
// transaction, among others that are made anew in each run of fn.
func testUpdateLargeDocuments(b *bundle) {
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			var ex *squall.Execution
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			var runs int
			err := b.s.Update(ctx, func(tx store.Tx) error {
				runs++
				ex = b.make(tx, func(ex *squall.Execution) {
					ex.Parameters = document(20_000 + i)
					ex.Context = document(30_000 + i)
					ex.Result = document(40_000 + runs) // a different one each time
					ex.ResultSize = len(ex.Result)
				})
				if i%2 == 0 {
					cancel() // too late: fn was started
				}
				return tx.InsertExecution(b.Context(), ex)
			})
			if err != nil {
				b.Errorf("update %d: %v", i, err)
				return
			}
			if got := b.read(ex.ID); string(got.Parameters) != string(ex.Parameters) || string(got.Context) != string(ex.Context) || string(got.Result) != string(ex.Result) {
				b.Errorf("documents of update %d came back changed", i)
			}
		})
	}
	wg.Wait()
}

// testUpdateReads: reading methods work inside an update and see its writes.
func testUpdateReads(b *bundle) {
	b.update(func(tx store.Tx) error {
		ctx := b.Context()
		ex := b.make(tx, running("n", 1))
		if err := tx.InsertExecution(ctx, ex); err != nil {
			return err
		}
		ok, err := tx.AppendOutput(ctx, store.OutputBatch{Execution: ex.ID, Owner: store.Owner{Node: "n", Epoch: 1}, Chunks: []squall.Chunk{{Seq: 1, Data: "x"}}})
		if err != nil || !ok {
			return fmt.Errorf("append output: %v %w", ok, err)
		}
		chunks, err := tx.Output(ctx, ex.ID, 0, 0)
		b.equal("chunks", len(chunks), 1)
		if err != nil {
			return err
		}
		list, err := tx.FindExecutions(ctx, store.ExecutionFilter{Statuses: []squall.Status{squall.Running}, User: "alice"})
		b.equal("list", ids(list), []squall.ID{ex.ID})
		if err != nil {
			return err
		}
		ref, err := tx.PutValue(ctx, ex.ID, []byte("v"))
		if err != nil {
			return err
		}
		v, err := tx.Value(ctx, ex.ID, ref)
		b.equal("value", string(v), "v")
		if err != nil {
			return err
		}
		st, err := tx.QueueStats(ctx)
		b.equal("running", st.Running, 1)
		return err
	})
}

func testUpdateCanceledBefore(b *bundle) {
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	ran := false
	err := b.s.Update(ctx, func(tx store.Tx) error { ran = true; return nil })
	if !errors.Is(err, context.Canceled) || ran {
		b.Errorf("error %v, fn ran: %v", err, ran)
	}
}

// block keeps every committer of the store busy until release is called.
func (b *bundle) block() (release func()) {
	b.Helper()
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for range 64 {
		started := make(chan struct{})
		var once sync.Once
		wg.Go(func() {
			if err := b.s.Update(b.Context(), func(store.Tx) error {
				once.Do(func() { close(started) })
				<-gate
				return nil
			}); err != nil {
				b.Errorf("blocking update: %v", err)
			}
		})
		select {
		case <-started:
		case <-time.After(50 * time.Millisecond): // this one waits: all are busy
			return func() { close(gate); wg.Wait() }
		}
	}
	close(gate)
	wg.Wait()
	b.Fatal("the store starts any number of updates at once")
	return nil
}

func testUpdateCanceledWaiting(b *bundle) {
	release := b.block()
	ctx, cancel := context.WithCancel(b.Context())
	var ran atomic.Bool
	answer := make(chan error)
	go func() {
		answer <- b.s.Update(ctx, func(store.Tx) error { ran.Store(true); return nil })
	}()
	time.Sleep(10 * time.Millisecond)
	cancel()
	select {
	case err := <-answer:
		if !errors.Is(err, context.Canceled) {
			b.Errorf("error %v, want that of the context", err)
		}
	case <-time.After(5 * time.Second):
		b.Error("an update that waits does not notice that its context ended")
	}
	release()
	b.insert() // everything that waited is through
	if ran.Load() {
		b.Error("fn ran after its caller was answered")
	}
}

func testUpdateCanceledAfterStart(b *bundle) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var ex *squall.Execution
	err := b.s.Update(ctx, func(tx store.Tx) error {
		ex = b.make(tx)
		cancel()
		return tx.InsertExecution(ctx, ex) // also when fn passes the ended context on
	})
	if err != nil {
		b.Fatalf("an update that was started is not interrupted: %v", err)
	}
	b.equal("execution", b.read(ex.ID), ex)
}

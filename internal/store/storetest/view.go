package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

func testViewSnapshot(b *bundle) {
	ex := b.insert()
	b.view(func(tx store.Tx) error {
		before, err := tx.Execution(b.Context(), ex.ID, store.WithAll)
		if err != nil {
			return err
		}
		other := b.insert()
		b.move(store.Move{ID: ex.ID, From: []squall.Status{squall.Requested}, To: squall.Canceled}, true)
		after, err := tx.Execution(b.Context(), ex.ID, store.WithAll)
		b.equal("execution read twice in one view", after, before)
		if err != nil {
			return err
		}
		list, err := tx.FindExecutions(b.Context(), store.ExecutionFilter{})
		b.equal("list in the old view", ids(list), []squall.ID{ex.ID})
		if err != nil {
			return err
		}
		n, err := tx.CountExecutions(b.Context(), store.ExecutionFilter{IDs: []squall.ID{other.ID}}, 0)
		b.equal("count in the old view", n, 0)
		return err
	})
	b.equal("state in a new view", b.read(ex.ID).Status, squall.Canceled)
}

func testViewReadOnly(b *bundle) {
	ex := b.insert(running("n", 1))
	ctx := b.Context()
	for name, write := range map[string]func(store.Tx) error{
		"InsertExecution": func(tx store.Tx) error { return tx.InsertExecution(ctx, b.make(tx)) },
		"ClaimExecutions": func(tx store.Tx) error {
			_, err := tx.ClaimExecutions(ctx, store.Claim{Node: "n", Limit: 1})
			return err
		},
		"MoveExecution": func(tx store.Tx) error {
			_, err := tx.MoveExecution(ctx, store.Move{ID: ex.ID, From: []squall.Status{squall.Running}, To: squall.Failed, Result: document(50_000)})
			return err
		},
		"AppendOutput": func(tx store.Tx) error {
			_, err := tx.AppendOutput(ctx, store.OutputBatch{Execution: ex.ID, Owner: store.Owner{Node: "n", Epoch: 1}, Chunks: []squall.Chunk{{Seq: 1}}})
			return err
		},
		"DeleteExecutions": func(tx store.Tx) error { _, err := tx.DeleteExecutions(ctx, tx.Now(), 1); return err },
		"PutValue":         func(tx store.Tx) error { _, err := tx.PutValue(ctx, ex.ID, document(50_000)); return err },
		"ReplaceSealed": func(tx store.Tx) error {
			_, err := tx.ReplaceSealed(ctx, &store.SealedDocument{SealedPlace: store.SealedPlace{Table: store.SealedValues, ID: ex.ID}}, nil)
			return err
		},
		"DeleteUnusedValue": func(tx store.Tx) error {
			_, err := tx.DeleteUnusedValue(ctx, &store.SealedDocument{SealedPlace: store.SealedPlace{ID: ex.ID, Ref: "00000000000000000000000000000000"}})
			return err
		},
		"AppendOutbox": func(tx store.Tx) error { return tx.AppendOutbox(ctx, store.Message{Kind: store.Announcement}) },
		"TrimOutbox":   func(tx store.Tx) error { _, err := tx.TrimOutbox(ctx, tx.Now(), 1); return err },
		"JoinNode":     func(tx store.Tx) error { _, err := tx.JoinNode(ctx, store.Node{Name: "n"}, time.Minute); return err },
		"RenewNode":    func(tx store.Tx) error { _, err := tx.RenewNode(ctx, "n", 1, time.Minute); return err },
		"LeaveNode":    func(tx store.Tx) error { return tx.LeaveNode(ctx, "n", 1) },
		"ForgetNodes":  func(tx store.Tx) error { _, err := tx.ForgetNodes(ctx, tx.Now()); return err },
		"TryLock":      func(tx store.Tx) error { _, err := tx.TryLock(ctx, "l", "o", time.Minute); return err },
		"Unlock":       func(tx store.Tx) error { return tx.Unlock(ctx, "l", "o") },
		"PutPack":      func(tx store.Tx) error { return tx.PutPack(ctx, &squall.Pack{Ref: "p"}) },
		"DeletePack":   func(tx store.Tx) error { return tx.DeletePack(ctx, "p") },
		"PutAction": func(tx store.Tx) error {
			return tx.PutAction(ctx, &squall.Action{Ref: squall.Ref{Pack: "p", Name: "a"}})
		},
		"DeleteAction": func(tx store.Tx) error { return tx.DeleteAction(ctx, squall.Ref{Pack: "p", Name: "a"}) },
		"PutUser":      func(tx store.Tx) error { return tx.PutUser(ctx, &squall.User{Name: "u"}) },
		"DeleteUser":   func(tx store.Tx) error { return tx.DeleteUser(ctx, "u") },
		"PutToken":     func(tx store.Tx) error { return tx.PutToken(ctx, &squall.Token{ID: ex.ID, Digest: "d"}) },
		"DeleteToken":  func(tx store.Tx) error { return tx.DeleteToken(ctx, "d") },
		"DeleteTokens": func(tx store.Tx) error { _, err := tx.DeleteTokens(ctx, tx.Now(), 1); return err },
	} {
		b.view(func(tx store.Tx) error {
			if err := write(tx); err == nil {
				b.Errorf("%s succeeds in a view", name)
			}
			return nil
		})
	}
	b.equal("execution after the attempts", b.read(ex.ID), ex)
}

func testViewError(b *bundle) {
	if err := b.s.View(b.Context(), func(store.Tx) error { return errTest }); !errors.Is(err, errTest) {
		b.Errorf("error %v, want that of fn", err)
	}
	for range 20 { // a panic must not take a connection away
		func() {
			defer func() {
				if recover() == nil {
					b.Error("View swallows a panic of fn in its caller's goroutine")
				}
			}()
			_ = b.s.View(b.Context(), func(store.Tx) error { panic("x") })
		}()
	}
	b.view(func(store.Tx) error { return nil })
}

func testViewCanceled(b *bundle) {
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	err := b.s.View(ctx, func(store.Tx) error { b.Error("fn runs after its context ended"); return nil })
	if !errors.Is(err, context.Canceled) {
		b.Errorf("error %v, want that of the context", err)
	}
	// Ended in the middle: an error, and the connection is still good.
	for range 20 {
		ctx, cancel := context.WithCancel(b.Context())
		err := b.s.View(ctx, func(tx store.Tx) error {
			cancel()
			_, err := tx.FindExecutions(ctx, store.ExecutionFilter{})
			return err
		})
		if !errors.Is(err, context.Canceled) {
			b.Errorf("error %v, want that of the context", err)
		}
	}
	b.insert()
	b.equal("list", len(b.find(store.ExecutionFilter{})), 1)
}

func testNow(b *bundle) {
	var mu sync.Mutex
	var last time.Time
	check := func(tx store.Tx) error {
		mu.Lock()
		defer mu.Unlock()
		now := tx.Now()
		if now != tx.Now() || now.Location() != time.UTC || now != now.Truncate(time.Microsecond) {
			b.Errorf("now is %v, then %v", now, tx.Now())
		}
		if d := time.Since(now); d < -5*time.Second || d > 5*time.Second {
			b.Errorf("now is %v off", d)
		}
		return nil
	}
	for range 50 {
		b.update(func(tx store.Tx) error {
			if tx.Now().Before(last) {
				b.Errorf("%v after %v", tx.Now(), last)
			}
			last = tx.Now()
			return check(tx)
		})
	}
	b.view(func(tx store.Tx) error {
		if tx.Now().Before(last) {
			b.Errorf("%v after %v", tx.Now(), last)
		}
		return check(tx)
	})
}

func testWake(b *bundle) {
	stores := []store.Store{b.s}
	if b.driver.Shared {
		stores = append(stores, b.openStore())
	}
	for _, s := range stores {
		work, stop := s.Wake(store.TopicWork)
		twin, stopTwin := s.Wake(store.TopicWork)
		control, stopControl := s.Wake(store.TopicControl)
		drain := func() {
			time.Sleep(20 * time.Millisecond)
			for _, c := range []<-chan struct{}{work, twin, control} {
				select {
				case <-c:
				default:
				}
			}
		}
		drain()
		b.update(func(tx store.Tx) error { tx.Wake(store.TopicWork); tx.Wake(store.TopicWork); return nil })
		for _, c := range []<-chan struct{}{work, twin} {
			waitSignal(b.T, c)
		}
		drain()
		_ = b.s.Update(b.Context(), func(tx store.Tx) error { tx.Wake(store.TopicWork); tx.Wake(store.TopicControl); return errTest })
		b.update(func(tx store.Tx) error { tx.Wake(store.TopicOutbox); return nil })
		time.Sleep(50 * time.Millisecond)
		for _, c := range []<-chan struct{}{work, control} {
			select {
			case <-c:
				b.Error("woken by an undone update or for another topic")
			default:
			}
		}
		// Signals wait for a sleeper that is not listening, merged.
		for range 100 {
			b.update(func(tx store.Tx) error { tx.Wake(store.TopicControl); return nil })
		}
		waitSignal(b.T, control)
		stop()
		stop() // twice does no harm
		b.update(func(tx store.Tx) error { tx.Wake(store.TopicWork); return nil })
		waitSignal(b.T, twin)
		select {
		case <-work:
			b.Error("woken after stop")
		default:
		}
		stopTwin()
		stopControl()
	}
}

func waitSignal(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(5 * time.Second):
		t.Error("no signal")
	}
}

func testHealth(b *bundle) {
	for range 2 {
		if err := b.s.Health(b.Context()); err != nil {
			b.Errorf("Health: %v", err)
		}
	}
	b.insert()
	if err := b.s.Health(b.Context()); err != nil {
		b.Errorf("Health: %v", err)
	}
	if err := b.s.Check(b.Context()); err != nil {
		b.Errorf("Check: %v", err)
	}
}

func testClose(b *bundle) {
	wake, _ := b.s.Wake(store.TopicWork)
	b.insert()
	for range 2 {
		if err := b.s.Close(); err != nil {
			b.Errorf("Close: %v", err)
		}
	}
	b.wantKind("Update", b.s.Update(b.Context(), func(store.Tx) error { b.Error("fn ran"); return nil }), squall.Unavailable)
	b.wantKind("View", b.s.View(b.Context(), func(store.Tx) error { b.Error("fn ran"); return nil }), squall.Unavailable)
	b.wantKind("Check", b.s.Check(b.Context()), squall.Unavailable)
	_ = wake
}

// testCloseWhileBusy: what was acknowledged is there after opening again,
// everything else was refused, and nobody hangs.
func testCloseWhileBusy(b *bundle) {
	const writers = 16
	var wg sync.WaitGroup
	var written atomic.Int64
	acknowledged := make([][]squall.ID, writers)
	for w := range writers {
		wg.Go(func() {
			for {
				var id squall.ID
				err := b.s.Update(b.Context(), func(tx store.Tx) error {
					ex := b.make(tx, func(ex *squall.Execution) { ex.Parameters = document(20_000) })
					id = ex.ID
					return tx.InsertExecution(b.Context(), ex)
				})
				if err != nil {
					b.wantKind("Update while closing", err, squall.Unavailable)
					return
				}
				acknowledged[w] = append(acknowledged[w], id)
				written.Add(1)
			}
		})
		wg.Go(func() {
			for {
				err := b.s.View(b.Context(), func(tx store.Tx) error {
					_, err := tx.FindExecutions(b.Context(), store.ExecutionFilter{Limit: 5, Parts: store.WithAll})
					return err
				})
				if err != nil {
					b.wantKind("View while closing", err, squall.Unavailable)
					return
				}
			}
		})
	}
	for deadline := time.Now().Add(20 * time.Second); written.Load() < 2*writers && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if err := b.s.Close(); err != nil {
		b.Errorf("Close: %v", err)
	}
	wg.Wait()
	b.s = b.openStore()
	n := 0
	for _, list := range acknowledged {
		n += len(list)
		for _, id := range list {
			if !b.exists(id) {
				b.Errorf("acknowledged execution %s is lost", id)
			}
		}
	}
	if n == 0 {
		b.Error("nothing was written before the close")
	}
}

func testReopen(b *bundle) {
	ex := b.insert(func(ex *squall.Execution) { ex.Parameters = document(9000) })
	epoch := b.join(store.Node{Name: "n"}, time.Hour)
	if err := b.s.Close(); err != nil {
		b.Fatal(err)
	}
	b.s = b.openStore()
	b.equal("execution", b.read(ex.ID), ex)
	b.renew("n", epoch, time.Hour, true)
	if next := b.join(store.Node{Name: "n"}, time.Hour); next <= epoch {
		b.Errorf("epoch %d after %d", next, epoch)
	}
}

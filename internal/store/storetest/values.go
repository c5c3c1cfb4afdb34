package storetest

import (
	"fmt"
	"sync"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

func testValues(b *bundle) {
	root, other := b.insert(), b.insert()
	bodies := [][]byte{[]byte(`1`), document(2000), document(5000), document(500_000), noise(30_000), {}}
	refs := make([]string, len(bodies))
	put := func(root squall.ID, body []byte) (ref string) {
		b.Helper()
		b.update(func(tx store.Tx) (err error) {
			ref, err = tx.PutValue(b.Context(), root, body)
			return err
		})
		return ref
	}
	for i, body := range bodies {
		refs[i] = put(root.ID, body)
		b.equal("reference of an equal body", put(root.ID, append([]byte{}, body...)), refs[i])
		for j := range i {
			if refs[i] == refs[j] {
				b.Errorf("different bodies have the reference %s", refs[i])
			}
		}
	}
	b.view(func(tx store.Tx) error {
		for i, body := range bodies {
			got, err := tx.Value(b.Context(), root.ID, refs[i])
			if err != nil {
				return err
			}
			b.checkDocument("value", got, body)
			_, err = tx.Value(b.Context(), other.ID, refs[i])
			b.wantKind("value of another tree", err, squall.NotFound)
		}
		for _, ref := range []string{"", "x", refs[0] + "0", "00000000000000000000000000000000"} {
			_, err := tx.Value(b.Context(), root.ID, ref)
			b.wantKind(fmt.Sprintf("reference %q", ref), err, squall.NotFound)
		}
		return nil
	})
	b.wantKind("value of no tree", b.s.Update(b.Context(), func(tx store.Tx) error {
		_, err := tx.PutValue(b.Context(), "x", []byte("1"))
		return err
	}), squall.Invalid)
}

func (b *bundle) outbox(s store.Store, after store.Cursor, limit int) (list []store.Message) {
	b.Helper()
	err := s.View(b.Context(), func(tx store.Tx) (err error) {
		list, err = tx.ReadOutbox(b.Context(), after, limit)
		return err
	})
	if err != nil {
		b.Fatalf("ReadOutbox: %v", err)
	}
	return list
}

// settled reads the outbox until it holds n messages: a driver may hold messages
// back while other transactions run, here those of tests beside this one.
func (b *bundle) settled(n int, after store.Cursor) (list []store.Message) {
	b.Helper()
	for range 5000 {
		if list = b.outbox(b.s, after, 0); len(list) >= n {
			return list
		}
		time.Sleep(time.Millisecond)
	}
	b.Errorf("%d messages are visible, want %d", len(list), n)
	return list
}

func (b *bundle) outboxEnd() (end store.Cursor) {
	b.Helper()
	b.view(func(tx store.Tx) (err error) {
		end, err = tx.OutboxEnd(b.Context())
		return err
	})
	return end
}

func testOutbox(b *bundle) {
	b.equal("end of the empty outbox", b.outboxEnd(), store.Cursor(""))
	b.equal("empty outbox", len(b.outbox(b.s, "", 10)), 0)
	at := time.Date(2026, 5, 1, 10, 0, 0, 123_000, time.UTC)
	want := []store.Message{
		{Kind: store.ExecutionCreated, Execution: b.ids.Next(at), Status: squall.Requested, At: at},
		{Kind: store.ExecutionOutput, Execution: b.ids.Next(at), Status: squall.Running, Seq: 1 << 50, At: at.Add(time.Second)},
		{Kind: store.Announcement, At: at, Body: []byte(`{"text":"\u0000 ☂"}`)},
		{Kind: store.ExecutionUpdated, Execution: b.ids.Next(at), Status: squall.Failed, At: at},
	}
	b.update(func(tx store.Tx) error {
		for _, m := range want[:3] {
			if err := tx.AppendOutbox(b.Context(), m); err != nil {
				return err
			}
		}
		return nil
	})
	b.update(func(tx store.Tx) error { return tx.AppendOutbox(b.Context(), want[3]) })

	got := b.settled(len(want), "")
	seen := map[store.Cursor]bool{}
	for i := range got {
		if got[i].Cursor == "" || seen[got[i].Cursor] {
			b.Errorf("message %d has the cursor %q", i, got[i].Cursor)
		}
		seen[got[i].Cursor] = true
		if i < len(want) {
			want[i].Cursor = got[i].Cursor
		}
	}
	b.equal("messages", got, want)
	b.equal("end", b.outboxEnd(), got[3].Cursor)
	b.equal("first two", b.outbox(b.s, "", 2), want[:2])
	for i := range got {
		b.equal("rest", append([]store.Message{}, b.outbox(b.s, got[i].Cursor, 10)...), want[i+1:])
	}
	b.view(func(tx store.Tx) error {
		_, err := tx.ReadOutbox(b.Context(), "no cursor", 1)
		b.wantKind("malformed cursor", err, squall.Invalid)
		return nil
	})
	// Undone messages are not seen.
	_ = b.s.Update(b.Context(), func(tx store.Tx) error {
		if err := tx.AppendOutbox(b.Context(), want[0]); err != nil {
			return err
		}
		return errTest
	})
	b.equal("after an undone message", b.outboxEnd(), got[3].Cursor)
}

func testOutboxTrim(b *bundle) {
	at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	b.update(func(tx store.Tx) error {
		for i := range 10 {
			if err := tx.AppendOutbox(b.Context(), store.Message{Kind: store.Announcement, At: at.Add(time.Duration(i) * time.Second)}); err != nil {
				return err
			}
		}
		return nil
	})
	all := b.settled(10, "")
	trim := func(before time.Time, limit, want int) {
		b.Helper()
		b.update(func(tx store.Tx) error {
			n, err := tx.TrimOutbox(b.Context(), before, limit)
			b.equal("trimmed", n, want)
			return err
		})
	}
	trim(at, 0, 0)
	trim(at.Add(8*time.Second), 3, 3)
	b.equal("after the first trim", b.outbox(b.s, "", 0), all[3:])
	trim(at.Add(8*time.Second), 100, 5)
	b.equal("after the second trim", b.outbox(b.s, "", 0), all[8:])
	b.equal("behind a trimmed message", b.outbox(b.s, all[2].Cursor, 0), all[8:])
	trim(at.Add(time.Hour), 100, 2)
	b.equal("empty again", len(b.outbox(b.s, "", 0)), 0)

	// A reader that stands at the last message must see the next one, also when
	// everything was trimmed, and the database opened again, in between.
	if err := b.s.Close(); err != nil {
		b.Fatal(err)
	}
	b.s = b.openStore()
	b.update(func(tx store.Tx) error {
		return tx.AppendOutbox(b.Context(), store.Message{Kind: store.Announcement, Body: []byte("next"), At: at})
	})
	next := b.settled(1, all[9].Cursor)
	if len(next) != 1 || string(next[0].Body) != "next" {
		b.Errorf("behind the last message: %+v", next)
	}
}

// testOutboxOrder lets several readers follow while several writers, on several
// stores where the driver can, append at once with transactions of different
// length. Each reader must see, page by page, exactly what the outbox holds in
// the end: nothing may appear in front of what it has already read.
func testOutboxOrder(b *bundle) {
	const writers, perWriter, readers = 8, 40, 3
	stores := []store.Store{b.s}
	if b.driver.Shared {
		stores = append(stores, b.openStore(), b.openStore())
	}
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range perWriter {
				err := stores[w%len(stores)].Update(b.Context(), func(tx store.Tx) error {
					for part := range 1 + i%3 {
						m := store.Message{Kind: store.Announcement, Seq: int64(part), Body: fmt.Appendf(nil, "%d/%d", w, i)}
						if err := tx.AppendOutbox(b.Context(), m); err != nil {
							return err
						}
						if i%5 == 0 {
							if _, err := tx.Nodes(b.Context()); err != nil { // holds the transaction open a little
								return err
							}
						}
					}
					return nil
				})
				if err != nil {
					b.Errorf("append: %v", err)
				}
			}
		})
	}
	done := make(chan struct{})
	var reading sync.WaitGroup
	seen := make([][]store.Message, readers)
	for r := range readers {
		reading.Go(func() {
			var after store.Cursor
			for last := false; ; {
				list := b.outbox(stores[r%len(stores)], after, 1+r*20)
				if len(list) > 0 {
					seen[r] = append(seen[r], list...)
					after = list[len(list)-1].Cursor
					continue
				}
				if last {
					return
				}
				select {
				case <-done: // one more round: everything is visible now
					last = true
				case <-time.After(time.Millisecond):
				}
			}
		})
	}
	writing.Wait()
	b.eventuallyVisible(stores[0])
	close(done)
	reading.Wait()
	all := b.outbox(b.s, "", 0)
	want := 1 // the marker
	for i := range perWriter {
		want += writers * (1 + i%3)
	}
	b.equal("number of messages", len(all), want)
	for r := range readers {
		b.equal(fmt.Sprintf("messages of reader %d", r), len(seen[r]), len(all))
		if !b.Failed() {
			b.equal(fmt.Sprintf("reader %d", r), seen[r], all)
		}
	}
	// Messages of one transaction stand together and in their order.
	for i := 1; i < len(all); i++ {
		if all[i].Seq > 0 && (string(all[i].Body) != string(all[i-1].Body) || all[i].Seq != all[i-1].Seq+1) {
			b.Errorf("message %s part %d follows %s part %d", all[i].Body, all[i].Seq, all[i-1].Body, all[i-1].Seq)
		}
	}
}

// eventuallyVisible waits until the outbox shows what is committed: a driver may
// hold messages back while older transactions run.
func (b *bundle) eventuallyVisible(s store.Store) {
	b.Helper()
	marker := []byte("marker of " + b.Name())
	b.update(func(tx store.Tx) error {
		return tx.AppendOutbox(b.Context(), store.Message{Kind: store.Announcement, Body: marker, At: tx.Now().Add(-time.Hour)})
	})
	for range 5000 {
		list := b.outbox(s, "", 0)
		if n := len(list); n > 0 && string(list[n-1].Body) == string(marker) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	b.Error("a committed message does not become visible")
}

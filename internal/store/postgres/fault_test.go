package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"squall/internal/pgtest"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/postgres"
)

func openClosed(t *testing.T, opts postgres.Options) *postgres.Store {
	t.Helper()
	s := open(t, opts)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

var source = squall.NewIDSource()

func insert(ctx context.Context, s store.Store) (id squall.ID, err error) {
	err = s.Update(ctx, func(tx store.Tx) error {
		now := tx.Now()
		id = source.Next(now)
		return tx.InsertExecution(ctx, &squall.Execution{
			ID: id, Action: squall.Ref{Pack: "core", Name: "noop"}, Status: squall.Requested, CreatedAt: now,
			Log: []squall.Change{{Status: squall.Requested, At: now}},
		})
	})
	return id, err
}

func exists(t *testing.T, s store.Store, id squall.ID) bool {
	t.Helper()
	err := s.View(t.Context(), func(tx store.Tx) error {
		_, err := tx.Execution(t.Context(), id, store.WithAll)
		return err
	})
	if err != nil && squall.KindOf(err) != squall.NotFound {
		t.Fatal(err)
	}
	return err == nil
}

// TestLostConnection: writers and readers go on over outages of the network;
// what was acknowledged is there, what was refused is not.
func TestLostConnection(t *testing.T) {
	dsn := pgtest.DSN(t)
	p, through := pgtest.NewProxy(t, dsn)
	s := openClosed(t, postgres.Options{DSN: through, Timeout: 2 * time.Second})
	direct := openClosed(t, postgres.Options{DSN: dsn})

	var stop atomic.Bool
	var wg sync.WaitGroup
	var mu sync.Mutex
	stored, refused := map[squall.ID]bool{}, map[squall.ID]bool{}
	outages := 0 // updates that were refused, most of them before fn ran
	for range 8 {
		wg.Go(func() {
			for !stop.Load() {
				start := time.Now()
				id, err := insert(context.Background(), s)
				mu.Lock()
				switch {
				case err == nil:
					stored[id] = true
				case squall.KindOf(err) == squall.Unavailable:
					outages++
					if id != "" {
						refused[id] = true
					}
				default:
					t.Errorf("Update: %v", err)
				}
				mu.Unlock()
				if took := time.Since(start); took > 8*time.Second {
					t.Errorf("Update took %v", took)
				}
				if err != nil {
					time.Sleep(5 * time.Millisecond)
				}
			}
		})
	}
	wg.Go(func() {
		for !stop.Load() {
			err := s.View(context.Background(), func(tx store.Tx) error {
				_, err := tx.FindExecutions(context.Background(), store.ExecutionFilter{Limit: 1})
				return err
			})
			if err != nil && squall.KindOf(err) != squall.Unavailable {
				t.Errorf("View: %v", err)
			}
			time.Sleep(time.Millisecond)
		}
	})
	for range 4 {
		time.Sleep(100 * time.Millisecond)
		p.Cut() // an outage of a moment
		time.Sleep(100 * time.Millisecond)
		p.Down() // a longer one
		time.Sleep(400 * time.Millisecond)
		start := time.Now()
		err := s.Health(t.Context())
		for ; err == nil && time.Since(start) < 3*time.Second; err = s.Health(t.Context()) {
			time.Sleep(10 * time.Millisecond) // what succeeded a moment ago is believed
		}
		if squall.KindOf(err) != squall.Unavailable || !strings.Contains(squall.MessageOf(err), "PostgreSQL") {
			t.Errorf("Health without a connection: %v", err)
		}
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("Health took %v", took)
		}
		p.Up()
	}
	recovered := time.Now().Add(10 * time.Second)
	for s.Health(t.Context()) != nil {
		if time.Now().After(recovered) {
			t.Fatalf("does not recover: %v", s.Health(t.Context()))
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop.Store(true)
	wg.Wait()
	if _, err := insert(t.Context(), s); err != nil {
		t.Errorf("after the connection came back: %v", err)
	}
	for id := range stored {
		if !exists(t, direct, id) {
			t.Errorf("acknowledged execution %s is lost", id)
		}
	}
	for id := range refused {
		if exists(t, direct, id) {
			t.Errorf("execution %s is stored although Update said that nothing was", id)
		}
	}
	if len(stored) == 0 || outages == 0 {
		t.Errorf("%d stored, %d refused: the test tests nothing", len(stored), outages)
	}
}

// TestLostCommit loses the connection exactly at the COMMIT: once before the
// server got it and once after. The answer must be the truth, and fn must not
// have its effect twice.
func TestLostCommit(t *testing.T) {
	for name, arrives := range map[string]bool{"before the server": false, "after the server": true} {
		t.Run(name, func(t *testing.T) {
			dsn := pgtest.DSN(t)
			p, through := pgtest.NewProxy(t, dsn)
			s := openClosed(t, postgres.Options{DSN: through, Timeout: 2 * time.Second, Committers: 1})
			direct := openClosed(t, postgres.Options{DSN: dsn})
			if _, err := insert(t.Context(), s); err != nil { // statements are prepared
				t.Fatal(err)
			}
			var lost atomic.Int32
			p.Watch(func(client, server net.Conn, data []byte) bool {
				// The statement COMMIT is prepared, so look for the batch that ends a
				// transaction with our insert: the identifier's execution is in it.
				if !bytes.Contains(data, []byte("noop")) || !lost.CompareAndSwap(0, 1) {
					return true
				}
				if arrives {
					_, _ = server.Write(data)
					time.Sleep(100 * time.Millisecond) // the server commits; its answer is lost
				}
				_ = client.Close()
				_ = server.Close()
				return false
			})
			id, err := insert(t.Context(), s)
			if lost.Load() == 0 {
				t.Fatal("the COMMIT was not seen")
			}
			switch {
			case arrives && err != nil:
				t.Errorf("the update was stored, but Update says %v", err)
			case !arrives && squall.KindOf(err) != squall.Unavailable:
				t.Errorf("the update was not stored, but Update says %v", err)
			}
			if got := exists(t, direct, id); got != arrives {
				t.Errorf("execution exists: %v, want %v", got, arrives)
			}
			err = direct.View(t.Context(), func(tx store.Tx) error {
				n, err := tx.CountExecutions(t.Context(), store.ExecutionFilter{}, 0)
				if want := 1 + map[bool]int{true: 1}[arrives]; n != want {
					t.Errorf("%d executions, want %d", n, want)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLostCommitUndecided: the connection is lost at the COMMIT and does not
// come back until the store is closed.
func TestLostCommitUndecided(t *testing.T) {
	p, through := pgtest.NewProxy(t, pgtest.DSN(t))
	s := open(t, postgres.Options{DSN: through, Timeout: time.Second, Committers: 1})
	if _, err := insert(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	lost := make(chan struct{})
	var once sync.Once
	p.Watch(func(client, server net.Conn, data []byte) bool {
		if bytes.Contains(data, []byte("noop")) {
			once.Do(func() { close(lost) })
			go p.Down()
			return false
		}
		return true
	})
	answer := make(chan error, 1)
	go func() { _, err := insert(context.Background(), s); answer <- err }()
	<-lost
	time.Sleep(200 * time.Millisecond)
	select {
	case err := <-answer:
		t.Errorf("answered before anybody can know: %v", err)
	default:
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-answer; err == nil || squall.KindOf(err) == squall.Unavailable || !strings.Contains(err.Error(), "not known") {
		t.Errorf("Update: %v", err)
	}
}

// TestDeadlock lets two stores change the same two rows in opposite order.
func TestDeadlock(t *testing.T) {
	dsn := pgtest.DSN(t)
	a, b := openClosed(t, postgres.Options{DSN: dsn}), openClosed(t, postgres.Options{DSN: dsn})
	x, err1 := insert(t.Context(), a)
	y, err2 := insert(t.Context(), a)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	var met sync.WaitGroup
	met.Add(2)
	move := func(s store.Store, first, second squall.ID) error {
		run := 0
		return s.Update(t.Context(), func(tx store.Tx) error {
			run++
			for i, id := range []squall.ID{first, second} {
				if _, err := tx.MoveExecution(t.Context(), store.Move{ID: id, From: []squall.Status{squall.Requested}, To: squall.Requested}); err != nil {
					return err
				}
				if i == 0 && run == 1 {
					met.Done()
					met.Wait()
				}
			}
			return nil
		})
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := move(a, x, y); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		if err := move(b, y, x); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	for _, id := range []squall.ID{x, y} {
		err := a.View(t.Context(), func(tx store.Tx) error {
			ex, err := tx.Execution(t.Context(), id, 0)
			if err == nil && ex.Version != 3 {
				t.Errorf("version %d, want 3: moved once by each", ex.Version)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestWakeAfterReconnect: who sleeps is woken when the listening connection was
// lost and came back, because a signal may have been lost with it.
func TestWakeAfterReconnect(t *testing.T) {
	dsn := pgtest.DSN(t)
	p, through := pgtest.NewProxy(t, dsn)
	s := openClosed(t, postgres.Options{DSN: through})
	other := openClosed(t, postgres.Options{DSN: dsn})
	work, stop := s.Wake(store.TopicWork)
	defer stop()
	wait := func(what string) {
		t.Helper()
		select {
		case <-work:
		case <-time.After(5 * time.Second):
			t.Fatalf("no signal %s", what)
		}
	}
	wake := func() {
		t.Helper()
		if err := other.Update(t.Context(), func(tx store.Tx) error { tx.Wake(store.TopicWork); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	wake()
	wait("from another node")
	p.Down()
	wake() // is lost
	p.Up()
	wait("after the connection came back")
	wake()
	wait("from another node, afterwards")
}

func TestOpenRefused(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := open(t, postgres.Options{DSN: dsn})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)`); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dsn   string
		kind  squall.Kind
		words string
	}{
		"newer schema":     {dsn, squall.Conflict, "version 999"},
		"malformed":        {"postgres://%zz", squall.Invalid, ""},
		"nobody listens":   {"postgres://squall@127.0.0.1:1/x", squall.Unavailable, "PostgreSQL"},
		"unknown database": {strings.Replace(dsn, "/squall_test", "/nothing", 1), squall.Unavailable, "database"},
	} {
		_, err := postgres.Open(t.Context(), postgres.Options{DSN: c.dsn})
		if squall.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOpenTogether: several nodes that start at once on an empty database.
func TestOpenTogether(t *testing.T) {
	dsn := pgtest.DSN(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := postgres.Open(t.Context(), postgres.Options{DSN: dsn})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := insert(t.Context(), s); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestReadOnlyServer: a standby, or an administrator's setting.
func TestReadOnlyServer(t *testing.T) {
	dsn := pgtest.DSN(t)
	if err := open(t, postgres.Options{DSN: dsn}).Close(); err != nil { // migrated
		t.Fatal(err)
	}
	s := openClosed(t, postgres.Options{DSN: dsn + "&default_transaction_read_only=on"})
	_, err := insert(t.Context(), s)
	for what, err := range map[string]error{"Update": err, "Health": s.Health(t.Context())} {
		if squall.KindOf(err) != squall.Unavailable || !strings.Contains(squall.MessageOf(err), "read-only") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("reading: %v", err)
	}
}

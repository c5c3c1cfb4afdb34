package crashtest

import (
	"context"
	"flag"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"squall/internal/pgtest"
	"squall/internal/squall"
	"squall/internal/squalltest"
	"squall/internal/store"
	"squall/internal/store/postgres"
	"squall/internal/store/sqlite"
)

var (
	long = flag.Bool("crash.long", false, "kill more often, under more load")
	seed = flag.Uint64("crash.seed", 0, "repeat the choices of a run; 0: new ones")
)

func TestMain(m *testing.M) { os.Exit(squalltest.Main(pgtest.Main(m))) }

// size is how much a test does.
func size() (executions, kills int) {
	if *long || os.Getenv("SQUALL_CRASH_LONG") != "" {
		return 20_000, 200
	}
	return 2_000, 20
}

func newRand(t *testing.T) *rand.Rand {
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("repeat with -crash.seed=%d", s)
	return rand.New(rand.NewPCG(s, 0))
}

// begin starts all nodes and logs in.
func begin(t *testing.T, nodes ...*node) *load {
	t.Helper()
	for _, n := range nodes {
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := nodes[0].Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		n.Token = nodes[0].Token
	}
	file := filepath.Join(t.TempDir(), "starts")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	l := newLoad(nodes, file)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	responding := make(chan struct{})
	go func() {
		defer close(responding)
		l.respond(ctx, rand.New(rand.NewPCG(*seed, 2)))
	}()
	t.Cleanup(func() { stop(); <-responding })
	return l
}

// storm puts the load on the nodes and kills one of them at random moments,
// until both the executions and the kills are done. In between it also stops
// one in an orderly way, with less patience than some of the actions need.
func storm(t *testing.T, l *load, rng *rand.Rand) {
	t.Helper()
	executions, kills := size()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	done := make(chan struct{})
	loadRand := rand.New(rand.NewPCG(rng.Uint64(), 1))
	go func() {
		defer close(done)
		l.run(ctx, executions, 0, loadRand)
	}()
	defer func() { <-done }()
	killed, stopped := 0, 0
	for killed < kills {
		// The moments spread over the load, as far as it has not ended.
		time.Sleep(time.Duration(20+rng.IntN(300)) * time.Millisecond)
		n := l.nodes[rng.IntN(len(l.nodes))]
		if rng.IntN(8) == 0 {
			n.Stop(t)
			stopped++
		} else {
			n.Kill()
			killed++
		}
		if err := n.Start(ctx); err != nil {
			cancel()
			t.Fatal(err)
		}
		select {
		case <-done:
			// It was faster than the kills: go on with more of it.
			done = make(chan struct{})
			go func() {
				defer close(done)
				l.run(ctx, executions/10, 0, loadRand)
			}()
		default:
		}
	}
	<-done
	t.Logf("killed %d times and stopped %d times under %d acknowledged executions", killed, stopped, l.count())
}

func TestKillOneNodeOnSQLite(t *testing.T) {
	t.Parallel()
	rng := newRand(t)
	n := newNode(t, "n1", "")
	l := begin(t, n)
	storm(t, l, rng)

	drain(t, n)
	n.Stop(t)
	st := openSQLite(t, n)
	defer closeStore(t, st)
	verify(t, st, l)
}

func openSQLite(t *testing.T, n *node) store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(n.Dir, "squall.db")})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// drain waits until the node says that nothing is open. An embedded database
// belongs to its process, so it is asked and not looked at.
func drain(t *testing.T, n *node) {
	t.Helper()
	for deadline := time.Now().Add(patience()); ; time.Sleep(100 * time.Millisecond) {
		open := 0
		for _, s := range squall.Statuses {
			if !s.Final() {
				count, err := n.count(t.Context(), s)
				if err != nil {
					t.Fatal(err)
				}
				open += count
			}
		}
		if open == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d executions have not ended", open)
		}
	}
}

// patience is how long what was left over by a test may take.
func patience() time.Duration {
	executions, _ := size()
	return 30*time.Second + time.Duration(executions)*20*time.Millisecond
}

func closeStore(t *testing.T, st store.Store) {
	t.Helper()
	if err := st.Close(); err != nil {
		t.Error(err)
	}
}

func openPostgres(t *testing.T, dsn string) store.Store {
	t.Helper()
	st, err := postgres.Open(t.Context(), postgres.Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, st) })
	return st
}

func TestKillNodesOnPostgreSQL(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	rng := newRand(t)
	l := begin(t, newNode(t, "n1", dsn), newNode(t, "n2", dsn), newNode(t, "n3", dsn))
	storm(t, l, rng)
	st := openPostgres(t, dsn)
	settle(t, st, patience())
	for _, n := range l.nodes {
		n.Stop(t)
	}
	verify(t, st, l)
}

// A node that was stopped for longer than its lease has lost everything it had
// in hand. When it wakes up it must write nothing about it, and then work again.
func TestNodeThatWakesUpWritesNothing(t *testing.T) {
	t.Parallel()
	dsn := shortTransactions(t, pgtest.DSN(t))
	rng := newRand(t)
	nodes := []*node{newNode(t, "n1", dsn), newNode(t, "n2", dsn), newNode(t, "n3", dsn)}
	for _, n := range nodes {
		// Kept runs go on without their node and are its own when it wakes up, which
		// is another test. Here nothing of it goes on.
		n.Set("scheduler.keep_runs=false")
	}
	l := begin(t, nodes...)
	st := openPostgres(t, dsn)
	sleeper := l.nodes[0]

	ctx, stopLoad := context.WithCancel(t.Context())
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		l.run(ctx, 1<<30, 2*time.Millisecond, rng)
	}()
	time.Sleep(time.Second)
	sleeper.Signal(syscall.SIGSTOP)
	time.Sleep(3 * lease)

	var before map[squall.ID]*squall.Execution
	eventually(t, "what the silent node ran is over", func() bool {
		before = ownedBy(t, st, sleeper.Name)
		for _, ex := range before {
			if !ex.Status.Final() {
				return false
			}
		}
		return true
	})
	output := outputOf(t, st, before)
	sleeper.Signal(syscall.SIGCONT)
	time.Sleep(2 * lease) // time enough to write what it must not
	eventually(t, "the node that woke up works again", func() bool { return len(ownedBy(t, st, sleeper.Name)) > len(before) })
	stopLoad()
	<-loaded

	for id, ex := range before {
		now := get(t, st, id)
		if now.Version != ex.Version || now.Status != ex.Status || len(now.Log) != len(ex.Log) {
			t.Errorf("%s was %s and was written to: %v", id, ex.Status, now.Log)
		}
	}
	for id, n := range outputOf(t, st, before) {
		if n != output[id] {
			t.Errorf("output was added to %s", id)
		}
	}
	if len(before) == 0 {
		t.Error("the node had nothing in hand: the test shows nothing")
	}
	settle(t, st, patience())
	for _, n := range l.nodes {
		n.Stop(t)
	}
	verify(t, st, l)
}

// eventually waits until what is true. How long that takes depends on how busy
// the machine is.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience()); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not true after %v: %s", patience(), what)
		}
	}
}

// shortTransactions makes PostgreSQL end the transaction of a node that was
// stopped in the middle of it within the short lease of these tests.
func shortTransactions(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("idle_in_transaction_session_timeout", "1s")
	u.RawQuery = q.Encode()
	return u.String()
}

// ownedBy returns the executions that the node ran last.
func ownedBy(t *testing.T, st store.Store, name string) map[squall.ID]*squall.Execution {
	t.Helper()
	found := all(t, st)
	for id, ex := range found {
		if ex.Node != name {
			delete(found, id)
		}
	}
	return found
}

func get(t *testing.T, st store.Store, id squall.ID) (ex *squall.Execution) {
	t.Helper()
	if err := st.View(t.Context(), func(tx store.Tx) (err error) {
		ex, err = tx.Execution(t.Context(), id, store.WithAll)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return ex
}

// outputOf counts the chunks of each execution.
func outputOf(t *testing.T, st store.Store, of map[squall.ID]*squall.Execution) map[squall.ID]int {
	t.Helper()
	counts := map[squall.ID]int{}
	if err := st.View(t.Context(), func(tx store.Tx) error {
		for id := range of {
			chunks, err := tx.Output(t.Context(), id, 0, 0)
			if err != nil {
				return err
			}
			counts[id] = len(chunks)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return counts
}

package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"squall/internal/pgtest"
	"squall/internal/squall"
	"squall/internal/store"
)

// eventSize is how many events are sent, for how long timers run, and how often
// a node is killed or stopped.
func eventSize() (events int, timers time.Duration, faults int) {
	if *long || os.Getenv("SQUALL_CRASH_LONG") != "" {
		return 20_000, 3 * time.Minute, 40
	}
	return 600, 8 * time.Second, 5
}

// hookLoad sends events and remembers which were acknowledged.
type hookLoad struct {
	*load
	mu    sync.Mutex
	acked map[int]squall.ID // by number
}

// send sends event n until some node says that it is durable. The key makes one
// event of all attempts.
func (l *hookLoad) send(ctx context.Context, n int, rng *rand.Rand) {
	l.sendBody(ctx, n, fmt.Sprintf(`{"n":%d,"even":%t}`, n, n%2 == 0), rng)
}

func (l *hookLoad) sendBody(ctx context.Context, n int, body string, rng *rand.Rand) {
	for ctx.Err() == nil {
		header, _, err := l.any(rng).do(ctx, http.MethodPost, "/api/v1/webhooks/storm", json.RawMessage(body), "Idempotency-Key", fmt.Sprint("event ", n))
		if err == nil {
			l.mu.Lock()
			l.acked[n] = squall.ID(header.Get("X-Trigger-Instance-Id"))
			l.mu.Unlock()
			return
		}
		l.note(err)
		time.Sleep(time.Duration(5+rng.IntN(30)) * time.Millisecond)
	}
}

func (l *hookLoad) rule(t *testing.T, name, trigger, criteria string) {
	t.Helper()
	var doc map[string]any
	text := fmt.Sprintf(`{"name":%q,"pack":"default","enabled":true,"trigger":%s,"criteria":%s,"action":{"ref":"core.noop"}}`, name, trigger, criteria)
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.nodes[0].call(t.Context(), "POST", "/api/v1/rules", doc); err != nil {
		t.Fatal(err)
	}
}

const stormTimers = 8

// TestEventsOnce: events over webhooks and timers on three nodes, of which one
// after the other is killed or stopped for a while. Every event that was
// acknowledged has exactly one enforcement of every rule that matches, and every
// time of a timer exactly one event.
func TestEventsOnce(t *testing.T) {
	t.Parallel()
	dsn := shortTransactions(t, pgtest.DSN(t))
	rng := newRand(t)
	l := &hookLoad{load: begin(t, newNode(t, "n1", dsn), newNode(t, "n2", dsn), newNode(t, "n3", dsn)), acked: map[int]squall.ID{}}
	l.rule(t, "all", `{"type":"core.st2.webhook","parameters":{"url":"storm"}}`, `{}`)
	l.rule(t, "even", `{"type":"core.st2.webhook","parameters":{"url":"storm"}}`, `{"trigger.body.even":{"type":"eq","pattern":true}}`)
	for i := range stormTimers {
		l.rule(t, fmt.Sprintf("timer%d", i), fmt.Sprintf(`{"type":"std.schedule","parameters":{"every":"1s","key":"t%d"}}`, i), `{}`)
	}
	events, span, faults := eventSize()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	numbers := make(chan int)
	var clients sync.WaitGroup
	for i := range 8 {
		own := rand.New(rand.NewPCG(rng.Uint64(), uint64(i)))
		clients.Go(func() {
			for n := range numbers {
				l.send(ctx, n, own)
			}
		})
	}
	clients.Go(func() {
		defer close(numbers)
		pause := span / time.Duration(events)
		for n := range events {
			time.Sleep(pause)
			numbers <- n
		}
	})
	for i := range faults {
		time.Sleep(span/time.Duration(faults)*3/4 + time.Duration(rng.IntN(200))*time.Millisecond)
		n := l.nodes[rng.IntN(len(l.nodes))]
		if i%3 == 2 {
			n.Signal(syscall.SIGSTOP)
			asleep := 2 * lease
			if i%6 == 5 { // long enough to lose the timers to another node as well
				asleep = 5 * lease
			}
			time.Sleep(asleep)
			n.Signal(syscall.SIGCONT)
			continue
		}
		n.Kill()
		if err := n.Start(ctx); err != nil {
			cancel()
			t.Fatal(err)
		}
	}
	clients.Wait()
	if rest := span - time.Since(began); rest > 0 {
		time.Sleep(rest)
	}
	for _, n := range l.nodes {
		n.Stop(t)
	}
	ran := time.Since(began)
	st := openPostgres(t, dsn)
	done := enforced(t, st)
	l.verifyEvents(t, st, done, events)
	verifyTimers(t, st, done, stormTimers, ran)
	for _, err := range l.refused {
		t.Errorf("an answer that no server may give: %v", err)
	}
	if err := st.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// enforced returns what rules made of each event. Every enforcement must have an
// execution that is there, and every execution, of which only rules request some,
// an enforcement.
func enforced(t *testing.T, st store.Store) map[squall.ID][]*squall.Enforcement {
	t.Helper()
	executions := all(t, st)
	done := map[squall.ID][]*squall.Enforcement{}
	named := map[squall.ID]bool{}
	if err := st.View(t.Context(), func(tx store.Tx) error {
		clear(done)
		clear(named)
		list, err := tx.FindEnforcements(t.Context(), store.EnforcementFilter{})
		for _, e := range list {
			done[e.Event] = append(done[e.Event], e)
			if named[e.Execution] {
				t.Errorf("execution %s belongs to two enforcements", e.Execution)
			}
			named[e.Execution] = true
			if executions[e.Execution] == nil {
				t.Errorf("event %s, rule %s: there is no execution %q: %s", e.Event, e.Rule, e.Execution, e.Failure)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for id, ex := range executions {
		if !named[id] {
			t.Errorf("execution %s of %s belongs to no enforcement: %s", id, ex.Action, ex.Context)
		}
	}
	return done
}

func (l *hookLoad) verifyEvents(t *testing.T, st store.Store, done map[squall.ID][]*squall.Enforcement, want int) {
	t.Helper()
	if len(l.acked) != want {
		t.Errorf("%d of %d events were acknowledged", len(l.acked), want)
	}
	ids := map[squall.ID]bool{}
	for n, id := range l.acked {
		if ids[id] {
			t.Errorf("event %d has the identifier of another", n)
		}
		ids[id] = true
		rules := []string{"default.all"}
		if n%2 == 0 {
			rules = append(rules, "default.even")
		}
		wantEnforcements(t, done[id], id, rules)
	}
	if err := st.View(t.Context(), func(tx store.Tx) error {
		stored, err := tx.CountEvents(t.Context(), store.EventFilter{Type: "core.st2.webhook"}, 0)
		if stored != len(l.acked) {
			t.Errorf("%d events are stored, %d were acknowledged", stored, len(l.acked))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events, each enforced once", len(l.acked))
}

// wantEnforcements checks that an event has one enforcement of each of the rules
// and none of others.
func wantEnforcements(t *testing.T, list []*squall.Enforcement, event squall.ID, rules []string) {
	t.Helper()
	got := map[string]int{}
	for _, e := range list {
		got[e.Rule]++
	}
	for _, r := range rules {
		if got[r] != 1 {
			t.Errorf("event %s has %d enforcements of %s", event, got[r], r)
		}
	}
	if len(list) != len(rules) {
		t.Errorf("event %s has %d enforcements, want %d", event, len(list), len(rules))
	}
}

// verifyTimers checks that the times of each timer follow each other without
// a gap, and that each has its event with its enforcement.
func verifyTimers(t *testing.T, st store.Store, done map[squall.ID][]*squall.Enforcement, want int, ran time.Duration) {
	t.Helper()
	var timers []*store.Timer
	fires := map[string][]*store.Fire{}
	if err := st.View(t.Context(), func(tx store.Tx) (err error) {
		if timers, err = tx.Timers(t.Context()); err != nil {
			return err
		}
		for _, tm := range timers {
			if fires[tm.Ref], err = tx.Fires(t.Context(), tm.Ref, 0); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(timers) != want {
		t.Errorf("%d timers, want %d", len(timers), want)
	}
	total := 0
	var latest time.Duration
	for ref, list := range fires {
		total += len(list)
		if least := int(ran/time.Second) / 2; len(list) < least {
			t.Errorf("timer %s fired %d times in %v", ref, len(list), ran)
		}
		for i, f := range list {
			if i > 0 && list[i-1].Nominal.Sub(f.Nominal) != time.Second {
				t.Errorf("timer %s: %v comes after %v", ref, list[i-1].Nominal, f.Nominal)
			}
			latest = max(latest, f.At.Sub(f.Nominal))
			if n := len(done[f.Event]); n != 1 {
				t.Errorf("timer %s at %v: %d enforcements", ref, f.Nominal, n)
			}
		}
	}
	t.Logf("%d times of %d timers, each once, the latest after %v", total, len(timers), latest)
}

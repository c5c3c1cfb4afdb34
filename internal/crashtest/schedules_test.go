package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"squall/internal/pgtest"
	"squall/internal/squall"
	"squall/internal/store"
)

// scheduleSize is how many schedules fire each second, for how long, and how long
// the node that fires them is stopped.
func scheduleSize() (schedules int, span, stopped time.Duration) {
	if *long || os.Getenv("SQUALL_CRASH_LONG") != "" {
		return 200, 90 * time.Second, 30 * time.Second
	}
	return 20, 12 * time.Second, 8 * time.Second
}

// TestSchedulesOnce: schedules that are due each second, on three nodes. The node
// that fires them is stopped until another one has taken over, wakes up believing
// that it still leads, and is killed later. Each time is fired exactly once, also
// those of the hand-over.
func TestSchedulesOnce(t *testing.T) {
	t.Parallel()
	schedules, span, stopped := scheduleSize()
	dsn := shortTransactions(t, pgtest.DSN(t))
	l := &hookLoad{load: begin(t, newNode(t, "n1", dsn), newNode(t, "n2", dsn), newNode(t, "n3", dsn)), acked: map[int]squall.ID{}}
	for i := range schedules {
		l.rule(t, fmt.Sprintf("s%d", i), fmt.Sprintf(`{"type":"std.schedule","parameters":{"cron":"* * * * * *","key":"s%d"}}`, i), `{}`)
	}
	began := time.Now()
	steady := func() { time.Sleep((span - stopped) / 4) }
	steady()
	first := l.leader(t)
	faults := []time.Time{time.Now()}
	first.Signal(syscall.SIGSTOP)
	time.Sleep(stopped)
	first.Signal(syscall.SIGCONT)
	steady()
	second := l.leader(t)
	faults = append(faults, time.Now())
	second.Kill()
	if err := second.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	steady()
	l.leader(t)
	steady()
	ran := time.Since(began)
	for _, n := range l.nodes {
		n.Stop(t)
	}
	st := openPostgres(t, dsn)
	verifyTimers(t, st, enforced(t, st), schedules, ran)
	verifyLateness(t, st, faults)
	t.Logf("%s fired first, then %s", first.Name, second.Name)
}

// leader waits until one node has fired more times than before and returns it.
func (l *hookLoad) leader(t *testing.T) (found *node) {
	t.Helper()
	fired := func() map[*node]int {
		counts := map[*node]int{}
		for _, n := range l.nodes {
			counts[n] = n.fired(t.Context())
		}
		return counts
	}
	before := fired()
	eventually(t, "a node fires timers", func() bool {
		for n, count := range fired() {
			if count > before[n] && before[n] >= 0 {
				found = n
				return true
			}
		}
		return false
	})
	return found
}

// fired reads how many times of timers the node has fired; -1: it does not say.
func (n *node) fired(ctx context.Context) int {
	_, metrics, err := n.do(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(metrics)) {
		if text, ok := strings.CutPrefix(line, "squall_timer_late_seconds_count "); ok {
			count, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil {
				return -1
			}
			return count
		}
	}
	return -1
}

// failover is how long a change of the node that fires may take: its lock has to
// run out.
const failover = 10 * time.Second

// verifyLateness tells how late times were fired, apart from those near a fault.
// How fast that is depends on how busy the machine is: the long form insists.
func verifyLateness(t *testing.T, st store.Store, faults []time.Time) {
	t.Helper()
	var calm, disturbed []time.Duration
	if err := st.View(t.Context(), func(tx store.Tx) error {
		timers, err := tx.Timers(t.Context())
		if err != nil {
			return err
		}
		for _, tm := range timers {
			list, err := tx.Fires(t.Context(), tm.Ref, 0)
			if err != nil {
				return err
			}
			for _, f := range list {
				near := slices.ContainsFunc(faults, func(at time.Time) bool {
					return f.Nominal.After(at.Add(-time.Second)) && f.Nominal.Before(at.Add(failover))
				})
				if near {
					disturbed = append(disturbed, f.At.Sub(f.Nominal))
				} else {
					calm = append(calm, f.At.Sub(f.Nominal))
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(calm)
	slices.Sort(disturbed)
	if len(calm) == 0 || len(disturbed) == 0 {
		t.Fatalf("%d times without a fault near, %d with one", len(calm), len(disturbed))
	}
	p99, worst := calm[len(calm)*99/100], disturbed[len(disturbed)-1]
	t.Logf("late: p50 %v, p99 %v; at a change of the node at most %v", calm[len(calm)/2], p99, worst)
	if _, _, stopped := scheduleSize(); stopped >= 30*time.Second && (p99 > time.Second || worst > failover) {
		t.Errorf("late: p99 %v, want less than 1s; at a change %v, want less than %v", p99, worst, failover)
	}
}

// TestMachinesOfASchedule: a schedule runs its action on sixty machines, ten at
// most at the same time; the server is killed in the middle of it. Each machine
// has its run, none at the same time as itself, the dead ones are told of, and the
// schedule had one run.
func TestMachinesOfASchedule(t *testing.T) {
	t.Parallel()
	const machines, dead, atOnce = 60, 3, 10
	n := newNode(t, "n1", "")
	n.Set("scheduler.slots=16")
	l := &hookLoad{load: begin(t, n), acked: map[int]squall.ID{}}
	var nodes []map[string]any
	for i := range machines {
		name := fmt.Sprintf("w%d", i)
		if i < dead {
			name = fmt.Sprintf("dead%d", i)
		}
		nodes = append(nodes, map[string]any{"name": name})
	}
	l.post201(t, "/api/v1/fleet/nodes", map[string]any{"nodes": nodes})
	at := time.Now().Add(2 * time.Second).Truncate(time.Second)
	parameters, err := json.Marshal(map[string]any{
		"target": "*", "action": "crash.on_host", "param": "host", "at_once": atOnce, "splay": "2s", "parameters": map[string]any{"file": l.file},
	})
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	rule := fmt.Sprintf(`{"name":"all","pack":"default","enabled":true,"trigger":{"type":"std.schedule","parameters":{"at":%q}},"criteria":{},"action":{"ref":"std.node_run","parameters":%s}}`,
		at.UTC().Format(time.RFC3339), parameters)
	if err := json.Unmarshal([]byte(rule), &doc); err != nil {
		t.Fatal(err)
	}
	if _, _, err := n.call(t.Context(), "POST", "/api/v1/rules", doc); err != nil {
		t.Fatal(err)
	}
	eventually(t, "some machines have begun", func() bool { return len(l.marks(t)) >= 15 })
	n.Kill()
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	drain(t, n)
	n.Stop(t)

	running, most, begun := map[string]bool{}, 0, map[string]int{}
	for _, mark := range l.marks(t) {
		name := mark[1:]
		if mark[0] == '+' {
			if running[name] {
				t.Errorf("%s begins while it is at work", name)
			}
			running[name] = true
			begun[name]++
			most = max(most, len(running))
		} else {
			delete(running, name)
		}
	}
	if most > atOnce {
		t.Errorf("%d machines at the same time, at most %d were allowed", most, atOnce)
	}
	for name, times := range begun {
		if times != 1 {
			t.Errorf("%s began %d times", name, times)
		}
	}
	st := openSQLite(t, n)
	defer closeStore(t, st)
	l.verifyMachines(t, st, machines, dead)
	t.Logf("%d machines, at most %d at once", len(begun), most)
}

// marks reads what machines wrote down.
func (l *hookLoad) marks(t *testing.T) (list []string) {
	t.Helper()
	text, err := os.ReadFile(l.file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

func (l *hookLoad) post201(t *testing.T, path string, body any) {
	t.Helper()
	if _, _, err := l.nodes[0].call(t.Context(), http.MethodPost, path, body); err != nil {
		t.Fatal(err)
	}
}

func (l *hookLoad) verifyMachines(t *testing.T, st store.Store, machines, dead int) {
	t.Helper()
	parents := 0
	for _, ex := range all(t, st) {
		if ex.Action.String() != "std.node_run" {
			continue
		}
		parents++
		var result struct {
			Succeeded int
			Failed    []string
			Hosts     map[string]struct{ Status squall.Status }
		}
		if err := json.Unmarshal(ex.Result, &result); err != nil || ex.Status != squall.Failed {
			t.Errorf("the run is %s: %s", ex.Status, ex.Result)
		}
		if len(result.Hosts) != machines || len(result.Failed) != dead || result.Succeeded != machines-dead {
			t.Errorf("the run tells of %d machines, %d succeeded, failed: %v", len(result.Hosts), result.Succeeded, result.Failed)
		}
		for _, name := range result.Failed {
			if !strings.HasPrefix(name, "dead") {
				t.Errorf("%s failed", name)
			}
		}
	}
	if parents != 1 {
		t.Errorf("the schedule had %d runs", parents)
	}
}

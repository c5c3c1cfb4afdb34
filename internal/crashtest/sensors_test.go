package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"squall/internal/pgtest"
	"squall/internal/store"
)

// watchedFiles is how many files the sensors of TestSensorsMove watch.
const watchedFiles = 4

// sensorPack writes a pack with a sensor that watches files, one by each
// instance, and returns the directory that holds it.
func sensorPack(t *testing.T, dir string) string {
	t.Helper()
	var instances strings.Builder
	for i := range watchedFiles {
		fmt.Fprintf(&instances, "  - name: f%d\n    config: {path: %s}\n", i, filepath.Join(dir, fmt.Sprint("watched", i)))
	}
	files := map[string]string{
		"pack.yaml": "name: watching\nref: watching\ndescription: files\nversion: 1.0.0\nauthor: nobody\nemail: nobody@example.com\n",
		"sensors/lines.yaml": "name: lines\nrunner_type: file-tail\ntrigger_types:\n  - name: line\nconfig: {from_start: true, poll: 0.05}\ninstances:\n" +
			strings.ReplaceAll(instances.String(), "}\n", ", from_start: true, poll: 0.05}\n"),
		"rules/each.yaml": "name: each\nenabled: true\ntrigger: {type: watching.line}\naction: {ref: core.noop}\n",
	}
	for name, text := range files {
		path := filepath.Join(dir, "packs", "watching", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "packs")
}

// TestSensorsMove: sensors on three nodes, of which one after the other is
// killed or stopped for a while. Each line that is written to a watched file
// becomes exactly one event with one enforcement.
func TestSensorsMove(t *testing.T) {
	t.Parallel()
	dsn := shortTransactions(t, pgtest.DSN(t))
	rng := newRand(t)
	dir := t.TempDir()
	packs := sensorPack(t, dir)
	nodes := make([]*node, 3)
	for i := range nodes {
		n := newNode(t, fmt.Sprint("n", i+1), dsn)
		for k, arg := range n.Args {
			if have, ok := strings.CutPrefix(arg, "packs.dirs="); ok {
				n.Args[k] = "packs.dirs=" + have + "," + packs
			}
		}
		n.Set("sensors.lease=" + (2 * lease).String())
		nodes[i] = n
	}
	l := begin(t, nodes...)

	span, faults := 12*time.Second, 4
	if events, timers, n := eventSize(); events > 1000 {
		span, faults = timers, n
	}
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	written := make(chan int, 1)
	go func() { written <- writeLines(ctx, dir) }()
	for i := range faults {
		time.Sleep(span/time.Duration(faults)*3/4 + time.Duration(rng.IntN(200))*time.Millisecond)
		n := l.nodes[rng.IntN(len(l.nodes))]
		if i%3 == 1 {
			n.Signal(syscall.SIGSTOP)
			time.Sleep(3 * lease)
			n.Signal(syscall.SIGCONT)
			continue
		}
		n.Kill()
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	lines := <-written
	st := openPostgres(t, dsn)
	eventually(t, "each line is an event", func() bool {
		n := 0
		if err := st.View(t.Context(), func(tx store.Tx) (err error) {
			n, err = tx.CountEvents(t.Context(), store.EventFilter{Type: "watching.line"}, 0)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n >= lines
	})
	for _, n := range l.nodes {
		n.Stop(t)
	}
	verifyLines(t, st, lines)
}

// writeLines appends lines with a number and the time to the watched files until
// ctx ends, and returns how many.
func writeLines(ctx context.Context, dir string) (n int) {
	for ; ctx.Err() == nil; n++ {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprint("watched", n%watchedFiles)), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err) // a file of the test's own
		}
		fmt.Fprintf(f, "%d %d\n", n, time.Now().UnixNano())
		f.Close()
		time.Sleep(10 * time.Millisecond)
	}
	return n
}

func verifyLines(t *testing.T, st store.Store, want int) {
	t.Helper()
	seen := make([]int, want)
	var gap time.Duration
	if err := st.View(t.Context(), func(tx store.Tx) error {
		list, err := tx.FindEvents(t.Context(), store.EventFilter{Type: "watching.line"})
		if err != nil {
			return err
		}
		for _, ev := range list {
			var payload struct{ Line string }
			if err := json.Unmarshal(ev.Payload, &payload); err != nil {
				return err
			}
			number, stamp, _ := strings.Cut(payload.Line, " ")
			n, err := strconv.Atoi(number)
			at, stampErr := strconv.ParseInt(stamp, 10, 64)
			if err != nil || stampErr != nil || n >= want {
				t.Errorf("an event of the line %q", payload.Line)
				continue
			}
			seen[n]++
			gap = max(gap, ev.OccurredAt.Sub(time.Unix(0, at)))
			enforced, err := tx.CountEnforcements(t.Context(), store.EnforcementFilter{Event: ev.ID}, 0)
			if err != nil {
				return err
			}
			if enforced != 1 {
				t.Errorf("line %d has %d enforcements", n, enforced)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for n, times := range seen {
		if times != 1 {
			t.Errorf("line %d was told %d times", n, times)
		}
	}
	t.Logf("%d lines, each told once; the longest gap was %v with a lease of %v", want, gap.Round(time.Millisecond), 2*lease)
}

package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// all reads every execution with all its parts.
func all(t *testing.T, st store.Store) map[squall.ID]*squall.Execution {
	t.Helper()
	found := map[squall.ID]*squall.Execution{}
	f := store.ExecutionFilter{Ascending: true, Limit: 500, Parts: store.WithAll}
	for {
		var page []*squall.Execution
		if err := st.View(t.Context(), func(tx store.Tx) (err error) {
			page, err = tx.FindExecutions(t.Context(), f)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for _, ex := range page {
			found[ex.ID] = ex
			f.After = ex.ID
		}
		if len(page) < f.Limit {
			return found
		}
	}
}

// settle waits until no execution is open.
func settle(t *testing.T, st store.Store, limit time.Duration) {
	t.Helper()
	var open []squall.Status
	for _, s := range squall.Statuses {
		if !s.Final() {
			open = append(open, s)
		}
	}
	deadline := time.Now().Add(limit)
	for {
		var left []*squall.Execution
		if err := st.View(t.Context(), func(tx store.Tx) (err error) {
			left, err = tx.FindExecutions(t.Context(), store.ExecutionFilter{Statuses: open, Limit: 5, Parts: store.WithLog})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			for _, ex := range left {
				t.Errorf("%s %s is still %s: %v, not before %s, node %s", ex.ID, ex.Action, ex.Status, ex.Log, ex.NotBefore, ex.Node)
			}
			t.Fatal("not all executions have ended")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// verify holds the rows and the file of started attempts against the promises.
func verify(t *testing.T, st store.Store, l *load) {
	t.Helper()
	rows := all(t, st)
	counts := map[string]int{}
	for id, k := range l.accepted {
		ex := rows[id]
		if ex == nil {
			t.Errorf("%s (%s) was acknowledged and is lost", id, k.name)
			continue
		}
		counts[k.name+" "+string(ex.Status)]++
		if !slices.Contains(k.ends, ex.Status) {
			t.Errorf("%s (%s) ended %s: %v, %s", id, k.name, ex.Status, ex.Log, ex.Result)
		}
		if l.canceled[id] && ex.Status != squall.Canceled {
			t.Errorf("%s was acknowledged as canceled and is %s: %v", id, ex.Status, ex.Log)
		}
	}
	for _, ex := range rows {
		verifyLog(t, ex)
	}
	verifyStarts(t, l, rows)
	verifyOutput(t, st, l, rows)
	verifyOutbox(t, st, rows)
	for _, err := range l.refused {
		t.Errorf("a request was answered wrongly: %v", err)
	}
	if err := st.Check(t.Context()); err != nil {
		t.Errorf("the database is not sound: %v", err)
	}
	t.Logf("%d acknowledged, %d rows: %v", len(l.accepted), len(rows), counts)
}

// verifyLog checks that the states of one execution follow the table and end
// in one final state.
func verifyLog(t *testing.T, ex *squall.Execution) {
	t.Helper()
	fault := func(format string, args ...any) {
		t.Errorf("%s %s: %s: %v", ex.ID, ex.Action, fmt.Sprintf(format, args...), ex.Log)
	}
	if len(ex.Log) == 0 || ex.Log[0].Status != squall.Requested {
		fault("its log does not begin with a request")
		return
	}
	last, finals := ex.Log[0].Status, 0
	for _, c := range ex.Log[1:] {
		if c.Status == squall.Scheduled {
			continue // always followed by running, which is checked
		}
		if !last.CanMoveTo(c.Status) {
			fault("%s follows %s", c.Status, last)
		}
		if c.Status.Final() {
			finals++
		}
		last = c.Status
	}
	if finals != 1 || last != ex.Status || ex.EndedAt.IsZero() {
		fault("it is %s with %d final states", ex.Status, finals)
	}
}

// verifyStarts reads the keys that the attempts wrote down.
func verifyStarts(t *testing.T, l *load, rows map[squall.ID]*squall.Execution) {
	t.Helper()
	text, err := os.ReadFile(l.file)
	if err != nil {
		t.Fatal(err)
	}
	started := map[string]int{}
	for line := range strings.Lines(string(text)) {
		key := strings.TrimSpace(line)
		started[key]++
		id, number, ok := strings.Cut(key, ":")
		attempt, err := strconv.Atoi(number)
		ex := rows[squall.ID(id)]
		switch {
		case !ok || err != nil || ex == nil:
			t.Errorf("an attempt of nothing was started: %q", key)
		case attempt < 1 || attempt > ex.Attempt:
			t.Errorf("attempt %d of %s was started, which has had %d", attempt, id, ex.Attempt)
		}
		if started[key] == 2 {
			t.Errorf("attempt %s was started twice", key)
		}
	}
	for _, ex := range rows {
		ran := ex.Status == squall.Succeeded || ex.Status == squall.Failed
		if ex.Runner == "inquirer" {
			if ex.Status != squall.Succeeded || !strings.HasSuffix(string(ex.Result), `"response":{"n":7}}`) {
				t.Errorf("inquiry %s (answer acknowledged: %v) is %s: %s", ex.ID, l.wasAnswered(ex.ID), ex.Status, ex.Result)
			}
			continue
		}
		if ex.Runner == "orquesta" {
			if want := workflowResult(ex); string(ex.Result) != want {
				t.Errorf("%s %s has the result %s, want %s", ex.ID, ex.Action, ex.Result, want)
			}
			continue
		}
		if ran && ex.Action.Pack == "crash" && started[ex.IdempotencyKey()] == 0 {
			t.Errorf("%s is %s, but its attempt %d was never started: %s", ex.ID, ex.Status, ex.Attempt, ex.Result)
		}
	}
}

// workflowResult is what a workflow gives, whatever dies on the way: all actions
// are repeatable.
func workflowResult(ex *squall.Execution) string {
	switch ex.Action.Name {
	case "flow":
		return `{"output":{"items":4,"depth":1}}`
	case "inner":
		return `{"output":{"depth":1}}`
	case "asking":
		return `{"output":{"answer":7}}`
	}
	given := struct{ Depth int }{4}
	if json.Unmarshal(ex.Parameters, &given) != nil {
		return "parameters that can be read"
	}
	return fmt.Sprintf(`{"output":{"reached":%d}}`, given.Depth)
}

// verifyOutput checks that what ended well has all its output.
func verifyOutput(t *testing.T, st store.Store, l *load, rows map[squall.ID]*squall.Execution) {
	t.Helper()
	var want strings.Builder
	for i := range 400 {
		fmt.Fprintln(&want, i+1)
	}
	for id, k := range l.accepted {
		if k.name != "printing" || rows[id] == nil || rows[id].Status != squall.Succeeded {
			continue
		}
		var got strings.Builder
		if err := st.View(t.Context(), func(tx store.Tx) error {
			got.Reset()
			chunks, err := tx.Output(t.Context(), id, 0, 0)
			for i, c := range chunks {
				if c.Seq != int64(i+1) {
					t.Errorf("%s: chunk %d has number %d", id, i, c.Seq)
				}
				got.WriteString(c.Data)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Errorf("%s succeeded with %d bytes of output instead of %d", id, got.Len(), want.Len())
		}
	}
}

// verifyOutbox checks that the end of every execution was told exactly once.
func verifyOutbox(t *testing.T, st store.Store, rows map[squall.ID]*squall.Execution) {
	t.Helper()
	ends := map[squall.ID]int{}
	var after store.Cursor
	for {
		var page []store.Message
		if err := st.View(context.Background(), func(tx store.Tx) (err error) {
			page, err = tx.ReadOutbox(t.Context(), after, 1000)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, m := range page {
			after = m.Cursor
			if m.Kind == store.ExecutionUpdated && m.Status.Final() {
				ends[m.Execution]++
			}
		}
	}
	for id, ex := range rows {
		if ends[id] != 1 {
			t.Errorf("the end of %s (%s) was told %d times", id, ex.Status, ends[id])
		}
	}
}

package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squall/internal/pgtest"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/postgres"
	"squall/internal/store/sqlite"
)

// stateEvents is how many events each rule with a memory sees.
const stateEvents = 30

// TestRuleStateSurvives: events meet rules that remember others (throttle, window,
// dedupe, debounce, absence) while the server is killed again and again in the
// middle of it. What the rules let through is exactly what one long life would
// have let through.
func TestRuleStateSurvives(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		n := newNode(t, "n1", "")
		ruleState(t, n, func() store.Store {
			st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(n.Dir, "squall.db")})
			if err != nil {
				t.Fatal(err)
			}
			return st
		})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		dsn := shortTransactions(t, pgtest.DSN(t))
		ruleState(t, newNode(t, "n1", dsn), func() store.Store {
			st, err := postgres.Open(t.Context(), postgres.Options{DSN: dsn})
			if err != nil {
				t.Fatal(err)
			}
			return st
		})
	})
}

// remembering are the rules, by name.
var remembering = map[string]string{
	"throttle": `{"throttle":{"count":7,"per":"1h","key":"{{ trigger.body.host }}"}}`,
	"window":   `{"window":{"count":10,"within":"1h","key":"{{ trigger.body.host }}"}}`,
	"distinct": `{"window":{"count":5,"within":"1h","distinct":"{{ trigger.body.fives }}"}}`,
	"dedupe":   `{"dedupe":{"for":"1h","key":"{{ trigger.body.fives }}"}}`,
	"debounce": `{"debounce":{"for":"2s","key":"{{ trigger.body.host }}"}}`,
	"absence":  `{"absence":{"within":"2s","key":"{{ trigger.body.n }}","unless":{"trigger.body.off":{"type":"eq","pattern":true}}}}`,
}

func ruleState(t *testing.T, n *node, open func() store.Store) {
	t.Helper()
	rng := newRand(t)
	l := &hookLoad{load: begin(t, n), acked: map[int]squall.ID{}}
	for name, memory := range remembering {
		criteria := `{}`
		if name == "absence" {
			criteria = `{"trigger.body.host":{"type":"eq","pattern":"a"}}`
		}
		l.ruleWith(t, name, criteria, memory)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	killed := make(chan int, 1)
	sent := make(chan struct{})
	own := rand.New(rand.NewPCG(rng.Uint64(), 3))
	go func() {
		kills := 0
		defer func() { killed <- kills }()
		for {
			select {
			case <-sent:
				return
			case <-time.After(time.Duration(100+own.IntN(400)) * time.Millisecond):
			}
			n.Kill()
			if err := n.Start(ctx); err != nil {
				t.Error(err)
				cancel()
				return
			}
			kills++
		}
	}()
	for i := range stateEvents {
		l.sendBody(ctx, i, fmt.Sprintf(`{"n":%d,"host":"a","fives":%d}`, i, i/5), rng)
		time.Sleep(30 * time.Millisecond)
	}
	close(sent)
	kills := <-killed
	if ctx.Err() != nil {
		t.Fatal("it took too long")
	}
	// One more kill while debounce and absence wait for the time to pass.
	l.sendBody(ctx, stateEvents, `{"n":29,"host":"b","off":true,"fives":0}`, rng) // calls off the newest, if that still waits
	n.Kill()
	if err := n.Start(ctx); err != nil {
		t.Fatal(err)
	}
	l.quiet(t, n)
	n.Stop(t)
	st := open()
	defer closeStore(t, st)
	got := runsOf(t, st)
	for name, want := range map[string]int{"throttle": 7 + 1, "window": 3, "distinct": 1, "dedupe": 6} {
		if got[name] != want {
			t.Errorf("%s let %d through, want %d", name, got[name], want)
		}
	}
	l.verifyRuleState(t, st)
	t.Logf("%d kills among %d events: %v", kills+1, stateEvents, got)
}

// ruleWith makes a rule on the webhook storm with a memory.
func (l *hookLoad) ruleWith(t *testing.T, name, criteria, memory string) {
	t.Helper()
	var doc map[string]any
	text := fmt.Sprintf(`{"name":%q,"pack":"default","enabled":true,"trigger":{"type":"core.st2.webhook","parameters":{"url":"storm"}},"criteria":%s,"action":{"ref":"core.noop"},"context":{"squall":%s}}`, name, criteria, memory)
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.nodes[0].call(t.Context(), "POST", "/api/v1/rules", doc); err != nil {
		t.Fatal(err)
	}
}

// quiet waits until debounce and absence have said all they had to say: each of
// their events has its enforcement.
func (l *hookLoad) quiet(t *testing.T, n *node) {
	t.Helper()
	for deadline := time.Now().Add(patience()); ; time.Sleep(200 * time.Millisecond) {
		var list []struct{ ID string }
		body := n.read(t, t.Context(), "/api/v1/ruleenforcements?limit=100&rule_ref=default.debounce")
		if err := json.Unmarshal(body, &list); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		var absent []struct{ ID string }
		body = n.read(t, t.Context(), "/api/v1/ruleenforcements?limit=100&rule_ref=default.absence")
		if err := json.Unmarshal(body, &absent); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		if len(list) == stateEvents+1 && len(absent) >= stateEvents-1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d events of debounce and %d of absence have been decided", len(list), stateEvents+1, len(absent))
		}
	}
}

// runsOf counts the executions that rules requested.
func runsOf(t *testing.T, st store.Store) map[string]int {
	t.Helper()
	got := map[string]int{}
	if err := st.View(t.Context(), func(tx store.Tx) error {
		list, err := tx.FindEnforcements(t.Context(), store.EnforcementFilter{})
		for _, e := range list {
			if e.Execution != "" {
				got[strings.TrimPrefix(e.Rule, "default.")]++
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

// verifyRuleState: of debounce the newest event of each host ran, and every event
// was decided once; of absence every event ran but those that were called off in
// time, of which there can only be the newest.
func (l *hookLoad) verifyRuleState(t *testing.T, st store.Store) {
	t.Helper()
	outcome := map[string]map[squall.ID]bool{"default.debounce": {}, "default.absence": {}}
	if err := st.View(t.Context(), func(tx store.Tx) error {
		for rule, ran := range outcome {
			list, err := tx.FindEnforcements(t.Context(), store.EnforcementFilter{Rule: rule})
			if err != nil {
				return err
			}
			for _, e := range list {
				if _, twice := ran[e.Event]; twice {
					t.Errorf("event %s was decided twice by %s", e.Event, rule)
				}
				ran[e.Event] = e.Execution != ""
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{stateEvents - 1, stateEvents} {
		if !outcome["default.debounce"][l.acked[n]] {
			t.Errorf("debounce did not let event %d through, the last of its host", n)
		}
	}
	for n := range stateEvents - 1 {
		if !outcome["default.absence"][l.acked[n]] {
			t.Errorf("absence did not tell that nothing followed event %d", n)
		}
	}
	if err := st.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

package lifecycle_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

func (b *bundle) policy(t *testing.T, name, kind, parameters string) {
	t.Helper()
	update(t, b.st, func(ctx context.Context, tx store.Tx) error {
		return store.Put(ctx, tx, &squall.Policy{
			Ref: ref(name), Enabled: true, Resource: "core.shell", Type: kind, Parameters: json.RawMessage(parameters),
		})
	})
}

func (b *bundle) shell(t *testing.T, cmd string) *squall.Execution {
	t.Helper()
	return b.request(t, "shell", func(r *squall.Request) { r.Parameters = json.RawMessage(fmt.Sprintf(`{"cmd":%q}`, cmd)) })
}

// states returns the log of an execution.
func (b *bundle) states(t *testing.T, id squall.ID) (list []squall.Status) {
	t.Helper()
	view(t, b.st, func(ctx context.Context, tx store.Tx) error {
		ex, err := tx.Execution(ctx, id, store.WithAll)
		if err != nil {
			return err
		}
		for _, c := range ex.Log {
			list = append(list, c.Status)
		}
		return nil
	})
	return list
}

// runAll claims and ends what is due, one after the other, and returns how many.
func (b *bundle) runAll(t *testing.T, ends squall.Status) (n int) {
	t.Helper()
	for {
		list, err := b.Claim(t.Context(), b.own, 10, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			return n
		}
		n += len(list)
		for _, ex := range list {
			if err := b.Finish(t.Context(), b.own, ex, squall.Outcome{Status: ends}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestConcurrencyDelays(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		b.policy(t, "one", "action.concurrency", `{"threshold":1}`)
		first, second, third := b.shell(t, "1"), b.shell(t, "2"), b.shell(t, "3")
		if second.Status != squall.Delayed || third.Status != squall.Delayed {
			t.Errorf("the second and third are %s and %s", second.Status, third.Status)
		}
		for i, want := range []*squall.Execution{first, second, third} {
			list, err := b.Claim(t.Context(), b.own, 10, nil)
			if err != nil || len(list) != 1 || list[0].ID != want.ID {
				t.Fatalf("claim %d: %v, %v", i, list, err)
			}
			if err := b.Finish(t.Context(), b.own, list[0], squall.Outcome{Status: squall.Failed}); err != nil {
				t.Fatal(err)
			}
		}
		want := []squall.Status{squall.Requested, squall.Delayed, squall.Requested, squall.Scheduled, squall.Running, squall.Failed}
		if got := b.states(t, third.ID); !slices.Equal(got, want) {
			t.Errorf("the third went %v, want %v", got, want)
		}
	})
}

// TestConcurrencyOfAParameter: the execution says how many may run.
func TestConcurrencyOfAParameter(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		b.policy(t, "limit", "action.concurrency.limit", `{"threshold":1,"threshold_parameter":"cmd"}`)
		var got []squall.Status
		for range 3 {
			got = append(got, b.shell(t, "2").Status)
		}
		if want := []squall.Status{squall.Requested, squall.Requested, squall.Delayed}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if st := b.shell(t, "4").Status; st != squall.Requested { // the one that waits is not inside
			t.Errorf("one that is given more is %s", st)
		}
		if n := b.runAll(t, squall.Succeeded); n != 4 {
			t.Errorf("%d ran", n)
		}
	})
}

func TestConcurrencyCancels(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		b.policy(t, "attr", "action.concurrency.attr", `{"threshold":1,"action":"cancel","attributes":["cmd"]}`)
		first, same, other := b.shell(t, "x"), b.shell(t, "x"), b.shell(t, "y")
		want := []squall.Status{squall.Requested, squall.Canceling, squall.Canceled}
		if got := b.states(t, same.ID); !slices.Equal(got, want) || same.EndedAt.IsZero() {
			t.Errorf("the same again went %v, want %v", got, want)
		}
		if first.Status != squall.Requested || other.Status != squall.Requested {
			t.Errorf("first %s, other %s", first.Status, other.Status)
		}
		b.runAll(t, squall.Succeeded)
		if again := b.shell(t, "x"); again.Status != squall.Requested {
			t.Errorf("after the first has ended: %s", again.Status)
		}
	})
}

func TestCancelWhileWaiting(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		b.policy(t, "one", "action.concurrency", `{"threshold":1}`)
		first, second, third := b.shell(t, "1"), b.shell(t, "2"), b.shell(t, "3")
		if _, err := b.Cancel(t.Context(), second.ID, "ann"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Cancel(t.Context(), first.ID, "ann"); err != nil {
			t.Fatal(err)
		}
		if n := b.runAll(t, squall.Succeeded); n != 1 {
			t.Errorf("%d ran", n)
		}
		if got := b.states(t, third.ID); got[len(got)-1] != squall.Succeeded {
			t.Errorf("the third went %v", got)
		}
	})
}

// TestConcurrencyIsExact: requests and ends from many sides at once; never more
// than the threshold run, and all get their turn.
func TestConcurrencyIsExact(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		const room, want = 3, 40
		b.policy(t, "some", "action.concurrency", fmt.Sprintf(`{"threshold":%d}`, room))
		var requests sync.WaitGroup
		for i := range 4 {
			requests.Go(func() {
				for range want / 4 {
					if _, err := b.Request(t.Context(), squall.Request{Action: ref("shell"), Parameters: json.RawMessage(`{"cmd":"x"}`)}); err != nil {
						t.Errorf("request %d: %v", i, err)
					}
				}
			})
		}
		done := 0
		for until := time.Now().Add(time.Minute); done < want && time.Now().Before(until); {
			list, err := b.Claim(t.Context(), b.own, 10, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) > room {
				t.Fatalf("%d run at once", len(list))
			}
			var ends sync.WaitGroup
			for _, ex := range list {
				ends.Go(func() {
					if err := b.Finish(t.Context(), b.own, ex, squall.Outcome{Status: squall.Succeeded}); err != nil {
						t.Error(err)
					}
				})
			}
			ends.Wait()
			done += len(list)
		}
		requests.Wait()
		if done != want {
			t.Errorf("%d of %d had their turn", done, want)
		}
	})
}

func TestPolicyRetry(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		b.policy(t, "retry", "action.retry", `{"retry_on":"failure"}`)
		b.policy(t, "one", "action.concurrency", `{"threshold":1}`) // st2: the two together get stuck
		first, second := b.shell(t, "1"), b.shell(t, "2")
		if n := b.runAll(t, squall.Failed); n != 6 {
			t.Errorf("%d ran, want each three times", n)
		}
		for _, ex := range []*squall.Execution{first, second} {
			if got := b.states(t, ex.ID); got[len(got)-1] != squall.Failed {
				t.Errorf("%s went %v", ex.ID, got)
			}
		}
		var last *squall.Execution
		view(t, b.st, func(ctx context.Context, tx store.Tx) error {
			list, err := tx.FindExecutions(ctx, store.ExecutionFilter{Action: "core.shell", Parts: store.WithParameters})
			if err == nil && len(list) == 6 {
				last = list[0]
			}
			return err
		})
		var doc struct {
			Policies struct {
				Retry struct {
					Policy string    `json:"applied_policy"`
					Count  int       `json:"retry_count"`
					Of     squall.ID `json:"retried_liveaction_id"`
				} `json:"retry"`
			} `json:"policies"`
		}
		if last == nil || json.Unmarshal(last.Context, &doc) != nil {
			t.Fatalf("last: %+v", last)
		}
		if r := doc.Policies.Retry; r.Policy != "core.retry" || r.Count != 2 || !r.Of.Valid() {
			t.Errorf("context %s", last.Context)
		}
	})
}

func TestRetryDelay(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		b.policy(t, "retry", "action.retry", `{"retry_on":"timeout","max_retry_count":1,"delay":0.3}`)
		b.policy(t, "one", "action.concurrency", `{"threshold":1}`)
		b.shell(t, "1")
		if n := b.runAll(t, squall.Timeout); n != 1 {
			t.Errorf("%d ran at once", n)
		}
		// While the retry is not due, it holds nobody up.
		other := b.shell(t, "2")
		if other.Status != squall.Requested {
			t.Errorf("another one is %s during the delay", other.Status)
		}
		b.runAll(t, squall.Succeeded)
		n := 0
		for until := time.Now().Add(20 * time.Second); n == 0 && time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
			n = b.runAll(t, squall.Timeout)
		}
		if n != 1 {
			t.Errorf("%d ran after the delay", n)
		}
	})
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		b.policy(t, "rate", "action.rate_limit", `{"limit":2,"seconds":3600}`)
		b.policy(t, "strict", "action.rate_limit", `{"limit":3,"seconds":3600,"action":"cancel"}`)
		var got []squall.Status
		var third *squall.Execution
		for i := range 4 {
			ex := b.shell(t, "x")
			got = append(got, ex.Status)
			if i == 2 {
				third = ex
			}
		}
		want := []squall.Status{squall.Requested, squall.Requested, squall.Delayed, squall.Canceled}
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if wait := third.NotBefore.Sub(third.CreatedAt); wait < 59*time.Minute || wait > time.Hour {
			t.Errorf("the third waits for %v", wait)
		}
	})
}

// TestPolicyChanges: who waits goes on when the policy is gone.
func TestPolicyChanges(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		b.policy(t, "none", "action.concurrency", `{"threshold":0}`)
		ex := b.shell(t, "x")
		if ex.Status != squall.Delayed || b.runAll(t, squall.Succeeded) != 0 {
			t.Fatalf("it is %s", ex.Status)
		}
		if n, err := b.AdmitWaiting(t.Context()); n != 0 || err != nil {
			t.Errorf("AdmitWaiting = %d, %v", n, err)
		}
		update(t, b.st, func(ctx context.Context, tx store.Tx) error {
			return tx.DeleteContent(ctx, store.Policies, "core.none")
		})
		if n, err := b.AdmitWaiting(t.Context()); n != 1 || err != nil {
			t.Errorf("AdmitWaiting = %d, %v", n, err)
		}
		if n := b.runAll(t, squall.Succeeded); n != 1 {
			t.Errorf("%d ran", n)
		}
	})
}

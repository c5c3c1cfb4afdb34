package rollout

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"squall/internal/fleet"
	"squall/internal/squall"
)

// one creates a rollout that wants one machine, the first by name that can.
func (r *real) one(failover squall.Failover, cmd string) squall.ID {
	r.t.Helper()
	params, err := json.Marshal(map[string]string{"cmd": cmd})
	if err != nil {
		r.t.Fatal(err)
	}
	made, err := r.s.Create(r.t.Context(), squall.Rollout{
		Action: squall.Ref{Pack: "core", Name: "remote"}, Parameters: params, Target: "@web", User: "ann", Failover: failover, MaxFail: "100%", Shared: true,
	}, Pick{Count: "1", Prefer: fleet.PreferFirst})
	if err != nil {
		r.t.Fatal(err)
	}
	return made.ID
}

// TestRealOneOf is K4 on real hosts: the first machine is down, and the second
// takes over; a machine that is cut off while the command runs is not replaced
// unless that is wanted, for there the command lives on.
func TestRealOneOf(t *testing.T) {
	r := newReal(t, 4)
	mark := `set -- $SSH_CONNECTION; echo "end $3" >>` + r.file
	ran := func(want ...int) {
		t.Helper()
		for i, n := range want {
			if got := r.times(i); got != n {
				t.Errorf("%s has done it %d times, want %d", r.name(i), got, n)
			}
		}
	}
	r.net.Hosts[0].Stop()
	id := r.one(squall.FailoverUntouched, mark)
	if got := r.until(id, squall.RolloutSucceeded); !got.Hosts[0].Untouched || got.Hosts[2].Status != "" {
		t.Errorf("%+v", got.Hosts)
	}
	ran(0, 1, 0, 0)

	id = r.one(squall.FailoverNever, mark)
	r.until(id, squall.RolloutFailed)
	ran(0, 1, 0, 0)

	slow := mark + `; sleep 20`
	for n, failover := range []squall.Failover{squall.FailoverUntouched, squall.FailoverAlways} {
		id = r.one(failover, slow)
		r.eventually(fmt.Sprintf("the command runs on web2, %s", failover), func() bool { return r.times(1) == 2+n })
		r.net.Hosts[1].Cut(t)
		if failover == squall.FailoverUntouched {
			if got := r.until(id, squall.RolloutFailed); got.Hosts[1].Untouched {
				t.Errorf("a machine on which the command ran counts as untouched: %+v", got.Hosts[1])
			}
			ran(0, 2, 0, 0)
			continue
		}
		r.eventually("the command runs on web3", func() bool { return r.times(2) == 1 })
		if _, err := r.s.Cancel(t.Context(), id, "the test"); err != nil {
			t.Fatal(err)
		}
		ran(0, 3, 1, 0)
	}
}

func (r *real) eventually(what string, is func() bool) {
	r.t.Helper()
	for range 1200 {
		if is() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.t.Fatalf("never true: %s", what)
}

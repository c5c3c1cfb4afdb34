package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"squall/internal/runner"
	"squall/internal/runner/remote"
	"squall/internal/runner/ssh"
	"squall/internal/scheduler"
	"squall/internal/squall"
	"squall/internal/sshtest"
	"squall/internal/store"
)

// real is a fixture with real hosts, and with everything at work.
type real struct {
	*fixture
	net  *sshtest.Net
	file string // in which commands write what they do
}

func newReal(t *testing.T, machines int) *real {
	t.Helper()
	n := sshtest.Start(t, machines)
	r := &real{fixture: newFixture(t, 0), net: n, file: filepath.Join(n.Dir, "done")}
	r.update(func(ctx context.Context, tx store.Tx) error {
		for i, h := range n.Hosts {
			if err := tx.PutFleetNode(ctx, &squall.FleetNode{Name: r.name(i), Address: h.Addr, Port: h.Port, Tags: []string{"web"}}); err != nil {
				return err
			}
		}
		return nil
	})
	pool, err := ssh.New(ssh.Config{KeyFiles: []string{n.KeyFile}, AgentSocket: "none", ConfigFiles: []string{}, KnownHosts: []string{n.KnownHosts}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	sched, err := scheduler.New(r.svc, r.st, runner.Set{"remote-shell-cmd": remote.NewCmd(pool, remote.Config{})}, scheduler.Config{
		Node: store.Node{Name: "real"}, Poll: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- sched.Run(ctx) }()
	go func() { ended <- r.s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	return r
}

// name is that of a machine: in the order of names, which is that of batches.
func (r *real) name(i int) string { return fmt.Sprintf("web%d", i+1) }

// run creates a rollout of a command that writes when it begins and ends on a
// machine, and notices when it is not alone there.
func (r *real) run(change func(*squall.Rollout)) *squall.Rollout {
	r.t.Helper()
	script := `set -- $SSH_CONNECTION; echo "begin $3" >>` + r.file + `; mkdir ` + r.net.Dir + `/at.$3 || exit 9; sleep 0.1; rmdir ` + r.net.Dir + `/at.$3; echo "end $3" >>` + r.file
	params, err := json.Marshal(map[string]string{"cmd": script})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.create(func(ro *squall.Rollout) { ro.Parameters = params }, change)
}

// until waits until a rollout is in a state, and returns it.
func (r *real) until(id squall.ID, want squall.RolloutState) *squall.Rollout {
	r.t.Helper()
	var got *squall.Rollout
	for range 3600 {
		var err error
		if got, err = r.s.Rollout(r.t.Context(), id); err != nil {
			r.t.Fatal(err)
		}
		if got.State == want {
			return got
		}
		if got.State.Ended() {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, h := range got.Hosts {
		r.t.Logf("%s: %s %s", h.Name, h.Status, h.Error)
	}
	r.t.Fatalf("it is %s (%s), want %s", got.State, got.Reason, want)
	return nil
}

// done is what has been written, a line for each beginning and end.
func (r *real) done() []string {
	r.t.Helper()
	text, err := os.ReadFile(r.file)
	if err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// times is how often the machine has ended the command.
func (r *real) times(i int) (n int) {
	for _, line := range r.done() {
		if line == "end "+r.net.Hosts[i].Addr {
			n++
		}
	}
	return n
}

func TestRealCanaryAndBatches(t *testing.T) {
	r := newReal(t, 12)
	id := r.run(func(ro *squall.Rollout) { ro.Batches, ro.Canary = "1, 3, 50%", true }).ID
	r.until(id, squall.RolloutPaused)
	if got := strings.Join(r.done(), ","); got != "begin 127.0.10.1,end 127.0.10.1" {
		t.Errorf("the canary is one machine: %s", got)
	}
	if _, err := r.s.Resume(t.Context(), id, false); err != nil {
		t.Fatal(err)
	}
	ended := r.until(id, squall.RolloutSucceeded)
	batches := map[string]int{}
	for i, h := range ended.Hosts {
		batches[r.net.Hosts[i].Addr] = h.Batch
		if r.times(i) != 1 {
			t.Errorf("%s has done it %d times", h.Name, r.times(i))
		}
	}
	// 1, 3, and half of twelve until all are there: 1 + 3 + 6 + 2.
	open := map[int]int{0: 1, 1: 3, 2: 6, 3: 2}
	for _, line := range r.done() {
		what, address, _ := strings.Cut(line, " ")
		batch := batches[address]
		if what == "end" {
			open[batch]--
		} else if batch > 0 && open[batch-1] > 0 {
			t.Errorf("%s of batch %d begins while %d of the one before have not ended", address, batch, open[batch-1])
		}
	}
}

func TestRealStopAndResume(t *testing.T) {
	r := newReal(t, 8)
	dead := 3 // of the second batch
	r.net.Hosts[dead].Stop()
	id := r.run(func(ro *squall.Rollout) { ro.Batches = "2" }).ID
	stopped := r.until(id, squall.RolloutStopped)
	if h := stopped.Hosts[dead]; h.Status != squall.Failed {
		t.Errorf("%+v", h)
	}
	for range 600 { // what ran when it stopped, ends
		if r.times(dead-1) > 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for i := range r.net.Hosts {
		if want := map[bool]int{true: 1}[i < 4 && i != dead]; r.times(i) != want {
			t.Errorf("%s has done it %d times when it stopped, want %d", r.name(i), r.times(i), want)
		}
	}
	r.net.Hosts[dead].Restart(t, false)
	if _, err := r.s.Resume(t.Context(), id, true); err != nil {
		t.Fatal(err)
	}
	r.until(id, squall.RolloutSucceeded)
	for i := range r.net.Hosts {
		if r.times(i) != 1 {
			t.Errorf("%s has done it %d times", r.name(i), r.times(i))
		}
	}

	// One of eight is 12.5 %: it may fail.
	r.net.Hosts[dead].Cut(t) // connections are kept
	r.net.Hosts[dead].Stop()
	id = r.run(func(ro *squall.Rollout) { ro.Batches, ro.MaxFail = "2, 50%", "15%" }).ID
	r.until(id, squall.RolloutFailed)
	for i := range r.net.Hosts {
		if want := map[bool]int{true: 2, false: 1}[i != dead]; r.times(i) != want {
			t.Errorf("%s has done it %d times, want %d", r.name(i), r.times(i), want)
		}
	}
}

func TestRealLocks(t *testing.T) {
	r := newReal(t, 6)
	var ids []squall.ID
	for i := range 3 {
		ids = append(ids, r.run(func(ro *squall.Rollout) { ro.Batches = []string{"", "2", "1, 100%"}[i] }).ID)
	}
	for _, id := range ids {
		r.until(id, squall.RolloutSucceeded) // who is not alone on a machine fails
	}
	for i := range r.net.Hosts {
		if r.times(i) != 3 {
			t.Errorf("%s has done it %d times, want 3", r.name(i), r.times(i))
		}
	}
}

// TestRealEveryMachine runs on 150 machines, at most 20 at once, spread over a
// time, with three that are dead: the others have all done it once, and the
// dead ones are named.
func TestRealEveryMachine(t *testing.T) {
	splay := 10 * time.Second
	if os.Getenv("SQUALL_CRASH_LONG") != "" {
		splay = time.Minute
	} else if testing.Short() {
		t.Skip("SKIPPED: 150 machines are not short")
	}
	const atOnce = 20
	r := newReal(t, 150)
	dead := map[int]bool{3: true, 77: true, 149: true}
	for i := range dead {
		r.net.Hosts[i].Stop()
	}
	begin := time.Now()
	id := r.run(func(ro *squall.Rollout) { ro.AtOnce, ro.MaxFail, ro.Splay = atOnce, "100%", splay }).ID
	ended := r.until(id, squall.RolloutFailed)
	if took := time.Since(begin); took < splay/2 {
		t.Errorf("all was over after %s of %s", took, splay)
	}
	if len(ended.Hosts) != len(r.net.Hosts) {
		t.Fatalf("%d machines, want %d", len(ended.Hosts), len(r.net.Hosts))
	}
	for i := range r.net.Hosts {
		h := ended.Hosts[slices.IndexFunc(ended.Hosts, func(h squall.RolloutHost) bool { return h.Name == r.name(i) })]
		switch times := r.times(i); {
		case dead[i] && (h.Status != squall.Failed || times != 0):
			t.Errorf("%s is dead: %s, done %d times", h.Name, h.Status, times)
		case !dead[i] && (h.Status != squall.Succeeded || times != 1):
			t.Errorf("%s: %s, done %d times", h.Name, h.Status, times)
		}
	}
	now, most := 0, 0
	for _, line := range r.done() {
		if strings.HasPrefix(line, "begin") {
			now++
		} else {
			now--
		}
		most = max(most, now)
	}
	if most > atOnce {
		t.Errorf("%d were at work at once, and %d are allowed", most, atOnce)
	}
	t.Logf("at most %d at work at once, %s in all", most, time.Since(begin).Round(time.Second))
}

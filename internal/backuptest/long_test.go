package backuptest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

var seed = flag.Uint64("backup.seed", 0, "repeats the moments of a TestKilledAtRandom")

// long skips what takes its time.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("SQUALL_BACKUP_LONG") == "" {
		t.Skip("SKIPPED: takes long; make test-long sets SQUALL_BACKUP_LONG")
	}
}

// TestKilledAtRandom kills the server at any moment of runs over several machines:
// every run ends, what the catalogue has is on the target and nothing else, and the
// last run, undisturbed, copies everything.
func TestKilledAtRandom(t *testing.T) {
	const rounds = 8
	long(t)
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("-backup.seed=%d", *seed)
	random := rand.New(rand.NewPCG(*seed, 1))
	w := newWorld(t, 2)
	for i := range 2 {
		host := fmt.Sprintf("hv%d", i+1)
		w.host(host)["limit"], w.host(host)["bandwidth"] = 2, "8M"
		for n := range 3 {
			w.image(host, fmt.Sprintf("vm%d", n), 8)
		}
	}
	w.configure()
	for round := range rounds {
		id := w.srv.begin("backup.run", map[string]any{"full": round%2 == 0})
		pause := time.Duration(random.Int64N(int64(12 * time.Second)))
		time.Sleep(pause)
		w.srv.Kill()
		w.srv.start()
		e, r := w.ended(id)
		t.Logf("round %d: killed after %v: %s, %s", round, pause.Round(time.Millisecond), e.Status, r.Subject)
		if r.Subject == "" {
			t.Errorf("round %d: the run has no report", round)
		}
		w.consistent("vault")
		if t.Failed() {
			return
		}
	}
	if e, r := w.backup(nil); e.Status != "succeeded" || len(r.Report.Outcomes) != 6 {
		t.Errorf("the undisturbed run: %s\n%s", e.Status, r.Report.Text)
	}
	w.consistent("vault")
}

package backuptest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestLimits is acceptance B1: 20 machines on 5 hosts, never more than 2 dumps of a
// host and 4 to the target, all verified, one mail.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 5)
	for i := range 5 {
		host := fmt.Sprintf("hv%d", i+1)
		doc := w.host(host)
		doc["limit"], doc["bandwidth"] = 2, "10M" // half a second for each dump, so that they meet
		first := w.image(host, "vm1", 8)
		for n := 2; n <= 4; n++ {
			w.tool("cp", first, filepath.Join(w.dir, host, fmt.Sprintf("vm%d.qcow2", n)))
		}
	}
	w.configure()
	sampled := w.sample()
	e, r := w.backup(nil)
	byHost, all := sampled()
	if e.Status != "succeeded" || len(r.Report.Outcomes) != 20 {
		t.Fatalf("%s with %d outcomes\n%s", e.Status, len(r.Report.Outcomes), r.Report.Text)
	}
	if all > 4 || byHost > 2 {
		t.Errorf("%d dumps to the target, %d of one host ran at the same time", all, byHost)
	}
	byHost, all = w.overlaps()
	if all > 4 || byHost > 2 {
		t.Errorf("by the executions' logs %d and %d ran at the same time", all, byHost)
	}
	if all < 2 {
		t.Errorf("never more than %d dump ran: the limits were not tried", all)
	}
	for name, entry := range w.srv.keys("backup.copy.") {
		if v, _ := entry["verified"].(map[string]any); v["ok"] != true || v["depth"] != "content" {
			t.Errorf("%s is not verified: %v", name, entry["verified"])
		}
	}
	w.consistent("vault")
	w.mail.mail("Subject: Backup succeeded: 20 sources", "vm4@hv5")
	if n := len(w.mail.got()); n != 1 {
		t.Errorf("%d mails", n)
	}
}

// sample looks at the processes of this machine until the function it returns is
// called, which gives the most dumps that were seen of one host, and in all.
func (w *world) sample() func() (byHost, all int) {
	stop, done := make(chan struct{}), make(chan struct{})
	var byHost, all int
	go func() {
		defer close(done)
		for {
			hosts, dumps := map[string]int{}, w.dumps()
			for _, source := range dumps {
				_, host, _ := strings.Cut(source, "@")
				hosts[host]++
				byHost = max(byHost, hosts[host])
			}
			all = max(all, len(dumps))
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	var once sync.Once
	return func() (int, int) {
		once.Do(func() { close(stop) })
		<-done
		return byHost, all
	}
}

// dumps lists the sources that agents of this test dump now.
func (w *world) dumps() (sources []string) {
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	seen := map[string]bool{}
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		args := strings.Split(string(text), "\x00")
		// The agent itself, not the shell around it.
		if !strings.Contains(args[0], "python3") || !strings.Contains(string(text), "--root="+w.dir) || !strings.Contains(string(text), "\x00dump\x00") {
			continue
		}
		for _, a := range args {
			if source, ok := strings.CutPrefix(a, "--source="); ok && !seen[source] {
				seen[source] = true
				sources = append(sources, source)
			}
		}
	}
	return sources
}

// overlaps returns how many dumps ran at the same time by the logs of their executions.
func (w *world) overlaps() (byHost, all int) {
	type span struct {
		host       string
		begin, end time.Time
	}
	var spans []span
	for _, e := range w.srv.list("backup.agent_dump", "") {
		var doc struct {
			Parameters struct{ Source string }
			Log        []struct {
				Status    string
				Timestamp time.Time
			}
		}
		w.srv.must("GET", "/api/v1/executions/"+e.ID, nil, &doc)
		_, host, _ := strings.Cut(doc.Parameters.Source, "@")
		s := span{host: host}
		for _, l := range doc.Log {
			switch l.Status {
			case "running":
				s.begin = l.Timestamp
			case "succeeded", "failed":
				s.end = l.Timestamp
			}
		}
		spans = append(spans, s)
	}
	for _, a := range spans { // most meet at the beginning of one of them
		host, any := 0, 0
		for _, b := range spans {
			if !b.begin.After(a.begin) && b.end.After(a.begin) {
				any++
				if a.host == b.host {
					host++
				}
			}
		}
		byHost, all = max(byHost, host), max(all, any)
	}
	return byHost, all
}

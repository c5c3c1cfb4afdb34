package backuptest

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// report is the output of backup.run.
type report struct {
	State   string
	Subject string
	Report  struct {
		Text     string
		Outcomes []outcome
		Removed  []string
	}
}

type outcome struct {
	Source, State, Step, Kind, Error, Stamp string
	Level                                   int
	Payload                                 int64
	Why                                     string `json:"full_because"`
	Warnings                                []string
}

// backup runs backup.run to its end.
func (w *world) backup(parameters map[string]any) (*execution, *report) {
	w.t.Helper()
	return w.ended(w.srv.begin("backup.run", parameters))
}

func (w *world) ended(id string) (*execution, *report) {
	w.t.Helper()
	e := w.srv.wait(id)
	var doc struct{ Output report }
	if err := json.Unmarshal(e.Result, &doc); err != nil {
		w.t.Fatalf("result of the run: %v: %s", err, e.Result)
	}
	if doc.Output.Report.Text == "" {
		w.failures()
	}
	if w.t.Failed() || testing.Verbose() {
		w.t.Logf("%s: %s", e.Status, doc.Output.Report.Text)
	}
	return e, &doc.Output
}

// failures shows what failed, for whoever looks at a failed test.
func (w *world) failures() {
	var list []*execution
	w.srv.must("GET", "/api/v1/executions?limit=100&status=failed", nil, &list)
	for _, e := range list {
		w.t.Logf("%s %v failed: %s", e.Action.Ref, e.Parameters, e.Result)
	}
}

// of returns what became of a source.
func (r *report) of(source string) outcome {
	for _, o := range r.Report.Outcomes {
		if o.Source == source {
			return o
		}
	}
	return outcome{}
}

// TestOneHost: a copy of level 0, a change, a copy of level 1 that holds no more
// than the change, and a mail for each.
func TestOneHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	image := w.image("hv1", "web", 32)
	e, r := w.backup(nil)
	if o := r.of("web@hv1"); e.Status != "succeeded" || r.State != "succeeded" || o.State != "good" || o.Level != 0 {
		t.Fatalf("%s %s: %+v\n%s", e.Status, r.State, o, e.Result)
	}
	w.consistent("vault")
	w.mail.mail("Subject: Backup succeeded: 1 source", "web@hv1", "Copied and verified", "text/html")
	w.fill(image, 20, 24)
	e, r = w.backup(nil)
	if o := r.of("web@hv1"); e.Status != "succeeded" || o.Level != 1 || o.Payload > 5<<20 {
		t.Errorf("%s: %+v", e.Status, o)
	}
	w.consistent("vault")
	if got := w.copies("vault"); len(got) != 2 || !strings.HasPrefix(got[0], "web@hv1/") {
		t.Errorf("copies %v", got)
	}
}

// TestEvent: a run because something asked for it, of what it named only.
func TestEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.image("hv1", "web", 8)
	w.image("hv1", "db", 8)
	event := map[string]any{"sources": []string{"db@hv1"}}
	w.enable("on_event")
	w.srv.must("POST", "/api/v1/webhooks/backup", event, nil)
	w.mail.mail("Subject: Backup succeeded: 1 source", "db@hv1")
	var e *execution
	until(t, "the run has ended", func() bool {
		list := w.srv.list("backup.run", "")
		if len(list) == 1 && list[0].final() {
			e = list[0]
		}
		return e != nil
	})
	_, r := w.ended(e.ID)
	if strings.Contains(r.Report.Text, "Warnings") {
		t.Errorf("warnings:\n%s", r.Report.Text)
	}
	if e.Status != "succeeded" || len(r.Report.Outcomes) != 1 || r.of("db@hv1").State != "good" {
		t.Errorf("%s %+v", e.Status, r.Report.Outcomes)
	}
	w.consistent("vault")
}

// TestWindow: dumps that would begin after the window has closed are missed, and told.
func TestWindow(t *testing.T) {
	t.Parallel()
	long(t)
	w := newWorld(t, 1)
	w.image("hv1", "a", 64)
	w.image("hv1", "b", 64)
	w.policy()["compress"] = false
	// The first dump takes longer than the window is open, the second waits for it.
	w.host("hv1")["bandwidth"] = "1M"
	now := time.Now().UTC()
	w.policy()["window"] = map[string]any{"start": now.Add(-time.Hour).Format(time.TimeOnly), "end": now.Add(20 * time.Second).Format(time.TimeOnly)}
	w.configure()
	e, r := w.backup(nil)
	states := r.of("a@hv1").State + " " + r.of("b@hv1").State
	if e.Status != "failed" || r.State != "partial" || states != "good missed" && states != "missed good" {
		t.Errorf("%s %s: %s\n%s", e.Status, r.State, states, r.Report.Text)
	}
	w.mail.mail("Subject: Backup PARTIAL: 1 of 2 sources failed", "missed")
	w.consistent("vault")
}

// TestDevice: block devices are copied in full each time.
func TestDevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	file := filepath.Join(w.dir, "device")
	w.tool("sh", "-c", "head -c 4194304 /dev/urandom > "+file)
	out, err := exec.Command("losetup", "--find", "--show", "--read-only", file).Output()
	if err != nil {
		t.Skipf("SKIPPED: no loop device: %v", err)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() { _ = exec.Command("losetup", "-d", device).Run() })
	w.host("hv1")["providers"] = []any{map[string]any{"type": "device", "devices": device}}
	w.configure()
	for range 2 {
		e, r := w.backup(nil)
		if e.Status != "succeeded" || len(r.Report.Outcomes) != 1 || r.Report.Outcomes[0].Level != 0 {
			t.Fatalf("%s %+v\n%s", e.Status, r.Report.Outcomes, e.Result)
		}
	}
	source := "" // named after the device
	for _, e := range w.srv.keys("backup.copy.") {
		source = e["source"].(string)
	}
	to := w.mkdir("restored")
	if e := w.srv.run("backup.restore", map[string]any{"source": source, "to": to, "format": "raw"}); e.Status != "succeeded" {
		t.Fatalf("restore: %s %s", e.Status, e.Result)
	}
	found, _ := filepath.Glob(filepath.Join(to, "*.raw"))
	if len(found) != 1 {
		t.Fatalf("restored %v", found)
	}
	w.tool("cmp", file, found[0])
}

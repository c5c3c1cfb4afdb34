package backuptest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDirectories: restic as the store of directories, through plan, report and
// restore as everything else.
func TestDirectories(t *testing.T) {
	t.Parallel()
	need(t, "restic")
	w := newWorld(t, 1)
	w.write("etc-file", "first\n") // beside what is copied
	etc := w.mkdir("etc")
	w.write("etc/hosts", "127.0.0.1 localhost\n")
	delete(w.host("hv1"), "providers")
	w.host("hv1")["directories"] = []any{map[string]any{"name": "etc", "paths": []any{etc}}}
	repository := filepath.Join(w.dir, "restic")
	w.conf["targets"] = []any{map[string]any{"name": "vault", "kind": "restic", "what": repository}}
	w.conf["restic_password"] = "s3cret-of-restic"
	w.configure()
	if e := w.srv.run("backup.agent_restic", map[string]any{"hosts": w.host("hv1")["address"], "action": "init", "repository": repository}); e.Status != "succeeded" {
		t.Fatalf("init: %s %s", e.Status, e.Result)
	}
	for range 2 {
		e, r := w.backup(nil)
		if o := r.of("etc@hv1"); e.Status != "succeeded" || o.State != "good" || len(o.Warnings) > 0 {
			t.Fatalf("%s %+v\n%s", e.Status, o, e.Result)
		}
	}
	// Of one day one is kept; the catalogue follows what restic forgets.
	entries := w.srv.keys("backup.copy.")
	if len(entries) != 1 {
		t.Errorf("%d entries: %v", len(entries), entries)
	}
	w.mail.mail("Subject: Backup succeeded: 1 source", "etc@hv1")
	to := w.mkdir("restored")
	if e := w.srv.run("backup.restore", map[string]any{"source": "etc@hv1", "to": to}); e.Status != "succeeded" {
		t.Fatalf("restore: %s %s", e.Status, e.Result)
	}
	if text, err := os.ReadFile(filepath.Join(to, etc, "hosts")); err != nil || string(text) != "127.0.0.1 localhost\n" {
		t.Errorf("restored %q, %v", text, err)
	}
	if strings.Contains(w.srv.Log(), "s3cret-of-restic") {
		t.Error("the log shows the password")
	}
	if e := w.srv.run("backup.check", nil); e.Status != "succeeded" {
		t.Errorf("check: %s %s", e.Status, e.Result)
	}
}

// TestRetention: what retention no longer keeps goes from the target and from the
// catalogue; what is held stays.
func TestRetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.policy()["retention"] = map[string]any{"last": 1, "daily": 0, "weekly": 0, "monthly": 0}
	w.configure()
	w.image("hv1", "web", 8)
	var stamps []string
	for i := range 3 {
		e, r := w.backup(map[string]any{"full": true})
		if e.Status != "succeeded" || strings.Contains(r.Report.Text, "Warnings") {
			t.Fatalf("run %d: %s\n%s", i, e.Status, r.Report.Text)
		}
		stamps = append(stamps, r.of("web@hv1").Stamp)
		if i == 0 {
			if e := w.srv.run("backup.hold", map[string]any{"source": "web@hv1", "stamp": stamps[0], "reason": "asked for by a court"}); e.Status != "succeeded" {
				t.Fatalf("hold: %s %s", e.Status, e.Result)
			}
		}
	}
	want := "web@hv1/" + stamps[0] + " web@hv1/" + stamps[2]
	if got := strings.Join(w.copies("vault"), " "); got != want {
		t.Errorf("copies %s, want %s", got, want)
	}
	w.consistent("vault")
	if e := w.srv.run("backup.hold", map[string]any{"source": "web@hv1", "stamp": stamps[0], "release": true}); e.Status != "succeeded" {
		t.Fatalf("release: %s %s", e.Status, e.Result)
	}
	if e := w.srv.run("backup.prune", nil); e.Status != "succeeded" {
		t.Fatalf("prune: %s %s", e.Status, e.Result)
	}
	if got := w.copies("vault"); len(got) != 1 {
		t.Errorf("after the release: %v", got)
	}
	w.consistent("vault")
}

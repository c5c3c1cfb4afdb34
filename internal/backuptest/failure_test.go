package backuptest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestCorruptCopy is acceptance B2: noise in a data cluster, which qemu-img check does
// not see; the scheduled verification sets the copy aside and tells; the next copy is
// a full one.
func TestCorruptCopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.policy()["compress"] = false
	w.conf["verify"] = map[string]any{"age": "0s"}
	w.configure()
	w.image("hv1", "db", 16)
	w.image("hv1", "ok", 8)
	if e, _ := w.backup(nil); e.Status != "succeeded" {
		t.Fatalf("first run: %s", e.Status)
	}
	copies, err := filepath.Glob(filepath.Join(w.dir, "nas/vault/db@hv1/*/db.qcow2"))
	if err != nil || len(copies) != 1 {
		t.Fatalf("copies %v, %v", copies, err)
	}
	noise(t, copies[0], 4<<20, 64<<10)
	w.tool("qemu-img", "check", "-q", copies[0]) // sees nothing
	w.srv.must("POST", "/api/v1/rules", map[string]any{
		"name": "verify_soon", "pack": "backup", "enabled": true,
		"trigger": map[string]any{"type": "std.schedule", "parameters": map[string]any{"every": "2s", "key": "soon", "overlap": "forbid"}},
		"action":  map[string]any{"ref": "backup.verify", "parameters": map[string]any{}},
	}, nil)
	w.mail.mail("Subject: Backup verification: 1 copy BAD", "db@hv1", "ok@hv1")
	w.srv.must("DELETE", "/api/v1/rules/backup.verify_soon", nil, nil)
	until(t, "no verification runs any more", func() bool {
		return len(w.srv.list("backup.verify", "&status=running"))+len(w.srv.list("backup.verify", "&status=requested")) == 0
	})
	w.consistent("vault")
	if got := strings.Join(w.copies("vault"), " "); strings.Count(got, ".bad") != 1 {
		t.Errorf("copies %s", got)
	}
	e, r := w.backup(nil)
	if o := r.of("db@hv1"); e.Status != "succeeded" || o.State != "good" || o.Level != 0 {
		t.Errorf("after the corruption: %s %+v", e.Status, o)
	}
	if o := r.of("ok@hv1"); o.Level != 1 {
		t.Errorf("the good one: %+v", o)
	}
	w.consistent("vault")
}

func noise(t *testing.T, file string, offset, size int64) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, size)
	if _, err := f.ReadAt(b, offset); err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] ^= 0x5a
	}
	if _, err := f.WriteAt(b, offset); err != nil {
		t.Fatal(err)
	}
}

// slow makes dumps of a host take a while.
func (w *world) slow(host, bandwidth string) {
	w.host(host)["bandwidth"] = bandwidth
	w.configure()
}

// TestKilledEngine is acceptance B3: the server dies in the middle of a dump, and of
// a compression. The run goes on after the restart, the administrators learn of it,
// nothing half done is left, and the next run is good.
func TestKilledEngine(t *testing.T) {
	for _, step := range []string{"dump", "compress"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			if step == "dump" {
				w.image("hv1", "big", 96)
				w.slow("hv1", "6M")
			} else { // which takes its time by itself, twice
				w.image("hv1", "big", 32)
				w.policy()["compression_level"] = 19
				w.configure()
			}
			id := w.srv.begin("backup.run", nil)
			w.busy(step)
			w.srv.Kill()
			w.srv.start()
			e, r := w.ended(id)
			if o := r.of("big@hv1"); e.Status != "succeeded" || o.State != "good" {
				t.Errorf("the run does not go on: %s: %+v", e.Status, o)
			}
			w.mail.mail(r.Subject, "big@hv1")
			w.slow("hv1", "1G")
			w.policy()["compression_level"] = 1
			w.configure()
			e, r = w.backup(nil)
			if e.Status != "succeeded" || r.of("big@hv1").State != "good" {
				t.Errorf("the next run: %s %+v", e.Status, r.of("big@hv1"))
			}
			w.consistent("vault")
		})
	}
}

// busy waits until an agent is in the middle of a step.
func (w *world) busy(step string) {
	w.t.Helper()
	until(w.t, "an agent is in the middle of "+step, func() bool {
		if step == "dump" {
			// Bytes of the disk have arrived.
			found, _ := filepath.Glob(filepath.Join(w.dir, "nas/*/*/*.partial/*.qcow2*"))
			return len(found) > 0 && len(w.dumps()) > 0
		}
		out, err := exec.Command("pgrep", "-f", "zstd.*"+w.dir).Output()
		if err == nil && len(out) > 0 {
			return true
		}
		for _, e := range w.srv.list("backup.agent_compress", "&status=running") {
			return e.ID != "" && fileThere(w.dir+"/nas/vault/*/*.partial/*.zst*")
		}
		return false
	})
}

func fileThere(pattern string) bool {
	found, _ := filepath.Glob(pattern)
	return len(found) > 0
}

// mountable skips where nothing can be mounted.
func mountable(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("SKIPPED: nothing can be mounted here: %v", err)
	}
	if err := syscall.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
}

// bind makes hosts mount the target vault below a directory of the test.
func (w *world) bind() {
	target := w.conf["targets"].([]any)[0].(map[string]any)
	target["kind"] = "bind"
	w.conf["mount_root"] = w.mkdir("mnt")
	w.configure()
}

// TestCanceledRun: tasks of a canceled workflow do not run, so a rule cleans up:
// nothing stays mounted, nothing half done is left.
func TestCanceledRun(t *testing.T) {
	t.Parallel()
	mountable(t)
	w := newWorld(t, 1)
	w.bind()
	w.image("hv1", "big", 96)
	w.slow("hv1", "6M")
	w.enable("cleanup_after")
	id := w.srv.begin("backup.run", nil)
	w.busy("dump")
	w.srv.must("DELETE", "/api/v1/executions/"+id, nil, nil)
	if e := w.srv.wait(id); e.Status != "canceled" {
		t.Errorf("the run is %s", e.Status)
	}
	until(t, "the run is cleaned up", func() bool { return len(w.srv.keys("backup.run.")) == 0 })
	w.consistent("vault")
	for _, e := range w.srv.list("backup.cleanup", "") {
		if e = w.srv.wait(e.ID); e.Status != "succeeded" {
			t.Errorf("the clean-up %s: %s", e.Status, e.Result)
		}
	}
	w.mail.mail("Subject: Backup run ended without a report", "backup.run canceled")
	w.slow("hv1", "1G")
	if e, _ := w.backup(nil); e.Status != "succeeded" {
		t.Errorf("the next run: %s", e.Status)
	}
	w.consistent("vault")
}

// enable switches a rule of the pack on.
func (w *world) enable(name string) {
	w.t.Helper()
	var rule map[string]any
	w.srv.must("GET", "/api/v1/rules/backup."+name, nil, &rule)
	rule["enabled"] = true
	w.srv.must("PUT", "/api/v1/rules/backup."+name, rule, nil)
}

// TestTargetNotMounted is acceptance B4: without the marker not one byte is written.
func TestTargetNotMounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.image("hv1", "web", 8)
	root := filepath.Join(w.dir, "nas/vault")
	if err := os.Remove(filepath.Join(root, ".squall-target")); err != nil {
		t.Fatal(err)
	}
	e, r := w.backup(nil)
	if o := r.of("web@hv1"); e.Status != "failed" || r.State != "failed" || o.Kind != "target-not-mounted" || o.Step != "mount" {
		t.Errorf("%s %s %+v", e.Status, r.State, o)
	}
	if list, err := os.ReadDir(root); err != nil || len(list) != 0 {
		t.Errorf("in the directory are %v, %v", list, err)
	}
	if len(w.srv.list("backup.agent_dump", "")) != 0 {
		t.Error("something was dumped")
	}
	w.mail.mail("Subject: Backup FAILED: 1 source", "target-not-mounted", "web@hv1")
}

// TestTargetFull is acceptance B5: a target becomes full in the middle of the dumps;
// sources on another target are copied, and the mail says what failed, why, and how
// old its last good copy is.
func TestTargetFull(t *testing.T) {
	t.Parallel()
	mountable(t)
	w := newWorld(t, 2)
	small := w.target("small")
	path := small["what"].(string)
	if err := syscall.Mount("none", path, "tmpfs", 0, "size=40m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
	w.write("nas/small/.squall-target", "id-of-small\n")
	w.conf["targets"] = append(w.conf["targets"].([]any), small)
	w.policy()["sources"], w.policy()["compress"] = []any{"*@hv1"}, false
	w.conf["policies"] = append(w.conf["policies"].([]any), map[string]any{
		"name": "other", "sources": []any{"*@hv2"}, "target": "small", "compress": false, "priority": "normal",
	})
	w.host("hv2")["limit"] = 2
	w.configure()
	w.image("hv1", "fine", 8)
	var images []string
	for _, name := range []string{"a", "b"} {
		image := filepath.Join(w.dir, "hv2", name+".qcow2")
		w.tool("qemu-img", "create", "-q", "-f", "qcow2", image, "64M")
		w.fill(image, 0, 1)
		images = append(images, image)
	}
	if e, _ := w.backup(nil); e.Status != "succeeded" {
		t.Fatalf("first run: %s", e.Status)
	}
	for _, image := range images { // each has room, both have not
		w.fill(image, 0, 24)
	}
	e, r := w.backup(map[string]any{"full": true})
	if e.Status != "failed" || r.State != "partial" || r.of("fine@hv1").State != "good" {
		t.Errorf("%s %s: %+v", e.Status, r.State, r.of("fine@hv1"))
	}
	failed := ""
	for _, name := range []string{"a@hv2", "b@hv2"} {
		if o := r.of(name); o.State == "failed" {
			failed = name
			if o.Kind != "no-space" {
				t.Errorf("%s: %+v", name, o)
			}
		}
	}
	if failed == "" {
		t.Fatal("nothing failed")
	}
	mail := w.mail.mail("PARTIAL", failed, "no-space")
	if !strings.Contains(mail, " old") {
		t.Errorf("the mail does not say how old the last good copy is:\n%s", mail)
	}
	for _, c := range w.copies("small") {
		if strings.HasSuffix(c, ".partial") {
			t.Errorf("%s is left", c)
		}
	}
}

// TestHostDown is acceptance B10.
func TestHostDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.image("hv1", "one", 8)
	w.image("hv2", "two", 8)
	if e, _ := w.backup(nil); e.Status != "succeeded" {
		t.Fatalf("first run: %s", e.Status)
	}
	w.net.Hosts[1].Stop()
	w.host("hv2")["address"] = "127.0.0.1:1" // connections that sshd has accepted live on
	w.configure()
	e, r := w.backup(nil)
	if e.Status != "failed" || r.State != "partial" {
		t.Errorf("%s %s", e.Status, r.State)
	}
	if o := r.of("two@hv2"); o.State == "good" || o.Kind != "unreachable" {
		t.Errorf("of the dead host: %+v", o)
	}
	if o := r.of("one@hv1"); o.State != "good" || o.Level != 1 {
		t.Errorf("of the other: %+v", o)
	}
	w.mail.mail("Subject: Backup PARTIAL: 1 of 2 sources failed", "two@hv2", "unreachable", " old")
	w.consistent("vault")
}

// TestMailServerDown: what could not be told is told when mail works again, once.
func TestMailServerDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.image("hv1", "web", 8)
	w.mail.down()
	if e, _ := w.backup(nil); e.Status != "succeeded" {
		t.Fatalf("%s", e.Status)
	}
	until(t, "the mail was tried in vain", func() bool { return strings.Contains(w.srv.Log(), "a notification was not delivered") })
	w.srv.Kill() // what waits survives this, too
	w.srv.start()
	w.mail.up()
	w.mail.mail("Subject: Backup succeeded: 1 source")
	if n := len(w.mail.got()); n != 1 {
		t.Errorf("%d mails", n)
	}
}

// TestWrongConfiguration: a run that cannot be planned fails and says why.
func TestWrongConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.policy()["target"] = "nowhere"
	w.policy()["rpo"] = "soon"
	w.configure()
	e := w.srv.run("backup.run", nil)
	if e.Status != "failed" {
		t.Errorf("%s", e.Status)
	}
	w.mail.mail("Subject: Backup FAILED", fmt.Sprintf("there is no target %s", "'nowhere'"))
}

// TestHostDies: a host goes away in the middle of a dump and takes its mount with it.
// What lies on the target goes at once, the host is cleaned up when it is back.
func TestHostDies(t *testing.T) {
	t.Parallel()
	mountable(t)
	w := newWorld(t, 2)
	w.bind()
	w.image("hv1", "big", 96)
	w.image("hv2", "small", 8)
	w.slow("hv1", "6M")
	id := w.srv.begin("backup.run", nil)
	w.busy("dump")
	w.cut(0)
	e, r := w.ended(id)
	if e.Status != "failed" || r.State != "partial" || r.of("small@hv2").State != "good" {
		t.Errorf("%s %s %+v", e.Status, r.State, r.Report.Outcomes)
	}
	if o := r.of("big@hv1"); o.State != "failed" || o.Kind != "unreachable" {
		t.Errorf("of the dead host: %+v", o)
	}
	w.mail.mail("Subject: Backup PARTIAL: 1 of 2 sources failed", "unreachable", "was not unmounted cleanly")
	if len(w.srv.keys("backup.run.")) != 1 {
		t.Error("nobody knows any more what has to be cleaned up")
	}
	if e := w.srv.run("backup.cleanup", nil); e.Status != "failed" {
		t.Errorf("the host is away, and the clean-up %s", e.Status)
	}
	w.net.Hosts[0].Restart(t, false)
	if e := w.srv.run("backup.cleanup", nil); e.Status != "succeeded" {
		t.Errorf("the host is back, and the clean-up %s: %s", e.Status, e.Result)
	}
	w.consistent("vault")
}

// cut ends the sshd of a host with all its sessions.
func (w *world) cut(host int) {
	w.t.Helper()
	h := w.net.Hosts[host]
	for _, listener := range strings.Fields(w.tool("pgrep", "-f", h.KeyFile+".conf")) {
		sessions, _ := exec.Command("pgrep", "-P", listener).Output()
		h.Stop()
		for _, pid := range strings.Fields(string(sessions)) {
			_ = exec.Command("kill", "-9", pid).Run() // it may have ended
		}
	}
}

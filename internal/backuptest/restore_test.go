package backuptest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRestore: a chain of two is restored to another host and equals the source; dry
// runs write nothing; a drill proves it again and is told; the catalogue can be made
// anew from the target.
func TestRestore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	image := w.image("hv1", "web", 32)
	for range 2 {
		if e, _ := w.backup(nil); e.Status != "succeeded" {
			t.Fatalf("backup: %s", e.Status)
		}
		w.fill(image, 20, 21)
	}
	// The copies hold what the image was, so the change after the last one is undone.
	frozen := filepath.Join(w.dir, "frozen.qcow2")
	w.tool("qemu-img", "convert", "-O", "qcow2", image, frozen)
	if e, _ := w.backup(nil); e.Status != "succeeded" {
		t.Fatalf("backup: %s", e.Status)
	}
	w.fill(image, 0, 2)
	to := w.mkdir("restored")
	given := map[string]any{"source": "web@hv1", "host": "hv2", "to": to, "dry_run": true}
	if e := w.srv.run("backup.restore", given); e.Status != "succeeded" {
		t.Fatalf("dry run: %s %s", e.Status, e.Result)
	}
	if list, _ := os.ReadDir(to); len(list) != 0 {
		t.Errorf("the dry run left %v", list)
	}
	w.mail.mail("Subject: Restore would work: web@hv1/", "on hv2")
	given["dry_run"] = false
	if e := w.srv.run("backup.restore", given); e.Status != "succeeded" {
		t.Fatalf("restore: %s %s", e.Status, e.Result)
	}
	w.mail.mail("Subject: Restore succeeded: web@hv1/", "same as the source was")
	w.tool("qemu-img", "compare", "-q", frozen, filepath.Join(to, "web.qcow2"))
	if e := w.srv.run("backup.restore", given); e.Status != "failed" {
		t.Errorf("a second restore overwrote the first: %s", e.Status)
	}
	w.mail.mail("Subject: Restore FAILED: web@hv1/", "exists")

	w.conf["drill"] = map[string]any{"host": "hv2", "to": w.mkdir("drills"), "probe": "test -s \"$1\"; ls"}
	w.configure()
	if e := w.srv.run("backup.drill", nil); e.Status != "succeeded" {
		t.Fatalf("drill: %s %s", e.Status, e.Result)
	}
	if d := w.srv.keys("backup.drill.")["web@hv1"]; d["ok"] != true || d["probed"] != true || d["seconds"] == nil {
		t.Errorf("drill %v", d)
	}
	if list, _ := os.ReadDir(filepath.Join(w.dir, "drills")); len(list) != 0 {
		t.Errorf("the drill left %v", list)
	}
	w.mail.mail("Subject: Restore drill succeeded: 1 source")

	before := w.srv.keys("backup.copy.")
	for name := range before {
		w.srv.must("DELETE", "/api/v1/keys/backup.copy."+name, nil, nil)
	}
	if e := w.srv.run("backup.catalog_rebuild", nil); e.Status != "succeeded" {
		t.Fatalf("rebuild: %s %s", e.Status, e.Result)
	}
	after := w.srv.keys("backup.copy.")
	if len(before) != 3 || len(after) != len(before) {
		t.Fatalf("%d entries, %d after the rebuild", len(before), len(after))
	}
	for name, entry := range before {
		for _, key := range []string{"level", "base", "payload", "state", "digests", "policy"} {
			was, _ := json.Marshal(entry[key])
			is, _ := json.Marshal(after[name][key])
			if string(was) != string(is) {
				t.Errorf("%s: %s was %s, is %s", name, key, was, is)
			}
		}
		if v, _ := after[name]["verified"].(map[string]any); v["ok"] != true {
			t.Errorf("%s: verified %v", name, after[name]["verified"])
		}
	}
	w.consistent("vault")
}

// TestEncryption is acceptance B11 through the engine: nothing readable on the target,
// keys out of the configuration's secrets, also after they have changed.
func TestEncryption(t *testing.T) {
	t.Parallel()
	need(t, "age", "age-keygen")
	w := newWorld(t, 1)
	old, young := w.identity(), w.identity()
	image := w.image("hv1", "secret", 8)
	w.write("noise", strings.Repeat("MARKER-OF-PLAINTEXT.", 1<<20/20+1)[:1<<20])
	w.tool("qemu-io", "-f", "qcow2", "-c", "write -q -s "+filepath.Join(w.dir, "noise")+" 1M 1M", image)
	w.policy()["recipients"] = []any{old[1]}
	w.conf["identities"] = old[0]
	w.configure()
	e, r := w.backup(nil)
	if o := r.of("secret@hv1"); e.Status != "succeeded" || o.State != "good" {
		t.Fatalf("%s %+v", e.Status, o)
	}
	if out, _ := exec.Command("grep", "-rl", "MARKER-OF-PLAINTEXT", filepath.Join(w.dir, "nas")).Output(); len(out) > 0 {
		t.Errorf("readable on the target: %s", out)
	}
	var shown struct{ Values map[string]any }
	w.srv.must("GET", "/api/v1/configs/backup", nil, &shown)
	if text, _ := shown.Values["identities"].(string); strings.Contains(text, "AGE-SECRET") {
		t.Error("the API shows the identity")
	}
	to := w.mkdir("restored")
	restore := func(dir string) *execution {
		return w.srv.run("backup.restore", map[string]any{"source": "secret@hv1", "to": w.mkdir("restored/" + dir), "format": "raw"})
	}
	w.conf["identities"] = young[0]
	w.configure()
	if e := restore("wrong"); e.Status != "failed" || !strings.Contains(string(e.Result), "wrong-key") {
		t.Errorf("with another key: %s %s", e.Status, e.Result)
	}
	w.conf["identities"] = young[0] + "\n" + old[0] // rotated: new copies for the new key, old ones stay readable
	w.configure()
	if e := restore("right"); e.Status != "succeeded" {
		t.Fatalf("with both keys: %s %s", e.Status, e.Result)
	}
	w.tool("qemu-img", "compare", "-q", "-f", "qcow2", "-F", "raw", image, filepath.Join(to, "right", "secret.raw"))
	for _, e := range w.srv.list("backup.agent_restore", "") {
		var text json.RawMessage
		w.srv.must("GET", "/api/v1/executions/"+e.ID, nil, &text)
		if strings.Contains(string(text), "AGE-SECRET-KEY") {
			t.Error("an execution shows the identity")
		}
	}
	if strings.Contains(w.srv.Log(), "AGE-SECRET-KEY") {
		t.Error("the log shows the identity")
	}
}

// identity makes an age key: the secret and the public half.
func (w *world) identity() [2]string {
	w.t.Helper()
	out, err := exec.Command("age-keygen").Output()
	if err != nil {
		w.t.Fatal(err)
	}
	var key [2]string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "AGE-SECRET-KEY-") {
			key[0] = line
		}
		if public, ok := strings.CutPrefix(line, "# public key: "); ok {
			key[1] = public
		}
	}
	return key
}

// TestStanding is acceptance B12: last good, last verified, age and status of every
// source, told to people and to the monitoring; and who nobody protects.
func TestStanding(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string]float64{}
	icinga := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var doc struct {
			Vars   map[string]string `json:"filter_vars"`
			Status float64           `json:"exit_status"`
			Output string            `json:"plugin_output"`
		}
		user, password, _ := r.BasicAuth()
		if r.URL.Path != "/v1/actions/process-check-result" || user != "squall" || password != "s3cret" || json.NewDecoder(r.Body).Decode(&doc) != nil || doc.Output == "" {
			http.Error(rw, "wrong", http.StatusBadRequest)
			return
		}
		mu.Lock()
		got[doc.Vars["wanted_host"]+"!"+doc.Vars["wanted_service"]] = doc.Status
		mu.Unlock()
		_, _ = rw.Write([]byte(`{"results":[{"code":200}]}`))
	}))
	defer icinga.Close()
	w := newWorld(t, 1)
	w.policy()["exclude"] = []any{"test-*"}
	w.conf["monitoring"] = map[string]any{"icinga": icinga.URL, "user": "squall", "password": "s3cret"}
	w.configure()
	w.image("hv1", "web", 8)
	w.image("hv1", "test-1", 8)
	if e, r := w.backup(nil); e.Status != "succeeded" || !strings.Contains(r.Report.Text, "test-1@hv1") {
		t.Fatalf("backup: %s\n%s", e.Status, r.Report.Text)
	}
	w.image("hv1", "new", 8)
	type standing struct {
		Output struct {
			Report struct {
				Sources []struct {
					Source   string
					Status   string
					Age      *int
					Good     string `json:"last_good"`
					Verified string `json:"last_verified"`
				}
				Unprotected []string
				Status      string
			}
		}
	}
	e := w.srv.run("backup.report", nil)
	var doc standing
	if err := json.Unmarshal(e.Result, &doc); err != nil || e.Status != "succeeded" {
		t.Fatalf("%s %s", e.Status, e.Result)
	}
	status := map[string]string{}
	for _, s := range doc.Output.Report.Sources {
		status[s.Source] = s.Status
		if s.Source == "web@hv1" && (s.Age == nil || s.Good == "" || s.Verified != s.Good) {
			t.Errorf("%+v", s)
		}
	}
	if status["web@hv1"] != "ok" || status["new@hv1"] != "never" || len(status) != 2 {
		t.Errorf("status %v", status)
	}
	if u := doc.Output.Report.Unprotected; len(u) != 1 || u[0] != "test-1@hv1" {
		t.Errorf("unprotected %v", u)
	}
	w.mail.mail("Subject: Backups: 1 of 2 sources LATE, 1 machine unprotected", "last verified", "never")
	mu.Lock()
	if got["hv1!backup web"] != 0 || got["hv1!backup new"] != 2 || len(got) != 2 {
		t.Errorf("monitoring %v", got)
	}
	mu.Unlock()
	// Three days later what was in time is late.
	e = w.srv.run("backup.standing", map[string]any{"push": false, "now": time.Now().Add(72 * time.Hour).UTC().Format(time.RFC3339)})
	var later struct {
		Result struct {
			Sources []struct{ Source, Status string }
		}
	}
	if err := json.Unmarshal(e.Result, &later); err != nil || len(later.Result.Sources) != 1 || later.Result.Sources[0].Status != "late" {
		t.Errorf("later: %s", e.Result)
	}
}

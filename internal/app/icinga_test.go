package app

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// icinga is a real Icinga 2 with one host and one passive service.
type icinga struct {
	url, ca string
	web     *http.Client
}

func startIcinga(t *testing.T) *icinga {
	t.Helper()
	program, err := exec.LookPath("icinga2")
	if err != nil {
		t.Skip("SKIPPED: icinga2 is not installed: apt-get install icinga2-bin")
	}
	dir := t.TempDir()
	cert, key := writeCertificate(t, filepath.Join(dir, "made"), "localhost", time.Now().Add(time.Hour))
	for from, names := range map[string][]string{cert: {"localhost.crt", "ca.crt"}, key: {"localhost.key"}} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			writeFile(t, filepath.Join(dir, "data", "certs", name), string(text))
		}
	}
	for _, name := range []string{"run/icinga2", "log", "cache", "spool"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	port := freePort(t)
	passive := "  check_command = \"passive\"\n  enable_active_checks = false\n  max_check_attempts = 1\n}\n"
	writeFile(t, filepath.Join(dir, "conf"), "object Endpoint NodeName {\n}\nobject Zone NodeName {\n  endpoints = [ NodeName ]\n}\n"+
		fmt.Sprintf("object ApiListener \"api\" {\n  bind_host = \"127.0.0.1\"\n  bind_port = %d\n}\n", port)+
		"object ApiUser \"squall\" {\n  password = \"secret\"\n  permissions = [ \"events/*\", \"actions/process-check-result\" ]\n}\n"+
		"object CheckCommand \"passive\" {\n  command = [ \"/bin/true\" ]\n}\nobject Host \"web1\" {\n"+passive+"object Service \"http\" {\n  host_name = \"web1\"\n"+passive)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"daemon", "-c", filepath.Join(dir, "conf")}
	for name, v := range map[string]string{
		"DataDir": dir + "/data", "InitRunDir": dir + "/run", "LogDir": dir + "/log", "CacheDir": dir + "/cache", "SpoolDir": dir + "/spool",
		"RunAsUser": me.Username, "RunAsGroup": group.Name, "NodeName": "localhost",
	} {
		args = append(args, "-D", name+"="+v)
	}
	cmd := exec.Command(program, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it has nothing to keep
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("icinga2 says:\n%s", out.String())
		}
	})
	roots := x509.NewCertPool()
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots.AppendCertsFromPEM(text)
	i := &icinga{
		url: fmt.Sprintf("https://localhost:%d", port), ca: cert,
		web: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}},
	}
	t.Cleanup(i.web.CloseIdleConnections)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
			return i
		}
		if time.Now().After(deadline) {
			t.Fatal("icinga2 does not answer")
		}
	}
}

// result submits a passive check result of the service.
func (i *icinga) result(t *testing.T, state int, output string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"type": "Service", "filter": `service.name == "http"`, "exit_status": state, "plugin_output": output})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.url+"/v1/actions/process-check-result", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("squall", "secret")
	req.Header.Set("Accept", "application/json")
	resp, err := i.web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Fatalf("a check result: %s %s", resp.Status, text)
	}
}

// TestIcingaStartsActions: a real Icinga 2 gets a check result; what its event
// stream tells of it becomes an event, and the rule's action runs with it.
func TestIcingaStartsActions(t *testing.T) {
	i := startIcinga(t)
	c := DefaultConfig()
	c.Server.Data = filepath.Join(t.TempDir(), "data")
	packs := t.TempDir()
	writeFiles(t, packs, map[string]string{
		"watch/pack.yaml": "name: watch\nref: watch\ndescription: Icinga\nversion: 1.0.0\nauthor: nobody\nemail: nobody@example.com\n",
		"watch/sensors/icinga.yaml": fmt.Sprintf("name: icinga\nrunner_type: icinga2\ntrigger_types:\n  - name: state\nconfig:\n  url: %s\n  ca: %s\n  user: squall\n  password: secret\n",
			i.url, i.ca),
		"watch/rules/critical.yaml": "name: critical\nenabled: true\ntrigger: {type: watch.state}\n" +
			"criteria:\n  trigger.state: {type: eq, pattern: 2}\n  trigger.service: {type: eq, pattern: http}\n" +
			"action:\n  ref: core.local\n  parameters: {cmd: 'echo \"{{ trigger.host }} {{ trigger.check_result.output }}\"'}\n",
	})
	c.Packs.Dirs = append(c.Packs.Dirs, packs)
	url, _ := serve(t, c)
	defer http.DefaultClient.CloseIdleConnections()
	a := newFlowClient(t, c, url)

	var found []shownExecution
	for n, deadline := 0, time.Now().Add(time.Minute); len(found) == 0; n++ {
		if time.Now().After(deadline) {
			t.Fatal("no execution came of it")
		}
		// The stream keeps nothing for those who come late: change it again and again.
		i.result(t, 2*(n%2), "disk full")
		time.Sleep(200 * time.Millisecond)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+"/api/v1/executions?action=core.local", nil)
		if err != nil {
			t.Fatal(err)
		}
		a.do(t, req, &found)
	}
	ex := a.until(t, found[len(found)-1].ID, "succeeded")
	if !strings.Contains(string(ex.Result), `"stdout":"web1 disk full"`) {
		t.Errorf("the action printed %s", ex.Result)
	}
}

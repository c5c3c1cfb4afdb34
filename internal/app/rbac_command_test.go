package app

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squall/internal/squall"
)

// rbac runs a command of `squall rbac`.
func rbac(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := rbacCommand(&out)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestRBACCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	conf, inForce, next := filepath.Join(dir, "squall.yaml"), filepath.Join(dir, "etc/rbac"), filepath.Join(dir, "next")
	writeFile(t, conf, "rbac: {enabled: true, dir: "+inForce+"}\nserver: {data: "+filepath.Join(dir, "data")+"}\n")
	writeFile(t, filepath.Join(next, "roles/op.yaml"), "name: op\npermission_grants: [{permission_types: [action_list]}]\n")
	writeFile(t, filepath.Join(next, "assignments/ann.yaml"), "username: ann\nroles: [op]\n")
	writeFile(t, filepath.Join(next, "mappings/hpc.yaml"), "group: hpc\nroles: [observer]\n")
	writeFile(t, filepath.Join(next, "README.md"), "not read")

	if out, err := rbac(t, "validate", next); err != nil || !strings.HasSuffix(out, "is right: 1 roles, 2 assignments\n") {
		t.Errorf("validate: %s, %v", out, err)
	}
	out, err := rbac(t, "apply", "--config", conf, "--dry-run", next)
	if want := "+ role op\n+ assignment ann → op\n+ assignment group hpc → observer\n"; err != nil || out != want {
		t.Errorf("dry run: %s, %v", out, err)
	}
	if _, err := os.Stat(inForce); err == nil {
		t.Error("a dry run has written")
	}
	if out, err = rbac(t, "apply", "--config", conf, next); err != nil || !strings.Contains(out, "+ role op\n") {
		t.Errorf("apply: %s, %v", out, err)
	}
	if out, err = rbac(t, "validate", "--config", conf); err != nil || !strings.Contains(out, "1 roles, 2 assignments") {
		t.Errorf("validate what is in force: %s, %v", out, err)
	}
	if out, err = rbac(t, "apply", "--config", conf, next); err != nil || strings.ContainsAny(out, "+~") {
		t.Errorf("apply the same: %s, %v", out, err)
	}

	// What is wrong changes nothing.
	writeFile(t, filepath.Join(next, "roles/bad.yaml"), "name: bad\npermission_grants: [{permission_types: [no_such]}]\n")
	for _, args := range [][]string{{"validate", next}, {"apply", "--config", conf, next}} {
		if _, err = rbac(t, args...); squall.KindOf(err) != squall.Invalid || !strings.Contains(err.Error(), "bad.yaml:2:") {
			t.Errorf("%v: %v", args, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(inForce, "roles")); err != nil || len(entries) != 1 {
		t.Errorf("roles in force: %v, %v", entries, err)
	}

	// A running server takes what is applied, and the audit log says what.
	c, _, err := LoadConfig(Sources{File: conf})
	if err != nil {
		t.Fatal(err)
	}
	url, _ := serve(t, c)
	admin := login(t, url, c.Server.Data)
	_ = os.Remove(filepath.Join(next, "roles/bad.yaml"))
	_ = os.Remove(filepath.Join(next, "mappings/hpc.yaml"))
	writeFile(t, filepath.Join(next, "roles/op.yaml"), "name: op\npermission_grants: [{permission_types: [action_list, pack_list]}]\n")
	writeFile(t, filepath.Join(next, "assignments/bob.yaml"), "username: bob\nroles: [op]\n")
	if out, err = rbac(t, "apply", "--config", conf, next); err != nil || !strings.HasPrefix(out, "~ role op\n") {
		t.Errorf("apply: %s, %v", out, err)
	}
	const want = "~ role op; + assignment bob → op; - assignment group hpc → observer"
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		req, err := http.NewRequest(http.MethodGet, url+"/api/v1/audit?action=reload+roles", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Auth-Token", admin.token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		_, _ = body.ReadFrom(resp.Body)
		_ = resp.Body.Close()
		if strings.Contains(body.String(), want) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("audit log: %s", body.String())
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

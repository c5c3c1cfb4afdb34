package app

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squall/internal/api/wire"
	"squall/internal/client"
	"squall/internal/squall"
)

// Installing, upgrading and removing a pack through the API of a real server.
func TestPackActions(t *testing.T) {
	c := DefaultConfig()
	c.Server.Data = filepath.Join(t.TempDir(), "data")
	url, stop := serve(t, c)
	defer http.DefaultClient.CloseIdleConnections()
	password, err := os.ReadFile(filepath.Join(c.Server.Data, "admin-password"))
	if err != nil {
		t.Fatal(err)
	}
	cl, err := client.New(client.Options{URL: url, User: "admin", Password: strings.TrimSpace(string(password))})
	if err != nil {
		t.Fatal(err)
	}
	wait := func(id string, err error) *wire.Execution {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			ex, err := cl.Execution(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if squall.Status(ex.Status).Final() {
				return ex
			}
		}
		t.Fatalf("execution %s does not end", id)
		return nil
	}
	from := filepath.Join(t.TempDir(), "mine")
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("pack.yaml", "name: mine\nversion: 1.0.0\n")
	write("actions/a.yaml", "name: a\nrunner_type: noop\n")
	if ex := wait(cl.InstallPacks(t.Context(), []string{from}, false, false)); ex.Status != "succeeded" || !strings.Contains(string(ex.Result), `"added":["pack mine","action mine.a"]`) {
		t.Errorf("install: %s %s", ex.Status, ex.Result)
	} else if want := `"output":{"conflict_list":null,"message":"Successfully installed packs","packs_list":["mine"],"warning_list":[]}`; !strings.Contains(string(ex.Result), want) {
		t.Errorf("install: %s, want %s", ex.Result, want) // st2's client reads it
	}
	if _, err := cl.Action(t.Context(), "mine.a"); err != nil {
		t.Error(err)
	}
	write("actions/a.yaml", "name: a\nrunner_type: nop\n")
	if ex := wait(cl.InstallPacks(t.Context(), []string{from}, false, false)); ex.Status != "failed" || !strings.Contains(string(ex.Result), `there is no runner \"nop\"`) {
		t.Errorf("install a faulty pack: %s %s", ex.Status, ex.Result)
	}
	if ex := wait(cl.UninstallPacks(t.Context(), []string{"core"})); ex.Status != "failed" {
		t.Errorf("uninstall a built-in pack: %s %s", ex.Status, ex.Result)
	}
	counts, err := cl.RegisterPacks(t.Context(), client.PackRegistration{Packs: []string{"mine"}, Strict: true})
	if err != nil || counts["actions"] != 1 {
		t.Errorf("register: %v %v", counts, err)
	}
	for action, want := range map[string]string{
		`{"action":"packs.get","parameters":{"pack":"mine"}}`:    `"result":{"pack":{"name":"mine","version":"1.0.0"},"git_status":null}`,
		`{"action":"packs.get","parameters":{"pack":"nope"}}`:    `"result":{"pack":null,"git_status":null}`,
		`{"action":"packs.show","parameters":{"pack":"nope"}}`:   `"result":{"pack":null}`,
		`{"action":"packs.search","parameters":{"query":"any"}}`: `"result":[]`,
	} {
		var r wire.ExecutionRequest
		if err := json.Unmarshal([]byte(action), &r); err != nil {
			t.Fatal(err)
		}
		ex, err := cl.Run(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if ex := wait(ex.ID, nil); ex.Status != "succeeded" || !strings.Contains(string(ex.Result), want) {
			t.Errorf("%s: %s %s, want %s", action, ex.Status, ex.Result, want)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	// The installed pack is there after a restart; then it goes.
	url, _ = serve(t, c)
	if cl, err = client.New(client.Options{URL: url, User: "admin", Password: strings.TrimSpace(string(password))}); err != nil {
		t.Fatal(err)
	}
	if p, err := cl.Pack(t.Context(), "mine"); err != nil || p.Version != "1.0.0" {
		t.Errorf("after a restart: %+v %v", p, err)
	}
	if ex := wait(cl.UninstallPacks(t.Context(), []string{"mine"})); ex.Status != "succeeded" {
		t.Errorf("uninstall: %s %s", ex.Status, ex.Result)
	}
	if _, err := cl.Pack(t.Context(), "mine"); squall.KindOf(err) != squall.NotFound {
		t.Errorf("a removed pack: %v", err)
	}
}

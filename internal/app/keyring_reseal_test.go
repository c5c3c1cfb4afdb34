package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squall/internal/auth"
	"squall/internal/pgtest"
	"squall/internal/reseal"
	"squall/internal/squall"
)

// sealedWorld is a server that holds secrets of all kinds.
type sealedWorld struct {
	*process
	c     *Config
	stop  func() error
	admin string
	large string // a secret whose documents lie apart
	ended map[string]string
	asks  string // a workflow that waits for an answer
}

// start runs the server, or runs it again.
func (w *sealedWorld) start() {
	w.t.Helper()
	w.url, w.stop = serve(w.t, w.c)
	w.admin = login(w.t, w.url, w.c.Server.Data).token
}

// end stops the server.
func (w *sealedWorld) end() {
	w.t.Helper()
	if err := w.stop(); err != nil {
		w.t.Fatal(err)
	}
}

// until waits for the status of an execution.
func (w *sealedWorld) until(id, want string) {
	w.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); w.must(w.admin, "GET", "/api/v1/executions/"+id, "", "status") != want; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s is not %s: %s", id, want, w.must(w.admin, "GET", "/api/v1/executions/"+id, "", ""))
		}
	}
}

// keyring runs squall keyring.
func (w *sealedWorld) keyring(args ...string) (string, error) {
	w.t.Helper()
	var out bytes.Buffer
	cmd := keyringCommand(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	if w.c.Database.URL != "" {
		args = append(args, "--set", "database.url="+w.c.Database.URL)
	}
	cmd.SetArgs(append(args, "--data", w.c.Server.Data))
	err := cmd.ExecuteContext(w.t.Context())
	return out.String(), err
}

func (w *sealedWorld) mustKeyring(args ...string) string {
	w.t.Helper()
	out, err := w.keyring(args...)
	if err != nil {
		w.t.Fatalf("squall keyring %v: %v\n%s", args, err, out)
	}
	return out
}

// refused wants an error of kind Conflict that says all of it.
func (w *sealedWorld) refused(args []string, texts ...string) {
	w.t.Helper()
	_, err := w.keyring(args...)
	if squall.KindOf(err) != squall.Conflict {
		w.t.Errorf("squall keyring %v: %v", args, err)
	}
	for _, text := range texts {
		if !strings.Contains(fmt.Sprint(err), text) {
			w.t.Errorf("squall keyring %v does not say %q: %v", args, text, err)
		}
	}
}

func newSealedWorld(t *testing.T, c *Config) *sealedWorld {
	t.Helper()
	dir := t.TempDir()
	packs := filepath.Join(dir, "packs")
	for name, text := range map[string]string{
		"pack.yaml":          "name: vaulted\nversion: 1.0.0\nauthor: a\nemail: a@example.org\ndescription: d\n",
		"config.schema.yaml": "password: {type: string, secret: true}\n",
		"actions/run.yaml":   "name: run\nrunner_type: local-shell-cmd\nparameters:\n  cmd: {immutable: true, default: echo ok}\n  pw: {type: string, secret: true}\n",
		"actions/flow.yaml":  "name: flow\nrunner_type: orquesta\nentry_point: workflows/flow.yaml\nparameters: {pw: {type: string, secret: true}}\n",
		"actions/workflows/flow.yaml": `
version: 1.0
input: [pw]
tasks:
  ask:
    action: core.ask
    input: {schema: {type: object, properties: {pin: {type: string, secret: true}}}}
    next:
      - publish: pin=<% result().response.pin %>
        do: run
  run:
    action: vaulted.run pw=<% ctx(pin) %>
output:
  - same: <% ctx(pin) = ctx(pw) %>
`,
	} {
		writeFile(t, filepath.Join(packs, "vaulted", name), text)
	}
	c.Server.Data = filepath.Join(dir, "data")
	c.Packs.Dirs = []string{packs}
	w := &sealedWorld{process: &process{t: t}, c: c, large: strings.Repeat("a large secret, ", 300), ended: map[string]string{}}
	w.start()
	w.must(w.admin, "PUT", "/api/v1/keys/kept", `{"name":"kept","value":"plain text","secret":true}`, "")
	w.must(w.admin, "PUT", "/api/v1/configs/vaulted", `{"password":"of the pack"}`, "")
	for _, secret := range []string{"small", w.large} {
		id := w.must(w.admin, "POST", "/api/v1/executions", fmt.Sprintf(`{"action":"vaulted.run","parameters":{"pw":%q}}`, secret), "id")
		w.until(id, "succeeded")
		w.ended[id] = secret
	}
	flow := w.flow()
	w.answer(flow)
	w.asks = w.flow()
	return w
}

// flow begins a workflow that asks.
func (w *sealedWorld) flow() string {
	w.t.Helper()
	id := w.must(w.admin, "POST", "/api/v1/executions", fmt.Sprintf(`{"action":"vaulted.flow","parameters":{"pw":%q}}`, w.large), "id")
	w.until(id, "paused")
	return id
}

// answer answers what it asks, and sees it end.
func (w *sealedWorld) answer(flow string) {
	w.t.Helper()
	var asked []struct{ ID string }
	if err := json.Unmarshal([]byte(w.must(w.admin, "GET", "/api/v1/inquiries", "", "")), &asked); err != nil || len(asked) != 1 {
		w.t.Fatalf("%d inquiries: %v", len(asked), err)
	}
	w.must(w.admin, "PUT", "/api/v1/inquiries/"+asked[0].ID, fmt.Sprintf(`{"id":%q,"response":{"pin":%q}}`, asked[0].ID, w.large), "")
	w.until(flow, "succeeded")
	if got := w.must(w.admin, "GET", "/api/v1/executions/"+flow+"/attribute/result", "", ""); got != `{"output":{"same":true}}` {
		w.t.Errorf("the workflow ended with %s", got)
	}
	got := w.must(w.admin, "GET", "/api/v1/executions/"+asked[0].ID+"?show_secrets=true", "", "")
	if masked := w.must(w.admin, "GET", "/api/v1/executions/"+asked[0].ID, "", ""); !strings.Contains(got, w.large) || strings.Contains(masked, w.large) {
		w.t.Errorf("the answer is shown as %.300s\nand masked as %.300s", got, masked)
	}
}

// readable reads all secrets.
func (w *sealedWorld) readable() {
	w.t.Helper()
	if got := w.must(w.admin, "GET", "/api/v1/keys/kept?decrypt=true", "", "value"); got != "plain text" {
		w.t.Errorf("the key holds %q", got)
	}
	if got := w.must(w.admin, "GET", "/api/v1/configs/vaulted?show_secrets=true", "", ""); !strings.Contains(got, "of the pack") {
		w.t.Errorf("the configuration is %s", got)
	}
	for id, secret := range w.ended {
		if got := w.must(w.admin, "GET", "/api/v1/executions/"+id+"?show_secrets=true", "", ""); !strings.Contains(got, secret) {
			w.t.Errorf("the parameters of %s are lost: %.300s", id, got)
		}
		again := w.must(w.admin, "POST", "/api/v1/executions/"+id+"/re_run", "{}", "id")
		w.until(again, "succeeded")
	}
}

// A key is rotated out: everything is sealed again, the key is removed, and
// everything is readable without it, while the old keyring opens nothing.
func TestKeyIsRemoved(t *testing.T) {
	t.Parallel()
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			c := DefaultConfig()
			if database == "postgres" {
				c.Database.URL = pgtest.DSN(t)
			}
			w := newSealedWorld(t, c)
			defer http.DefaultClient.CloseIdleConnections()
			old, err := readKeyring(c.KeyringPath())
			if err != nil {
				t.Fatal(err)
			}
			key := old.Keys()[0]
			w.mustKeyring("rotate")
			newest := strings.Fields(w.mustKeyring("show"))[0]
			if database == "postgres" {
				for _, command := range [][]string{{"reencrypt"}, {"remove", key}} {
					w.refused(command, "restart these first")
				}
				w.end()
				rotated, err := os.ReadFile(c.KeyringPath())
				if err != nil {
					t.Fatal(err)
				}
				writeFile(t, c.KeyringPath(), string(old.Encode())) // somebody forgets to copy the file
				w.start()
				writeFile(t, c.KeyringPath(), string(rotated))
				w.refused([]string{"reencrypt"}, "is not known to "+c.NodeName())
				w.end()
				w.start() // it may go on running from here on
			} else {
				w.end()
			}
			w.refused([]string{"remove", key}, "the key "+key+" is still needed for 1 in the datastore (such as key kept)",
				"1 in notes of the server", "1 in configurations of packs", "in executions (such as parameters of execution ", "in rows of workflows", "in large values", "run squall keyring reencrypt")
			w.refused([]string{"remove", newest}, "seals")
			if _, err := w.keyring("remove", "00000000"); squall.KindOf(err) != squall.NotFound {
				t.Errorf("a key that does not exist: %v", err)
			}
			if out := w.mustKeyring("reencrypt"); !strings.Contains(out, "secrets sealed again with "+newest) || strings.HasPrefix(out, "0 ") {
				t.Errorf("reencrypt says %s", out)
			}
			w.mustKeyring("remove", key)
			if got := w.mustKeyring("show"); strings.Contains(got, key) || !strings.Contains(got, newest) {
				t.Errorf("left is %s", got)
			}
			if database == "postgres" {
				w.end()
			}

			st, err := openStore(t.Context(), c, nil, discardLog)
			if err != nil {
				t.Fatal(err)
			}
			uses, err := (&reseal.Sealer{Store: st, Ring: old, Log: discardLog}).Uses(t.Context(), key)
			if err != nil || len(uses) > 0 {
				t.Errorf("the old key opens %v, %v", uses, err)
			}
			copied := filepath.Join(t.TempDir(), "keyring")
			if err := os.WriteFile(copied, old.Encode(), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := openKeyring(t.Context(), st, copied, discardLog); squall.KindOf(err) != squall.Conflict {
				t.Errorf("a server starts with the old keyring: %v", err)
			}
			if err := st.Check(t.Context()); err != nil {
				t.Error(err)
			}
			if err := st.Close(); err != nil {
				t.Error(err)
			}
			w.start()
			w.readable()
			w.answer(w.asks)
		})
	}
}

// Keys are looked for in the database that the keyring belongs to, or not removed.
func TestKeyOfAnotherDatabaseStays(t *testing.T) {
	t.Parallel()
	ring := auth.NewKeyring(testNow).Rotate(testNow)
	w := &sealedWorld{process: &process{t: t}, c: DefaultConfig()}
	w.c.Server.Data = t.TempDir()
	path := w.c.KeyringPath()
	if err := writeKeyring(path, ring, os.Link); err != nil {
		t.Fatal(err)
	}
	w.refused([]string{"remove", ring.Keys()[1]}, "is it the right one?")
	st, err := openStore(t.Context(), w.c, nil, discardLog)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "keyring")
	if _, err := openKeyring(t.Context(), st, other, discardLog); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"remove", ring.Keys()[1]}, {"reencrypt"}} {
		w.refused(command, "is not the one this database was written with")
	}
	if left, err := readKeyring(path); err != nil || len(left.Keys()) != 2 {
		t.Errorf("the keyring has changed: %v", err)
	}
}

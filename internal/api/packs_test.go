package api

import (
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"squall/internal/content"
	"squall/internal/runner/types"
	"squall/internal/squall"
)

// newPackServer starts a server that manages packs, with one pack in a directory.
func newPackServer(t *testing.T) (*testServer, string) {
	t.Helper()
	dir := t.TempDir()
	pack := filepath.Join(dir, "mine")
	for name, text := range map[string]string{
		"pack.yaml":          "name: mine\nversion: 1.0.0\nkeywords: [a]\ncontributors: [x]\ndependencies: [core]\npython_versions: ['3']\nstackstorm_version: '>=3.0.0'\nsystem: {x: 1}\n",
		"config.schema.yaml": "token: {type: string, secret: true, required: true}\n",
		"actions/a.yaml":     "name: a\nrunner_type: noop\n",
		"actions/bad.yaml":   "name: bad\nrunner_typ: noop\n",
		"rules/r.yaml":       "name: r\ntrigger: {type: mine.t}\naction: {ref: mine.a}\n",
		"triggers/t.yaml":    "name: t\n",
		"icon.png":           "\x89PNG\xff",
	} {
		path := filepath.Join(pack, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	index := filepath.Join(dir, "index.json")
	if err := os.WriteFile(index, []byte(`{"packs":{"hue":{"ref":"hue","name":"Hue","description":"Lights","version":"1.0.0","keywords":["lamp"],"repo_url":"https://git.example/hue.git"}}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	ts := newTestServer(t, func(d *Deps) {
		d.Packs = &content.Service{
			Registrar: &content.Registrar{Store: d.Store, Runners: types.Known().RunnerType, Log: slog.New(slog.DiscardHandler)},
			Dir:       filepath.Join(dir, "installed"), Dirs: []string{dir}, IndexFile: index,
		}
	})
	return ts, pack
}

func TestPackRegister(t *testing.T) {
	ts, _ := newPackServer(t)
	post := func(body string) answer { return ts.do(t, ts.admin, "POST", "/api/v1/packs/register", body) }
	wantFault(t, post(`{"types":["bogus"],"packs":["mine"]}`), 400, "'bogus' is not one of ['all', 'runner', 'action', 'actions', 'trigger', 'triggers', 'sensor', 'sensors', 'rule', 'rules', 'rule_type', 'rule_types', 'alias', 'aliases', 'policy_type', 'policy_types', 'policy', 'policies', 'config', 'configs']")
	if a := post(`{"packs":["nope"]}`); a.status != 400 || !strings.Contains(a.body, `Pack \"nope\" not found on disk: Directory `) {
		t.Errorf("unknown pack: %d %s", a.status, a.body)
	}
	wantFault(t, post(`{"packs":["mine"],"types":["actions"]}`), 400,
		`Failed to register pack "mine": actions/bad.yaml:1:1: runner_type is missing; add a line such as runner_type: local-shell-cmd`)
	a := post(`{"packs":["mine"],"fail_on_failure":false}`)
	if want := `{"actions":1,"aliases":0,"configs":0,"policies":0,"policy_types":` + strconv.Itoa(len(squall.PolicyTypes())) + `,"rule_types":2,"rules":1,"runners":` + strconv.Itoa(len(types.Builtin().All())) + `,"sensors":0,"triggers":1}`; a.status != 200 || a.body != want {
		t.Errorf("register: %d %s, want %s", a.status, a.body, want)
	}
	if a := ts.do(t, ts.user, "GET", "/api/v1/actions/mine.a", ""); a.status != 200 {
		t.Errorf("the action is not there: %d %s", a.status, a.body)
	}
	p := ts.do(t, ts.user, "GET", "/api/v1/packs/mine", "")
	for _, want := range []string{
		`"keywords":["a"]`, `"contributors":["x"]`, `"dependencies":["core"]`, `"python_versions":["3"]`,
		`"stackstorm_version":">=3.0.0"`, `"system":{"x":1}`, `"actions/a.yaml"`,
	} {
		if !strings.Contains(p.body, want) {
			t.Errorf("no %s in %s", want, p.body)
		}
	}
	if a := ts.do(t, ts.user, "GET", "/api/v1/config_schemas/mine", ""); a.status != 200 || !strings.Contains(a.body, `"attributes":{"token":{"type":"string","required":true,"secret":true}}`) {
		t.Errorf("config schema: %d %s", a.status, a.body)
	}
	if a := ts.do(t, ts.user, "GET", "/api/v1/config_schemas", ""); a.status != 200 || !strings.Contains(a.body, `"pack":"mine"`) {
		t.Errorf("config schemas: %d %s", a.status, a.body)
	}
	wantFault(t, ts.do(t, ts.user, "GET", "/api/v1/config_schemas/nope", ""), 404, `Resource with a ref or id "nope" not found`)
}

func TestPackFiles(t *testing.T) {
	ts, pack := newPackServer(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hidden"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(pack, "link.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(pack, "large.txt"), make([]byte, maxPackFile+1), 0o644); err != nil {
		t.Fatal(err)
	}
	ts.do(t, ts.admin, "POST", "/api/v1/packs/register", `{"packs":["mine"],"fail_on_failure":false}`)
	file := func(path string) answer { return ts.do(t, ts.user, "GET", "/api/v1/packs/views/file/"+path, "") }

	if a := file("mine/actions/a.yaml"); a.status != 200 || a.body != "name: a\nrunner_type: noop\n" {
		t.Errorf("file: %d %s", a.status, a.body)
	}
	if a := file("mine/icon.png"); a.status != 200 || a.header.Get("Content-Type") != "image/png" {
		t.Errorf("icon: %d %s", a.status, a.header)
	}
	wantFault(t, file("mine/nope.yaml"), 404, `File "nope.yaml" not found`)
	wantFault(t, file("mine/actions"), 404, `File "actions" not found`)
	wantFault(t, file("mine/link.txt"), 404, `File "link.txt" not found`)
	wantFault(t, file("mine/..%2f..%2fetc%2fpasswd"), 400,
		`Invalid file path: "../../etc/passwd". File path needs to be relative to the pack directory (`+pack+`). For example "my_action.py".`)
	wantFault(t, file("nope/x"), 404, `Resource with a ref or id "nope" not found`)
	if a := file("mine/large.txt"); a.status != 400 {
		t.Errorf("large file: %d %s", a.status, a.body)
	}
	a := ts.do(t, ts.user, "GET", "/api/v1/packs/views/files/mine", "")
	if a.status != 200 || !strings.Contains(a.body, `{"file_path":"actions/a.yaml","content":"name: a\nrunner_type: noop\n"}`) {
		t.Errorf("files: %d %s", a.status, a.body)
	}
	for _, hidden := range []string{"hidden", "icon.png", "large.txt"} {
		if strings.Contains(a.body, hidden) {
			t.Errorf("%s is among the files", hidden)
		}
	}
}

func TestPackIndex(t *testing.T) {
	ts, _ := newPackServer(t)
	search := func(body string) string {
		t.Helper()
		a := ts.do(t, ts.user, "POST", "/api/v1/packs/index/search", body)
		if a.status != 200 {
			t.Errorf("search %s: %d", body, a.status)
		}
		return a.body
	}
	for _, query := range []string{"HUE", "lights", "lamp", ""} {
		if body := search(`{"query":"` + query + `"}`); !strings.HasPrefix(body, `[{"ref":"hue"`) {
			t.Errorf("%q: %s", query, body)
		}
	}
	if body := search(`{"query":"other"}`); body != "[]" {
		t.Errorf("nothing: %s", body)
	}
	if body := search(`{"pack":"hue"}`); !strings.Contains(body, `"repo_url":"https://git.example/hue.git"`) {
		t.Errorf("one pack: %s", body)
	}
	if body := search(`{"pack":"other"}`); body != "{}" {
		t.Errorf("no pack: %s", body)
	}
	if a := ts.do(t, ts.user, "GET", "/api/v1/packs/index", ""); a.status != 200 || !strings.Contains(a.body, `"hue"`) {
		t.Errorf("index: %d %s", a.status, a.body)
	}
	wantFault(t, ts.do(t, ts.admin, "POST", "/api/v1/packs/install", `{}`), 400, "'packs' is a required property")
	wantFault(t, ts.do(t, ts.admin, "POST", "/api/v1/packs/uninstall", `{}`), 400, "'packs' is a required property")
}

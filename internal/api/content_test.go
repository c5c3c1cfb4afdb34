package api

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"squall/internal/content"
	"squall/internal/store"
)

const (
	aRule   = `{"name":"watch","pack":"default","enabled":true,"trigger":{"type":"core.st2.webhook","parameters":{"url":"sample"}},"criteria":{"trigger.body.n":{"type":"gt","pattern":3}},"action":{"ref":"core.echo","parameters":{"message":"{{trigger.body.n}}"}}}`
	anAlias = `{"name":"say","pack":"default","action_ref":"core.echo","formats":["say {{message}}"]}`
	aPolicy = `{"name":"one","pack":"default","resource_ref":"core.noop","policy_type":"action.concurrency","parameters":{"threshold":1}}`
	aType   = `{"name":"happened","pack":"default","parameters_schema":{"type":"object","properties":{"k":{"type":"string"}},"additionalProperties":false}}`
	anEvent = `{"name":"mine","pack":"default","type":"default.happened","parameters":{"k":"v"}}`
	anOwn   = `{"name":"own","pack":"default","runner_type":"noop","description":"d"}`
)

// Objects are made, found by reference and id, listed, changed, given another
// name and removed, each in the same way.
func TestContentComesAndGoes(t *testing.T) {
	for _, c := range []struct {
		path, body, ref string
		byID            bool // names are no references
		renames         bool
	}{
		{"/api/v1/rules", aRule, "default.watch", false, true},
		{"/api/v1/actionalias", anAlias, "default.say", false, true},
		{"/api/v1/policies", aPolicy, "default.one", false, true},
		{"/api/v1/triggertypes", aType, "default.happened", false, true},
		{"/api/v1/actions", anOwn, "default.own", false, true},
	} {
		t.Run(c.path, func(t *testing.T) {
			ts := newTestServer(t)
			made := ts.do(t, ts.admin, "POST", c.path, c.body)
			if made.status != http.StatusCreated {
				t.Fatalf("POST = %d %s", made.status, made.body)
			}
			id := made.object(t)["id"].(string)
			if made.object(t)["ref"] != c.ref || len(id) != 24 {
				t.Errorf("made %v", made.object(t))
			}
			if a := ts.do(t, ts.admin, "POST", c.path, c.body); a.status != http.StatusConflict || !strings.Contains(a.body, `"conflict-id":`) {
				t.Errorf("made again: %d %s", a.status, a.body)
			}
			for _, name := range []string{c.ref, id} {
				if a := ts.do(t, ts.user, "GET", c.path+"/"+name, ""); a.status != 200 || a.body != made.body {
					t.Errorf("GET %s = %d %s, want %s", name, a.status, a.body, made.body)
				}
			}
			if a := ts.do(t, ts.user, "GET", c.path+"?limit=100", ""); !strings.Contains(a.body, made.body) {
				t.Errorf("it is not in the list %s", a.body)
			}
			if a := ts.do(t, ts.user, "GET", c.path+"?exclude_attributes=id&include_attributes=ref", ""); a.status != http.StatusBadRequest {
				t.Errorf("both ways to choose attributes: %d %s", a.status, a.body)
			}
			if c.renames {
				old := `"name":"` + made.object(t)["name"].(string)
				changed := ts.do(t, ts.admin, "PUT", c.path+"/"+id, strings.Replace(c.body, old, `"name":"renamed`, 1))
				if changed.status != 200 || changed.object(t)["ref"] != "default.renamed" {
					t.Fatalf("PUT = %d %s", changed.status, changed.body)
				}
				if a := ts.do(t, ts.user, "GET", c.path+"/"+c.ref, ""); a.status != http.StatusNotFound {
					t.Errorf("there under its old name: %d %s", a.status, a.body)
				}
				c.ref = "default.renamed"
			}
			for _, want := range []int{http.StatusNoContent, http.StatusNotFound} {
				if a := ts.do(t, ts.admin, "DELETE", c.path+"/"+c.ref, ""); a.status != want {
					t.Errorf("DELETE = %d %s, want %d", a.status, a.body, want)
				}
			}
			for _, bad := range []string{`{}`, `[]`, `{"name":5,"pack":"default"}`, strings.Replace(c.body, `"name"`, `"nam"`, 1), `{"name":"../x"`} {
				if a := ts.do(t, ts.admin, "POST", c.path, bad); a.status != http.StatusBadRequest || a.object(t)["faultstring"] == "" {
					t.Errorf("POST %s = %d %s", bad, a.status, a.body)
				}
			}
		})
	}
}

// A rule has its trigger made, shares it with other rules, and takes it along.
func TestRulesMakeTheirTriggers(t *testing.T) {
	ts := newTestServer(t)
	triggers := func() (n int, ref string) {
		t.Helper()
		err := ts.store.View(t.Context(), func(tx store.Tx) error {
			all, err := tx.FindContent(t.Context(), store.ContentFilter{Kind: store.Triggers, Limit: 100})
			for _, one := range all {
				if strings.Contains(string(one.Doc), "sample") {
					n, ref = n+1, one.Ref
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n, ref
	}
	post := func(body string) {
		t.Helper()
		if a := ts.do(t, ts.admin, "POST", "/api/v1/rules", body); a.status != http.StatusCreated {
			t.Fatalf("POST = %d %s", a.status, a.body)
		}
	}
	post(aRule)
	post(strings.Replace(aRule, "watch", "second", 1))
	n, ref := triggers()
	if n != 1 {
		t.Fatalf("%d triggers for two rules", n)
	}
	for _, c := range []struct {
		filter string
		want   int
	}{
		{"trigger=" + ref, 2}, {"trigger=core.st2.webhook", 0}, {"action=core.echo", 2}, {"action=core.noop", 0},
		{"enabled=true", 2}, {"enabled=false", 0}, {"pack=default", 2}, {"name=second", 1}, {"name=second&pack=core", 0},
	} {
		a := ts.do(t, ts.user, "GET", "/api/v1/rules?include_attributes=ref&"+c.filter, "")
		if got := strings.Count(a.body, `"ref":"default.`); a.status != 200 || got != c.want {
			t.Errorf("%s: %d rules, want %d: %s", c.filter, got, c.want, a.body)
		}
	}
	for i, name := range []string{"default.watch", "default.second"} {
		if a := ts.do(t, ts.admin, "DELETE", "/api/v1/rules/"+name, ""); a.status != http.StatusNoContent {
			t.Fatalf("DELETE = %d %s", a.status, a.body)
		}
		if n, _ := triggers(); n != 1-i {
			t.Errorf("%d triggers behind the end of %s", n, name)
		}
	}
}

const ruleMaker = `
name: maker
permission_grants:
  - resource_uid: pack:default
    permission_types: [rule_all, action_create, action_modify, action_alias_all]
  - resource_uid: policy:default:other
    permission_types: [policy_create]
  - resource_uid: action:core:noop
    permission_types: [action_execute]
  - permission_types: [rule_list, action_list]
`

// Who may make a rule can neither run by it what they may not run themselves,
// nor open a webhook, nor make it in another pack, nor move one there.
func TestRulesGiveNoRights(t *testing.T) {
	ts := newTestServer(t, withPolicy(t, false, map[string]string{
		"roles/maker.yaml": ruleMaker, "assignments/ann.yaml": "username: ann\nroles: [maker]\n",
	}))
	timer := strings.NewReplacer(`"type":"core.st2.webhook","parameters":{"url":"sample"}`, `"type":"core.st2.IntervalTimer","parameters":{"unit":"hours","delta":1}`, `"trigger.body.n":{"type":"gt","pattern":3}`, "").Replace(aRule)
	noop := strings.Replace(timer, `{"ref":"core.echo","parameters":{"message":"{{trigger.body.n}}"}}`, `{"ref":"core.noop"}`, 1)
	for _, c := range []struct {
		name, method, path, body string
		want                     int
	}{
		{"action that may not be run", "POST", "/api/v1/rules", timer, 403},
		{"webhook", "POST", "/api/v1/rules", strings.Replace(noop, `"type":"core.st2.IntervalTimer","parameters":{"unit":"hours","delta":1}`, `"type":"core.st2.webhook","parameters":{"url":"x"}`, 1), 403},
		{"other pack", "POST", "/api/v1/rules", strings.Replace(noop, `"pack":"default"`, `"pack":"other"`, 1), 403},
		{"right", "POST", "/api/v1/rules", noop, 201},
		{"to another pack", "PUT", "/api/v1/rules/default.watch", strings.Replace(noop, `"pack":"default"`, `"pack":"other"`, 1), 403},
		{"to another action", "PUT", "/api/v1/rules/default.watch", timer, 403},
		{"alias in another pack", "POST", "/api/v1/actionalias", strings.Replace(anAlias, `"pack":"default"`, `"pack":"other"`, 1), 403},
		{"policy in another pack", "POST", "/api/v1/policies", strings.Replace(aPolicy, `"pack":"default"`, `"pack":"other"`, 1), 403},
		{"action in another pack", "POST", "/api/v1/actions", strings.Replace(anOwn, `"pack":"default"`, `"pack":"other"`, 1), 403},
		{"action", "POST", "/api/v1/actions", anOwn, 201},
		{"action into another pack", "PUT", "/api/v1/actions/default.own", strings.Replace(anOwn, `"pack":"default"`, `"pack":"other"`, 1), 403},
		{"alias", "POST", "/api/v1/actionalias", anAlias, 201},
		{"run by an alias", "POST", "/api/v1/aliasexecution", `{"name":"say","format":"say {{message}}","command":"say hi","user":"u","source_channel":"c"}`, 403},
		{"run by a matching alias", "POST", "/api/v1/aliasexecution/match_and_execute", `{"command":"say hi","user":"u","source_channel":"c"}`, 403},
		{"clone into another pack", "POST", "/api/v1/actions/default.own/clone", `{"dest_pack":"other","dest_action":"x"}`, 403},
		{"delete an action", "DELETE", "/api/v1/actions/default.own", "", 403},
	} {
		if a := ts.do(t, ts.user, c.method, c.path, c.body); a.status != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, a.status, a.body, c.want)
		}
	}
	if a := ts.do(t, ts.admin, "GET", "/api/v1/rules/default.watch", ""); !strings.Contains(a.body, `"ref":"core.noop"`) {
		t.Errorf("the rule was changed: %s", a.body)
	}
}

// What belongs to the server itself stays.
func TestCoreIsProtected(t *testing.T) {
	ts := newTestServer(t)
	for _, c := range [][3]string{
		{"PUT", "/api/v1/actions/core.noop", `{"name":"noop","pack":"core","runner_type":"noop"}`},
		{"DELETE", "/api/v1/actions/core.noop", ""},
		{"POST", "/api/v1/actions", `{"name":"x","pack":"core","runner_type":"noop"}`},
		{"PUT", "/api/v1/actions/default.gold1", `{"name":"x","pack":"core","runner_type":"noop"}`},
		{"POST", "/api/v1/actions/core.noop/clone", `{"dest_pack":"core","dest_action":"x"}`},
	} {
		if a := ts.do(t, ts.admin, c[0], c[1], c[2]); a.status < 400 || a.status >= 500 {
			t.Errorf("%s %s = %d %s", c[0], c[1], a.status, a.body)
		}
	}
	if a := ts.do(t, ts.user, "GET", "/api/v1/actions/core.noop", ""); a.status != 200 {
		t.Errorf("it is gone: %d", a.status)
	}
}

// Files that come with an action lie in the directory of its pack, and nowhere
// else; they go with it when that is asked for.
func TestDataFiles(t *testing.T) {
	ts, pack := newPackServer(t)
	if a := ts.do(t, ts.admin, "POST", "/api/v1/packs/register", `{"packs":["mine"],"fail_on_failure":false}`); a.status != 200 {
		t.Fatal(a.body)
	}
	outside := filepath.Join(filepath.Dir(pack), "outside")
	if err := os.Mkdir(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(pack, "actions/link")); err != nil {
		t.Fatal(err)
	}
	post := func(path, entry string) answer {
		return ts.do(t, ts.admin, "POST", "/api/v1/actions", `{"name":"made","pack":"mine","runner_type":"local-shell-script","entry_point":"`+entry+`","data_files":[{"file_path":"`+path+`","content":"echo hi\n"}]}`)
	}
	for _, path := range []string{"../outside/x", "/etc/x", "link/x", "actions/../../outside/x", "", ".", "link", "a\\u0000b"} {
		if a := post(path, "x"); a.status < 400 || a.status >= 500 {
			t.Errorf("%q = %d %s", path, a.status, a.body)
		}
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("files outside of the pack: %v, %v", left, err)
	}
	if a := ts.do(t, ts.admin, "GET", "/api/v1/actions/mine.made", ""); a.status != http.StatusNotFound {
		t.Errorf("an action was made without its files: %d", a.status)
	}
	if a := post("made.sh", "made.sh"); a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	script := filepath.Join(pack, "actions/made.sh")
	if a := ts.do(t, ts.user, "GET", "/api/v1/packs/views/file/mine/actions/made.sh", ""); a.body != "echo hi\n" {
		t.Errorf("the file is shown as %d %q", a.status, a.body)
	}
	if a := ts.do(t, ts.user, "GET", "/api/v1/actions/views/entry_point/mine.made", ""); a.body != "echo hi\n" {
		t.Errorf("the entry point is shown as %d %q", a.status, a.body)
	}
	if a := ts.do(t, ts.admin, "DELETE", "/api/v1/actions/mine.made", `{"remove_files":true}`); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if _, err := os.Stat(script); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
}

// What was removed or changed through the API stays so when packs are loaded
// again, and comes back when the pack is registered by hand.
func TestChangesOutliveARestart(t *testing.T) {
	ts, _ := newPackServer(t)
	register := func() {
		t.Helper()
		if a := ts.do(t, ts.admin, "POST", "/api/v1/packs/register", `{"packs":["mine"],"fail_on_failure":false}`); a.status != 200 {
			t.Fatal(a.body)
		}
	}
	there := func() []string {
		t.Helper()
		var names []string
		for _, path := range []string{"actions/mine.a", "rules/mine.r"} {
			if a := ts.do(t, ts.user, "GET", "/api/v1/"+path, ""); a.status == 200 {
				names = append(names, path)
			}
		}
		return names
	}
	register()
	for _, path := range []string{"actions/mine.a", "rules/mine.r"} {
		if a := ts.do(t, ts.admin, "DELETE", "/api/v1/"+path, ""); a.status != http.StatusNoContent {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
	}
	packs := ts.Packs.(*content.Service)
	if err := packs.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := there(); len(got) > 0 {
		t.Errorf("back after a restart: %v", got)
	}
	register()
	if got := there(); !slices.Equal(got, []string{"actions/mine.a", "rules/mine.r"}) {
		t.Errorf("after pack register there are %v", got)
	}
}

// A command in a chat becomes a run.
func TestAliasRuns(t *testing.T) {
	ts := newTestServer(t)
	if a := ts.do(t, ts.admin, "POST", "/api/v1/actionalias", anAlias); a.status != http.StatusCreated {
		t.Fatal(a.body)
	}
	a := ts.do(t, ts.admin, "POST", "/api/v1/aliasexecution/match_and_execute", `{"command":"say hello there","user":"u","source_channel":"c"}`)
	if a.status != http.StatusCreated || !strings.Contains(a.body, `"message":"hello there"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	wantFault(t, ts.do(t, ts.admin, "POST", "/api/v1/aliasexecution/match_and_execute", `{"command":"what now","user":"u","source_channel":"c"}`), 400, "Command 'what now' matched no patterns")
}

package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/runner"
	"squall/internal/squall"
)

func keys(m map[string]any) []string {
	var ks []string
	for k := range m {
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return ks
}

func TestExecutionDocument(t *testing.T) {
	ts := newTestServer(t)
	created := ts.do(t, ts.admin, "POST", "/api/v1/executions", `{"action":"core.local","parameters":{"cmd":"echo hi"},"tags":[{"name":"a","value":"b"}]}`)
	if created.status != http.StatusCreated {
		t.Fatalf("create = %d %s", created.status, created.body)
	}
	doc := created.object(t)
	want := []string{"action", "context", "id", "liveaction", "log", "parameters", "runner", "start_timestamp", "status", "web_url"}
	if diff := cmp.Diff(want, keys(doc)); diff != "" {
		t.Errorf("members of a new execution (-want +got):\n%s", diff)
	}
	if doc["status"] != "requested" || len(doc["log"].([]any)) != 1 {
		t.Errorf("a new execution is shown as %v with log %v", doc["status"], doc["log"])
	}
	id := doc["id"].(string)
	doc = ts.end(t, id)
	want = append(want, "elapsed_seconds", "end_timestamp", "result", "result_size")
	slices.Sort(want)
	if diff := cmp.Diff(want, keys(doc)); diff != "" {
		t.Errorf("members of a finished execution (-want +got):\n%s", diff)
	}
	var states []any
	for _, l := range doc["log"].([]any) {
		states = append(states, l.(map[string]any)["status"])
	}
	if diff := cmp.Diff([]any{"requested", "scheduled", "running", "succeeded"}, states); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	live := doc["liveaction"].(map[string]any)
	for _, c := range []struct{ name, got, want any }{
		{"result.stdout", doc["result"].(map[string]any)["stdout"], "hi"},
		{"context", doc["context"], map[string]any{"user": "admin", "pack": "core"}},
		{"liveaction.action", live["action"], "core.local"},
		{"liveaction.runner_info", live["runner_info"], map[string]any{"hostname": "host1", "pid": 42.0}},
		{"action.id", doc["action"].(map[string]any)["id"], doc["action"].(map[string]any)["id"]},
		{"runner.runner_module", doc["runner"].(map[string]any)["runner_module"], "local_shell_command_runner"},
		{"web_url", doc["web_url"], "https://localhost/#/history/" + id + "/general"},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestCreateForms(t *testing.T) {
	ts := newTestServer(t)
	create := func(body string) map[string]any {
		t.Helper()
		a := ts.do(t, ts.admin, "POST", "/v1/executions", body)
		if a.status != 201 {
			t.Fatalf("POST %s = %d %s", body, a.status, a.body)
		}
		return a.object(t)
	}
	doc := create(`{"action":"core.noop","user":"other","context":{"trace_context":{"trace_tag":"gold"}},"delay":60000,
		"notify":{"on-complete":{"message":"m","channels":["c"],"routes":["r"]}},"callback":{"source":"x"}}`)
	if diff := cmp.Diff(map[string]any{"trace_context": map[string]any{"trace_tag": "gold"}, "user": "other", "pack": "core"}, doc["context"]); diff != "" {
		t.Errorf("context (-want +got):\n%s", diff)
	}
	live := doc["liveaction"].(map[string]any)
	if diff := cmp.Diff(map[string]any{"on-complete": map[string]any{"message": "m", "routes": []any{"r"}}}, live["notify"]); diff != "" {
		t.Errorf("notify (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"source": "x"}, live["callback"]); diff != "" {
		t.Errorf("callback (-want +got):\n%s", diff)
	}
	if delay, _ := doc["delay"].(float64); delay < 59000 || delay > 60000 {
		t.Errorf("delay %v", doc["delay"])
	}
	if _, there := doc["parameters"]; there {
		t.Error("parameters are shown although none were given")
	}
	again := ts.do(t, ts.admin, "GET", "/v1/executions/"+doc["id"].(string), "").object(t)
	if again["status"] != "delayed" {
		t.Errorf("a delayed execution is %v", again["status"])
	}
	if diff := cmp.Diff(live["notify"], again["liveaction"].(map[string]any)["notify"]); diff != "" {
		t.Errorf("notify was not kept (-want +got):\n%s", diff)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	ts := newTestServer(t)
	id := ts.run(t, `{"action":"default.gold1","parameters":{"x":"v","s":"topsecret"}}`)
	ts.end(t, id)
	path := "/api/v1/executions/" + id
	for _, tt := range []struct {
		name, token, path string
		shown             bool
	}{
		{"one", ts.admin, path, false},
		{"one, asked for", ts.admin, path + "?show_secrets=true", true},
		{"one, asked for by who may not", ts.user, path + "?show_secrets=true", false},
		{"list", ts.admin, "/api/v1/executions", false},
		{"list, asked for", ts.admin, "/api/v1/executions?show_secrets=1", true},
		{"list, asked for by who may not", ts.user, "/api/v1/executions?show_secrets=1", false},
		{"selected", ts.admin, path + "?include_attributes=parameters,liveaction", false},
	} {
		a := ts.do(t, tt.token, "GET", tt.path, "")
		if a.status != 200 || strings.Contains(a.body, "topsecret") != tt.shown || strings.Contains(a.body, "********") == tt.shown {
			t.Errorf("%s: %d, shown %v, want %v: %s", tt.name, a.status, strings.Contains(a.body, "topsecret"), tt.shown, a.body)
		}
	}
	a := ts.do(t, ts.admin, "POST", path+"/re_run", `{}`)
	if a.status != 201 || strings.Contains(a.body, "topsecret") {
		t.Errorf("re-run: %d %s", a.status, a.body)
	}
}

func TestExecutionList(t *testing.T) {
	ts := newTestServer(t)
	var ids []string // oldest first
	for range 5 {
		ids = append(ids, ts.run(t, `{"action":"core.noop"}`))
	}
	for range 2 {
		id := ts.run(t, `{"action":"core.local","parameters":{"cmd":"exit 3"}}`)
		ts.end(t, id)
		ids = append(ids, id)
	}
	for _, id := range ids {
		ts.end(t, id)
	}
	newest := slices.Clone(ids)
	slices.Reverse(newest)
	for _, tt := range []struct {
		query        string
		want         []string
		total, limit string
	}{
		{"", newest, "7", "100"},
		{"?limit=2", newest[:2], "7", "2"},
		{"?limit=2&offset=1", newest[1:3], "7", "2"},
		{"?limit=-1", newest, "7", ""},
		{"?limit=101", newest, "7", "101"},
		{"?limit=2&after=" + newest[2], newest[3:5], "", "2"},
		{"?after=" + newest[6], nil, "", "100"},
		{"?offset=100", nil, "7", "100"},
		{"?sort_asc=true&limit=3", ids[:3], "7", "3"},
		{"?sort=timestamp&limit=3", ids[:3], "7", "3"},
		{"?sort=-timestamp&limit=3", newest[:3], "7", "3"},
		{"?sort_asc=1&after=" + ids[4], ids[5:], "", "100"},
		{"?action=core.local", newest[:2], "2", "100"},
		{"?action=core.nope", nil, "0", "100"},
		{"?status=failed", newest[:2], "2", "100"},
		{"?status=failed,succeeded&limit=3", newest[:3], "7", "3"},
		{"?status=bogus", nil, "0", "100"},
		{"?runner=noop&limit=1", newest[2:3], "5", "1"},
		{"?user=admin&limit=1", newest[:1], "7", "1"},
		{"?user=nobody", nil, "0", "100"},
		{"?parent=null&limit=1", newest[:1], "7", "1"},
		{"?parent=5f5f5f5f5f5f5f5f5f5f5f5f", nil, "0", "100"},
		{"?id=" + ids[3], ids[3:4], "1", "100"},
		{"?timestamp_gt=2020-01-01T00:00:00Z&limit=2", ids[:2], "7", "2"},
		{"?timestamp_lt=2020-01-01T00:00:00Z", nil, "0", "100"},
		{"?timestamp_lt=2100-01-01%2000:00:00&limit=2", newest[:2], "7", "2"},
		{"?rule=some.rule", nil, "0", "100"},
		{"?bogus=1&limit=1", newest[:1], "7", "1"},
	} {
		t.Run(tt.query, func(t *testing.T) {
			a := ts.do(t, ts.admin, "GET", "/api/v1/executions"+tt.query, "")
			if a.status != 200 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			var got []string
			for _, doc := range a.list(t) {
				got = append(got, doc["id"].(string))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
			if got := a.header.Get("X-Total-Count"); got != tt.total {
				t.Errorf("X-Total-Count %q, want %q", got, tt.total)
			}
			if got := a.header.Get("X-Limit"); got != tt.limit {
				t.Errorf("X-Limit %q, want %q", got, tt.limit)
			}
		})
	}
}

// A list longer than what is read at once comes out whole and in order.
func TestListLongerThanAChunk(t *testing.T) {
	ts := newTestServer(t)
	const n = 2*chunk + 7
	for range n {
		if _, err := ts.svc.Request(t.Context(), requestFor("core.noop", "admin")); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		query string
		want  int
	}{{"limit=-1", n}, {"limit=" + strconv.Itoa(chunk+3), chunk + 3}, {"limit=-1&offset=5", n - 5}, {"limit=" + strconv.Itoa(2*chunk), 2 * chunk}} {
		a := ts.do(t, ts.admin, "GET", "/api/v1/executions?include_attributes=id&"+tt.query, "")
		list := a.list(t)
		if len(list) != tt.want {
			t.Errorf("%s: %d executions, want %d", tt.query, len(list), tt.want)
		}
		for i := 1; i < len(list); i++ {
			if list[i]["id"].(string) >= list[i-1]["id"].(string) {
				t.Fatalf("%s: not newest first at %d", tt.query, i)
			}
		}
	}
}

// localParts is what comes along with parts of an action (st2).
const localParts = `"parameters":{"cmd":{"description":"Arbitrary Linux command to be executed on the local host.","type":"string","required":true},` +
	`"sudo":{"immutable":true}},"output_schema":{},"pack":"core","uid":"action:core:local"`

func TestAttributes(t *testing.T) {
	ts := newTestServer(t)
	id := ts.run(t, `{"action":"core.local","parameters":{"cmd":"echo hi"}}`)
	ts.end(t, id)
	for _, tt := range []struct{ query, want string }{
		{"include_attributes=status", `{"status":"succeeded","id":"ID"}`},
		{"include_attributes=id,status,action.ref", `{"action":{"ref":"core.local",` + localParts + `},"status":"succeeded","id":"ID"}`},
		{"include_attributes=context.user", `{"context":{"pack":"core","user":"admin"},"id":"ID"}`},
		{"include_attributes=parameters.cmd", `{"parameters":{"cmd":"echo hi"},"id":"ID"}`},
		{"include_attributes=action.nope", `{"action":{` + localParts + `},"id":"ID"}`},
		{"include_attributes=parent", `{"id":"ID"}`},
		{"include_attributes=result", `{"id":"ID","result":{"failed":false,"return_code":0,"stderr":"","stdout":"hi","succeeded":true}}`},
		{"include_attributes=result&max_result_size=10", `{"id":"ID"}`},
	} {
		for _, path := range []string{"/api/v1/executions/" + id + "?", "/api/v1/executions?limit=1&"} {
			a := ts.do(t, ts.admin, "GET", path+tt.query, "")
			want := strings.ReplaceAll(tt.want, "ID", id)
			if strings.Contains(path, "limit") {
				want = "[" + want + "]"
			}
			if a.body != want {
				t.Errorf("%s%s\n got %s\nwant %s", path, tt.query, a.body, want)
			}
		}
	}
	a := ts.do(t, ts.admin, "GET", "/api/v1/executions/"+id+"?exclude_attributes=result,trigger_instance,status", "").object(t)
	if _, there := a["result"]; there || a["status"] != nil || a["log"] == nil {
		t.Errorf("excluded: %v", keys(a))
	}
	for name, want := range map[string]string{
		"attribute/status": `"succeeded"`, "attribute/result": `{"failed":false,"return_code":0,"stderr":"","stdout":"hi","succeeded":true}`,
		"result": `{"failed":false,"return_code":0,"stderr":"","stdout":"hi","succeeded":true}`,
	} {
		if a := ts.do(t, ts.admin, "GET", "/api/v1/executions/"+id+"/"+name, ""); a.status != 200 || a.body != want {
			t.Errorf("%s = %d %s", name, a.status, a.body)
		}
	}
	if a := ts.do(t, ts.admin, "GET", "/v1/executions/last?include_attributes=id", ""); a.body != `{"id":"`+id+`"}` {
		t.Errorf("last = %s", a.body)
	}
	d := ts.do(t, ts.admin, "GET", "/v1/executions/"+id+"/result?download=1", "")
	if got := d.header.Get("Content-Disposition"); got != "attachment; filename=execution_"+id+"_result.json" {
		t.Errorf("Content-Disposition %q", got)
	}
}

func TestCancelAndPut(t *testing.T) {
	ts := newTestServer(t)
	sleeper := func() string { return ts.run(t, `{"action":"core.local","parameters":{"cmd":"sleep 60"}}`) }
	id := sleeper()
	a := ts.do(t, ts.user, "DELETE", "/api/v1/executions/"+id, "")
	if doc := a.object(t); a.status != 200 || doc["status"] != "canceling" {
		t.Errorf("cancel = %d %s", a.status, a.body)
	}
	doc := ts.end(t, id)
	if doc["status"] != "canceled" {
		t.Errorf("status %v", doc["status"])
	}
	if diff := cmp.Diff(map[string]any{"message": "Action canceled by user.", "user": "ann"}, doc["result"]); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if a := ts.do(t, ts.user, "DELETE", "/api/v1/executions/"+id, ""); a.status != 200 || a.object(t)["status"] != "canceled" {
		t.Errorf("cancel again = %d %s", a.status, a.body)
	}
	done := ts.run(t, `{"action":"core.noop"}`)
	ts.end(t, done)
	wantFault(t, ts.do(t, ts.user, "DELETE", "/api/v1/executions/"+done, ""), 200, "Action cannot be canceled. State = succeeded.")
	wantFault(t, ts.do(t, ts.user, "PUT", "/api/v1/executions/"+done, `{"status":"succeeded"}`), 400, "Execution is already in completed state.")

	id = sleeper()
	path := "/api/v1/executions/" + id
	wantFault(t, ts.do(t, ts.user, "PUT", path, `{"status":"pausing"}`), 400,
		`Failed updating execution. Unable to pause liveaction "`+id+`" because it is not supported by the "local-shell-cmd" runner.`)
	wantFault(t, ts.do(t, ts.user, "PUT", path, `{"status":"succeeded"}`), 400,
		"Failed updating execution. An execution becomes succeeded by itself; a client can ask for canceling, pausing or resuming.")
	wantFault(t, ts.do(t, ts.user, "PUT", path, `{"status":"bogus"}`), 400,
		"'bogus' is not one of ['requested', 'scheduled', 'delayed', 'running', 'succeeded', 'failed', 'timeout', 'abandoned', 'canceling', 'canceled', 'pending', 'pausing', 'paused', 'resuming']")
	if a := ts.do(t, ts.user, "PUT", path, `{"status":"canceling"}`); a.status != 200 || a.object(t)["status"] != "canceling" {
		t.Errorf("PUT canceling = %d %s", a.status, a.body)
	}
	ts.end(t, id)
}

func TestRerun(t *testing.T) {
	ts := newTestServer(t)
	id := ts.run(t, `{"action":"core.local","parameters":{"cmd":"echo one"}}`)
	ts.end(t, id)
	rerun := func(query, body string) answer {
		return ts.do(t, ts.user, "POST", "/api/v1/executions/"+id+"/re_run"+query, body)
	}
	for _, tt := range []struct{ body, stdout string }{{"", "one"}, {"{}", "one"}, {`{"parameters":{"cmd":"echo two"}}`, "two"}} {
		a := rerun("", tt.body)
		if a.status != 201 {
			t.Fatalf("re-run %s = %d %s", tt.body, a.status, a.body)
		}
		doc := ts.end(t, a.object(t)["id"].(string))
		if got := doc["result"].(map[string]any)["stdout"]; got != tt.stdout {
			t.Errorf("re-run %s printed %v", tt.body, got)
		}
		c := doc["context"].(map[string]any)
		if diff := cmp.Diff(map[string]any{"ref": id}, c["re-run"]); diff != "" || c["user"] != "ann" {
			t.Errorf("context %v", c)
		}
	}
	wantFault(t, rerun("?no_merge=true", `{"parameters":{}}`), 400, "'cmd' is a required property")
	wantFault(t, rerun("", `{"tasks":["t1"]}`), 400, "Task option is only supported for Orquesta workflows.")
	wantFault(t, rerun("", `{"parameters":{"a":1},"tasks":["t1"]}`), 400, "Parameters override is not supported when re-running task(s) for a workflow.")
	wantFault(t, ts.do(t, ts.user, "POST", "/v1/executions/5f5f5f5f5f5f5f5f5f5f5f5f/re_run", `{}`), 404,
		`Unable to identify resource with id "5f5f5f5f5f5f5f5f5f5f5f5f".`)
}

func TestChildren(t *testing.T) {
	ts := newTestServer(t)
	parent := ts.run(t, `{"action":"core.noop"}`)
	var want []string
	for i := range 3 {
		r := requestFor("core.noop", "admin")
		r.Parent, r.Root = &squall.TaskRef{Execution: squall.ID(parent), Task: "t" + strconv.Itoa(i), Item: -1}, squall.ID(parent)
		ex, err := ts.svc.Request(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, string(ex.ID))
	}
	a := ts.do(t, ts.user, "GET", "/api/v1/executions/"+parent+"/children?depth=1&exclude_attributes=result", "")
	var got []string
	for _, c := range a.list(t) {
		got = append(got, c["id"].(string))
		if c["parent"] != parent {
			t.Errorf("parent %v", c["parent"])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("children (-want +got):\n%s", diff)
	}
	if a := ts.do(t, ts.user, "GET", "/api/v1/executions?parent="+parent, ""); a.header.Get("X-Total-Count") != "3" {
		t.Errorf("list by parent: %s", a.header.Get("X-Total-Count"))
	}
	wantFault(t, ts.do(t, ts.user, "GET", "/v1/executions/5f5f5f5f5f5f5f5f5f5f5f5f/children", ""), 404,
		`Unable to identify resource with id "5f5f5f5f5f5f5f5f5f5f5f5f".`)
}

// A result of megabytes comes out as it went in, byte for byte, and is left out
// where it would be in the way.
func TestBigResult(t *testing.T) {
	ts := newTestServer(t)
	big, err := json.Marshal(map[string]string{"stdout": strings.Repeat("0123456789\n", 400_000)})
	if err != nil {
		t.Fatal(err)
	}
	ts.shell.run = func(context.Context, *runner.Job, runner.Output) (squall.Outcome, error) {
		return squall.Outcome{Status: squall.Succeeded, Result: big}, nil
	}
	id := ts.run(t, `{"action":"core.local","parameters":{"cmd":"big"}}`)
	doc := ts.end(t, id)
	if int(doc["result_size"].(float64)) != len(big) {
		t.Errorf("result_size %v, want %d", doc["result_size"], len(big))
	}
	if got := doc["result"].(map[string]any)["stdout"]; got != strings.Repeat("0123456789\n", 400_000) {
		t.Error("the result inside the execution is not what the runner returned")
	}
	if a := ts.do(t, ts.user, "GET", "/v1/executions/"+id+"/result", ""); a.body != string(big) {
		t.Error("the result alone is not what the runner returned")
	}
	if a := ts.do(t, ts.user, "GET", "/v1/executions?limit=1", ""); len(a.body) > 10_000 || strings.Contains(a.body, `"result":`) {
		t.Errorf("a list holds the big result: %d bytes", len(a.body))
	}
}

func TestActionsPacksRunners(t *testing.T) {
	ts := newTestServer(t)
	get := func(path string) answer { return ts.do(t, ts.admin, "GET", path, "") }
	refs := func(a answer, key string) (list []string) {
		for _, doc := range a.list(t) {
			list = append(list, doc[key].(string))
		}
		return list
	}
	all := []string{"core.echo", "core.local", "core.noop", "default.gold1", "default.off"}
	for _, tt := range []struct {
		path, key string
		want      []string
		total     string
	}{
		{"/v1/actions", "ref", all, "5"},
		{"/v1/actions?limit=2&offset=1", "ref", all[1:3], "5"},
		{"/v1/actions?after=core.local&limit=1", "ref", all[2:3], "5"},
		{"/v1/actions?pack=default", "ref", all[3:], "2"},
		{"/v1/actions?name=local&include_attributes=ref", "ref", all[1:2], "1"},
		{"/v1/actions?tags=k", "ref", all[3:4], "1"},
		{"/v1/actions?tags=k:v", "ref", nil, "0"},
		{"/v1/actions?tags=x:y", "ref", nil, "0"},
		{"/v1/actions?pack=nope", "ref", nil, "0"},
		{"/v1/packs", "ref", []string{"core", "default"}, "2"},
		{"/v1/packs?ref=core", "ref", []string{"core"}, "1"},
		{"/v1/packs?limit=1&offset=1", "ref", []string{"default"}, "2"},
		{"/v1/runnertypes?name=noop", "name", []string{"noop"}, "1"},
	} {
		a := get(tt.path)
		if diff := cmp.Diff(tt.want, refs(a, tt.key)); diff != "" || a.header.Get("X-Total-Count") != tt.total {
			t.Errorf("%s: total %s, want %s (-want +got):\n%s", tt.path, a.header.Get("X-Total-Count"), tt.total, diff)
		}
	}
	local := get("/api/v1/actions/core.local")
	if again := get("/api/v1/actions/" + local.object(t)["id"].(string)); again.body != local.body {
		t.Errorf("by identifier: %s", again.body)
	}
	want := `{"tags":[],"uid":"action:core:local","metadata_file":"actions/local.yaml","name":"local","ref":"core.local",` +
		`"description":"Action that executes an arbitrary Linux command on the localhost.","enabled":true,"entry_point":"","pack":"core","runner_type":"local-shell-cmd",` +
		`"parameters":{"cmd":{"description":"Arbitrary Linux command to be executed on the local host.","type":"string","required":true},"sudo":{"immutable":true}},` +
		`"output_schema":{},"notify":{},"id":"` + local.object(t)["id"].(string) + `"}`
	if local.body != want {
		t.Errorf("action\n got %s\nwant %s", local.body, want)
	}
	for path, text := range map[string]string{
		"/v1/actions/core.nope":                `Resource with a reference or id "core.nope" not found`,
		"/v1/actions/zzz":                      `Resource with a reference or id "zzz" not found`,
		"/v1/actions/5f5f5f5f5f5f5f5f5f5f5f5f": `Resource with a reference or id "5f5f5f5f5f5f5f5f5f5f5f5f" not found`,
		"/v1/packs/nope":                       `Resource with a ref or id "nope" not found`,
		"/v1/runnertypes/nope":                 `Resource with a name or id "nope" not found`,
	} {
		wantFault(t, get(path), 404, text)
	}
	for _, path := range []string{"/v1/packs/core", "/v1/runnertypes/noop"} {
		doc := get(path).object(t)
		kind, _, _ := strings.Cut(strings.TrimPrefix(path, "/v1/"), "s/")
		if byID := get("/v1/" + kind + "s/" + doc["id"].(string)); byID.status != 200 {
			t.Errorf("%s by identifier: %d", path, byID.status)
		}
	}
}

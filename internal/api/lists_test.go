package api

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/squall"
	"squall/internal/store"
)

// column returns one member of every document of a list.
func column(t testing.TB, a answer, name string) (values []string) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, doc := range a.list(t) {
		v, _ := doc[name].(string)
		values = append(values, v)
	}
	return values
}

// TestOrderOfExecutions: what the parameters that sort are set to, and which of
// them counts.
func TestOrderOfExecutions(t *testing.T) {
	ts := newTestServer(t)
	var ids []string
	for range 3 {
		ids = append(ids, ts.run(t, `{"action":"core.noop"}`))
		time.Sleep(2 * time.Millisecond) // so that they have instants of their own
	}
	newest := slices.Clone(ids)
	slices.Reverse(newest)
	var at []string
	for _, doc := range ts.do(t, ts.admin, "GET", "/api/v1/executions?sort_asc=True", "").list(t) {
		at = append(at, doc["start_timestamp"].(string))
	}
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"", newest},
		{"sort_asc=false", ids},
		{"sort_asc=true&sort_desc=0", newest},
		{"sort=timestamp", ids},
		{"sort=-timestamp&sort_asc=True", newest},
		{"sort=%2Bid", ids},
		{"sort=status,-id", newest},
		{"sort=bogus", newest},
		{"sort=-bogus&timestamp_gt=2020-01-01T00:00:00Z", ids},
		{"timestamp_gt=2020-01-01T00:00:00Z&timestamp_lt=2100-01-01T00:00:00Z", newest},
		{"timestamp_lt=2100-01-01T00:00:00Z&sort_asc=1", newest},
		{"timestamp=" + at[1] + "..2100-01-01T00:00:00Z", ids[1:]},
		{"timestamp=2100-01-01T00:00:00Z.." + at[1], newest[:2]},
		{"timestamp=" + at[0] + ".." + at[1], ids[:2]},
		{"timestamp=" + at[1], ids[1:2]},
		{"timestamp=" + at[0] + ".." + at[1] + "&timestamp_gt=" + at[0], ids[1:2]},
		{"liveaction=" + ids[1], ids[1:2]},
		{"liveaction=" + ids[1] + "&id=" + ids[0] + "," + ids[1], ids[1:2]},
		{"liveaction=" + ids[1] + "&id=" + ids[0], nil},
		{"parent=NULL", newest},
		{"parent=None", nil},
	} {
		got := column(t, ts.do(t, ts.admin, "GET", "/api/v1/executions?"+c.query, ""), "id")
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.query, diff)
		}
	}
}

// TestListsOfContent: how lists are filtered by identifiers, sorted, and how long
// they are when the client does not say.
func TestListsOfContent(t *testing.T) {
	ts := newTestServer(t)
	id := func(path string) string {
		t.Helper()
		a := ts.do(t, ts.admin, "GET", path, "")
		if a.status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
		return a.object(t)["id"].(string)
	}
	for path, body := range map[string]string{"/v1/rules": aRule, "/v1/actionalias": anAlias, "/v1/policies": aPolicy, "/v1/triggertypes": aType} {
		if a := ts.do(t, ts.admin, "POST", path, body); a.status != http.StatusCreated {
			t.Fatalf("POST %s = %d %s", path, a.status, a.body)
		}
	}
	for name, value := range map[string]string{"b": "1", "a": "2"} {
		ts.do(t, ts.admin, "PUT", "/v1/keys/"+name, `{"name":"k","value":"`+value+`"}`)
	}
	local, noop := id("/v1/actions/core.local"), id("/v1/actions/core.noop")
	for _, c := range []struct {
		path, member string
		want         []string
		limit        string
	}{
		{"/v1/actions?id=" + local + "," + noop, "ref", []string{"core.local", "core.noop"}, ""},
		{"/v1/actions?id=" + local + "," + noop + "&limit=1&offset=1", "ref", []string{"core.noop"}, "1"},
		{"/v1/actions?id=" + local + "&pack=default", "ref", nil, ""},
		{"/v1/actions/views/overview?id=" + noop, "ref", []string{"core.noop"}, ""},
		{"/v1/packs?sort=-ref", "ref", []string{"default", "core"}, "100"},
		{"/v1/packs?id=" + id("/v1/packs/core"), "ref", []string{"core"}, "100"},
		{"/v1/packs?include_attributes=ref,anything", "ref", []string{"core", "default"}, "100"},
		{"/v1/runnertypes?sort=-name&name=noop,orquesta", "name", []string{"orquesta", "noop"}, "100"},
		{"/v1/runnertypes?id=" + id("/v1/runnertypes/noop"), "name", []string{"noop"}, "100"},
		{"/v1/policytypes?id=" + id("/v1/policytypes/action.retry"), "name", []string{"retry"}, "100"},
		{"/v1/policytypes?sort=-name&name=retry,concurrency", "name", []string{"retry", "concurrency"}, "100"},
		{"/v1/rules", "ref", []string{"default.watch"}, ""},
		{"/v1/rules?enabled=0", "ref", nil, ""},
		{"/v1/rules/views?enabled=0&action=x.y", "ref", []string{"default.watch"}, ""},
		{"/v1/rules/views?name=other", "ref", nil, ""},
		{"/v1/policies?name=one", "ref", []string{"default.one"}, "100"},
		{"/v1/configs?id=" + local, "pack", nil, "100"},
		{"/v1/config_schemas?sort=-id&id=" + local, "pack", nil, "100"},
		{"/v1/keys", "name", []string{"a", "b"}, ""},
		{"/v1/keys?name=a", "name", []string{"a"}, ""},
		{"/v1/ruleenforcements", "id", nil, "50"},
		{"/v1/ruleenforcements/views?sort=enforced_at", "id", nil, "50"},
		{"/v1/ruleenforcements?id=" + local, "id", nil, "50"},
		{"/v1/triggerinstances?id=" + local, "id", nil, "100"},
		{"/v1/triggerinstances?trigger_type=no.such", "id", nil, ""},
		{"/v1/traces?id=" + local, "id", nil, "100"},
		{"/v1/inquiries?limit=-1&include_attributes=id", "id", nil, "-1"},
		{"/v1/rbac/roles?system=true", "name", []string{"admin", "observer", "system_admin"}, ""},
		{"/v1/rbac/role_assignments?remote=1", "user", nil, ""},
	} {
		a := ts.do(t, ts.admin, "GET", c.path, "")
		if diff := cmp.Diff(c.want, column(t, a, c.member)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.path, diff)
		}
		if got := a.header.Get("X-Limit"); got != c.limit {
			t.Errorf("%s: X-Limit %q, want %q", c.path, got, c.limit)
		}
	}
}

// TestWhatListsRefuse: wrong filters, in StackStorm's words.
func TestWhatListsRefuse(t *testing.T) {
	ts := newTestServer(t)
	const noID = "'x' is not a valid ObjectId, it must be a 12-byte input or a 24-character hex string"
	for path, text := range map[string]string{
		"/v1/actions?id=x":                                    noID,
		"/v1/packs?id=x":                                      noID,
		"/v1/rules?id=x":                                      noID,
		"/v1/traces?id=x":                                     noID,
		"/v1/ruleenforcements?id=x":                           noID,
		"/v1/configs?name=x":                                  `Cannot resolve field "name"`,
		"/v1/config_schemas?name=x":                           `Cannot resolve field "name"`,
		"/v1/traces?name=x":                                   `Cannot resolve field "name"`,
		"/v1/rules?enabled=x":                                 `Invalid bool representation "x" provided.`,
		"/v1/rules?include_attributes=name.x":                 "Invalid or unsupported include attribute specified: Cannot resolve subfield or operator x on the field name",
		"/v1/ruleenforcements?exclude_attributes=status.x":    "Invalid or unsupported exclude attribute specified: Cannot resolve subfield or operator x on the field status",
		"/v1/ruleenforcements/views?include_attributes=rules": "Invalid or unsupported include attribute specified: rules",
		"/v1/executions?exclude_attributes=result.stdout":     "Invalid or unsupported exclude attribute specified: result.stdout",
		"/v1/keys?scope=bogus":                                "Invalid scope: st2kv.bogus",
		"/v1/timers?timer_type=x":                             "Timer type x not in supported types - dict_keys(['core.st2.IntervalTimer', 'core.st2.DateTimer', 'core.st2.CronTimer']).",
		"/v1/rbac/roles?system=":                              `Parameter "system" is not of type boolean`,
		"/v1/actionalias/help?limit=":                         `Parameter "limit" is not of type integer`,
		"/v1/executions/abc/attribute/status":                 "'abc' is not a valid ObjectId, it must be a 12-byte input or a 24-character hex string",
	} {
		t.Run(path, func(t *testing.T) { wantFault(t, ts.do(t, ts.admin, "GET", path, ""), http.StatusBadRequest, text) })
	}
	for path, text := range map[string]string{
		"/v1/actions/views/parameters/zzz": `Database lookup for id="zzz" resulted in exception. 'zzz' is not a valid ObjectId, it must be a 12-byte input or a 24-character hex string`,
		"/v1/packs/views/files/nope":       `Resource with a ref or id "nope" not found`,
		"/v1/packs/install":                `Resource with a ref or id "install" not found`,
		"/v1/actions/views":                `Resource with a reference or id "views" not found`,
	} {
		t.Run(path, func(t *testing.T) { wantFault(t, ts.do(t, ts.admin, "GET", path, ""), http.StatusNotFound, text) })
	}
}

// TestOneObjectIsShownWhole: only executions heed what members are asked for where
// a single object is.
func TestOneObjectIsShownWhole(t *testing.T) {
	ts := newTestServer(t)
	for _, path := range []string{"/v1/actions/core.local", "/v1/packs/core", "/v1/runnertypes/noop", "/v1/policytypes/action.retry"} {
		whole := ts.do(t, ts.admin, "GET", path, "")
		if a := ts.do(t, ts.admin, "GET", path+"?include_attributes=bogus&exclude_attributes=name", ""); a.status != 200 || a.body != whole.body {
			t.Errorf("%s = %d %s", path, a.status, a.body)
		}
	}
}

// TestBodyBeforeObject: what is wrong with a body is said before whether the object
// is there (st2).
func TestBodyBeforeObject(t *testing.T) {
	ts := newTestServer(t)
	for _, path := range []string{"rules", "actionalias", "policies", "actions"} {
		if a := ts.do(t, ts.admin, "PUT", "/v1/"+path+"/no.such", `{}`); a.status != http.StatusBadRequest || !strings.Contains(a.body, "is a required property") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for path, body := range map[string]string{"rules": aRule, "actionalias": anAlias, "policies": aPolicy, "actions": anOwn, "triggertypes": aType} {
		wantFault(t, ts.do(t, ts.admin, "PUT", "/v1/"+path+"/no.such", body), http.StatusNotFound, `Resource with a reference or id "no.such" not found`)
	}
	wantFault(t, ts.do(t, ts.admin, "PUT", "/v1/rules/no.such", `a=b`, "Content-Type", "application/x-www-form-urlencoded"), http.StatusBadRequest,
		"Additional properties are not allowed ('a' was unexpected)")
	wantFault(t, ts.do(t, ts.admin, "POST", "/v1/webhooks/st2", `[1]`), http.StatusBadRequest, "Webhook body needs to be an object, got: array")
}

// TestResultForms: a result alone, in every form it can be had.
func TestResultForms(t *testing.T) {
	ts := newTestServer(t)
	id := ts.run(t, `{"action":"core.local","parameters":{"cmd":"echo hi"}}`)
	ts.end(t, id)
	path := "/v1/executions/" + id + "/result"
	plain := ts.do(t, ts.user, "GET", path, "")
	if a := ts.do(t, ts.user, "GET", path+"?pretty_format=y", ""); a.header.Get("Content-Type") != "text/json" || !strings.Contains(a.body, "\n  \"stdout\": \"hi\"") {
		t.Errorf("pretty: %s", a.body)
	}
	zipped := ts.do(t, ts.user, "GET", path+"?compress=1&download=1", "", "Accept-Encoding", "gzip")
	if h := zipped.header; h.Get("Content-Type") != "application/x-gzip" || h.Get("Content-Encoding") != "gzip" ||
		h.Get("Content-Disposition") != "attachment; filename=execution_"+id+"_result.json.gz" {
		t.Errorf("compressed: %v", h)
	}
	z, err := gzip.NewReader(strings.NewReader(zipped.body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); err != nil || string(text) != plain.body {
		t.Errorf("compressed: %s, %v", text, err)
	}
	if a := ts.do(t, ts.user, "GET", "/v1/executions/"+id+"/attribute/trigger_instance", ""); a.body != "{}" {
		t.Errorf("an event that is not there: %s", a.body)
	}
}

// TestTasksShowTheirWorkflow: what an orchestrated execution's context says is shown
// beside it too, and can be asked for.
func TestTasksShowTheirWorkflow(t *testing.T) {
	ts := newTestServer(t)
	id := ts.run(t, `{"action":"core.noop","context":{"orquesta":{"workflow_execution_id":"5f5f5f5f5f5f5f5f5f5f5f5f","task_execution_id":"6f6f6f6f6f6f6f6f6f6f6f6f"}}}`)
	a := ts.do(t, ts.admin, "GET", "/v1/executions/"+id+"?include_attributes=task_execution,workflow_execution", "")
	if want := `{"workflow_execution":"5f5f5f5f5f5f5f5f5f5f5f5f","task_execution":"6f6f6f6f6f6f6f6f6f6f6f6f","id":"` + id + `"}`; a.body != want {
		t.Errorf("%s, want %s", a.body, want)
	}
}

// TestContextInHeader: a client inside an action says where it is; who it is counts
// all the same.
func TestContextInHeader(t *testing.T) {
	ts := newTestServer(t)
	a := ts.do(t, ts.user, "POST", "/v1/executions", `{"action":"core.noop","context":{"a":1}}`, "st2-context", `{"parent":{"x":"y"},"user":"admin","_request":{"delay":5}}`)
	want := map[string]any{"a": 1.0, "parent": map[string]any{"x": "y"}, "user": "ann", "pack": "core"}
	if diff := cmp.Diff(want, a.object(t)["context"]); diff != "" {
		t.Errorf("context (-want +got):\n%s", diff)
	}
	if a := ts.do(t, ts.user, "POST", "/v1/executions", `{"action":"core.noop"}`, "st2-context", `[]`); a.status != http.StatusBadRequest {
		t.Errorf("a context that is no object: %d %s", a.status, a.body)
	}
}

// TestFilesThatHaveNotChanged: a client that has a file is told so.
func TestFilesThatHaveNotChanged(t *testing.T) {
	ts, _ := newPackServer(t)
	ts.do(t, ts.admin, "POST", "/api/v1/packs/register", `{"packs":["mine"],"fail_on_failure":false}`)
	const path = "/v1/packs/views/file/mine/actions/a.yaml"
	first := ts.do(t, ts.user, "GET", path, "")
	etag, at := first.header.Get("ETag"), first.header.Get("Last-Modified")
	if first.status != http.StatusOK || etag == "" || at == "" {
		t.Fatalf("%d %v", first.status, first.header)
	}
	for _, c := range []struct {
		headers []string
		want    int
	}{
		{[]string{"If-None-Match", etag}, http.StatusNotModified},
		{[]string{"If-None-Match", "other"}, http.StatusOK},
		{[]string{"If-Modified-Since", at}, http.StatusNotModified},
		{[]string{"If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"}, http.StatusOK},
		{[]string{"If-None-Match", "other", "If-Modified-Since", at}, http.StatusOK},
	} {
		if a := ts.do(t, ts.user, "GET", path, "", c.headers...); a.status != c.want {
			t.Errorf("%v: %d, want %d", c.headers, a.status, c.want)
		}
	}
}

// TestWhatIsRegistered: the kinds that are asked for are those that are counted.
func TestWhatIsRegistered(t *testing.T) {
	ts, _ := newPackServer(t)
	for types, want := range map[string][]string{
		`["runner"]`:                   {"runners"},
		`["rule_type","policy_types"]`: {"policy_types", "rule_types"},
		`["config"]`:                   {"configs"},
		`["aliases","trigger"]`:        {"aliases", "triggers"},
		`["all"]`:                      {"actions", "aliases", "configs", "policies", "policy_types", "rule_types", "rules", "runners", "sensors", "triggers"},
	} {
		a := ts.do(t, ts.admin, "POST", "/v1/packs/register", `{"packs":["mine"],"fail_on_failure":false,"types":`+types+`}`)
		if diff := cmp.Diff(want, keys(a.object(t))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", types, diff)
		}
	}
}

// TestSecretsInAnswersToOrders: who may see secrets sees them also in the answer to
// what they order, when they ask for it.
func TestSecretsInAnswersToOrders(t *testing.T) {
	ts := newTestServer(t)
	wantFault(t, ts.do(t, ts.user, "GET", "/v1/executions/last", ""), http.StatusBadRequest, "No executions found in the database")
	const body = `{"action":"default.gold1","parameters":{"x":"v","s":"topsecret"}}`
	secret := func(a answer) any {
		t.Helper()
		params, _ := a.object(t)["parameters"].(map[string]any)
		return params["s"]
	}
	id := ts.do(t, ts.admin, "POST", "/v1/executions", body).object(t)["id"].(string)
	ts.end(t, id)
	for _, c := range []struct{ token, path, body, want string }{
		{ts.admin, "/v1/executions", body, "********"},
		{ts.admin, "/v1/executions?show_secrets=true", body, "topsecret"},
		{ts.user, "/v1/executions?show_secrets=true", body, "********"},
		{ts.admin, "/v1/executions/" + id + "/re_run?show_secrets=1", "", "topsecret"},
		{ts.user, "/v1/executions/" + id + "/re_run?show_secrets=1", "", "********"},
	} {
		if got := secret(ts.do(t, c.token, "POST", c.path, c.body)); got != c.want {
			t.Errorf("%s: %v, want %s", c.path, got, c.want)
		}
	}
	if a := ts.do(t, ts.admin, "POST", "/v1/executions?show_secrets=maybe", body); a.status != http.StatusBadRequest {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestTraceOfAnExecution: what nobody but a person caused has a trace of its own,
// which what is run again belongs to.
func TestTraceOfAnExecution(t *testing.T) {
	ts := newTestServer(t)
	id := ts.run(t, `{"action":"core.noop"}`)
	ts.end(t, id)
	again := ts.do(t, ts.admin, "POST", "/v1/executions/"+id+"/re_run", "").object(t)["id"].(string)
	other := ts.run(t, `{"action":"core.noop","context":{"trace_context":{"trace_tag":"named"}}}`)
	for _, query := range []string{"execution=" + id, "execution=" + again, "trace_tag=execution-" + id, "id=" + id, "trace_tag=execution-" + id + "&execution=" + again} {
		list := ts.do(t, ts.admin, "GET", "/v1/traces?"+query, "").list(t)
		if len(list) != 1 || list[0]["id"] != id || list[0]["trace_tag"] != "execution-"+id {
			t.Errorf("%s: %v", query, list)
		}
	}
	var ran []any
	for _, part := range ts.do(t, ts.admin, "GET", "/v1/traces/"+id, "").object(t)["action_executions"].([]any) {
		ran = append(ran, part.(map[string]any)["object_id"])
	}
	if diff := cmp.Diff([]any{id, again}, ran); diff != "" {
		t.Errorf("executions of the trace (-want +got):\n%s", diff)
	}
	for _, none := range []string{again, other} {
		wantFault(t, ts.do(t, ts.admin, "GET", "/v1/traces/"+none, ""), http.StatusNotFound, `Unable to identify resource with id "`+none+`".`)
	}
	if got := ts.do(t, ts.admin, "GET", "/v1/traces?execution="+other+"&trace_tag=execution-"+other, ""); got.body != "[]" {
		t.Errorf("a name that another trace has: %s", got.body)
	}
}

// TestEventsOfOldAndNew: lists of events, enforcements and traces by identifier and
// in both directions.
func TestEventsOfOldAndNew(t *testing.T) {
	ts := newTestServer(t)
	err := ts.store.Update(t.Context(), func(tx store.Tx) error {
		typ := &squall.TriggerType{Ref: squall.Ref{Pack: "core", Name: "st2.webhook"}, ParametersSchema: json.RawMessage(`{"type":"object"}`)}
		return store.Put(t.Context(), tx, typ)
	})
	if err != nil {
		t.Fatal(err)
	}
	if a := ts.do(t, ts.admin, "POST", "/v1/rules", strings.Replace(aRule, `"pattern":3`, `"pattern":0`, 1)); a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, n := range []string{"1", "2"} {
		if a := ts.do(t, ts.admin, "POST", "/v1/webhooks/sample?wait=true", `{"n":`+n+`}`); a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	for _, c := range []struct{ path, oldest string }{
		{"/v1/ruleenforcements", "sort=enforced_at"}, {"/v1/ruleenforcements/views", "sort=-name,%2Bid"}, {"/v1/traces", "sort_asc=True"},
	} {
		newest := column(t, ts.do(t, ts.admin, "GET", c.path, ""), "id")
		if len(newest) != 2 {
			t.Fatalf("%s: %v", c.path, newest)
		}
		oldest := []string{newest[1], newest[0]}
		if diff := cmp.Diff(oldest, column(t, ts.do(t, ts.admin, "GET", c.path+"?"+c.oldest, ""), "id")); diff != "" {
			t.Errorf("%s?%s (-want +got):\n%s", c.path, c.oldest, diff)
		}
		for i, id := range oldest {
			for _, query := range []string{"?id=" + id, "?limit=1&offset=" + string('0'+rune(i)) + "&" + c.oldest} {
				if diff := cmp.Diff([]string{id}, column(t, ts.do(t, ts.admin, "GET", c.path+query, ""), "id")); diff != "" {
					t.Errorf("%s%s (-want +got):\n%s", c.path, query, diff)
				}
			}
		}
	}
	event := ts.do(t, ts.admin, "GET", "/v1/triggerinstances?trigger=no.such&trigger_type=core.st2.webhook&limit=1", "").list(t)[0]
	found := ts.do(t, ts.admin, "GET", "/v1/traces?trigger_instance="+event["id"].(string)+"&rule=default.watch&include_attributes=trace_tag", "").list(t)
	if len(found) != 1 || found[0]["trace_tag"] == nil || found[0]["rules"] != nil {
		t.Errorf("the trace of an event: %v", found)
	}
	if got := ts.do(t, ts.admin, "GET", "/v1/traces?trace_tag=other&rule=default.watch", ""); got.body != "[]" || got.header.Get("X-Total-Count") != "0" {
		t.Errorf("traces of another name: %s", got.body)
	}
}

package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"squall/internal/runner"
	"squall/internal/runner/local"
	"squall/internal/runner/types"
	"squall/internal/squall"
	"squall/internal/store"
)

// pair is a recorded request with StackStorm's answer.
type pair struct {
	Order   int    `json:"order"`
	Name    string `json:"name"`
	Service string `json:"service"`
	Request struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"request"`
	Response struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    any               `json:"body"`
	} `json:"response"`
}

// recordedGroups are the groups of pairs about what exists so far.
var recordedGroups = []string{
	"actions", "apikeys", "auth", "config", "configs", "cors", "executions", "invalid", "keys", "method", "non", "not", "options", "packs", "rbac", "root", "runnertypes", "service", "stream",
	"token", "unauthorized", "unknown", "user",
}

// notYet are pairs about things that are not built yet, by name.
var notYet = regexp.MustCompile(`^(actions_(views|create|update|clone|delete|get_created)|packs_(register$|register_missing|install$|uninstall$|views)` +
	`|runnertypes_(disable|enable|get_(orquesta|python|remote|action_chain|inquirer|winrm))|executions_views` +
	`|executions_.*(workflow|with_items|subworkflow|children|paused|resumed|python|actionchain|ask|inquiry|uuid|remote|announcement|http|parent$|disabled_runner|delete_purges)` +
	`|executions_(resume_completed|create_(bad_jinja|undefined_jinja))|auth_sso_request|stream_workflow)`)

// otherwise are pairs that we answer differently on purpose, with the reason.
var otherwise = map[string]string{
	"service_registry_groups":     "the nodes of the cluster are a group; the recording had no registry",
	"root_api_v1_get":             "all services are on one port: /api/v1/ is the root of the API",
	"non_object_json_body":        "a body that is no object is the client's mistake: 400, not 500",
	"executions_list_include":     "single members of action are given when asked for; the recording's database could not",
	"executions_list_runner":      "single members of runner are given when asked for; the recording's database could not",
	"packs_get":                   "the pack core that ships is our own: other version, other files",
	"config_schemas_get_404":      "a pack that does not exist has no schema either: one text for both",
	"configs_get":                 "what was refused for want of a schema is not stored",
	"configs_list2":               "what was refused for want of a schema is not stored",
	"configs_put_invalid":         "the text ends before the file's path and Python's view of the schema",
	"keys_put_user_other":         "an administrator may set another user's key; in the recording nobody might, for RBAC was off",
	"invalid_json_body":           "the position is the same, the text is not Python's",
	"stream_all_during_local":     "the state scheduled takes no time here and has no event; it is in the log",
	"stream_filtered_events":      "the state scheduled takes no time here and has no event; it is in the log",
	"stream_filtered_action_refs": "the state scheduled takes no time here and has no event; it is in the log",
	"stream_end_event":            "the state scheduled takes no time here and has no event; it is in the log",
}

func recordedDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SQUALL_CONFORMANCE")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "conformance")
	}
	dir = filepath.Join(dir, "api")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: the recorded answers of StackStorm are not here (%v); set SQUALL_CONFORMANCE to their directory", err)
	}
	return dir
}

func readPairs(t *testing.T, dir string) (pairs []*pair) {
	t.Helper()
	for _, group := range recordedGroups {
		text, err := os.ReadFile(filepath.Join(dir, group+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var list []*pair
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatalf("%s: %v", group, err)
		}
		pairs = append(pairs, list...)
	}
	slices.SortFunc(pairs, func(a, b *pair) int { return cmp.Compare(a.Order, b.Order) })
	return pairs
}

// TestRecordedPairs replays what was recorded from StackStorm 3.10, in its
// order, against a server with the same actions, and compares the answers.
func TestRecordedPairs(t *testing.T) {
	pairs := readPairs(t, recordedDir(t))
	rp := &replay{testServer: newReplayServer(t, pairs), t: t, ids: map[string]string{}, apiKeys: map[string]string{}, shapes: map[string]map[string]string{}, counts: map[string]map[string]int{}}
	for _, p := range pairs {
		rp.learn(p.Response.Body)
	}
	agreed, later := 0, 0
	for _, p := range pairs {
		if notYet.MatchString(p.Name) {
			later++
			continue
		}
		diff := rp.play(p)
		reason, expected := otherwise[p.Name]
		switch {
		case diff == "" && expected:
			t.Errorf("%s agrees now; it is listed as different: %s", p.Name, reason)
		case diff == "":
			agreed++
		case !expected:
			t.Errorf("%d %s %s %s\n%s", p.Order, p.Name, p.Request.Method, p.Request.Path, diff)
		}
	}
	t.Logf("%d pairs agree, %d differ on purpose, %d are about what is not built yet; %d in all", agreed, len(otherwise), later, len(pairs))
}

// newReplayServer starts a server with the actions and packs of the recording,
// as far as their runners exist, and the real local runner.
func newReplayServer(t *testing.T, pairs []*pair) *testServer {
	t.Helper()
	catalog := types.Builtin()
	cmd, err := local.NewCmd(local.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ts := newTestServer(t, func(d *Deps) {})
	ts.shell.run = func(ctx context.Context, j *runner.Job, out runner.Output) (squall.Outcome, error) {
		return cmd.Run(ctx, j, out)
	}
	err = ts.store.Update(t.Context(), func(tx store.Tx) error {
		for _, p := range pairs {
			for _, doc := range objects(p.Response.Body) {
				if a := recordedAction(doc, catalog); a != nil {
					if err := tx.PutAction(t.Context(), a); err != nil {
						return err
					}
				}
			}
		}
		raw := func(s string) json.RawMessage { return json.RawMessage(s) }
		err := store.Put(t.Context(), tx, &squall.ConfigSchema{Pack: "goldcfg", Attributes: squall.Schema{
			{Name: "api_key", Type: raw(`"string"`), Secret: true, Required: true},
			{Name: "region", Type: raw(`"string"`), Default: raw(`"eu"`)},
			{Name: "nested", Type: raw(`"object"`), Rest: raw(`{"properties":{"a":{"type":"integer","default":3}}}`)},
		}})
		if err != nil {
			return err
		}
		u := squall.User{Name: "st2admin", Admin: true, PasswordHash: passwordHash(), CreatedAt: tx.Now()}
		return tx.PutUser(t.Context(), &u)
	})
	if err != nil {
		t.Fatal(err)
	}
	ts.admin = ts.token(t, "st2admin", time.Hour)
	return ts
}

// objects lists all objects in a document.
func objects(v any) (list []map[string]any) {
	switch v := v.(type) {
	case map[string]any:
		list = append(list, v)
		for _, m := range v {
			list = append(list, objects(m)...)
		}
	case []any:
		for _, m := range v {
			list = append(list, objects(m)...)
		}
	}
	return list
}

// recordedAction turns the document of an action back into one, nil for other
// documents and for runners that do not exist yet.
func recordedAction(doc map[string]any, catalog *types.Catalog) *squall.Action {
	uid, _ := doc["uid"].(string)
	rt, ok := catalog.RunnerType(fmt.Sprint(doc["runner_type"]))
	params, isMap := doc["parameters"].(map[string]any)
	if !strings.HasPrefix(uid, "action:") || !ok || !isMap || doc["ref"] == nil || doc["enabled"] == nil {
		return nil
	}
	ref, err := squall.ParseRef(doc["ref"].(string))
	if err != nil {
		return nil
	}
	a := &squall.Action{Ref: ref, Runner: rt.Name, Enabled: true, EntryPoint: fmt.Sprint(doc["entry_point"]), MetadataFile: fmt.Sprint(doc["metadata_file"])}
	a.Description, _ = doc["description"].(string)
	a.Output, _ = json.Marshal(doc["output_schema"])
	for _, name := range slices.Sorted(maps.Keys(params)) {
		p := squall.Parameter{Name: name}
		rest := map[string]any{}
		for k, v := range params[name].(map[string]any) {
			text, _ := json.Marshal(v)
			switch k {
			case "type":
				p.Type = text
			case "default":
				p.Default = text
			case "description":
				p.Description = v.(string)
			case "required":
				p.Required = v.(bool)
			case "immutable":
				p.Immutable = v.(bool)
			case "secret":
				p.Secret = v.(bool)
			case "position":
				n := int(v.(float64))
				p.Position = &n
			default:
				rest[k] = v
			}
		}
		if len(rest) > 0 {
			p.Rest, _ = json.Marshal(rest)
		}
		a.Parameters = append(a.Parameters, p)
	}
	if tags, _ := doc["tags"].([]any); len(tags) > 0 {
		text, _ := json.Marshal(tags)
		_ = json.Unmarshal(text, &a.Tags)
	}
	return a
}

// replay keeps what of the recording stands for what here.
type replay struct {
	*testServer
	t       *testing.T
	ids     map[string]string            // recorded identifier → ours
	apiKeys map[string]string            // recorded API key → ours
	shapes  map[string]map[string]string // kind of document → member → type, of all recorded ones
	counts  map[string]map[string]int    // kind of document → member → in how many recorded ones; "" for all
}

var (
	hexID     = regexp.MustCompile(`[0-9a-f]{24}`)
	sealedHex = regexp.MustCompile(`^[0-9A-F]{70,}$`)
	stamp     = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d`)
)

const nowhere = "5f5f5f5f5f5f5f5f5f5f5f5f"

// kindOf names the kind of a document.
func kindOfDoc(doc map[string]any) string {
	switch {
	case doc["liveaction"] != nil:
		return "execution"
	case doc["runner_type"] != nil:
		return "action"
	case doc["runner_package"] != nil:
		return "runner"
	case doc["python_versions"] != nil:
		return "pack"
	case doc["permission_grant_objects"] != nil:
		return "role"
	case strings.HasPrefix(fmt.Sprint(doc["uid"]), "key_value_pair:"):
		return "key"
	}
	return ""
}

// learn notes the members of the documents there are.
func (rp *replay) learn(body any) {
	for _, doc := range objects(body) {
		kind := kindOfDoc(doc)
		if rp.shapes[kind] == nil {
			rp.shapes[kind], rp.counts[kind] = map[string]string{}, map[string]int{}
		}
		rp.counts[kind][""]++
		for k, v := range doc {
			rp.shapes[kind][k] = typeOf(v)
			rp.counts[kind][k]++
		}
	}
}

func typeOf(v any) string {
	if v == nil {
		return "null"
	}
	return reflect.TypeOf(v).Kind().String()
}

// play makes a recorded request and says how the answer differs.
func (rp *replay) play(p *pair) string {
	if strings.HasPrefix(p.Name, "stream_") && p.Response.Headers["Content-Type"] != "application/json" {
		return rp.playStream(p)
	}
	rp.prepare(p)
	a := rp.send(p)
	if a.status != p.Response.Status {
		return fmt.Sprintf("status %d, recorded %d: %s", a.status, p.Response.Status, a.body)
	}
	var diffs []string
	for _, h := range []string{"Content-Type", "X-Limit", "Access-Control-Allow-Origin", "Access-Control-Allow-Headers", "Access-Control-Expose-Headers"} {
		if got, want := a.header.Get(h), p.Response.Headers[h]; got != want && !(h == "Content-Type" && a.body == "") {
			diffs = append(diffs, fmt.Sprintf("%s: %q, recorded %q", h, got, want))
		}
	}
	if _, counted := p.Response.Headers["X-Total-Count"]; counted && a.header.Get("X-Total-Count") == "" {
		diffs = append(diffs, "no X-Total-Count")
	}
	return strings.Join(append(diffs, rp.compareBody(p, a.body)...), "\n")
}

func (rp *replay) compareBody(p *pair, body string) []string {
	if text, ok := p.Response.Body.(string); ok && !strings.HasPrefix(p.Response.Headers["Content-Type"], "application/json") {
		want, got := strings.Split(text, "\n"), strings.Split(body, "\n")
		slices.Sort(want) // two streams of one process: their order is chance
		slices.Sort(got)
		if !slices.Equal(want, got) {
			return []string{fmt.Sprintf("body %q, recorded %q", body, text)}
		}
		return nil
	}
	var got any
	if body != "" {
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			return []string{"no JSON: " + body}
		}
	}
	if want, ok := p.Response.Body.([]any); ok {
		if got, ok := got.([]any); ok {
			return rp.compareShapes(p, want, got)
		}
	}
	return rp.compare("", p.Response.Body, got)
}

// prepare makes what a recorded request is about: an execution whose creation
// was not recorded is created like the one in the answer, and it gets the time
// to come into the state that was recorded.
func (rp *replay) prepare(p *pair) {
	rp.t.Helper()
	if p.Name == "keys_list_prefix" { // these keys were set again, which was not recorded
		for _, name := range []string{"gold1", "goldu?scope=user"} {
			rp.do(rp.t, rp.admin, "PUT", "/v1/keys/"+name, `{"value":"v1"}`)
		}
	}
	doc, isObject := p.Response.Body.(map[string]any)
	id := hexID.FindString(strings.TrimPrefix(p.Request.Path, "/v1/executions/"))
	if id == "" || id == nowhere || !strings.HasPrefix(p.Request.Path, "/v1/executions/") {
		return
	}
	if rp.ids[id] == "" {
		live, _ := doc["liveaction"].(map[string]any)
		if live == nil {
			live = map[string]any{"action": "core.local", "parameters": map[string]any{"cmd": "sleep 60"}}
		}
		body, _ := json.Marshal(map[string]any{"action": live["action"], "parameters": live["parameters"]})
		rp.ids[id] = rp.run(rp.t, string(body))
	}
	if isObject && p.Request.Method == "GET" && doc["status"] != nil {
		rp.await(rp.ids[id], fmt.Sprint(doc["status"]))
	}
	if p.Name == "executions_put_on_completed" {
		rp.await(rp.ids[id], "canceled")
	}
}

func (rp *replay) await(id, status string) {
	for range 500 {
		a := rp.do(rp.t, rp.admin, "GET", "/v1/executions/"+id+"?include_attributes=status", "")
		if a.object(rp.t)["status"] == status {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (rp *replay) send(p *pair) answer {
	rp.t.Helper()
	path := hexID.ReplaceAllStringFunc(p.Request.Path, func(id string) string { return cmp.Or(rp.ids[id], id) })
	path = regexp.MustCompile(`x-auth-token=\w+`).ReplaceAllString(path, "x-auth-token="+rp.admin)
	path = regexp.MustCompile(`st2-api-key=\w+`).ReplaceAllStringFunc(path, func(q string) string {
		name, key, _ := strings.Cut(q, "=")
		return name + "=" + cmp.Or(rp.apiKeys[key], key)
	})
	body := string(p.Request.Body)
	var text string
	if json.Unmarshal(p.Request.Body, &text) == nil && text != "" {
		body = text // it was no JSON
	}
	if body == "null" {
		body = ""
	}
	if o := map[string]any{}; json.Unmarshal(p.Request.Body, &o) == nil {
		if sealed, _ := o["value"].(string); rp.ids[sealed] != "" {
			body = strings.Replace(body, sealed, rp.ids[sealed], 1)
		}
	}
	var headers []string
	for k, v := range p.Request.Headers {
		switch {
		case k == "X-Auth-Token" && v != "bad":
			v = rp.admin
		case k == "St2-Api-Key":
			v = cmp.Or(rp.apiKeys[v], v)
		case v == "Basic c3QyYWRtaW46Q2hAbmdlTWU=":
			v = "Basic c3QyYWRtaW46Y29ycmVjdCBob3JzZQ=="
		}
		headers = append(headers, k, v)
	}
	if strings.HasPrefix(p.Name, "auth_validate_with_auth_valid") {
		body = `{"token":"` + rp.admin + `"}`
	}
	return rp.do(rp.t, "", p.Request.Method, path, body, headers...)
}

// installed are members whose values depend on the installation; their types count.
var installed = map[string]bool{
	"pid": true, "hostname": true, "token": true, "expiry": true, "token_expire": true, "elapsed_seconds": true, "key": true, "key_hash": true, "result_size": true, "version": true,
	"web_url": true, "path": true, "files": true, "timestamp": true, "start_timestamp": true, "end_timestamp": true, "children": true, "description": true,
}

// compare lists the differences of two values.
func (rp *replay) compare(at string, want, got any) []string {
	if typeOf(want) != typeOf(got) {
		return []string{fmt.Sprintf("%s is %s, recorded %s", at, text(got), text(want))}
	}
	switch want := want.(type) {
	case map[string]any:
		return rp.compareObjects(at, want, got.(map[string]any))
	case []any:
		return rp.compareLists(at, want, got.([]any))
	case string:
		got := got.(string)
		if strings.HasPrefix(want, "api_key:") && strings.HasPrefix(got, "api_key:") && len(want) == len(got) {
			return nil
		}
		if hexID.MatchString(want) && hexID.ReplaceAllString(want, "") == hexID.ReplaceAllString(got, "") {
			for i, id := range hexID.FindAllString(want, -1) {
				rp.ids[id] = cmp.Or(rp.ids[id], hexID.FindAllString(got, -1)[i])
			}
			return nil
		}
		if sealedHex.MatchString(want) && sealedHex.MatchString(got) { // it may be sent back
			rp.ids[want] = got
			return nil
		}
		if stamp.MatchString(want) && stamp.MatchString(got) {
			return nil
		}
	}
	if !reflect.DeepEqual(want, got) {
		return []string{fmt.Sprintf("%s is %s, recorded %s", at, text(got), text(want))}
	}
	return nil
}

func text(v any) string {
	b, _ := json.Marshal(v)
	if len(b) > 300 {
		b = append(b[:300], "..."...)
	}
	return string(b)
}

func (rp *replay) compareObjects(at string, want, got map[string]any) (diffs []string) {
	for _, k := range slices.Sorted(maps.Keys(want)) {
		v, there := got[k]
		switch {
		case !there && k == "required" && want[k] == false:
			// a parameter keeps only what is true: the same to every client
		case !there:
			diffs = append(diffs, at+"."+k+" is missing, recorded "+text(want[k]))
		case installed[k]:
			if key, ok := want[k].(string); ok && k == "key" {
				rp.apiKeys[key], _ = v.(string)
			}
			if typeOf(v) != typeOf(want[k]) {
				diffs = append(diffs, fmt.Sprintf("%s.%s is %s, recorded %s", at, k, text(v), text(want[k])))
			}
		default:
			diffs = append(diffs, rp.compare(at+"."+k, want[k], v)...)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		if _, there := want[k]; !there {
			diffs = append(diffs, at+"."+k+" is too much: "+text(got[k]))
		}
	}
	return diffs
}

// compareLists compares element by element.
func (rp *replay) compareLists(at string, want, got []any) (diffs []string) {
	if len(want) != len(got) {
		return []string{fmt.Sprintf("%s has %d elements, recorded %d", at, len(got), len(want))}
	}
	for i := range want {
		diffs = append(diffs, rp.compare(fmt.Sprintf("%s[%d]", at, i), want[i], got[i])...)
	}
	return diffs
}

// compareShapes compares lists that are whole answers: which objects are in
// them depends on the installation, what an object looks like does not.
func (rp *replay) compareShapes(p *pair, want, got []any) (diffs []string) {
	if (len(want) == 0) != (len(got) == 0) {
		return []string{fmt.Sprintf("%d elements, recorded %d", len(got), len(want))}
	}
	kind := ""
	if len(want) > 0 {
		kind = kindOfDoc(want[0].(map[string]any))
	}
	_, selected, _ := strings.Cut(p.Request.Path, "include_attributes=")
	selected, _, _ = strings.Cut(selected, "&")
	allowed := append(strings.Split(selected, ","), "id")
	for i, g := range got {
		for k, n := range rp.counts[kind] {
			if _, there := g.(map[string]any)[k]; !there && k != "" && n == rp.counts[kind][""] && !strings.Contains(p.Request.Path, "_attributes=") {
				diffs = append(diffs, fmt.Sprintf("[%d].%s is missing; all recorded ones have it", i, k))
			}
		}
		for k, v := range g.(map[string]any) {
			recorded, known := rp.shapes[kind][k]
			switch {
			case selected != "" && !slices.Contains(allowed, k):
				diffs = append(diffs, fmt.Sprintf("[%d].%s was not asked for", i, k))
			case selected == "" && (!known || recorded != typeOf(v)):
				diffs = append(diffs, fmt.Sprintf("[%d].%s is %s, recorded elsewhere as %q", i, k, text(v), recorded))
			}
		}
	}
	return diffs
}

// playStream opens a recorded stream, does what was done while it was recorded,
// and compares names and shapes of the events.
func (rp *replay) playStream(p *pair) string {
	want := parseEvents(rp.t, p.Response.Body.(string))
	path := p.Request.Path
	id := hexID.FindString(path)
	action := `{"action":"core.noop"}`
	switch {
	case p.Name == "stream_execution_output":
		rp.ids[id] = rp.run(rp.t, `{"action":"core.local","parameters":{"cmd":"for i in 1 2 3; do echo line$i; sleep 0.2; done"}}`)
		path = strings.Replace(path, id, rp.ids[id], 1)
		path = "/stream" + path
	case p.Name == "stream_all_during_local":
		action = `{"action":"core.local","parameters":{"cmd":"echo hi"}}`
	}
	r := rp.open(rp.t, path)
	var got []sse
	if id != "" {
		got = r.until(func(e sse) bool { return e.name == "EOF" })
	} else {
		rp.run(rp.t, action)
		got = r.until(finished(rp.t))
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%d events, recorded %d", len(got), len(want))
	}
	var diffs []string
	for i := range want {
		if got[i].name != want[i].name {
			diffs = append(diffs, fmt.Sprintf("event %d is %s, recorded %s", i, got[i].name, want[i].name))
			continue
		}
		var w, g any
		if json.Unmarshal([]byte(want[i].data), &w) != nil || json.Unmarshal([]byte(got[i].data), &g) != nil {
			if want[i].data != got[i].data {
				diffs = append(diffs, fmt.Sprintf("event %d is %s, recorded %s", i, got[i].data, want[i].data))
			}
			continue
		}
		if doc, ok := g.(map[string]any); ok && doc["seq"] != nil {
			delete(doc, "seq") // ours: the number to go on from
		}
		diffs = append(diffs, rp.compare(fmt.Sprintf("event %d", i), w, g)...)
	}
	return strings.Join(diffs, "\n")
}

func parseEvents(t *testing.T, body string) (events []sse) {
	t.Helper()
	for block := range strings.SplitSeq(body, "\n\n") {
		var e sse
		for line := range strings.SplitSeq(block, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			switch name {
			case "event":
				e.name = value
			case "data":
				e.data = value
			}
		}
		if e != (sse{}) {
			events = append(events, e)
		}
	}
	return events
}

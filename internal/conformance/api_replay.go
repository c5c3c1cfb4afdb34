package conformance

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// replay plays recorded pairs on a server and keeps what of the recording
// stands for what there.
type replay struct {
	*world
	root  string // of the corpus
	all   []*pair
	pairs map[string]*pair // by the case's id

	ids     map[string]string // recorded identifier or ciphertext → the server's
	apiKeys map[string]string // recorded API key → the server's
	shapes  shapes
}

var (
	hexID      = regexp.MustCompile(`[0-9a-f]{24}`)
	sealedHex  = regexp.MustCompile(`^[0-9A-F]{70,}$`)
	configFile = regexp.MustCompile(`/opt/stackstorm/configs/(\w+)\.yaml`)
	traceUID   = regexp.MustCompile(`^trace:[0-9a-f]{32}$`)
	stamp      = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d`)
)

// recordedAPI is where the recorded server was.
const recordedAPI = "127.0.0.1:9101"

// nobody is the identifier of nothing in the recording.
const nobody = "5f5f5f5f5f5f5f5f5f5f5f5f"

// reply is a whole answer.
type reply struct {
	status int
	header http.Header
	text   string
}

// play makes a recorded request and says how the answer differs.
func (r *replay) play(ctx context.Context, p *pair) string {
	if p.isStream() {
		return r.playStream(ctx, p)
	}
	if err := r.before(ctx, p); err != nil {
		return "what the request is about cannot be made: " + err.Error()
	}
	a, err := r.send(ctx, p)
	if err != nil {
		return err.Error()
	}
	if a.status != p.Response.Status {
		return fmt.Sprintf("status %d, recorded %d: %.300s", a.status, p.Response.Status, a.text)
	}
	var diffs []string
	for _, h := range []string{"Content-Type", "X-Limit", "Access-Control-Allow-Origin", "Access-Control-Allow-Headers", "Access-Control-Expose-Headers"} {
		if got, want := a.header.Get(h), p.Response.Headers[h]; got != want && !(h == "Content-Type" && a.text == "") {
			diffs = append(diffs, fmt.Sprintf("%s: %q, recorded %q", h, got, want))
		}
	}
	if _, counted := p.Response.Headers["X-Total-Count"]; counted && a.header.Get("X-Total-Count") == "" {
		diffs = append(diffs, "no X-Total-Count")
	}
	return strings.Join(append(diffs, r.compareBody(p, a.text)...), "\n    ")
}

// request makes a request as the recorded user.
func (r *replay) request(ctx context.Context, method, path, body string, headers map[string]string) (*reply, error) {
	if headers == nil {
		headers = map[string]string{"X-Auth-Token": r.token, "Content-Type": "application/json"}
	}
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return &reply{resp.StatusCode, resp.Header, string(text)}, err
}

var (
	tokenInQuery = regexp.MustCompile(`x-auth-token=\w+`)
	keyInQuery   = regexp.MustCompile(`st2-api-key=\w+`)
)

// send makes the recorded request, with the server's identifiers and credentials
// in place of the recorded ones.
func (r *replay) send(ctx context.Context, p *pair) (*reply, error) {
	ours := func(text string) string {
		return hexID.ReplaceAllStringFunc(text, func(id string) string { return cmp.Or(r.ids[id], id) })
	}
	path := ours(p.Request.Path)
	path = tokenInQuery.ReplaceAllString(path, "x-auth-token="+r.token)
	path = keyInQuery.ReplaceAllStringFunc(path, func(q string) string {
		name, key, _ := strings.Cut(q, "=")
		return name + "=" + cmp.Or(r.apiKeys[key], key)
	})
	body := string(p.Request.Body)
	var text string
	if json.Unmarshal(p.Request.Body, &text) == nil && text != "" {
		body = text // it was no JSON
	}
	if body == "null" {
		body = ""
	}
	var o map[string]any
	if json.Unmarshal(p.Request.Body, &o) == nil {
		if sealed, _ := o["value"].(string); r.ids[sealed] != "" {
			body = strings.Replace(body, sealed, r.ids[sealed], 1)
		}
	}
	if strings.HasPrefix(p.Name, "auth_validate_with_auth_valid") {
		body = `{"token":"` + r.token + `"}`
	}
	headers := map[string]string{}
	for k, v := range p.Request.Headers {
		switch {
		case k == "X-Auth-Token" && v != "bad":
			v = r.token
		case k == "St2-Api-Key":
			v = cmp.Or(r.apiKeys[v], v)
		case v == "Basic c3QyYWRtaW46Q2hAbmdlTWU=":
			v = "Basic " + base64.StdEncoding.EncodeToString([]byte(recordedUser+":"+recordedPassword))
		}
		headers[k] = v
	}
	if p.Name == "webhooks_post_trace_tag" { // its name and what came of it tell what was not recorded
		headers["St2-Trace-Tag"] = "goldtrace"
	}
	return r.request(ctx, p.Request.Method, path, ours(body), headers)
}

// before makes what a recorded request is about and whose making was not
// recorded, and waits until an execution is in the state that was recorded.
func (r *replay) before(ctx context.Context, p *pair) error {
	if p.Name == "keys_list_prefix" { // these keys were set again
		for name, value := range map[string]string{"gold1": "v1", "goldu?scope=user": "u"} {
			if _, err := r.request(ctx, "PUT", "/v1/keys/"+name, `{"name":"`+name+`","value":"`+value+`"}`, nil); err != nil {
				return err
			}
		}
	}
	if strings.HasPrefix(p.Request.Path, "/v1/ruleenforcements/views/") {
		r.idle(ctx)
	}
	if err := r.happen(ctx, p); err != nil {
		return err
	}
	if err := r.makeContent(ctx, p); err != nil {
		return err
	}
	rest, isExecution := strings.CutPrefix(p.Request.Path, "/v1/executions/")
	if name, _, _ := strings.Cut(rest, "?"); isExecution && name == "last" && p.Request.Method == "GET" {
		doc, _ := p.Response.Body.(map[string]any)
		r.await(ctx, "last", fmt.Sprint(doc["status"]))
		return nil
	}
	id := hexID.FindString(rest)
	if !isExecution || id == "" || id == nobody {
		return nil
	}
	doc, _ := p.Response.Body.(map[string]any)
	if r.ids[id] == "" {
		if err := r.makeExecution(ctx, id, doc); err != nil {
			return err
		}
	}
	if p.Request.Method == "GET" && doc["status"] != nil {
		r.await(ctx, r.ids[id], fmt.Sprint(doc["status"]))
	}
	if list, ok := doc["children"].([]any); ok && p.Request.Method == "PUT" {
		r.awaitChildren(ctx, r.ids[id], len(list))
	}
	if p.Name == "executions_put_on_completed" {
		r.await(ctx, r.ids[id], "canceled")
	}
	if strings.Contains(brief(p.Response.Body), "State = succeeded") {
		r.await(ctx, r.ids[id], "succeeded")
	}
	if strings.HasSuffix(rest, "/children") || strings.Contains(rest, "/children?") {
		r.await(ctx, r.ids[id], "succeeded")
	}
	return nil
}

// happen makes happen what the recorded server's own timers did.
func (r *replay) happen(ctx context.Context, p *pair) error {
	switch p.Name {
	case "triggerinstances_list": // its newest event was the end of an action
		a, err := r.request(ctx, "POST", "/v1/executions", `{"action": "core.noop"}`, nil)
		if err != nil {
			return err
		}
		var ex struct{ ID string }
		if a.status != 201 || json.Unmarshal([]byte(a.text), &ex) != nil {
			return fmt.Errorf("run core.noop: %d %s", a.status, a.text)
		}
		r.awaitText(ctx, "/v1/triggerinstances?limit=1", `"execution_id":"`+ex.ID+`"`)
	case "rule_enforcements_list_timer_rule":
		if err := r.makeRule(ctx, `{"name": "gt5", "pack": "default", "enabled": true, "criteria": {}, "action": {"ref": "core.noop"},
			"trigger": {"type": "core.st2.IntervalTimer", "parameters": {"unit": "seconds", "delta": 1}}}`); err != nil {
			return err
		}
		r.awaitText(ctx, p.Request.Path+"&offset=1", `"default.gt5"`)
	}
	return nil
}

// makeContent creates the object that a request names by an identifier that was
// not seen before, out of the answer or of the request itself.
func (r *replay) makeContent(ctx context.Context, p *pair) error {
	parts := strings.Split(strings.TrimPrefix(p.Request.Path, "/v1/"), "/")
	if len(parts) != 2 || p.Request.Method == "POST" {
		return nil
	}
	resource, id := parts[0], parts[1]
	var doc map[string]any
	_ = json.Unmarshal(p.Request.Body, &doc) // a DELETE has none
	switch {
	case resource == "rules" || resource == "actionalias" || resource == "policies":
		if !hexID.MatchString(id) || r.ids[id] != "" || id == nobody {
			return nil
		}
	case resource == "triggertypes" && p.Request.Method == "PUT" && p.Response.Status == 200:
		if a, err := r.request(ctx, "GET", p.Request.Path, "", nil); err != nil || a.status == 200 {
			return err
		}
	default:
		return nil
	}
	if doc == nil {
		return nil
	}
	delete(doc, "id")
	body, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	a, err := r.request(ctx, "POST", "/v1/"+resource, string(body), nil)
	if err != nil {
		return err
	}
	var made struct{ ID string }
	if a.status != 201 || json.Unmarshal([]byte(a.text), &made) != nil {
		return fmt.Errorf("POST /v1/%s: %d %s", resource, a.status, a.text)
	}
	if hexID.MatchString(id) {
		r.ids[id] = made.ID
	}
	return nil
}

// makeExecution runs what a recorded execution ran.
func (r *replay) makeExecution(ctx context.Context, id string, doc map[string]any) error {
	live, _ := doc["liveaction"].(map[string]any)
	if live == nil {
		live = r.liveOf(id)
	}
	request := map[string]any{"action": live["action"]}
	if live["parameters"] != nil {
		request["parameters"] = live["parameters"]
	}
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	here := strings.ReplaceAll(string(body), recordedAPI, strings.TrimPrefix(r.url, "http://"))
	a, err := r.request(ctx, "POST", "/v1/executions", here, nil)
	if err != nil {
		return err
	}
	var made struct{ ID string }
	if a.status != 201 || json.Unmarshal([]byte(a.text), &made) != nil {
		return fmt.Errorf("POST %s: %d %s", body, a.status, a.text)
	}
	r.ids[id] = made.ID
	return nil
}

// liveOf finds what an execution ran in another pair, or something that takes
// its time.
func (r *replay) liveOf(id string) map[string]any {
	for _, p := range r.all {
		for _, doc := range objects(p.Response.Body) {
			if live, ok := doc["liveaction"].(map[string]any); ok && doc["id"] == id {
				return live
			}
			context, _ := doc["context"].(map[string]any)
			if parent, _ := context["parent"].(map[string]any); parent["execution_id"] == id { // one of its children
				task, _ := context["orquesta"].(map[string]any)
				if live, ok := parentOf[fmt.Sprint(task["task_name"])]; ok {
					return live
				}
			}
		}
		if p.Response.Body == nil && strings.HasSuffix(p.Request.Path, id+"/output") {
			return map[string]any{"action": "core.noop"}
		}
		if body, ok := p.Response.Body.(map[string]any); ok && body["faultstring"] != nil && strings.Contains(p.Request.Path, id) && strings.Contains(brief(p.Response.Body), "succeeded") {
			return map[string]any{"action": "core.noop"}
		}
	}
	return map[string]any{"action": "core.local", "parameters": map[string]any{"cmd": "sleep 60"}}
}

// parentOf says which workflow has a task of that name.
var parentOf = map[string]map[string]any{
	"task1": {"action": "examples.orquesta-sequential", "parameters": map[string]any{"name": "Ann"}},
	"t1":    {"action": "bench.items", "parameters": map[string]any{"n": 3}},
	"start": {"action": "examples.orquesta-subworkflow"},
}

// await waits a while for a state.
func (r *replay) await(ctx context.Context, id, status string) {
	for deadline := time.Now().Add(8 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		a, err := r.request(ctx, "GET", "/v1/executions/"+id+"?include_attributes=status", "", nil)
		var doc struct{ Status string }
		if err != nil || json.Unmarshal([]byte(a.text), &doc) != nil || doc.Status == status {
			return
		}
	}
}

// awaitText waits a while until an answer holds a text.
func (r *replay) awaitText(ctx context.Context, path, text string) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if a, err := r.request(ctx, "GET", path, "", nil); err != nil || strings.Contains(a.text, text) {
			return
		}
	}
}

// awaitChildren waits a while until an execution has as many children.
func (r *replay) awaitChildren(ctx context.Context, id string, n int) {
	for deadline := time.Now().Add(8 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		a, err := r.request(ctx, "GET", "/v1/executions/"+id+"?include_attributes=children", "", nil)
		var doc struct{ Children []string }
		if err != nil || json.Unmarshal([]byte(a.text), &doc) != nil || len(doc.Children) >= n {
			return
		}
	}
}

// idle waits a while until nothing short is at work: what was recorded next did
// not see it.
func (r *replay) idle(ctx context.Context) {
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		a, err := r.request(ctx, "GET", "/v1/executions?limit=5&include_attributes=status,parameters", "", nil)
		var docs []struct {
			Status     string
			Parameters struct{ Cmd string }
		}
		if err != nil || json.Unmarshal([]byte(a.text), &docs) != nil {
			return
		}
		busy := false
		for _, d := range docs {
			busy = busy || strings.Contains("requested delayed scheduled running", d.Status) && !strings.HasPrefix(d.Parameters.Cmd, "sleep")
		}
		if !busy {
			return
		}
	}
}

package api

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"squall/internal/squall"
	"squall/internal/store"
)

// The catalogue of malformed requests: each is answered with a status and a text
// that says what is wrong and, for JSON, where.
func TestMalformedRequests(t *testing.T) {
	ts := newTestServer(t, func(d *Deps) { d.BodyLimit = 4096 })
	const json = "application/json"
	executions, one := "/api/v1/executions", "/api/v1/executions/5f5f5f5f5f5f5f5f5f5f5f5f"
	for _, tt := range []struct {
		name, method, path, contentType, body string
		status                                int
		text                                  string
	}{
		{"empty body", "POST", executions, json, "", 400, "'action' is a required property"},
		{"blank body", "POST", executions, json, " \n", 400, "'action' is a required property"},
		{"name without quotes", "POST", executions, json, "{bad", 400, "Failed to parse request body: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"},
		{"second line", "POST", executions, json, "{\n  \"action\": core.noop}", 400, "Failed to parse request body: Expecting value: line 2 column 13 (char 14)"},
		{"cut off", "POST", executions, json, `{"action": "core`, 400, "Failed to parse request body: unexpected end of JSON input: line 1 column 17 (char 16)"},
		{"trailing comma", "POST", executions, json, `{"action":"core.noop",}`, 400, "Failed to parse request body: Expecting property name enclosed in double quotes: line 1 column 23 (char 22)"},
		{"two documents", "POST", executions, json, `{"action":"core.noop"}{}`, 400, "Failed to parse request body: Extra data: line 1 column 23 (char 22)"},
		{"NUL in a string", "POST", executions, json, "{\"action\":\"a\x00\"}", 400, "Failed to parse request body: Invalid control character at: line 1 column 13 (char 12)"},
		{"NaN", "POST", executions, json, `{"action":"core.noop","delay":NaN}`, 400, "Failed to parse request body: Expecting value: line 1 column 31 (char 30)"},
		{"array", "POST", executions, json, "[1]", 400, "[1] is not of type 'object'"},
		{"string", "POST", executions, json, `"x"`, 400, "'x' is not of type 'object'"},
		{"number", "POST", executions, json, "5", 400, "5 is not of type 'object'"},
		{"null", "POST", executions, json, "null", 400, "None is not of type 'object'"},
		{"true", "POST", executions, json, "true", 400, "True is not of type 'object'"},
		{"XML", "POST", executions, "text/xml", "<a/>", 400, `Failed to parse request body: Unsupported Content-Type: "text/xml"`},
		{"broken content type", "POST", executions, ";;", "{}", 400, `Failed to parse request body: Unsupported Content-Type: ""`},
		{"form", "POST", executions, "application/x-www-form-urlencoded", "action=core.noop", 400, "['core.noop'] is not of type 'string'"},
		{"text", "POST", executions, "text/plain; charset=utf-8", `{"action":"it's"}`, 400, `'{"action":"it\'s"}' is not of type 'object'`},
		{"no such status", "POST", executions, json, `{"action":"core.noop","status":"odd"}`, 400, "'odd' is not one of ['requested', 'scheduled', 'delayed', 'running', 'succeeded', 'failed', 'timeout', 'abandoned', 'canceling', 'canceled', 'pending', 'pausing', 'paused', 'resuming']"},
		{"too big", "POST", executions, json, `{"action":"` + strings.Repeat("x", 5000) + `"}`, 413, "The request body is larger than the 4096 bytes allowed."},
		{"nested too deep", "POST", executions, json, `{"context":` + strings.Repeat("[", 4000), 400, "Failed to parse request body: unexpected end of JSON input: line 1 column 4012 (char 4011)"},

		{"no action", "POST", executions, json, `{"parameters":{}}`, 400, "'action' is a required property"},
		{"action in another case", "POST", executions, json, `{"Action":"core.noop"}`, 400, "'action' is a required property"},
		{"no action at all", "POST", executions, json, `{"action":null}`, 400, "None is not of type 'string'"},
		{"action of a wrong type", "POST", executions, json, `{"action":5}`, 400, "5 is not of type 'string'"},
		{"action without pack", "POST", executions, json, `{"action":"noop"}`, 400, `Action "noop" cannot be found.`},
		{"unknown action", "POST", executions, json, `{"action":"core.nope"}`, 400, `Action "core.nope" cannot be found.`},
		{"disabled action", "POST", executions, json, `{"action":"default.off"}`, 400, `Unable to execute. Action "default.off" is disabled.`},
		{"parameters of a wrong type", "POST", executions, json, `{"action":"core.noop","parameters":[1, true]}`, 400, "[1, True] is not of type 'object'"},
		{"parameters as text", "POST", executions, json, `{"action":"core.noop","parameters":"it's"}`, 400, `"it's" is not of type 'object'`},
		{"types before what is missing", "POST", executions, json, `{"parameters":5}`, 400, "5 is not of type 'object'"},
		{"context null", "POST", executions, json, `{"action":"core.noop","context":null}`, 400, "None is not of type 'object'"},
		{"nobody in particular", "POST", executions, json, `{"action":"core.nope","user":null}`, 400, `Action "core.nope" cannot be found.`},
		{"parameters null", "POST", executions, json, `{"action":"core.noop","parameters":null}`, 400, "None is not of type 'object'"},
		{"context of a wrong type", "POST", executions, json, `{"action":"core.noop","context":true}`, 400, "True is not of type 'object'"},
		{"delay of a wrong type", "POST", executions, json, `{"action":"core.noop","delay":"5"}`, 400, "'5' is not of type 'integer'"},
		{"delay not whole", "POST", executions, json, `{"action":"core.noop","delay":1.5}`, 400, "1.5 is not of type 'integer'"},
		{"delay negative", "POST", executions, json, `{"action":"core.noop","delay":-1}`, 400, "-1 is not a delay between 0 and 31536000000 milliseconds"},
		{"delay huge", "POST", executions, json, `{"action":"core.noop","delay":1e99}`, 400, "1e+99 is not of type 'integer'"},
		{"notify of a wrong type", "POST", executions, json, `{"action":"core.noop","notify":{"on-complete":5}}`, 400, "5 is not of type 'object'"},
		{"notify routes of a wrong type", "POST", executions, json, `{"action":"core.noop","notify":{"on-complete":{"routes":[5]}}}`, 400, "5 is not of type 'string'"},
		{"missing parameter", "POST", executions, json, `{"action":"core.local"}`, 400, "'cmd' is a required property"},
		{"unknown parameter", "POST", executions, json, `{"action":"core.local","parameters":{"cmd":"x","bogus":1}}`, 400, "Additional properties are not allowed ('bogus' was unexpected)"},
		{"immutable parameter", "POST", executions, json, `{"action":"core.echo","parameters":{"message":"x","cmd":"y"}}`, 400, "Override of immutable parameter(s) ['cmd'] is unsupported."},
		{"re-run, unknown member", "POST", one + "/re_run", json, `{"x":1}`, 404, `Unable to identify resource with id "5f5f5f5f5f5f5f5f5f5f5f5f".`},
		{"re-run, tasks of a wrong type", "POST", one + "/re_run", json, `{"tasks":"a"}`, 400, "'a' is not of type 'array'"},
		{"put, no status", "PUT", one, json, `{}`, 400, "'status' is a required property"},
		{"put, unknown member", "PUT", one, json, `{"parameters":{}}`, 400, "Additional properties are not allowed ('parameters' was unexpected)"},
		{"put, no such execution", "PUT", one, json, `{"status":"canceling"}`, 404, `Unable to identify resource with id "5f5f5f5f5f5f5f5f5f5f5f5f".`},

		{"unknown id", "GET", one, "", "", 404, `Unable to identify resource with id "5f5f5f5f5f5f5f5f5f5f5f5f".`},
		{"no id", "GET", executions + "/abc", "", "", 404, `Unable to identify resource with id "abc".`},
		{"id in capitals", "GET", executions + "/5F5F5F5F5F5F5F5F5F5F5F5F", "", "", 404, `Unable to identify resource with id "5F5F5F5F5F5F5F5F5F5F5F5F".`},
		{"traversal as id", "GET", executions + "/..%2f..%2fetc", "", "", 404, `Unable to identify resource with id "../../etc".`},
		{"unknown path", "GET", "/v1/nosuch", "", "", 404, "The resource could not be found."},
		{"unknown method", "PATCH", "/v1/actions", "", "", 404, "The resource could not be found."},
		{"path too long", "GET", executions + "/a/b/c/d", "", "", 404, "The resource could not be found."},
		{"broken query", "GET", executions + "?limit=%zz", "", "", 400, `The query string cannot be read: invalid URL escape "%zz"`},
		{"limit 0", "GET", executions + "?limit=0", "", "", 400, `Limit, "0" specified, must be a positive number or -1 for full result set.`},
		{"limit -2", "GET", executions + "?limit=-2", "", "", 400, `Limit, "-2" specified, must be a positive number.`},
		{"limit no number", "GET", executions + "?limit=abc", "", "", 400, `Parameter "limit" is not of type integer`},
		{"limit empty", "GET", executions + "?limit=", "", "", 400, `Parameter "limit" is not of type integer`},
		{"offset huge", "GET", executions + "?offset=99999999999999999999", "", "", 400, `Offset "99999999999999999999" specified is more than 32-bit int`},
		{"offset big", "GET", executions + "?offset=2147483648", "", "", 400, `Offset "2147483648" specified is more than 32-bit int`},
		{"offset negative", "GET", executions + "?offset=-1", "", "", 400, `Offset "-1" specified must not be negative.`},
		{"offset no number", "GET", executions + "?offset=1x", "", "", 400, `Parameter "offset" is not of type integer`},
		{"after no id", "GET", executions + "?after=x", "", "", 400, `Parameter "after" must be the id of an execution.`},
		{"time", "GET", executions + "?timestamp_gt=abc", "", "", 400, "Datetime value does not match expected format."},
		{"boolean", "GET", executions + "?show_secrets=maybe", "", "", 400, `Parameter "show_secrets" is not of type boolean`},
		{"include unknown", "GET", executions + "?include_attributes=bogus", "", "", 400, "Invalid or unsupported include attribute specified: bogus"},
		{"include part of a value", "GET", executions + "?include_attributes=status,result.stdout", "", "", 400, "Invalid or unsupported include attribute specified: Cannot resolve subfield or operator stdout on the field result"},
		{"exclude what masking needs", "GET", executions + "?exclude_attributes=result,action", "", "", 400, "Invalid or unsupported exclude attribute specified: action"},
		{"include and exclude", "GET", executions + "?include_attributes=id&exclude_attributes=result", "", "", 400, "exclude_fields and include_fields arguments are mutually exclusive. You need to provide either one or another, but not both."},
		{"max_result_size too big", "GET", one + "?max_result_size=999999999", "", "", 400, "max_result_size query parameter must be smaller than 14 MB"},
		{"max_result_size no number", "GET", one + "?max_result_size=x", "", "", 400, `Parameter "max_result_size" is not of type integer`},
		{"attribute", "GET", one + "/attribute/bogus", "", "", 400, `Invalid attribute "bogus" specified. Valid attributes are: result, trigger_instance, status`},
		{"boolean without value", "GET", executions + "?show_secrets=", "", "", 400, `Parameter "show_secrets" is not of type boolean`},
		{"limit with a sign", "GET", executions + "?limit=%2B5", "", "", 400, `Parameter "limit" is not of type integer`},
		{"the last limit counts", "GET", executions + "?limit=5&limit=0", "", "", 400, `Limit, "0" specified, must be a positive number or -1 for full result set.`},
		{"offset empty", "GET", executions + "?offset=", "", "", 400, `Parameter "offset" is not of type integer`},
		{"filter by no id", "GET", executions + "?id=abc", "", "", 400, "'abc' is not a valid ObjectId, it must be a 12-byte input or a 24-character hex string"},
		{"result of no id", "GET", executions + "/abc/result", "", "", 400, "'abc' is not a valid ObjectId, it must be a 12-byte input or a 24-character hex string"},
		{"result of nothing", "GET", one + "/result", "", "", 404, "The resource could not be found."},
		{"span of times", "GET", executions + "?timestamp=2020-01-01T00:00:00Z..x", "", "", 400, "Datetime value does not match expected format."},
		{"depth", "GET", one + "/children?depth=x", "", "", 400, `Parameter "depth" is not of type integer`},
		{"output number", "GET", "/stream/v1/executions/5f5f5f5f5f5f5f5f5f5f5f5f/output?after=x", "", "", 400, `Output is numbered from 1; "x" is not the number of a piece.`},
		{"event pattern", "GET", "/stream/v1/stream?events=[", "", "", 400, `"[" is not a pattern of event names.`},
		{"event place", "GET", "/stream/v1/stream?last_event_id=abc", "", "", 400, `"abc" is not a place in the stream of events`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var h []string
			if tt.contentType != "" {
				h = []string{"Content-Type", tt.contentType}
			}
			wantFault(t, ts.do(t, ts.admin, tt.method, tt.path, tt.body, h...), tt.status, tt.text)
		})
	}
}

// A body without a stated length is cut at the limit too.
func TestBodyLimitWithoutLength(t *testing.T) {
	ts := newTestServer(t, func(d *Deps) { d.BodyLimit = 1000 })
	req := httptest.NewRequest("POST", "/v1/executions", struct{ *strings.Reader }{strings.NewReader(`{"action":"` + strings.Repeat("x", 2000) + `"}`)})
	req.ContentLength = -1
	req.Header.Set("X-Auth-Token", ts.admin)
	rec := httptest.NewRecorder()
	ts.ServeHTTP(rec, req)
	if rec.Code != 413 {
		t.Errorf("status %d: %s", rec.Code, rec.Body)
	}
}

// A body that does not come is not waited for without end, and its connection
// ends with the answer.
func TestSlowBody(t *testing.T) {
	ts := newTestServer(t, func(d *Deps) { d.BodyTimeout = 50 * time.Millisecond })
	conn, err := net.Dial("tcp", strings.TrimPrefix(ts.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /v1/executions HTTP/1.1\r\nHost: x\r\nX-Auth-Token: "+ts.admin+"\r\nContent-Length: 100\r\n\r\n{\"action\":")
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	all, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 408 ") || !strings.HasSuffix(string(all), `{"faultstring": "The request body did not arrive in time."}`) {
		t.Errorf("%v: %s", err, all)
	}
}

// A body that is cut off is the client's mistake.
func TestBodyEndsEarly(t *testing.T) {
	ts := newTestServer(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(ts.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "POST /v1/executions HTTP/1.1\r\nHost: x\r\nX-Auth-Token: "+ts.admin+"\r\nContent-Length: 100\r\n\r\n{\"action\":")
	_ = conn.(*net.TCPConn).CloseWrite()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	// The server sees the client leaving and may not answer at all; it must not
	// take half a body for a request.
	all, _ := io.ReadAll(conn)
	if len(all) > 0 && !strings.Contains(string(all), "The request body ended early.") {
		t.Errorf("answered %s", all)
	}
}

func TestHeadDoesNotWait(t *testing.T) {
	ts := newTestServer(t)
	id := ts.run(t, `{"action":"core.local","parameters":{"cmd":"sleep 60"}}`)
	for path, want := range map[string]int{"/v1/stream": 404, "/v1/executions/" + id + "/output": 200, "/stream/v1/executions/" + id + "/output": 404} {
		if a := ts.do(t, ts.admin, "HEAD", path, ""); a.status != want {
			t.Errorf("HEAD %s = %d, want %d", path, a.status, want)
		}
	}
}

// broken is a store that answers everything with err while it is set.
type broken struct {
	store.Store
	err atomic.Pointer[error]
}

func (b *broken) fail(err error) { b.err.Store(&err) }

func (b *broken) View(ctx context.Context, fn func(store.Tx) error) error {
	if err := b.err.Load(); err != nil {
		return *err
	}
	return b.Store.View(ctx, fn)
}

func (b *broken) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := b.err.Load(); err != nil {
		return *err
	}
	return b.Store.Update(ctx, fn)
}

func (b *broken) Health(ctx context.Context) error {
	if err := b.err.Load(); err != nil {
		return *err
	}
	return b.Store.Health(ctx)
}

func TestUnavailableStore(t *testing.T) {
	st := &broken{}
	ts := newTestServer(t, func(d *Deps) { st.Store, d.Store = d.Store, st })
	if a := ts.do(t, ts.admin, "GET", "/v1/user", ""); a.status != 200 { // the token is in the cache now
		t.Fatal(a.body)
	}
	if a := ts.do(t, "", "GET", "/readyz", ""); a.status != 200 || a.body != `{"status":"ready"}` {
		t.Errorf("ready = %d %s", a.status, a.body)
	}
	st.fail(squall.Errorf(squall.Unavailable, "the disk is full"))
	a := ts.do(t, ts.admin, "GET", "/v1/executions", "")
	wantFault(t, a, 503, "The server cannot do this now, and nothing was stored: the disk is full")
	if a.header.Get("Retry-After") != "5" {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
	wantFault(t, ts.do(t, "", "POST", "/auth/v1/tokens", "{}", "Authorization", "Basic YWRtaW46Y29ycmVjdCBob3JzZQ=="), 503,
		"The server cannot do this now, and nothing was stored: the disk is full")
	wantFault(t, ts.do(t, "neverseen", "GET", "/v1/user", ""), 503, "The server cannot do this now, and nothing was stored: the disk is full")
	if a := ts.do(t, "", "GET", "/readyz", ""); a.status != 503 || a.body != `{"status":"not ready","reasons":["the disk is full"]}` {
		t.Errorf("ready = %d %s", a.status, a.body)
	}
	if a := ts.do(t, "", "GET", "/healthz", ""); a.status != 200 {
		t.Errorf("health = %d %s", a.status, a.body)
	}
	st.fail(context.DeadlineExceeded)
	wantFault(t, ts.do(t, ts.admin, "GET", "/v1/executions", ""), 503, "The server did not get this done in time.")
	st.err.Store(nil)
}

func TestCORSAndHeaders(t *testing.T) {
	ts := newTestServer(t)
	a := ts.do(t, "", "OPTIONS", "/v1/actions", "", "Origin", "http://127.0.0.1:3000", "Access-Control-Request-Method", "GET")
	if a.status != 200 || a.body != "" {
		t.Errorf("OPTIONS = %d %q", a.status, a.body)
	}
	for origin, want := range map[string]string{"": "http://127.0.0.1:3000", "http://127.0.0.1:3000": "http://127.0.0.1:3000", "http://evil.example": "http://127.0.0.1:3000"} {
		a := ts.do(t, ts.admin, "GET", "/v1/user", "", "Origin", origin)
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin": want, "Access-Control-Allow-Methods": "GET,POST,PUT,DELETE,OPTIONS",
			"Access-Control-Allow-Headers":     "Content-Type,Authorization,X-Auth-Token,St2-Api-Key,X-Request-ID",
			"Access-Control-Allow-Credentials": "true", "Access-Control-Expose-Headers": "Content-Type,X-Limit,X-Total-Count,X-Request-ID",
			"X-Content-Type-Options": "nosniff",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("origin %q: %s = %q, want %q", origin, name, got, want)
			}
		}
	}
	if a := ts.do(t, ts.admin, "GET", "/v1/user", "", "X-Request-ID", "abc-1.2_X"); a.header.Get("X-Request-ID") != "abc-1.2_X" {
		t.Errorf("request id %q", a.header.Get("X-Request-ID"))
	}
	for _, bad := range []string{"", "a b", "x\"y", strings.Repeat("x", 65)} {
		if got := ts.do(t, ts.admin, "GET", "/v1/user", "", "X-Request-ID", bad).header.Get("X-Request-ID"); got == bad || len(got) != 32 {
			t.Errorf("request id for %q: %q", bad, got)
		}
	}
	for _, path := range []string{"/", "/v1/", "/v1", "/api/v1", "/api/v1/"} {
		if a := ts.do(t, ts.admin, "GET", path, ""); a.body != `{"version":"1.2.3","docs_url":"http://docs.stackstorm.com/latest"}` {
			t.Errorf("GET %s = %d %s", path, a.status, a.body)
		}
	}
	if a := ts.do(t, ts.admin, "HEAD", "/v1/actions", ""); a.status != 200 || a.body != "" {
		t.Errorf("HEAD = %d %q", a.status, a.body)
	}
}

// A handler that panics is answered like any fault of ours, and the server lives on.
func TestPanic(t *testing.T) {
	ts := newTestServer(t)
	ts.Ready = func(context.Context) []string { panic("boom") }
	wantFault(t, ts.do(t, "", "GET", "/readyz", ""), 500, "Internal Server Error")
	if a := ts.do(t, "", "GET", "/healthz", ""); a.status != 200 {
		t.Errorf("after a panic: %d", a.status)
	}
}

func TestObserve(t *testing.T) {
	seen := make(chan Request, 10)
	ts := newTestServer(t, func(d *Deps) { d.Observe = func(r Request) { seen <- r } })
	ts.do(t, ts.admin, "GET", "/v1/executions/abc", "")
	got := <-seen
	if got.Route != "/api/v1/executions/{id}" || got.Method != "GET" || got.Status != 404 || got.Bytes == 0 || got.Took <= 0 {
		t.Errorf("observed %+v", got)
	}
}

func TestRouterRefusesAmbiguity(t *testing.T) {
	t.Parallel()
	for name, table := range map[string][]route{
		"same route":        {{method: "GET", path: "/a/{x}"}, {method: "GET", path: "/a/{x}"}},
		"same at /v1":       {{method: "GET", path: "/api/v1/a"}, {method: "GET", path: "/auth/v1/a"}},
		"other parameter":   {{method: "GET", path: "/a/{x}/b"}, {method: "GET", path: "/a/{y}/c"}},
		"parameter or rest": {{method: "GET", path: "/a/{x}"}, {method: "GET", path: "/a/{x...}"}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: accepted", name)
				}
			}()
			newRouter(table)
		}()
	}
	rt := newRouter([]route{{method: "GET", path: "/f/{p...}"}, {method: "GET", path: "/f/lit"}})
	r, params := rt.match(httptest.NewRequest(http.MethodGet, "/f/a%2fb/c", nil))
	if r == nil || params["p"] != "a/b/c" {
		t.Errorf("rest parameter: %v %v", r, params)
	}
}

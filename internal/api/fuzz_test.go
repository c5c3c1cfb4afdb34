package api

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"squall/internal/api/wire"
	"squall/internal/squall"
	"squall/internal/store"
)

// Whatever comes in as a request for a run is refused with a text, or becomes a
// request whose documents are JSON objects.
func FuzzExecutionRequest(f *testing.F) {
	for _, s := range []string{
		`{"action":"core.local","parameters":{"cmd":"x"},"user":"a","context":{"a":1},"delay":5,"notify":{"on-complete":{"routes":["r"]}},"callback":{},"tags":[]}`,
		`{"action":null,"delay":-1e9}`, `{"action":"a.b","notify":{"on-complete":{"channels":["x"]}},"context":{"_request":1}}`, `[`, ``, "{\"action\":\"\xff.b\"}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		o, err := parseObject([]byte(body), false)
		if err != nil {
			mustBeInvalid(t, err)
			return
		}
		req, err := executionRequest(o)
		if err != nil {
			mustBeInvalid(t, err)
			return
		}
		if req.Action.Pack == "" || req.Action.Name == "" {
			t.Errorf("action %+v", req.Action)
		}
		for _, doc := range []json.RawMessage{req.Parameters, req.Context} {
			var m map[string]json.RawMessage
			if doc != nil && json.Unmarshal(doc, &m) != nil {
				t.Errorf("%s is no object", doc)
			}
		}
		wire.ExtraOf(req.Context)
	})
}

func mustBeInvalid(t *testing.T, err error) {
	t.Helper()
	if squall.KindOf(err) != squall.Invalid || err.Error() == "" {
		t.Errorf("error of kind %v: %v", squall.KindOf(err), err)
	}
	if status, text := fault(err); status != 400 || !json.Valid(wire.AppendFault(nil, text)) {
		t.Errorf("answered %d %q", status, text)
	}
}

// Whatever stands in a query is refused with a text, or becomes a filter.
func FuzzListQuery(f *testing.F) {
	for _, s := range []string{
		"limit=-1&offset=5&sort=-timestamp", "timestamp_gt=2026-01-01T00:00:00+01:00&status=a,b&include_attributes=action.ref", "after=5f5f5f5f5f5f5f5f5f5f5f5f",
		"limit=99999999999999999999", "parent=null&id=,,&max_result_size=1e3", "depth=0&sort_asc=maybe", "events=[&action_refs=a",
	} {
		f.Add(s)
	}
	s := &Server{Deps: Deps{MaxPageSize: 100}}
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		r := &request{Request: httptest.NewRequest("GET", "/", nil), query: q}
		r.caller.User = "ann"
		check := func(err error) bool {
			if k := squall.KindOf(err); err != nil && k != squall.Invalid && k != squall.Denied {
				t.Errorf("error of kind %v: %v", k, err)
			}
			return err == nil
		}
		p, err := s.page(r, 100)
		if check(err) && (p.limit < 1 || p.limit > 100 || p.offset < 0) {
			t.Errorf("page %+v", p)
		}
		_, _, err = executionFilter(r)
		check(err)
		_, err = fields(q, wire.ExecutionField, excludable)
		check(err)
		if n, err := resultLimit(r); check(err) && (n < 1 || n > maxResultSize) {
			t.Errorf("max_result_size %d", n)
		}
		if n, err := depthOf(r); check(err) && (n < -1 || n == 0) {
			t.Errorf("depth %d", n)
		}
		if f, err := newEventFilter(r); check(err) {
			f.wants(store.Message{Kind: store.ExecutionOutput})
			f.shows(&event{name: executionUpdate})
		}
	})
}

// The router takes any path without failing, and parameters come out decoded.
func FuzzMatch(f *testing.F) {
	for _, p := range []string{"/", "//", "/v1/executions/a%2fb/output", "/api/v1/actions/core.local/", "/v1/%zz", "/v1/executions/\x00"} {
		f.Add(p)
	}
	rt := newRouter(routeTable)
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		req := httptest.NewRequest("GET", "/", nil)
		req.URL = u
		if r, params := rt.match(req); r != nil && strings.Count(r.path, "{") != len(params) {
			t.Errorf("%s matched %s with %v", path, r.path, params)
		}
	})
}

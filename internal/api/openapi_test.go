package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// description is the document as a client reads it.
func description(t testing.TB) map[string]any {
	t.Helper()
	ts := newTestServer(t)
	a := ts.do(t, "", "GET", "/api/v1/openapi.json", "")
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("GET openapi.json = %d %s", a.status, a.header.Get("Content-Type"))
	}
	if yaml := ts.do(t, "", "GET", "/v1/openapi.yaml", ""); yaml.body != a.body {
		t.Error("openapi.yaml is something else")
	}
	return a.object(t)
}

// Every route is in the document, with its parameters, and nothing else is.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	paths := description(t)["paths"].(map[string]any)
	routes, ids := map[string]bool{}, map[any]bool{}
	for _, r := range routeTable {
		routes[r.method+" "+r.path] = true
		path := strings.ReplaceAll(r.path, "...}", "}")
		item, _ := paths[path].(map[string]any)
		op, _ := item[strings.ToLower(r.method)].(map[string]any)
		if op == nil {
			t.Errorf("%s %s is not described", r.method, r.path)
			continue
		}
		declared := map[string]bool{}
		parameters, _ := op["parameters"].([]any)
		for _, p := range parameters {
			declared[p.(map[string]any)["name"].(string)] = true
		}
		for _, m := range pathParameter.FindAllStringSubmatch(path, -1) {
			if !declared[m[1]] {
				t.Errorf("%s %s: parameter %s is not described", r.method, r.path, m[1])
			}
		}
		if got := fmt.Sprint(op["x-permission"]); r.need != "" && got != string(r.need) {
			t.Errorf("%s %s: permission %s, want %s", r.method, r.path, got, r.need)
		}
		ids[op["operationId"]] = true
	}
	operations := 0
	for path, item := range paths {
		for method := range item.(map[string]any) {
			operations++
			if !routes[strings.ToUpper(method)+" "+path] && !strings.Contains(path, "{path}") && !strings.Contains(path, "{url}") {
				t.Errorf("%s %s is described but no route", method, path)
			}
		}
	}
	schemas := description(t)["components"].(map[string]any)["schemas"].(map[string]any)
	if _, nameless := schemas[""]; nameless {
		t.Error("there is a schema without a name")
	}
	if len(ids) != operations {
		t.Errorf("%d operations, but %d names of operations", operations, len(ids))
	}
	for name := range answers {
		if !routes[name] {
			t.Errorf("the answer of %q is described, but there is no such route", name)
		}
	}
}

// What StackStorm answered fits the description of our answers.
func TestRecordedAnswersFitTheDescription(t *testing.T) {
	dir := os.Getenv("SQUALL_CONFORMANCE")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "conformance")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "api", "*.json"))
	if len(files) == 0 {
		t.Skipf("SKIPPED: the recorded answers of StackStorm are not in %s; set SQUALL_CONFORMANCE to their directory", dir)
	}
	doc := description(t)
	c := jsonschema.NewCompiler()
	if err := c.AddResource("squall:api", doc); err != nil {
		t.Fatal(err)
	}
	router := newRouter(routeTable)
	checked, open := 0, map[string]bool{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var pairs []struct {
			Name     string
			Request  struct{ Method, Path string }
			Response struct {
				Status int
				Body   any
			}
		}
		if err := json.Unmarshal(raw, &pairs); err != nil {
			t.Fatal(err)
		}
		for _, p := range pairs {
			if p.Response.Status >= 300 || p.Response.Body == nil || strings.Contains(p.Request.Path, "_attributes=") {
				continue // a refusal, nothing, or parts only
			}
			if body, ok := p.Response.Body.(map[string]any); ok && body["faultstring"] != nil {
				continue // st2 refuses to cancel what has ended with 200
			}
			req, err := http.NewRequestWithContext(t.Context(), p.Request.Method, p.Request.Path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r, _ := router.match(req)
			if r == nil || r.events {
				continue
			}
			name := r.method + " " + r.path
			if answers[name].doc == nil {
				open[name] = true
				continue
			}
			pointer := "#/paths/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(strings.ReplaceAll(r.path, "...}", "}")) +
				"/" + strings.ToLower(r.method) + fmt.Sprintf("/responses/%d/content/application~1json/schema", p.Response.Status)
			schema, err := c.Compile("squall:api" + pointer)
			if err != nil {
				t.Errorf("%s: %v", p.Name, err)
				continue
			}
			checked++
			if err := schema.Validate(p.Response.Body); err != nil {
				t.Errorf("%s (%s): %v", p.Name, name, err)
			}
		}
	}
	t.Logf("%d answers fit; not described in detail are those of %d routes", checked, len(open))
	if checked < 100 {
		t.Errorf("only %d answers were checked", checked)
	}
}

package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"squall/internal/api/wire"
)

// describeAPI returns the document that describes every route: made from the
// route table, the shapes of bodies and the documents of internal/api/wire, so
// that it cannot say anything else than they do.
func describeAPI(table []route) ([]byte, error) {
	d := &describer{schemas: map[string]any{}}
	paths := map[string]map[string]any{}
	for i := range table {
		r := &table[i]
		path := strings.ReplaceAll(r.path, "...}", "}")
		if paths[path] == nil {
			paths[path] = map[string]any{}
		}
		method := strings.ToLower(r.method)
		if paths[path][method] != nil {
			continue // the same, for clients that want events
		}
		paths[path][method] = d.operation(r, path)
	}
	d.ofType(wire.Fault{})
	return json.Marshal(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "Squall", "version": "1",
			"description": "StackStorm's API with additions. Every path below /api/v1, /auth/v1 and /stream/v1 also answers below /v1.",
		},
		"servers": []any{map[string]any{"url": "/"}},
		"security": []any{
			map[string]any{"token": []any{}}, map[string]any{"key": []any{}}, map[string]any{"bearer": []any{}},
			map[string]any{"token-query": []any{}}, map[string]any{"key-query": []any{}},
		},
		"paths": paths,
		"components": map[string]any{
			"schemas": d.schemas,
			"securitySchemes": map[string]any{
				"token":       map[string]any{"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
				"key":         map[string]any{"type": "apiKey", "in": "header", "name": "St2-Api-Key"},
				"token-query": map[string]any{"type": "apiKey", "in": "query", "name": "x-auth-token"},
				"key-query":   map[string]any{"type": "apiKey", "in": "query", "name": "st2-api-key"},
				"bearer":      map[string]any{"type": "http", "scheme": "bearer"},
				"basic":       map[string]any{"type": "http", "scheme": "basic"},
			},
		},
	})
}

// OpenAPI returns the document that every server answers with.
func OpenAPI() ([]byte, error) { return describeAPI(routeTable) }

// openAPIGet answers with the document. JSON is YAML as well, so it has both
// names.
func (s *Server) openAPIGet(w http.ResponseWriter, _ *request) error {
	doc, err := s.description()
	if err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	return respondRaw(w, "application/json", doc)
}

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// operation describes one route.
func (d *describer) operation(r *route, path string) map[string]any {
	a := answers[r.method+" "+r.path]
	op := map[string]any{
		"operationId": operationID(r.method, path),
		"tags":        []string{tagOf(path)},
		"responses":   d.responses(r, a),
	}
	var parameters []any
	for _, m := range pathParameter.FindAllStringSubmatch(path, -1) {
		parameters = append(parameters, parameter(m[1], "path", "string"))
	}
	for _, name := range a.query() {
		parameters = append(parameters, parameter(name, "query", queryTypes[name]))
	}
	if parameters != nil {
		op["parameters"] = parameters
	}
	if r.need != "" {
		op["x-permission"] = r.need
	}
	switch {
	case r.path == "/auth/v1/tokens" && r.method == http.MethodPost:
		op["security"] = []any{map[string]any{"basic": []any{}}}
	case r.open != nil && r.need == "":
		op["security"] = []any{}
	}
	if r.body != nil {
		op["requestBody"] = map[string]any{"content": map[string]any{"application/json": map[string]any{"schema": d.ofShape(r.body)}}}
	}
	return op
}

func parameter(name, in, typ string) map[string]any {
	p := map[string]any{"name": name, "in": in, "schema": map[string]any{"type": orDefault(typ, "string")}}
	if in == "path" {
		p["required"] = true
	}
	return p
}

// queryTypes are the types of query parameters that are no strings.
var queryTypes = map[string]string{
	"limit": "integer", "offset": "integer", "enabled": "boolean", "show_secrets": "boolean", "decrypt": "boolean", "depth": "integer",
	"max_result_size": "integer", "follow": "boolean", "compress": "boolean", "download": "boolean", "pretty_format": "boolean", "system": "boolean", "remote": "boolean",
}

// operationID names an operation: "get_rules_views_ref".
func operationID(method, path string) string {
	path = strings.NewReplacer("/api/v1", "", "/v1", "", "{", "", "}", "", "/", "_", ".", "_").Replace(path)
	return strings.ToLower(method) + orDefault(path, "_root")
}

// tagOf is the resource a path is about.
func tagOf(path string) string {
	parts := segments(strings.TrimPrefix(path, "/api/v1"))
	if len(parts) == 0 {
		return "root"
	}
	return parts[0]
}

// responses describes the answers of a route.
func (d *describer) responses(r *route, a answerForm) map[string]any {
	status := a.status
	if status == 0 {
		status = http.StatusOK
	}
	found := map[string]any{"description": http.StatusText(status)}
	switch schema := d.answer(a); {
	case r.events:
		found["content"] = map[string]any{"text/event-stream": map[string]any{"schema": map[string]any{"type": "string"}}}
	case status == http.StatusNoContent:
	case a.media != "":
		found["content"] = map[string]any{a.media: map[string]any{"schema": map[string]any{"type": "string"}}}
	default:
		found["content"] = map[string]any{"application/json": map[string]any{"schema": schema}}
	}
	if slices.Contains(a.query(), "limit") {
		found["headers"] = map[string]any{
			"X-Total-Count": map[string]any{"schema": map[string]any{"type": "integer"}},
			"X-Limit":       map[string]any{"schema": map[string]any{"type": "integer"}},
		}
	}
	return map[string]any{
		fmt.Sprint(status): found,
		"default": map[string]any{
			"description": "It was refused, or failed; faultstring says why.",
			"content":     map[string]any{"application/json": map[string]any{"schema": d.ofType(wire.Fault{})}},
		},
	}
}

// answer is the schema of a successful answer; an empty one stands for anything.
func (d *describer) answer(a answerForm) map[string]any {
	if a.doc == nil {
		return map[string]any{}
	}
	schema := d.ofType(a.doc)
	if a.list {
		return map[string]any{"type": "array", "items": schema}
	}
	return schema
}

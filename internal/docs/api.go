package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"squall/internal/api"
)

// The parts of an OpenAPI document that ours has.
type (
	document struct {
		Paths      map[string]map[string]operation `json:"paths"`
		Components struct {
			Schemas map[string]schema `json:"schemas"`
		} `json:"components"`
	}
	operation struct {
		Tags       []string            `json:"tags"`
		Permission string              `json:"x-permission"`
		Parameters []parameter         `json:"parameters"`
		Body       content             `json:"requestBody"`
		Responses  map[string]response `json:"responses"`
		Security   *[]any              `json:"security"`
	}
	parameter struct {
		Name   string `json:"name"`
		In     string `json:"in"`
		Schema schema `json:"schema"`
	}
	response struct {
		Description string `json:"description"`
		content
	}
	content struct {
		Content map[string]struct {
			Schema schema `json:"schema"`
		} `json:"content"`
	}
	schema struct {
		Ref         string            `json:"$ref"`
		Type        any               `json:"type"`
		Format      string            `json:"format"`
		Description string            `json:"description"`
		Enum        []any             `json:"enum"`
		Items       *schema           `json:"items"`
		AnyOf       []schema          `json:"anyOf"`
		Properties  map[string]schema `json:"properties"`
		Required    []string          `json:"required"`
		Additional  json.RawMessage   `json:"additionalProperties"`
	}
)

// apiPage is the description of the API as one page: the routes by resource, and
// the documents they take and give.
func apiPage() (string, error) {
	raw, err := api.OpenAPI()
	if err != nil {
		return "", fmt.Errorf("describe the API: %w", err)
	}
	var d document
	if err := json.Unmarshal(raw, &d); err != nil {
		return "", fmt.Errorf("read the description of the API: %w", err)
	}
	var b strings.Builder
	b.WriteString(generated)
	b.WriteString("# Routes of the API\n\n" +
		"What `/api/v1/openapi.json` says, on one page. [The HTTP API](../api.md) explains credentials,\n" +
		"lists, changes and errors. Paths below `/api/v1`, `/auth/v1` and `/stream/v1` also answer below `/v1`.\n")
	byTag := map[string][]string{}
	for path, ops := range d.Paths {
		for _, op := range ops {
			if tag := op.Tags[0]; !slices.Contains(byTag[tag], path) {
				byTag[tag] = append(byTag[tag], path)
			}
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(byTag)) {
		fmt.Fprintf(&b, "\n## %s\n", tag)
		slices.Sort(byTag[tag])
		for _, path := range byTag[tag] {
			for _, method := range []string{"get", "post", "put", "delete"} {
				if op, ok := d.Paths[path][method]; ok && op.Tags[0] == tag {
					op.write(&b, strings.ToUpper(method), path)
				}
			}
		}
	}
	b.WriteString("\n## Documents\n")
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		fmt.Fprintf(&b, "\n### %s\n", name)
		d.Components.Schemas[name].write(&b)
	}
	return b.String(), nil
}

func (op operation) write(b *strings.Builder, method, path string) {
	fmt.Fprintf(b, "\n### %s %s\n\n", method, path)
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		if status != "default" {
			fmt.Fprintf(b, "Answers %s", status)
			if what := op.Responses[status].words(); what != "" {
				fmt.Fprintf(b, ": %s", what)
			}
			b.WriteString(".\n")
		}
	}
	switch {
	case op.Permission != "":
		fmt.Fprintf(b, "Permission: `%s`.\n", op.Permission)
	case op.Security != nil && len(*op.Security) == 0:
		b.WriteString("Needs no credentials.\n")
	}
	var query []string
	for _, p := range op.Parameters {
		if p.In == "query" {
			query = append(query, "`"+p.Name+"`")
		}
	}
	if query != nil {
		fmt.Fprintf(b, "In the query: %s.\n", strings.Join(query, ", "))
	}
	for _, body := range op.Body.Content {
		if body.Schema.Ref != "" || len(body.Schema.Properties) == 0 {
			fmt.Fprintf(b, "Takes %s.\n", body.Schema.words())
			continue
		}
		b.WriteString("Takes:\n")
		body.Schema.write(b)
	}
}

// words says what an answer is.
func (c content) words() string {
	for media, body := range c.Content {
		switch {
		case media != "application/json":
			return "`" + media + "`"
		case body.Schema.words() == "anything":
			return "JSON"
		default:
			return body.Schema.words()
		}
	}
	return ""
}

func (s schema) write(b *strings.Builder) {
	if len(s.Properties) == 0 {
		fmt.Fprintf(b, "\n%s\n", upperFirst(s.words())+".")
		return
	}
	b.WriteString("\n| member | type |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		words := p.words()
		if slices.Contains(s.Required, name) {
			words += ", always there"
		}
		if p.Description != "" {
			words += ": " + p.Description
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", name, cell(words))
	}
}

// words says what a schema accepts.
func (s schema) words() string {
	switch {
	case s.Ref != "":
		name := s.Ref[strings.LastIndex(s.Ref, "/")+1:]
		return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name))
	case s.Items != nil:
		return "list of " + s.Items.words()
	case len(s.AnyOf) > 0:
		var words []string
		for _, a := range s.AnyOf {
			words = append(words, a.words())
		}
		return strings.Join(words, " or ")
	case len(s.Enum) > 0:
		var words []string
		for _, v := range s.Enum {
			words = append(words, fmt.Sprintf("`%v`", v))
		}
		return strings.Join(words, ", ")
	case s.Format == "date-time":
		return "time"
	case len(s.Properties) > 0:
		return "object with " + strings.Join(slices.Sorted(maps.Keys(s.Properties)), ", ")
	case s.Type == "object":
		var of schema
		if json.Unmarshal(s.Additional, &of) == nil && of.words() != "anything" {
			return "object of " + of.words()
		}
		return "object"
	case s.Type != nil:
		if list, ok := s.Type.([]any); ok {
			var words []string
			for _, t := range list {
				words = append(words, fmt.Sprint(t))
			}
			return strings.Join(words, " or ")
		}
		return fmt.Sprint(s.Type)
	default:
		return "anything"
	}
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

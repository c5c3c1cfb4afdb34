package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"squall/internal/api/wire"
	"squall/internal/param"
	"squall/internal/squall"
	"squall/internal/store"
)

var policyShape = newShape("PolicyRequest", `{
	`+derivedMembers+`,
	"name": {"type": "string", "required": true},
	"pack": {"type": "string"},
	"description": {"type": "string"},
	"enabled": {"type": "boolean", "default": true},
	"resource_ref": {"type": "string", "required": true},
	"policy_type": {"type": "string", "required": true},
	"parameters": {"type": "object", "additionalProperties": false, "patternProperties": {"^\\w+$": {"anyOf": [
		{"type": "array"}, {"type": "boolean"}, {"type": "integer"}, {"type": "number"}, {"type": "object"}, {"type": "string"}]}}}
}`)

var policyFields = membersWith([]string{"parameters"}, "id", "uid", "metadata_file", "name", "ref", "description", "pack", "enabled", "resource_ref", "policy_type")

// policyList lists policies. Filters: id, name, pack, resource_ref, policy_type.
// The last two are ours: StackStorm's client sends them, its server does not look.
func (s *Server) policyList(w http.ResponseWriter, r *request) error {
	return listContent(s, w, r, listing[squall.Policy]{
		kind: store.Policies, fields: policyFields, limit: s.MaxPageSize, keep: policyFilter,
		show: func(p *squall.Policy) any { return wire.PolicyOf(p) },
	})
}

func policyFilter(q url.Values) (func(*squall.Policy) bool, error) {
	resource, typ := q.Get("resource_ref"), q.Get("policy_type")
	if resource == "" && typ == "" {
		return nil, nil
	}
	return func(p *squall.Policy) bool { return !differs(resource, p.Resource) && !differs(typ, p.Type) }, nil
}

// policyGet answers with one policy.
func (s *Server) policyGet(w http.ResponseWriter, r *request) error {
	p, err := nounNamed[squall.Policy](s, r, store.Policies, r.params["ref"])
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.PolicyOf(p))
}

// policyCreate makes a policy.
func (s *Server) policyCreate(w http.ResponseWriter, r *request) error {
	body, err := s.readShape(r, policyShape)
	if err != nil {
		return err
	}
	p, err := policyOf(body, "")
	if err != nil {
		return err
	}
	if err := r.caller.CheckOn(r.route.need, contentUIDs(store.Policies, p.Ref)...); err != nil {
		return err
	}
	if err := s.newContent(r, p, nil); err != nil {
		return err
	}
	return respondJSON(w, http.StatusCreated, wire.PolicyOf(p))
}

// policyPut replaces a policy. Without a pack it stays in its own (st2).
func (s *Server) policyPut(w http.ResponseWriter, r *request) error {
	body, err := s.readShape(r, policyShape)
	if err != nil {
		return err
	}
	if _, err := policyOf(body, defaultPack); err != nil { // st2: what is sent is looked at first
		return err
	}
	old, err := nounNamed[squall.Policy](s, r, store.Policies, r.params["ref"])
	if err != nil {
		return err
	}
	if err := checkNotSystem(old.Ref.Pack); err != nil {
		return err
	}
	p, err := policyOf(body, old.Ref.Pack)
	if err != nil {
		return err
	}
	if err := r.caller.CheckOn(r.route.need, contentUIDs(store.Policies, p.Ref)...); err != nil {
		return err // it may be given another name
	}
	if err := s.changeContent(r, r.params["ref"], p, nil); err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.PolicyOf(p))
}

// policyDelete removes a policy.
func (s *Server) policyDelete(w http.ResponseWriter, r *request) error {
	return s.dropContent(w, r, store.Policies, notSystem, nil)
}

// policyOf makes a policy of a body that has its shape; pack is where it goes when
// the body does not say. st2: the action need not exist.
func policyOf(body *object, pack string) (p *squall.Policy, err error) {
	p = &squall.Policy{
		Description: body.str("description"), Enabled: body.flag("enabled", true), Resource: body.str("resource_ref"),
		Type: body.str("policy_type"), MetadataFile: body.str("metadata_file"), DescriptionGiven: body.members["description"] != nil,
	}
	if p.Parameters, err = policyParameters(p.Type, body.raw("parameters", "object")); err != nil {
		return nil, err
	}
	if body.str("pack") == "" && pack == "" {
		return nil, squall.Errorf(squall.Invalid, "'pack' is a required property")
	}
	p.Ref, err = refOf(orDefault(body.str("pack"), pack), body.str("name"))
	return p, err
}

// policyParameters checks the parameters of a policy and fills in defaults.
func policyParameters(typ string, given json.RawMessage) (json.RawMessage, error) {
	if !strings.Contains(typ, ".") {
		return nil, squall.Errorf(squall.Invalid, "Invalid reference: %s", typ)
	}
	types := squall.PolicyTypes()
	i := slices.IndexFunc(types, func(t *squall.PolicyType) bool { return t.Ref.String() == typ })
	if i < 0 {
		return nil, squall.Errorf(squall.Invalid, "Referenced policy_type %q doesnt exist", typ)
	}
	form := param.Compile(&squall.RunnerType{Parameters: types[i].Parameters}, &squall.Action{})
	if _, err := form.Validate(given); err != nil {
		return nil, err
	}
	values, _, err := form.Final(given)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(values, func(_ string, v any) bool { return v == nil })
	return marshal(values)
}

var policyTypeFields = membersWith([]string{"parameters"}, "id", "uid", "name", "ref", "description", "resource_type", "enabled", "module")

// policyTypeList lists the kinds of policy. Filters: id, name, resource_type.
func (s *Server) policyTypeList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, s.MaxPageSize)
	if err != nil {
		return err
	}
	f, err := fields(r.query, policyTypeFields, nil)
	if err != nil {
		return err
	}
	names := list(r.query, "name")
	ids, err := idsOf(r.query)
	if err != nil {
		return err
	}
	var docs []wire.PolicyType
	for _, t := range squall.PolicyTypes() {
		doc := wire.PolicyTypeOf(t)
		if differs(r.query.Get("resource_type"), doc.ResourceType) || ids != nil && !slices.Contains(ids, doc.ID) ||
			len(names) > 0 && !slices.Contains(names, doc.Name) {
			continue
		}
		docs = append(docs, doc)
	}
	sorted(r.query, docs, map[string]func(wire.PolicyType) string{
		"name": func(t wire.PolicyType) string { return t.Name }, "resource_type": func(t wire.PolicyType) string { return t.ResourceType },
		"id": func(t wire.PolicyType) string { return string(t.ID) },
	})
	return respondPageOf(w, p, f, docs)
}

// respondPageOf writes a page of a list that is in memory, with the members
// that are asked for.
func respondPageOf[T any](w http.ResponseWriter, p page, f wire.Fields, docs []T) error {
	p.headers(w.Header(), len(docs))
	return respond(w, http.StatusOK, func(e *wire.Encoder) {
		e.Array(func() {
			for _, doc := range slice(p, docs) {
				e.Document(doc, f)
			}
		})
	})
}

// policyTypeGet answers with one kind of policy, named by reference or identifier.
func (s *Server) policyTypeGet(w http.ResponseWriter, r *request) error {
	name := r.params["ref"]
	for _, t := range squall.PolicyTypes() {
		if doc := wire.PolicyTypeOf(t); doc.Ref == name || string(doc.ID) == name {
			return respondJSON(w, http.StatusOK, doc)
		}
	}
	return squall.Errorf(squall.NotFound, "PolicyType with a reference of id %q not found.", name)
}

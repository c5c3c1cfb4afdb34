package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"squall/internal/param"
	"squall/internal/squall"
)

// shape is what the body of a request may hold: an object with these members
// and no others. It checks bodies, in the words of StackStorm's JSON-schema
// check, and describes them in the OpenAPI document.
type shape struct {
	name   string // in the OpenAPI document
	schema squall.Schema
	form   *param.Form
	open   bool     // other members have no effect
	typed  bool     // StackStorm's OpenAPI document gives the members' types: texts about a wrong one do not offer null
	first  []string // members that are asked for before anything else, in this order
}

// asks says which members StackStorm asks for before it looks at anything else.
func (s *shape) asks(names ...string) *shape {
	s.first = names
	return s
}

// newShape makes a shape of JSON-schema properties in StackStorm's dialect: what
// must be there says "required": true itself. A mistake in it is ours and panics.
func newShape(name, properties string) *shape {
	var members map[string]map[string]json.RawMessage
	if err := json.Unmarshal([]byte(properties), &members); err != nil {
		panic(fmt.Sprintf("api: shape %s: %v", name, err))
	}
	s := &shape{name: name}
	for _, member := range slices.Sorted(maps.Keys(members)) {
		s.schema = append(s.schema, parameterOf(member, members[member]))
	}
	s.form = param.Compile(&squall.RunnerType{Parameters: s.schema}, &squall.Action{})
	if _, err := s.form.Validate(json.RawMessage(`{"":null}`)); err == nil {
		panic("api: shape " + name + " takes everything")
	}
	return s
}

// openShape is newShape for bodies whose other members have no effect.
func openShape(name, properties string) *shape {
	s := newShape(name, properties)
	s.open = true
	return s
}

// typedShape is newShape for bodies that StackStorm's OpenAPI document describes
// member by member.
func typedShape(name, properties string) *shape {
	s := newShape(name, properties)
	s.typed = true
	return s
}

// parameterOf reads the schema of one member.
func parameterOf(name string, keywords map[string]json.RawMessage) squall.Parameter {
	p := squall.Parameter{Name: name, Type: keywords["type"], Default: keywords["default"]}
	_ = json.Unmarshal(keywords["description"], &p.Description)
	rest := maps.Clone(keywords)
	for _, k := range []string{"type", "default", "description"} {
		delete(rest, k)
	}
	// What is false is kept: clients of StackStorm see it.
	for k, into := range map[string]*bool{"required": &p.Required, "immutable": &p.Immutable, "secret": &p.Secret} {
		if string(keywords[k]) == "true" {
			*into = true
			delete(rest, k)
		}
	}
	if n := 0; json.Unmarshal(keywords["position"], &n) == nil && keywords["position"] != nil {
		p.Position = &n
		delete(rest, "position")
	}
	if len(rest) > 0 {
		p.Rest, _ = json.Marshal(rest) // it came out of JSON
	}
	return p
}

// check holds a body against the shape.
func (s *shape) check(o *object) error {
	if o.err != nil {
		return o.err
	}
	for _, name := range s.first {
		o.required(name)
	}
	if s.typed { // StackStorm's check of types by its OpenAPI document does not take null for nothing
		for _, p := range s.schema {
			if v, given := o.members[p.Name]; given && isNull(v) {
				o.fail("None is not of type %s", strings.ReplaceAll(string(p.Type), `"`, "'"))
			}
		}
	}
	if o.err != nil {
		return o.err
	}
	members := o.members
	if s.open {
		members = map[string]json.RawMessage{}
		for _, p := range s.schema {
			if v, ok := o.members[p.Name]; ok {
				members[p.Name] = v
			}
		}
	}
	doc, err := marshal(members)
	if err != nil {
		return err
	}
	_, err = s.form.Validate(doc)
	if text, ok := strings.CutSuffix(squall.MessageOf(err), ", 'null'"); err != nil && ok && s.typed {
		return squall.Errorf(squall.Invalid, "%s", text)
	}
	return err
}

// readShape reads the body of r and checks it. No body is an empty object (st2).
func (s *Server) readShape(r *request, sh *shape) (*object, error) {
	o, err := s.readObject(r, true)
	if err != nil {
		return nil, err
	}
	if o.members == nil {
		o.members = map[string]json.RawMessage{}
	}
	return o, sh.check(o)
}

// doc returns a member that is an object; nil when it is empty or not there.
func (o *object) doc(name string) json.RawMessage {
	v := o.raw(name, "object")
	if isEmpty(v) {
		return nil
	}
	return v
}

// flag returns a member that is true or false, def when it is not there.
func (o *object) flag(name string, def bool) bool {
	if v := o.raw(name, "boolean"); v != nil {
		return string(v) == "true"
	}
	return def
}

// tags returns the member of that name; a tag without name or value has empty
// ones (st2).
func (o *object) tags() (tags []squall.Tag) {
	if v := o.raw("tags", "array"); v != nil {
		if err := json.Unmarshal(v, &tags); err != nil {
			o.fail("%s is not of type 'object'", pyValue(v))
		}
	}
	return tags
}

// Parts that several shapes share.
const (
	derivedMembers = `"id": {"type": "string"}, "ref": {"type": "string"}, "uid": {"type": "string"}, "metadata_file": {"type": "string", "default": ""}`
	tagMember      = `"tags": {"type": "array", "items": {"type": "object"}}`
)

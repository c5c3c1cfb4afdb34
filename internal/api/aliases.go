package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"

	"squall/internal/alias"
	"squall/internal/api/wire"
	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/store"
)

const answerShape = `"properties": {"enabled": {"type": "boolean"}, "format": {"type": "string"}, "extra": {"type": "object"}`

var aliasShape = newShape("ActionAliasRequest", `{
	`+derivedMembers+`,
	"name": {"type": "string", "required": true},
	"pack": {"type": "string", "required": true},
	"description": {"type": "string", "default": null},
	"enabled": {"type": "boolean", "default": true},
	"action_ref": {"type": "string", "required": true},
	"formats": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "object", "properties": {
		"display": {"type": "string"}, "representation": {"type": "array", "items": {"type": "string"}}}}]}},
	"ack": {"type": "object", `+answerShape+`, "append_url": {"type": "boolean"}}},
	"result": {"type": "object", `+answerShape+`}},
	"extra": {"type": "object"},
	"immutable_parameters": {"type": "object"}
}`)

var aliasFields = func(name string) (exists, parts bool) {
	switch name {
	case "ack", "result", "extra", "immutable_parameters":
		return true, true
	}
	return members("id", "uid", "metadata_file", "name", "ref", "description", "pack", "enabled", "action_ref", "formats")(name)
}

// aliasList lists aliases. Filters: id, name, pack.
func (s *Server) aliasList(w http.ResponseWriter, r *request) error {
	return listContent(s, w, r, listing[squall.Alias]{
		kind: store.Aliases, fields: aliasFields, limit: s.MaxPageSize, sorts: true, show: func(a *squall.Alias) any { return wire.AliasOf(a) },
	})
}

// aliasGet answers with one alias.
func (s *Server) aliasGet(w http.ResponseWriter, r *request) error {
	a, err := nounNamed[squall.Alias](s, r, store.Aliases, r.params["ref"])
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.AliasOf(a))
}

// aliasCreate makes an alias.
func (s *Server) aliasCreate(w http.ResponseWriter, r *request) error {
	body, err := s.readShape(r, aliasShape)
	if err != nil {
		return err
	}
	a, err := aliasOf(body)
	if err != nil {
		return err
	}
	if err := r.caller.CheckOn(r.route.need, contentUIDs(store.Aliases, a.Ref)...); err != nil {
		return err
	}
	if err := s.newContent(r, a, nil); err != nil {
		return err
	}
	return respondJSON(w, http.StatusCreated, wire.AliasOf(a))
}

// aliasPut replaces an alias. st2 takes the identifier only; here the reference
// does as well.
func (s *Server) aliasPut(w http.ResponseWriter, r *request) error {
	body, err := s.readShape(r, aliasShape)
	if err != nil {
		return err
	}
	if _, err := nounNamed[squall.Alias](s, r, store.Aliases, r.params["ref"]); err != nil {
		return err
	}
	a, err := aliasOf(body)
	if err != nil {
		return err
	}
	if err := r.caller.CheckOn(r.route.need, contentUIDs(store.Aliases, a.Ref)...); err != nil {
		return err // it may be given another name
	}
	if err := s.changeContent(r, r.params["ref"], a, nil); err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.AliasOf(a))
}

// aliasDelete removes an alias.
func (s *Server) aliasDelete(w http.ResponseWriter, r *request) error {
	return s.dropContent(w, r, store.Aliases, nil, nil)
}

// aliasOf makes an alias of a body that has its shape. st2: the action need not
// exist.
func aliasOf(body *object) (a *squall.Alias, err error) {
	a = &squall.Alias{
		Description: body.str("description"), Enabled: body.flag("enabled", true), Action: body.str("action_ref"),
		Ack: body.doc("ack"), Result: body.doc("result"), Extra: body.doc("extra"), Immutable: body.doc("immutable_parameters"),
		MetadataFile: body.str("metadata_file"),
	}
	formats := body.raw("formats", "array")
	if formats == nil {
		return nil, squall.Errorf(squall.Invalid, "'formats' is a required property")
	}
	body.decode(formats, &a.Formats)
	if body.err != nil {
		return nil, body.err
	}
	a.Ref, err = refOf(body.str("pack"), body.str("name"))
	return a, err
}

var aliasMatchShape = openShape("ActionAliasMatchRequest", `{"command": {"type": "string", "required": true}}`)

// aliasMatch answers with the alias that a command means.
func (s *Server) aliasMatch(w http.ResponseWriter, r *request) error {
	body, err := s.readShape(r, aliasMatchShape)
	if err != nil {
		return err
	}
	hit, err := s.matchAlias(r.Context(), body.str("command"))
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.AliasMatch{
		Alias: wire.AliasOf(hit.Alias), Display: hit.Alias.Formats[hit.Format].Display, Representation: hit.Representation,
	})
}

// aliases reads all aliases.
func (s *Server) aliases(ctx context.Context) (list []*squall.Alias, err error) {
	err = s.Store.View(ctx, func(tx store.Tx) (err error) {
		list, err = store.Find[squall.Alias](ctx, tx, store.ContentFilter{Kind: store.Aliases})
		return err
	})
	return list, err
}

// matchAlias finds the one format among those of enabled aliases that a command
// means: ordinary ones first, then those that take several commands at once.
func (s *Server) matchAlias(ctx context.Context, command string) (alias.Hit, error) {
	all, err := s.aliases(ctx)
	if err != nil {
		return alias.Hit{}, err
	}
	enabled := all[:0]
	for _, a := range all {
		if a.Enabled {
			enabled = append(enabled, a)
		}
	}
	hits, _, err := alias.NewBook(enabled).Match(ctx, command)
	if err != nil {
		return alias.Hit{}, squall.Errorf(squall.Invalid, "%s", value.MessageOf(err))
	}
	for _, multiple := range []bool{false, true} {
		var found []alias.Hit
		for _, h := range hits {
			if h.MatchMultiple == multiple {
				found = append(found, h)
			}
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1 && multiple:
			return alias.Hit{}, squall.Errorf(squall.Invalid, "Command '%s' matched more than 1 (multi) pattern", command)
		case len(found) > 1:
			return alias.Hit{}, squall.Errorf(squall.Invalid, "Command '%s' matched more than 1 pattern", command)
		}
	}
	return alias.Hit{}, squall.Errorf(squall.Invalid, "Command '%s' matched no patterns", command)
}

// defaultHelp is how many lines help has when the client does not say (st2).
const defaultHelp = 100

// aliasHelp lists what can be said. Filters: filter (a regular expression), pack.
func (s *Server) aliasHelp(w http.ResponseWriter, r *request) error {
	q := alias.HelpQuery{Filter: r.query.Get("filter"), Pack: r.query.Get("pack"), Limit: defaultHelp}
	for name, into := range map[string]*int{"limit": &q.Limit, "offset": &q.Offset} {
		n, given, err := integer(r.query, name)
		if err != nil {
			return err
		}
		if given {
			*into = int(min(max(n, 0), math.MaxInt32))
		}
	}
	all, err := s.aliases(r.Context())
	if err != nil {
		return err
	}
	page, available, err := alias.Help(r.Context(), all, q)
	if err != nil {
		return squall.Errorf(squall.Invalid, "filter: %s", value.MessageOf(err))
	}
	help := wire.AliasHelp{Available: available, Lines: []wire.AliasHelpLine{}}
	for _, l := range page {
		help.Lines = append(help.Lines, wire.AliasHelpLine{Pack: l.Pack, Display: l.Display, Description: l.Description})
	}
	return respondJSON(w, http.StatusOK, help)
}

// dictOf reads a JSON object as the values that expressions see.
func dictOf(doc json.RawMessage) (*value.Dict, error) {
	if len(doc) == 0 {
		return value.NewDict(0), nil
	}
	v, err := value.FromJSON(doc)
	if err != nil {
		return nil, fmt.Errorf("read values: %w", err)
	}
	d, ok := v.(*value.Dict)
	if !ok {
		return nil, fmt.Errorf("read values: %s is no object", value.TypeName(v))
	}
	return d, nil
}

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"squall/internal/api/wire"
	"squall/internal/content"
	"squall/internal/squall"
	"squall/internal/store"
)

// parameterShape is the JSON schema of one parameter: draft 4 with StackStorm's
// additions, a type must be one name.
const parameterShape = `{"type": "object", "additionalProperties": false, "properties": {
	"id": {"type": "string"}, "$schema": {"type": "string"}, "title": {"type": "string"}, "description": {"type": "string"}, "default": {},
	"multipleOf": {"type": "number", "minimum": 0, "exclusiveMinimum": true},
	"maximum": {"type": "number"}, "exclusiveMaximum": {"type": "boolean"}, "minimum": {"type": "number"}, "exclusiveMinimum": {"type": "boolean"},
	"maxLength": {"type": "integer", "minimum": 0}, "minLength": {"type": "integer", "minimum": 0}, "pattern": {"type": "string"},
	"additionalItems": {"anyOf": [{"type": "boolean"}, {"type": "object"}]}, "items": {"anyOf": [{"type": "object"}, {"type": "array"}]},
	"maxItems": {"type": "integer", "minimum": 0}, "minItems": {"type": "integer", "minimum": 0}, "uniqueItems": {"type": "boolean"},
	"maxProperties": {"type": "integer", "minimum": 0}, "minProperties": {"type": "integer", "minimum": 0},
	"required": {"type": "boolean"}, "secret": {"type": "boolean"}, "immutable": {"type": "boolean"},
	"additionalProperties": {"anyOf": [{"type": "boolean"}, {"type": "object"}]},
	"definitions": {"type": "object"}, "properties": {"type": "object"}, "patternProperties": {"type": "object"}, "dependencies": {"type": "object"},
	"enum": {"type": "array", "minItems": 1, "uniqueItems": true},
	"type": {"anyOf": [{"enum": ["array", "boolean", "integer", "null", "number", "object", "string"]}]},
	"position": {"type": "number", "minimum": 0},
	"allOf": {"type": "array", "minItems": 1}, "anyOf": {"type": "array", "minItems": 1}, "oneOf": {"type": "array", "minItems": 1}, "not": {"type": "object"}
}}`

var actionShape = typedShape("ActionRequest", `{
	`+derivedMembers+`, `+tagMember+`,
	"name": {"type": "string", "required": true},
	"description": {"type": "string"},
	"enabled": {"type": "boolean", "default": true},
	"runner_type": {"type": "string", "required": true},
	"entry_point": {"type": "string", "default": ""},
	"pack": {"type": "string"},
	"parameters": {"type": "object", "default": {}, "patternProperties": {"": `+parameterShape+`}},
	"output_schema": {"type": "object"},
	"notify": {"type": "object"},
	"data_files": {"type": "array", "items": {"type": "object", "additionalProperties": false, "properties": {
		"file_path": {"type": "string", "required": true}, "content": {"type": "string", "required": true}}}}
}`).asks("name", "runner_type")

var actionDeleteShape = typedShape("ActionDeleteRequest", `{"remove_files": {"type": "boolean", "default": false}}`)

// actionCreate makes an action in a pack, with the files that come along.
func (s *Server) actionCreate(w http.ResponseWriter, r *request) error {
	a, files, name, err := s.readAction(r)
	if err != nil {
		return err
	}
	if a.Ref, err = refOf(orDefault(name.Pack, defaultPack), name.Name); err != nil {
		return err
	}
	if err := r.caller.CheckOn(r.route.need, actionUIDs(a.Ref)...); err != nil {
		return err
	}
	if err := s.checkAction(r, a); err != nil {
		return err
	}
	err = s.Store.View(r.Context(), func(tx store.Tx) error { return refuseTakenAction(r, tx, a.Ref) })
	if err != nil {
		return err // before its files are written
	}
	if err := s.writeActionFiles(r, a, files); err != nil {
		return err
	}
	err = s.Store.Update(r.Context(), func(tx store.Tx) error {
		if err := refuseTakenAction(r, tx, a.Ref); err != nil {
			return err
		}
		if err := tx.PutAction(r.Context(), a); err != nil {
			return err
		}
		if err := s.tellFiles(r.Context(), tx, a.Ref, files); err != nil {
			return err
		}
		return s.note(tx, r, actionUIDs(a.Ref)[0])
	})
	if err != nil {
		return err
	}
	return respond(w, http.StatusCreated, func(e *wire.Encoder) { e.Action(a, wire.Fields{}) })
}

// actionPut replaces an action. Without a pack it stays in its own (st2).
func (s *Server) actionPut(w http.ResponseWriter, r *request) error {
	a, files, name, err := s.readAction(r)
	if err != nil {
		return err
	}
	old, err := s.action(r, r.params["ref"])
	if err != nil {
		return err
	}
	if a.Ref, err = refOf(orDefault(name.Pack, old.Ref.Pack), name.Name); err != nil {
		return err
	}
	if err := checkNotSystem(old.Ref.Pack); err != nil {
		return err
	}
	if err := r.caller.CheckOn(r.route.need, actionUIDs(a.Ref)...); err != nil {
		return err // it may be given another name
	}
	if err := s.checkAction(r, a); err != nil {
		return err
	}
	a.Repeatable, a.Labels = old.Repeatable, old.Labels // StackStorm's clients do not know them
	if err := s.writeActionFiles(r, a, files); err != nil {
		return err
	}
	err = s.Store.Update(r.Context(), func(tx store.Tx) error {
		if _, err := tx.CurrentVersion(r.Context(), old.Ref); err != nil {
			return notFoundAs(err, errNoResource(r.params["ref"]))
		}
		if old.Ref != a.Ref {
			if err := refuseTakenAction(r, tx, a.Ref); err != nil {
				return err
			}
			if err := store.RemoveAction(r.Context(), tx, old.Ref); err != nil {
				return err
			}
		}
		if err := tx.PutAction(r.Context(), a); err != nil {
			return err
		}
		if err := s.tellFiles(r.Context(), tx, a.Ref, files); err != nil {
			return err
		}
		return s.note(tx, r, actionUIDs(a.Ref)[0])
	})
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, func(e *wire.Encoder) { e.Action(a, wire.Fields{}) })
}

// actionDelete removes an action, and its files when that is asked for.
func (s *Server) actionDelete(w http.ResponseWriter, r *request) error {
	body, err := s.readShape(r, actionDeleteShape)
	if err != nil {
		return err
	}
	a, err := s.action(r, r.params["ref"])
	if err != nil {
		return err
	}
	if err := checkNotSystem(a.Ref.Pack); err != nil {
		return err
	}
	withFiles := body.flag("remove_files", false)
	if withFiles {
		if err := s.removeActionFiles(r, a); err != nil {
			return err
		}
	}
	err = s.Store.Update(r.Context(), func(tx store.Tx) error {
		remove := store.RemoveAction
		if withFiles { // there is no file any more from which it could come back
			remove = func(ctx context.Context, tx store.Tx, ref squall.Ref) error { return tx.DeleteAction(ctx, ref) }
		}
		if err := remove(r.Context(), tx, a.Ref); err != nil {
			return err
		}
		return s.note(tx, r, actionUIDs(a.Ref)[0])
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func refuseTakenAction(r *request, tx store.Tx, ref squall.Ref) error {
	_, err := tx.CurrentVersion(r.Context(), ref)
	switch {
	case squall.KindOf(err) == squall.NotFound:
		return nil
	case err != nil:
		return err
	}
	return newConflict("action", ref.String())
}

// readAction reads and checks the body of a request for an action.
func (s *Server) readAction(r *request) (a *squall.Action, files []content.File, name squall.Ref, err error) {
	body, err := s.readShape(r, actionShape)
	if err != nil {
		return nil, nil, name, err
	}
	a = &squall.Action{
		Description: body.str("description"), Runner: body.str("runner_type"), Enabled: body.flag("enabled", true),
		EntryPoint: body.str("entry_point"), Tags: body.tags(), MetadataFile: body.str("metadata_file"),
	}
	if a.Parameters, err = readSchema(body.raw("parameters", "object")); err != nil {
		return nil, nil, name, err
	}
	if a.Output, err = outputSchema(body.raw("output_schema", "object")); err != nil {
		return nil, nil, name, err
	}
	if a.Notify, err = cleanNotify(body.raw("notify", "object")); err != nil {
		return nil, nil, name, err
	}
	if isEmpty(a.Notify) {
		a.Notify = nil
	}
	var given []struct {
		Path    string `json:"file_path"`
		Content string `json:"content"`
	}
	if v := body.raw("data_files", "array"); v != nil {
		body.decode(v, &given)
	}
	if body.err != nil {
		return nil, nil, name, body.err
	}
	for _, f := range given {
		files = append(files, content.File{Path: f.Path, Text: []byte(f.Content)})
	}
	return a, files, squall.Ref{Pack: body.str("pack"), Name: body.str("name")}, nil
}

var parameterName = regexp.MustCompile(`^[\p{L}\p{N}_]+$`)

// readSchema reads the parameters of an action in the order given.
func readSchema(doc json.RawMessage) (squall.Schema, error) {
	if isEmpty(doc) {
		return nil, nil
	}
	var schema squall.Schema
	var strange []string
	d := json.NewDecoder(bytes.NewReader(doc))
	_, _ = d.Token() // the brace: it was checked to be an object
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read parameters: %w", err)
		}
		var keywords map[string]json.RawMessage
		if err := d.Decode(&keywords); err != nil {
			return nil, squall.Errorf(squall.Invalid, "The schema of parameter %v is not of type 'object'", name)
		}
		key := name.(string)
		if !parameterName.MatchString(key) {
			strange = append(strange, pyString(key))
		}
		schema = append(schema, parameterOf(key, keywords))
	}
	if len(strange) > 0 {
		slices.Sort(strange)
		verb := "does"
		if len(strange) > 1 {
			verb = "do"
		}
		return nil, squall.Errorf(squall.Invalid, `%s %s not match any of the regexes: '^\\w+$'`, strings.Join(strange, ", "), verb)
	}
	return schema, nil
}

// outputDefaults are the members that StackStorm puts into every output schema
// that comes through the API.
var outputDefaults = map[string]json.RawMessage{
	"additionalItems": json.RawMessage(`{}`), "items": json.RawMessage(`{}`), "uniqueItems": json.RawMessage(`false`),
	"required": json.RawMessage(`false`), "secret": json.RawMessage(`false`), "additionalProperties": json.RawMessage(`{}`),
	"definitions": json.RawMessage(`{}`), "properties": json.RawMessage(`{}`), "patternProperties": json.RawMessage(`{}`),
	"immutable": json.RawMessage(`false`),
}

func outputSchema(doc json.RawMessage) (json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	if doc != nil {
		if err := json.Unmarshal(doc, &members); err != nil {
			return nil, squall.Errorf(squall.Invalid, "%s is not of type 'object'", pyValue(doc))
		}
	}
	for name, v := range outputDefaults {
		if isNull(members[name]) {
			members[name] = v
		}
	}
	return marshal(members)
}

// checkAction checks what an action needs to be there, and its parameters, and gives
// it what comes from runner and pack.
func (s *Server) checkAction(r *request, a *squall.Action) error {
	if err := checkNotSystem(a.Ref.Pack); err != nil {
		return err
	}
	rt, ok := s.Runners.RunnerType(a.Runner)
	if !ok {
		return squall.Errorf(squall.Invalid, "RunnerType %s is not found. If you are using old and deprecated runner name, you need to switch to a new one. "+
			"For more information, please see https://docs.stackstorm.com/upgrade_notes.html#st2-v0-9", a.Runner)
	}
	a.Runner = rt.Name
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		pack, err := tx.Pack(r.Context(), a.Ref.Pack)
		if err == nil {
			a.Labels = pack.Labels // as when it is read from a file
		}
		return err
	})
	if squall.KindOf(err) == squall.NotFound {
		return squall.Errorf(squall.Invalid, "Content pack %q is not found or doesn't contain actions directory. Searched in: %s",
			a.Ref.Pack, strings.Join(s.Packs.Searched(), ","))
	}
	if err != nil {
		return err
	}
	return checkParameters(a, rt)
}

// checkParameters checks the parameters of an action against those of its runner.
func checkParameters(a *squall.Action, rt *squall.RunnerType) error {
	at := map[int]string{}
	var taken []int
	for _, p := range a.Parameters {
		inherited, isRunners := rt.Parameters.Get(p.Name)
		if isRunners {
			if name := overridden(p, inherited); name != "" {
				return squall.Errorf(squall.Invalid, "The attribute %q for the runner parameter %q in action %q cannot be overridden.", name, p.Name, a.Ref)
			}
		}
		if p.Position != nil {
			if other, ok := at[*p.Position]; ok {
				return squall.Errorf(squall.Invalid, "Parameters %s and %s have same position %d. Position values have to be unique.", p.Name, other, *p.Position)
			}
			at[*p.Position] = p.Name
			taken = append(taken, *p.Position)
		}
		switch {
		case !p.Immutable:
		case inherited.Immutable:
			return squall.Errorf(squall.Invalid, "Param %s is declared immutable in runner. Cannot override in action.", p.Name)
		case p.Default == nil && inherited.Default == nil:
			return squall.Errorf(squall.Invalid, "Immutable param %s requires a default value.", p.Name)
		}
	}
	slices.Sort(taken)
	for i := 1; i < len(taken); i++ {
		if taken[i] != taken[i-1]+1 {
			list := make([]string, len(taken))
			for i, n := range taken {
				list[i] = strconv.Itoa(n)
			}
			return squall.Errorf(squall.Invalid, "Positions supplied [%s] for parameters are not contiguous.", strings.Join(list, ", "))
		}
	}
	return nil
}

// overridden names an attribute of the runner's parameter that the action must
// not change, "" when there is none.
func overridden(p, inherited squall.Parameter) string {
	if p.Type != nil && !bytes.Equal(p.Type, inherited.Type) {
		return "type"
	}
	if p.Position != nil && (inherited.Position == nil || *p.Position != *inherited.Position) {
		return "position"
	}
	var mine, theirs map[string]json.RawMessage
	_ = json.Unmarshal(p.Rest, &mine) // none is an empty one
	_ = json.Unmarshal(inherited.Rest, &theirs)
	for name, v := range mine {
		switch name {
		case "enum", "required", "immutable", "secret":
		default:
			if !bytes.Equal(v, theirs[name]) {
				return name
			}
		}
	}
	return ""
}

// writeActionFiles writes the files that came with an action below the actions
// directory of its pack, and takes the text of a workflow into the action.
func (s *Server) writeActionFiles(r *request, a *squall.Action, files []content.File) error {
	for i, f := range files {
		files[i].Path = path.Join("actions", f.Path)
		if path.IsAbs(f.Path) || !strings.HasPrefix(files[i].Path, "actions/") {
			return squall.Errorf(squall.Invalid, `Invalid file path: "%s". File path needs to be relative to the pack actions directory. For example "my_action.py".`, f.Path)
		}
	}
	if len(files) > 0 {
		if err := s.Packs.WriteFiles(r.Context(), a.Ref.Pack, files); err != nil {
			return err
		}
	}
	if !workflows[a.Runner] || a.EntryPoint == "" {
		return nil
	}
	text, err := s.readPackFile(r, a.Ref.Pack, path.Join("actions", a.EntryPoint))
	switch {
	case errors.Is(err, fs.ErrNotExist) || squall.KindOf(err) == squall.NotFound:
		return nil // the action fails until the file is there (st2)
	case err != nil:
		return err
	}
	a.Definition = orDefault(string(text), "\n")
	return nil
}

// removeActionFiles removes the files of an action.
func (s *Server) removeActionFiles(r *request, a *squall.Action) error {
	var names []string
	if a.EntryPoint != "" {
		names = append(names, path.Join("actions", a.EntryPoint))
	}
	if a.MetadataFile != "" {
		names = append(names, a.MetadataFile)
	}
	err := s.Packs.RemoveFiles(r.Context(), a.Ref.Pack, names)
	if squall.KindOf(err) == squall.NotFound {
		return nil // the pack has no files
	}
	return err
}

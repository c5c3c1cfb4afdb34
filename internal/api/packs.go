package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"squall/internal/api/wire"
	"squall/internal/content"
	"squall/internal/squall"
	"squall/internal/store"
)

// Packs registers packs and knows the index; content.Service.
type Packs interface {
	RegisterPacks(ctx context.Context, names []string, o content.Options) ([]*content.Report, error)
	Index() (map[string]*content.Entry, error)
	Search(query string) ([]*content.Entry, error)
	WriteFiles(ctx context.Context, pack string, files []content.File) error
	RemoveFiles(ctx context.Context, pack string, names []string) error
	Searched() []string
}

// noPacks stands for a server that was made without a service for packs.
type noPacks struct{}

var errNoPacks = squall.Errorf(squall.NotFound, "This server does not manage packs.")

func (noPacks) RegisterPacks(context.Context, []string, content.Options) ([]*content.Report, error) {
	return nil, errNoPacks
}
func (noPacks) Index() (map[string]*content.Entry, error)                { return nil, errNoPacks }
func (noPacks) Search(string) ([]*content.Entry, error)                  { return nil, errNoPacks }
func (noPacks) WriteFiles(context.Context, string, []content.File) error { return errNoPacks }
func (noPacks) RemoveFiles(context.Context, string, []string) error      { return errNoPacks }
func (noPacks) Searched() []string                                       { return nil }

// registerTypes are what may be asked to be registered (st2), in the order in
// which its message names them, and the directories they stand for.
var registerTypes = []struct{ name, dir string }{
	{"all", ""}, {"runner", ""}, {"action", "actions"}, {"actions", "actions"}, {"trigger", "triggers"}, {"triggers", "triggers"},
	{"sensor", "sensors"}, {"sensors", "sensors"}, {"rule", "rules"}, {"rules", "rules"}, {"rule_type", ""}, {"rule_types", ""},
	{"alias", "aliases"}, {"aliases", "aliases"}, {"policy_type", ""}, {"policy_types", ""}, {"policy", "policies"}, {"policies", "policies"},
	{"config", ""}, {"configs", ""},
}

// registerDirs reads the types of a request; nil stands for all.
func registerDirs(types []string) ([]string, error) {
	dirs := []string{}
	for _, name := range types {
		i := slices.IndexFunc(registerTypes, func(t struct{ name, dir string }) bool { return t.name == name })
		if i < 0 {
			var names []string
			for _, t := range registerTypes {
				names = append(names, pyString(t.name))
			}
			return nil, squall.Errorf(squall.Invalid, "%s is not one of [%s]", pyString(name), strings.Join(names, ", "))
		}
		if name == "all" {
			return nil, nil
		}
		if dir := registerTypes[i].dir; dir != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	if len(types) == 0 {
		return nil, nil
	}
	return dirs, nil
}

// packRegister registers packs from their files and answers how many files of
// each kind are registered (st2). With fail_on_failure, which is the default, a
// faulty file is an error; what is right is registered all the same.
func (s *Server) packRegister(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, true)
	if err != nil {
		return err
	}
	types, names := body.strs("types"), body.strs("packs")
	strict := true
	if v := body.raw("fail_on_failure", "boolean"); v != nil {
		strict = string(v) == "true"
	}
	if body.err != nil {
		return body.err
	}
	dirs, err := registerDirs(types)
	if err != nil {
		return err
	}
	reports, err := s.Packs.RegisterPacks(r.Context(), names, content.Options{Dirs: dirs})
	if err != nil {
		return err
	}
	if strict {
		for _, report := range reports {
			for _, p := range report.Problems {
				if !p.Warning {
					return squall.Errorf(squall.Invalid, "Failed to register pack %q: %s", report.Pack, p)
				}
			}
		}
	}
	answer, err := s.registered(r, types, names, reports)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, answer)
}

// registered counts what was registered in the words of the original, which
// registers the kinds of runner, rule and policy along. types are those asked for;
// none stands for all.
func (s *Server) registered(r *request, types, packs []string, reports []*content.Report) (map[string]int, error) {
	asked := func(names ...string) bool {
		return len(types) == 0 || slices.Contains(types, "all") || slices.ContainsFunc(names, func(name string) bool { return slices.Contains(types, name) })
	}
	answer := map[string]int{}
	for _, kind := range []struct{ one, all string }{
		{"trigger", "triggers"}, {"sensor", "sensors"}, {"action", "actions"}, {"alias", "aliases"}, {"policy", "policies"}, {"rule", "rules"},
	} {
		if !asked(kind.one, kind.all) {
			continue
		}
		n := 0
		for _, report := range reports {
			n += report.Files[kind.all].Right
		}
		answer[kind.all] = n
	}
	if asked("runner", "action", "actions") {
		answer["runners"] = len(s.Runners.All())
	}
	if asked("rule_type", "rule_types", "rule", "rules") {
		answer["rule_types"] = len(wire.RuleTypes())
	}
	if asked("policy_type", "policy_types", "policy", "policies") {
		answer["policy_types"] = len(squall.PolicyTypes())
	}
	if !asked("config", "configs") {
		return answer, nil
	}
	answer["configs"] = 0
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		all, err := tx.FindContent(r.Context(), store.ContentFilter{Kind: store.Configs})
		n := 0
		for _, c := range all {
			if len(packs) == 0 || slices.Contains(packs, c.Ref) {
				n++
			}
		}
		answer["configs"] = n
		return err
	})
	return answer, err
}

// packInstall starts the action that installs packs and answers with its
// execution (st2).
func (s *Server) packInstall(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, true)
	if err != nil {
		return err
	}
	body.required("packs")
	params := map[string]any{"packs": body.strs("packs")}
	for _, name := range []string{"force", "skip_dependencies"} {
		if v := body.raw(name, "boolean"); v != nil {
			params[name] = string(v) == "true"
		}
	}
	return s.packAction(w, r, body, "install", params)
}

// packUninstall starts the action that removes packs.
func (s *Server) packUninstall(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, true)
	if err != nil {
		return err
	}
	body.required("packs")
	return s.packAction(w, r, body, "uninstall", map[string]any{"packs": body.strs("packs")})
}

func (s *Server) packAction(w http.ResponseWriter, r *request, body *object, name string, params map[string]any) error {
	if body.err != nil {
		return body.err
	}
	doc, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("encode parameters: %w", err)
	}
	action := squall.Ref{Pack: "packs", Name: name}
	ex, err := s.Lifecycle.Request(r.Context(), squall.Request{
		Action: action, Parameters: doc, User: r.caller.User, Audit: s.inTransaction(r, "action "+action.String()),
	})
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusAccepted, map[string]squall.ID{"execution_id": ex.ID})
}

// packIndex answers with the packs that can be installed by name.
func (s *Server) packIndex(w http.ResponseWriter, _ *request) error {
	index, err := s.Packs.Index()
	if err != nil {
		return err
	}
	if index == nil {
		index = map[string]*content.Entry{}
	}
	return respondJSON(w, http.StatusOK, map[string]any{"status": []any{}, "index": index})
}

// packSearch looks in the index: for one pack by its name, or for packs whose
// name, description or keywords hold a text.
func (s *Server) packSearch(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, true)
	if err != nil {
		return err
	}
	query, name := body.str("query"), body.str("pack")
	if body.err != nil {
		return body.err
	}
	if _, one := body.members["pack"]; one {
		index, err := s.Packs.Index()
		if err != nil {
			return err
		}
		if e := index[name]; e != nil {
			return respondJSON(w, http.StatusOK, e)
		}
		return respondJSON(w, http.StatusOK, map[string]any{}) // st2: nothing is an empty pack
	}
	found, err := s.Packs.Search(query)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, found)
}

// configSchemaList lists what packs say of their configuration.
func (s *Server) configSchemaList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, s.MaxPageSize)
	if err != nil {
		return err
	}
	ids, err := onlyIDs(r.query)
	if err != nil {
		return err
	}
	var schemas []*squall.ConfigSchema
	var total int
	err = s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		schemas = nil
		found, err := contentsByID(r.Context(), tx, store.ConfigSchemas, ids)
		if err != nil {
			return err
		}
		sorted(r.query, found, byID)
		total = len(found)
		for _, doc := range slice(p, found) {
			schema, err := store.Decode[squall.ConfigSchema](doc)
			if err != nil {
				return err
			}
			schemas = append(schemas, schema)
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.headers(w.Header(), total)
	return respond(w, http.StatusOK, func(e *wire.Encoder) {
		e.Array(func() {
			for _, c := range schemas {
				e.ConfigSchema(c)
			}
		})
	})
}

// configSchemaGet answers with one pack's.
func (s *Server) configSchemaGet(w http.ResponseWriter, r *request) error {
	var schema *squall.ConfigSchema
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		c, err := tx.Content(r.Context(), store.ConfigSchemas, r.params["ref"])
		if err != nil {
			return err
		}
		schema, err = store.Decode[squall.ConfigSchema](c)
		return err
	})
	if squall.KindOf(err) == squall.NotFound {
		return s.noConfigSchema(r)
	}
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, func(e *wire.Encoder) { e.ConfigSchema(schema) })
}

// noConfigSchema says what is missing: the pack, or its schema (st2).
func (s *Server) noConfigSchema(r *request) error {
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		_, err := tx.Pack(r.Context(), r.params["ref"])
		return err
	})
	switch {
	case err == nil:
		return squall.Errorf(squall.NotFound, "Unable to identify resource with pack_ref %q.", r.params["ref"])
	case squall.KindOf(err) == squall.NotFound:
		return squall.Errorf(squall.NotFound, "Resource with a ref or id %q not found", r.params["ref"])
	default:
		return err
	}
}

// packIndexHealth says whether the index of packs can be read (st2).
func (s *Server) packIndexHealth(w http.ResponseWriter, _ *request) error {
	health := wire.IndexHealth{}
	health.Indexes.Errors, health.Indexes.Status = map[string]int{}, []wire.IndexStatus{}
	index, err := s.Packs.Index()
	switch {
	case squall.KindOf(err) == squall.NotFound && index == nil:
	case err != nil:
		health.Indexes.Count, health.Indexes.Invalid = 1, 1
		health.Indexes.Errors["unresponsive"] = 1
		health.Indexes.Status = append(health.Indexes.Status, wire.IndexStatus{Message: squall.MessageOf(err), Error: "unresponsive"})
	case index != nil:
		health.Indexes.Count, health.Indexes.Valid, health.Packs.Count = 1, 1, len(index)
		health.Indexes.Status = append(health.Indexes.Status, wire.IndexStatus{Packs: len(index), Message: "Success."})
	}
	return respondJSON(w, http.StatusOK, health)
}

package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/workflow"
)

// findingTypes are the names of the kinds of finding in the API (st2).
var findingTypes = map[workflow.Category]string{
	workflow.CategorySyntax: "syntax", workflow.CategorySemantics: "semantic",
	workflow.CategoryExpressions: "expression", workflow.CategoryContext: "context", workflow.CategoryLoad: "syntax",
}

// finding is a finding in the form in which StackStorm shows it.
func finding(p *workflow.Problem) *value.Dict {
	d := value.NewDict(6)
	for k, v := range p.Value().All() {
		switch name, _ := value.AsString(k); name {
		case "category":
		case "type":
			d.SetStr("language", v)
		default:
			d.SetStr(name, v)
		}
	}
	d.SetStr("type", findingTypes[p.Category])
	return d
}

const taskSchema = `properties.tasks.patternProperties.^\w+$.properties.`

// Inspect says what is wrong with the text of an Orquesta workflow, in the form
// in which StackStorm shows it: the conductor's findings, actions that do not
// exist, and parameters that they need or do not know. Nothing is run.
func (s *Service) Inspect(ctx context.Context, text string) ([]*value.Dict, error) {
	if s.flow.Exprs == nil {
		return nil, squall.Errorf(squall.Invalid, "This process does not run workflows.")
	}
	spec, problems := workflow.Parse([]byte(text))
	if spec != nil {
		problems = spec.Inspect(s.flow.Exprs, []string{"st2"})
	}
	var found []*value.Dict
	for i := range problems {
		found = append(found, finding(&problems[i]))
	}
	if spec != nil {
		err := s.st.View(ctx, func(tx store.Tx) error {
			contents, err := s.inspectContents(spec, s.registered(ctx, tx))
			found = append(found[:len(problems):len(problems)], contents...)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("inspect workflow: %w", err)
		}
	}
	sortFindings(found)
	return found, nil
}

// inspectBegin adds to the fault of a definition what is wrong with the actions
// that its tasks name: a workflow with any such mistake does not begin (st2).
// Workflows of Mistral and chains find out on the way, as they did.
func (s *Service) inspectBegin(ctx context.Context, def *Definition, fault *flowFault) (*flowFault, error) {
	if def.Action.Runner != WorkflowRunner || def.flowSpec == nil {
		return fault, nil
	}
	var contents []*value.Dict
	inspect := func(find func(squall.Ref) (*Definition, error)) (err error) {
		contents, err = s.inspectContents(def.flowSpec, find)
		return err
	}
	err := inspect(func(ref squall.Ref) (*Definition, error) {
		if known := s.newest(ref); known != nil {
			return known, nil
		}
		return nil, errNotKnown
	})
	if errors.Is(err, errNotKnown) || len(contents) > 0 { // what is known may be old
		err = s.st.View(ctx, func(tx store.Tx) error { return inspect(s.registered(ctx, tx)) })
	}
	if err != nil {
		return nil, fmt.Errorf("inspect workflow: %w", err)
	}
	if len(contents) == 0 {
		return fault, nil
	}
	found := &flowFault{}
	if fault != nil {
		found.problems = slices.Clone(fault.problems)
	}
	found.problems = append(found.problems, contents...)
	sortFindings(found.problems)
	return found, nil
}

// errNotKnown says that the database has to be asked.
var errNotKnown = errors.New("not known")

// registered finds an action in the database, enabled or not; nil when there is
// none.
func (s *Service) registered(ctx context.Context, tx store.Tx) func(squall.Ref) (*Definition, error) {
	return func(ref squall.Ref) (*Definition, error) {
		version, err := tx.CurrentVersion(ctx, ref)
		if squall.KindOf(err) == squall.NotFound {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return s.definition(ctx, tx, version)
	}
}

// sortFindings orders findings by type and place (st2).
func sortFindings(found []*value.Dict) {
	slices.SortStableFunc(found, func(a, b *value.Dict) int {
		for _, key := range []string{"type", "schema_path"} {
			x, _ := a.GetStr(key)
			y, _ := b.GetStr(key)
			s, _ := value.AsString(x)
			t, _ := value.AsString(y)
			if c := strings.Compare(s, t); c != 0 {
				return c
			}
		}
		return 0
	})
}

// inspectContents checks the actions that tasks name; find gives nil for one that
// does not exist.
func (s *Service) inspectContents(spec *workflow.Spec, find func(squall.Ref) (*Definition, error)) (found []*value.Dict, err error) {
	report := func(specPath, schemaPath, format string, args ...any) {
		found = append(found, value.DictOf("type", "content", "message", fmt.Sprintf(format, args...),
			"spec_path", specPath, "schema_path", taskSchema+schemaPath))
	}
	for _, t := range spec.Tasks {
		name, _ := value.AsString(t.Action)
		if name == "" || s.flow.Exprs.HasExpr(name) {
			continue
		}
		at := "tasks." + t.Name
		ref, err := squall.ParseRef(name)
		if err != nil {
			report(at+".action", "action", "The action reference %q is not formatted correctly.", name)
			continue
		}
		def, err := find(ref)
		if err != nil {
			return nil, err
		}
		if def == nil {
			report(at+".action", "action", "The action %q is not registered in the database.", name)
			continue
		}
		given, ok := t.Input.(*value.Dict)
		if t.Input != nil && !ok {
			continue // an expression gives them
		}
		missing, unknown := compareInput(def, given)
		for _, p := range missing {
			report(at+".input", "input", "Action %q is missing required input %q.", name, p)
		}
		for _, p := range unknown {
			report(at+".input."+p, `input.patternProperties.^\w+$`, "Action %q has unexpected input %q.", name, p)
		}
	}
	return found, nil
}

// compareInput lists parameters that must be given and are not, and those that
// the action does not know.
func compareInput(def *Definition, given *value.Dict) (missing, unknown []string) {
	known := map[string]squall.Parameter{}
	if def.Runner != nil {
		for _, p := range def.Runner.Parameters {
			known[p.Name] = p
		}
	}
	for _, p := range def.Action.Parameters {
		known[p.Name] = p // the action's stands in place of the runner's (st2)
	}
	has := func(name string) bool { return given != nil && given.Has(name) }
	for name, p := range known {
		if p.Required && p.Default == nil && !has(name) {
			missing = append(missing, name)
		}
	}
	if given != nil {
		for k := range given.All() {
			name, _ := value.AsString(k)
			if _, ok := known[name]; !ok {
				unknown = append(unknown, name)
			}
		}
	}
	slices.Sort(missing)
	slices.Sort(unknown)
	return missing, unknown
}

// findingsJSON is a list of findings as a document.
func findingsJSON(found []*value.Dict) (json.RawMessage, error) {
	list := value.NewList()
	for _, d := range found {
		list.Items = append(list.Items, d)
	}
	return value.ToJSON(list)
}

// InspectJSON is Inspect, as a JSON list.
func (s *Service) InspectJSON(ctx context.Context, text string) (json.RawMessage, error) {
	found, err := s.Inspect(ctx, text)
	if err != nil {
		return nil, err
	}
	return findingsJSON(found)
}

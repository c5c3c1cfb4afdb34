package conformance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/workflow"
)

// orquestaSuite replays the recordings of the original workflow engine: mocked
// runs, step-by-step scripts, composed graphs, inspections, expressions. Its
// files are grouped by workflow, so it brings a loader of its own.
func orquestaSuite(set *expr.Set) Suite {
	o := &orquesta{set: set, host: workflow.Host{Exprs: set, FreshResults: true}}
	return Suite{Name: "orquesta", Load: loadOrquesta, Modes: map[string]Runner{
		"run": o.run, "script": o.script, "graph": o.graph, "inspect": o.inspect,
		"evaluate": o.evaluate, "validate": o.validate, "extract_vars": o.extractVars,
	}}
}

type orquesta struct {
	set  *expr.Set
	host workflow.Host
}

// Keys that the loader puts into a case's Raw beside the recorded ones.
const (
	rawWorkflow = "\x00workflow"
	rawContext  = "\x00inspection_context"
	rawData     = "\x00data"
)

func loadOrquesta(root string) ([]*Case, error) {
	dir := filepath.Join(root, "orquesta")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []*Case
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		v, err := value.FromJSON(data)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		file, ok := v.(*value.Dict)
		if !ok {
			return fmt.Errorf("%s: not an object", path)
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		out = append(out, orquestaCases(filepath.ToSlash(rel), file)...)
		return nil
	})
	return out, err
}

// orquestaCases are the cases of a file: runs/<category>/<name>.json and so on.
func orquestaCases(rel string, file *value.Dict) []*Case {
	kind, _, _ := strings.Cut(rel, "/")
	name := strings.TrimSuffix(filepath.Base(rel), ".json")
	var out []*Case
	add := func(category, mode, id string, raw *value.Dict, input any) {
		out = append(out, &Case{Suite: "orquesta", Category: category, ID: "orquesta/" + id, Mode: mode, Input: input, Raw: raw,
			Context: value.NewDict(0), Options: value.NewDict(0)})
	}
	with := func(raw *value.Dict, pairs ...any) *value.Dict {
		raw = raw.Clone()
		for i := 0; i < len(pairs); i += 2 {
			raw.Set(pairs[i], pairs[i+1])
		}
		return raw
	}
	source := at(file, "workflow")
	switch kind {
	case "runs":
		category := "runs/" + filepath.Base(filepath.Dir(rel))
		add("graphs", "graph", "graph/"+name, file, name)
		add("inspections", "inspect", "inspect/"+name,
			with(file, rawContext, at(file, "inspection_context"), "expect", inspectionOf(file)), name)
		for _, item := range items(at(file, "cases")) {
			c := item.(*value.Dict)
			id, _ := at(c, "name").(string)
			add(category, "run", "run/"+id, with(c, rawWorkflow, source), id)
		}
	case "scripts":
		for _, item := range items(at(file, "scripts")) {
			s := item.(*value.Dict)
			id, _ := at(s, "name").(string)
			add("scripts", "script", "script/"+name+"/"+id, with(s, rawWorkflow, source), id)
		}
	case "inspection":
		for _, item := range items(at(file, "cases")) {
			c := item.(*value.Dict)
			id, _ := at(c, "name").(string)
			add("inspections", "inspect", "inspect/"+id, with(c, rawContext, at(c, "context")), id)
		}
	case "expressions":
		for _, item := range items(at(file, "cases")) {
			c := item.(*value.Dict)
			id, _ := at(c, "name").(string)
			mode, _ := at(c, "op").(string)
			add("expressions/"+mode, mode, "expression/"+id, with(c, rawData, at(file, "data")), at(c, "expression"))
		}
	}
	return out
}

func inspectionOf(file *value.Dict) any {
	v := at(file, "inspection")
	if l, ok := v.(*value.List); ok {
		return value.DictOf("errors", l)
	}
	return v
}

func at(d *value.Dict, key string) any {
	v, _ := d.GetStr(key)
	return v
}

func dictAt(d *value.Dict, key string) *value.Dict {
	v, _ := at(d, key).(*value.Dict)
	return v
}

func items(v any) []any {
	if l, ok := v.(*value.List); ok {
		return l.Items
	}
	return nil
}

func parseWorkflow(c *Case, key string) (*workflow.Spec, error) {
	text, _ := at(c.Raw, key).(string)
	spec, problems := workflow.Parse([]byte(text))
	if spec == nil {
		return nil, fmt.Errorf("the workflow does not load: %s", problems[0].Message)
	}
	return spec, nil
}

func (o *orquesta) run(ctx context.Context, c *Case) (any, error) {
	spec, err := parseWorkflow(c, rawWorkflow)
	if err != nil {
		return nil, err
	}
	mocked, err := workflow.ReadCase(c.Raw)
	if err != nil {
		return nil, err
	}
	r, err := workflow.Rehearse(ctx, spec, mocked, o.host)
	if err != nil {
		return nil, err
	}
	return nil, sameRun(dictAt(c.Raw, "expect"), r.Value())
}

// sameRun compares what was recorded with what happened, as the corpus says.
func sameRun(want, got *value.Dict) error {
	wantTrace, gotTrace := items(at(want, "trace")), items(at(got, "trace"))
	for i := range max(len(wantTrace), len(gotTrace)) {
		if i >= len(wantTrace) || i >= len(gotTrace) {
			return fmt.Errorf("trace: want %d entries, got %d; the first beyond: %s", len(wantTrace), len(gotTrace),
				show(append(slices.Clone(wantTrace), gotTrace...)[min(len(wantTrace), len(gotTrace))+excess(wantTrace, gotTrace)]))
		}
		w, g := wantTrace[i].(*value.Dict), gotTrace[i].(*value.Dict)
		if at(w, "ev") == "exception" && at(g, "ev") == "exception" {
			continue
		}
		if d := difference(w, g, fmt.Sprintf("trace[%d]", i)); d != "" {
			return errors.New(d)
		}
	}
	return sameOutcome(want, got)
}

// excess is how far into the joined traces the first surplus entry lies.
func excess(want, got []any) int {
	if len(got) > len(want) {
		return len(want)
	}
	return 0
}

func sameOutcome(want, got *value.Dict) error {
	for k, w := range want.All() {
		key := k.(string)
		switch key {
		case "trace":
			continue
		case "errors":
			if err := sameErrors(items(w), items(at(got, key))); err != nil {
				return err
			}
			continue
		}
		if d := difference(w, at(got, key), key); d != "" {
			return errors.New(d)
		}
	}
	return nil
}

// Classes whose wording is Python's own.
var pythonWording = []string{"TypeError", "KeyError", "AttributeError", "ValueError", "IndexError"}

func sameErrors(want, got []any) error {
	if len(want) != len(got) {
		return fmt.Errorf("errors: want %s, got %s", show(value.NewList(want...)), show(value.NewList(got...)))
	}
	for i := range want {
		w, g := want[i].(*value.Dict), got[i].(*value.Dict)
		text, _ := at(w, "message").(string)
		class, _, _ := strings.Cut(text, ":")
		if slices.Contains(pythonWording, class) && at(w, "message") != at(g, "message") {
			if value.Equal(at(w, "task_id"), at(g, "task_id")) && value.Equal(at(w, "route"), at(g, "route")) {
				continue
			}
		}
		if d := difference(w, g, fmt.Sprintf("errors[%d]", i)); d != "" {
			return errors.New(d)
		}
	}
	return nil
}

func (o *orquesta) graph(_ context.Context, c *Case) (any, error) {
	want := dictAt(c.Raw, "graph")
	spec, err := parseWorkflow(c, "workflow")
	if err != nil {
		if want == nil {
			return nil, nil
		}
		return nil, err
	}
	g, err := spec.Graph()
	if err != nil {
		if want == nil {
			return nil, nil
		}
		return nil, err
	}
	if want == nil {
		return nil, errors.New("the graph composes; the original's did not")
	}
	if d := difference(sortedSplits(want), sortedSplits(g.Value()), ""); d != "" {
		return nil, errors.New(d)
	}
	return nil, nil
}

// sortedSplits orders the splits of a graph's nodes: they are a set.
func sortedSplits(g *value.Dict) *value.Dict {
	for _, n := range items(at(g, "nodes")) {
		if l, ok := at(n.(*value.Dict), "splits").(*value.List); ok {
			slices.SortFunc(l.Items, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
		}
	}
	return g
}

func (o *orquesta) inspect(_ context.Context, c *Case) (any, error) {
	want := dictAt(c.Raw, "expect")
	text, _ := at(c.Raw, "workflow").(string)
	spec, problems := workflow.Parse([]byte(text))
	recorded, loads := at(want, "errors").(*value.List)
	if !loads {
		if spec == nil || len(spec.Inspect(o.set, nil)) > 0 {
			return nil, nil // rejected, by one way or the other
		}
		return nil, fmt.Errorf("the original rejects it: %s", show(want))
	}
	if spec == nil {
		return nil, fmt.Errorf("does not load: %s", problems[0].Message)
	}
	var known []string
	if ctx, ok := at(c.Raw, rawContext).(*value.Dict); ok {
		for k := range ctx.All() {
			known = append(known, k.(string))
		}
	}
	var got []any
	for _, p := range spec.Inspect(o.set, known) {
		got = append(got, p.Value())
	}
	if !sameMembers(recorded.Items, got) {
		return nil, fmt.Errorf("want %s, got %s", unlike(recorded.Items, got), unlike(got, recorded.Items))
	}
	return nil, nil
}

// unlike shows the members of a that are not in b.
func unlike(a, b []any) string {
	var out []string
	rest := slices.Clone(b)
	for _, x := range a {
		if i := slices.IndexFunc(rest, func(y any) bool { return difference(x, y, "") == "" }); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
			continue
		}
		text, err := value.Repr(nil, x)
		if err != nil {
			text = err.Error()
		}
		out = append(out, text)
	}
	return strings.Join(out, "\n        ")
}

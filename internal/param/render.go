package param

import (
	"context"
	"regexp"

	"squall/internal/expr"
	"squall/internal/expr/stfn"
	"squall/internal/expr/value"
)

// Rendering is what the parameters of a run are rendered from.
type Rendering struct {
	Runner, Action *value.Dict // schemas: name → {type, default, immutable, ...}; never nil
	Given          *value.Dict // parameters of the request
	Context        *value.Dict // action_context
	Config         *value.Dict // config_context, the pack's configuration
	Extra          *value.Dict // further names, in live rendering only; may be nil
	// Env gives the datastore and the user whose keys st2kv.user reads. Its
	// variables are not used.
	Env *expr.Env
	// GivenIsData: the request came from somebody who must not read the
	// datastore through templates in parameters. Defaults, which the pack's
	// author wrote, still may.
	GivenIsData bool
	// GivenStore answers st2kv instead of Env's to templates that came with the
	// request; it may refuse to decrypt for somebody. Nil: Env's does.
	GivenStore expr.Datastore
}

// RenderLive renders the given parameters when a run is requested: they may be
// templates over each other, over defaults, st2kv, action_context and
// config_context. It returns them cast by schema, and with them the parameters
// that were not given and whose default is a template.
func RenderLive(ctx context.Context, set *expr.Set, r Rendering) (*value.Dict, error) {
	b := set.Limits().Budget(ctx)
	g := r.start(set)
	if r.Extra != nil {
		for k, v := range r.Extra.All() {
			name, _ := k.(string)
			g.setValue(name, v)
		}
	}
	for k, v := range r.Given.All() {
		name, _ := k.(string)
		if err := g.add(b, name, v, true); err != nil {
			return nil, err
		}
	}
	all, err := r.resolve(ctx, set, g, b)
	if err != nil {
		return nil, err
	}
	return r.cast(b, r.Given, all)
}

// RenderFinal renders what is missing when a run starts: given parameters are
// plain values by now, only defaults are templates. It returns every declared
// parameter, cast, split into the runner's and the action's own.
func RenderFinal(ctx context.Context, set *expr.Set, r Rendering) (runner, action *value.Dict, err error) {
	b := set.Limits().Budget(ctx)
	g := r.start(set)
	for k, v := range r.Given.All() {
		name, _ := k.(string)
		g.setValue(name, v)
	}
	all, err := r.resolve(ctx, set, g, b)
	if err != nil {
		return nil, nil, err
	}
	if all, err = r.cast(b, all, all); err != nil {
		return nil, nil, err
	}
	runner, action = value.NewDict(r.Runner.Len()), value.NewDict(r.Action.Len())
	for k, v := range all.All() {
		if _, ok := r.Runner.Get(k); ok {
			runner.Set(k, v)
		} else if _, ok := r.Action.Get(k); ok {
			action.Set(k, v)
		}
	}
	return runner, action, nil
}

// datastore marks the node of st2kv: the template language makes the look-up
// objects itself.
type datastore struct{}

func (datastore) TypeName() string { return "dict" }

func (r *Rendering) start(set *expr.Set) *graph {
	g := newGraph(set)
	g.setValue(nodeDatastore, datastore{})
	g.setValue(nodeContext, orEmpty(r.Context))
	g.setValue(nodeConfig, orEmpty(r.Config))
	return g
}

func orEmpty(d *value.Dict) *value.Dict {
	if d == nil {
		return value.NewDict(0)
	}
	return d
}

// resolve adds the defaults and renders everything in order of dependency.
func (r *Rendering) resolve(ctx context.Context, set *expr.Set, g *graph, b *value.Budget) (*value.Dict, error) {
	if err := g.addDefaults(b, r.Action, r.Runner); err != nil {
		return nil, err
	}
	nodes, err := g.sorted()
	if err != nil {
		return nil, err
	}
	all := value.NewDict(len(nodes))
	env := expr.Env{}
	if r.Env != nil {
		env = *r.Env
	}
	env.Vars = expr.DictVars(all)
	givenEnv := &env
	switch {
	case r.GivenIsData:
		givenEnv = env.ForData()
	case r.GivenStore != nil:
		other := env
		other.Store = r.GivenStore
		givenEnv = &other
	}
	for _, n := range nodes {
		e := &env
		if n.given {
			e = givenEnv
		}
		v := n.value
		if n.hasTemplate {
			if v, err = renderNode(ctx, set, n.template, e, b); err != nil {
				return nil, paramError("Failed to render parameter \"%s\": %s", n.name, messageOf(err))
			}
		}
		if v != any(datastore{}) {
			all.SetStr(n.name, v)
		}
	}
	return all, nil
}

// quotedName finds "{{name}}" inside of JSON: exactly so, without blanks. The
// class A-z is StackStorm's and takes the characters between Z and a, too.
var quotedName = regexp.MustCompile(`"{{([A-z0-9_-]+)}}"`)

// renderNode renders a template. Lists and dicts are rendered as JSON, where
// "{{name}}" keeps the type of the variable.
func renderNode(ctx context.Context, set *expr.Set, template any, env *expr.Env, b *value.Budget) (any, error) {
	text, encoded, err := templateText(b, template)
	if err != nil {
		return nil, err
	}
	if encoded {
		text = quotedName.ReplaceAllString(text, "{{$1 | to_complex}}")
	}
	out, err := renderText(ctx, set, text, env, b, expr.TemplateOptions{})
	if err != nil || !encoded {
		return out, err
	}
	return stfn.LoadJSON(b, out)
}

// messageOf is what Python's str() gives for the error.
func messageOf(err error) string {
	if value.ClassOf(err) != "" {
		return value.MessageOf(err)
	}
	return err.Error()
}

// cast picks names from the rendered values and casts them; parameters that
// were not picked, are not immutable and got their value from a template
// default join them.
func (r *Rendering) cast(b *value.Budget, names, all *value.Dict) (*value.Dict, error) {
	out := value.NewDict(names.Len())
	schemas := []*value.Dict{r.Action, r.Runner}
	for name := range names.All() {
		var entry *value.Dict
		for _, s := range schemas {
			if v, ok := s.Get(name); ok {
				entry, _ = v.(*value.Dict)
			}
		}
		v, _ := all.Get(name)
		c, err := castBySchema(b, v, entry)
		if err != nil {
			return nil, err
		}
		out.Set(name, c)
	}
	for _, s := range schemas {
		for name, item := range s.All() {
			entry, ok := item.(*value.Dict)
			if !ok {
				continue
			}
			immutable, _ := entry.GetStr("immutable")
			fixed, err := value.Truth(immutable)
			if err != nil {
				return nil, err
			}
			def, _ := entry.GetStr("default")
			v, _ := all.Get(name)
			if _, picked := names.Get(name); fixed || picked || !IsExpression(def) || value.Equal(def, v) {
				continue
			}
			c, err := castBySchema(b, v, entry)
			if err != nil {
				return nil, err
			}
			out.Set(name, c)
		}
	}
	return out, nil
}

package chain

import (
	"iter"
	"slices"
	"strings"
	"sync"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/value"
	"squall/internal/param"
	"squall/internal/workflow"
)

// templates compiles and keeps the templates of chains. They are those of
// parameters (strict, to text), not those of Orquesta.
var templates = sync.OnceValue(func() *expr.Set { return expr.NewSet(expr.Limits{}, jinja.New()) })

// renderError is a template that could not be rendered, with its place.
type renderError struct {
	text  string
	err   error
	known bool // st2 expects it, and says which task it belongs to
}

func (e *renderError) Error() string { return e.text }

// renderVars gives the variables a chain begins with. They see the parameters,
// and not each other.
func (c *Conductor) renderVars() (*value.Dict, error) {
	if size(c.spec.vars) == 0 {
		return nil, nil
	}
	out := value.NewDict(c.spec.vars.Len())
	for k, v := range c.spec.vars.All() {
		r, err := c.render(v, expr.DictVars(c.parameters))
		if err != nil {
			return nil, err
		}
		out.Set(k, r)
	}
	return out, nil
}

// render renders one value.
func (c *Conductor) render(v any, seen expr.Vars) (any, error) {
	env := c.host.Env
	env.Vars = expr.LayerVars(seen, whole{seen})
	return param.RenderValue(c.ctx, templates(), v, &env, expr.TemplateOptions{})
}

// whole has one name, __context, for all that others have. The dict is made when
// a template asks for it.
type whole struct{ of expr.Vars }

// Lookup implements expr.Vars.
func (w whole) Lookup(name string) (any, bool) {
	if name != contextName {
		return nil, false
	}
	d := value.NewDict(8)
	for n := range w.of.Names() {
		if v, ok := w.of.Lookup(n); ok {
			d.SetStr(n, v)
		}
	}
	return d, true
}

// Names implements expr.Vars.
func (w whole) Names() iter.Seq[string] { return slices.Values([]string{contextName}) }

const contextName = "__context"

// names is what the templates of a task see. Earlier layers hide later ones;
// nothing is copied, however many tasks are done.
func (c *Conductor) names(more *value.Dict) expr.Vars {
	more.SetStr("__results", c.results)
	return expr.LayerVars(expr.DictVars(more), expr.DictVars(c.vars), expr.DictVars(c.results), expr.DictVars(c.parameters))
}

// renderParameters gives the parameters of a task's action; nil when it has
// none.
func (c *Conductor) renderParameters(n *Node) (*value.Dict, *renderError) {
	if size(n.Parameters) == 0 {
		return nil, nil
	}
	more := value.DictOf("action_context", value.DictOf("parent", c.host.Context))
	if err := c.addConfig(more, n.Parameters); err != nil {
		return nil, &renderError{text: err.Error(), err: err}
	}
	return c.renderAll(n, n.Parameters, c.names(more), "action parameter")
}

// addConfig reads the configuration of the pack when a template asks for it.
func (c *Conductor) addConfig(seen, mapping *value.Dict) error {
	text, err := value.Repr(nil, mapping)
	if err != nil || !strings.Contains(text, "config_context") && !strings.Contains(text, "__context") {
		return nil //nolint:nilerr // what has no text has no template either
	}
	config := value.NewDict(0)
	if c.host.Config != nil {
		if config, err = c.host.Config(c.ctx); err != nil {
			return err
		}
	}
	seen.SetStr("config_context", config)
	return nil
}

func (c *Conductor) renderAll(n *Node, mapping *value.Dict, seen expr.Vars, what string) (*value.Dict, *renderError) {
	out := value.NewDict(mapping.Len())
	for k, v := range mapping.All() {
		r, err := c.render(v, seen)
		if err != nil {
			return nil, placed(err, k, v, what, n)
		}
		out.Set(k, r)
	}
	return out, nil
}

// placed says where a template failed.
func placed(err error, key, v any, what string, n *Node) *renderError {
	class, msg := workflow.Describe(err)
	if class == "JSONDecodeError" || class == "orjson.JSONDecodeError" {
		// The text of a list or an object was torn by what was put into it. st2
		// loses the place then, and for parameters its own handler fails.
		if what == "action parameter" {
			return &renderError{text: "'JSONDecodeError' object has no attribute 'key'", err: err}
		}
		key, v = "None", "None"
	}
	text, _ := v.(string)
	if _, isText := v.(string); !isText {
		if doc, err := value.DumpJSON(nil, v, value.JSONOptions{ItemSep: ",", KeySep: ":", KeepUnicode: true}); err == nil {
			text = doc
		}
	}
	name, _ := value.Str(nil, key)
	return &renderError{err: err, known: true,
		text: "Failed rendering value for " + what + " \"" + name + "\" in task \"" + n.Name + "\" (template string=" + text + "): " + msg}
}

// publish sets the variables a task publishes. Templates become texts (st2).
func (c *Conductor) publish(v *visit) error {
	if size(v.node.Publish) == 0 {
		return nil
	}
	rendered, err := c.renderAll(v.node, v.node.Publish, c.names(value.NewDict(1)), "publish parameter")
	if err != nil {
		return err
	}
	c.vars = c.vars.Clone() // templates may still hold the old ones
	c.vars.Update(rendered)
	c.published = c.published.Clone()
	c.published.Update(rendered)
	c.addContext(rendered)
	return nil
}

package chain

import (
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
		r, err := c.render(k, v, c.parameters)
		if err != nil {
			return nil, err
		}
		out.Set(k, r)
	}
	return out, nil
}

// render renders one value.
func (c *Conductor) render(key, v any, seen *value.Dict) (any, error) {
	if seen.Len() == 0 { // there is always the datastore to see
		seen = value.DictOf("__results", c.results)
	}
	out, err := param.RenderValues(c.ctx, templates(), value.DictOf(key, v), seen, &c.host.Env, expr.TemplateOptions{})
	if err != nil {
		return nil, err
	}
	r, _ := out.Get(key)
	return r, nil
}

// names is what the templates of a task see; later layers hide earlier ones.
func (c *Conductor) names() *value.Dict {
	seen := c.parameters.Clone()
	seen.Update(c.results)
	seen.Update(c.vars)
	seen.SetStr("__results", c.results)
	return seen
}

// renderParameters gives the parameters of a task's action; nil when it has
// none.
func (c *Conductor) renderParameters(n *Node) (*value.Dict, *renderError) {
	if size(n.Parameters) == 0 {
		return nil, nil
	}
	seen := c.names()
	seen.SetStr("action_context", value.DictOf("parent", c.host.Context))
	if err := c.addConfig(seen, n.Parameters); err != nil {
		return nil, &renderError{text: err.Error(), err: err}
	}
	return c.renderAll(n, n.Parameters, seen, "action parameter")
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

func (c *Conductor) renderAll(n *Node, mapping, seen *value.Dict, what string) (*value.Dict, *renderError) {
	out := value.NewDict(mapping.Len())
	for k, v := range mapping.All() {
		r, err := c.render(k, v, seen)
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
	rendered, err := c.renderAll(v.node, v.node.Publish, c.names(), "publish parameter")
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

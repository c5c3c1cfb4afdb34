package conformance

import (
	"context"
	"maps"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// jinjaSuite runs the folder "jinja".
func jinjaSuite(set *expr.Set, lang expr.Templater) Suite {
	s := Suite{Name: "jinja", Input: []string{"template"}, Modes: orquestaModes(lang, set)}
	s.Modes["render"] = func(ctx context.Context, c *Case) (any, error) {
		text, _ := c.Input.(string)
		t, err := lang.CompileTemplate(text, templateOptions(c))
		if err != nil {
			return nil, err
		}
		return t.Eval(ctx, templateEnv(c), set.Limits().Budget(ctx))
	}
	maps.Copy(s.Modes, paramModes(set))
	return s
}

func templateOptions(c *Case) expr.TemplateOptions {
	var o expr.TemplateOptions
	o.AllowUndefined, _ = c.Option("allow_undefined").(bool)
	o.NoTrimBlocks = c.Option("trim_blocks") == false
	o.NoLstripBlocks = c.Option("lstrip_blocks") == false
	if named, ok := c.Option("templates").(*value.Dict); ok {
		o.Templates = map[string]string{}
		for k, v := range named.All() {
			name, _ := k.(string)
			o.Templates[name], _ = v.(string)
		}
	}
	return o
}

// templateEnv is the environment of a render case: the datastore is there
// only when the case asks for it.
func templateEnv(c *Case) *expr.Env {
	e := env(c)
	if c.Option("st2kv") != true {
		e.Store = nil
	}
	return e
}

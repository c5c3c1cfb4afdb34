package jinja

import (
	"strings"

	"squall/internal/expr/value"
)

// template loads a template by the value of an expression.
func (m *machine) template(name any) (*program, error) {
	if m.env.hasLoader {
		if _, err := value.Hash(name); err != nil {
			return nil, err
		}
	}
	return m.env.load(name)
}

// selectTemplate loads the first template of a list that exists.
func (m *machine) selectTemplate(names any) (*program, error) {
	if u, ok := names.(*undefined); ok {
		return nil, u.fail()
	}
	if yes, err := value.Truth(names); err != nil {
		return nil, err
	} else if !yes {
		return nil, value.Errorf("TemplatesNotFound", "Tried to select from an empty list of templates.")
	}
	items, err := value.Collect(m.b, names)
	if err != nil {
		return nil, err
	}
	tried := make([]string, 0, len(items))
	for _, name := range items {
		p, err := m.template(name)
		if err == nil {
			return p, nil
		}
		if !value.IsClass(err, classNotFound, classUndefined) {
			return nil, err
		}
		if u, ok := name.(*undefined); ok {
			tried = append(tried, u.message())
			continue
		}
		s, err := m.str(name)
		if err != nil {
			return nil, err
		}
		tried = append(tried, s)
	}
	return nil, value.Errorf("TemplatesNotFound", "none of the templates given were found: %s", strings.Join(tried, ", "))
}

type includeNode struct {
	template      evaluator
	single, many  bool // known to be one name, or a list of names
	ignoreMissing bool
	withContext   bool
	locals        map[string]slotRef
}

func (n *includeNode) exec(f *frame) error {
	name, err := n.template.eval(f)
	if err != nil {
		return err
	}
	single := n.single
	if !single && !n.many {
		switch name.(type) {
		case string, value.Markup, *undefined:
			single = true
		}
	}
	var p *program
	if single {
		p, err = f.m.template(name)
	} else {
		p, err = f.m.selectTemplate(name)
	}
	if err != nil {
		if n.ignoreMissing && value.IsClass(err, classNotFound, "TemplatesNotFound") {
			return nil
		}
		return err
	}
	if !n.withContext {
		mod, err := f.m.module(p, globalsOnly{}, true)
		if err != nil {
			return err
		}
		return f.m.write(mod.body)
	}
	tc := &tcontext{m: f.m, prog: p, parent: f.tc.snapshot(locals(f, n.locals))}
	return p.render(f.m, tc)
}

// module is an imported template.
type module struct {
	prog  *program
	body  string
	names *value.Dict
}

// module renders p for its exported names. Without a context of its own the
// result is shared by the whole run.
func (m *machine) module(p *program, parent resolver, shared bool) (*module, error) {
	if shared {
		if mod := m.modules[p]; mod != nil {
			return mod, nil
		}
	}
	tc := &tcontext{m: m, prog: p, parent: parent}
	body, err := m.capture(func() error { return p.render(m, tc) })
	if err != nil {
		return nil, err
	}
	mod := &module{prog: p, body: body, names: value.NewDict(len(tc.exported))}
	for name := range tc.exported {
		mod.names.SetStr(name, tc.vars[name])
	}
	if shared {
		if m.modules == nil {
			m.modules = make(map[*program]*module)
		}
		m.modules[p] = mod
	}
	return mod, nil
}

func (o *module) TypeName() string         { return "TemplateModule" }
func (o *module) typePath() string         { return "jinja2.environment.TemplateModule" }
func (o *module) StrText() (string, error) { return o.body, nil }
func (o *module) HTML() (string, error)    { return o.body, nil }
func (o *module) ReprText() (string, error) {
	return "<TemplateModule " + reprString(o.prog.name) + ">", nil
}

func (o *module) Attr(name string) (any, bool, error) {
	v, ok := o.names.GetStr(name)
	return v, ok, nil
}

func importModule(f *frame, template evaluator, withContext bool, refs map[string]slotRef) (*module, error) {
	name, err := template.eval(f)
	if err != nil {
		return nil, err
	}
	p, err := f.m.template(name)
	if err != nil {
		return nil, err
	}
	if withContext {
		return f.m.module(p, f.tc.snapshot(locals(f, refs)), false)
	}
	return f.m.module(p, globalsOnly{}, true)
}

type importNode struct {
	template    evaluator
	withContext bool
	locals      map[string]slotRef
	target      slotRef
	name        string
	keep        bool
}

func (n *importNode) exec(f *frame) error {
	mod, err := importModule(f, n.template, n.withContext, n.locals)
	if err != nil {
		return err
	}
	n.target.set(f, mod)
	if n.keep {
		f.tc.set(n.name, mod)
		if isPublic(n.name) {
			delete(f.tc.exported, n.name)
		}
	}
	return nil
}

type fromNode struct {
	template    evaluator
	withContext bool
	locals      map[string]slotRef
	names       []string
	aliases     []string
	targets     []slotRef
	position    string
	keep        bool
}

func (n *fromNode) exec(f *frame) error {
	mod, err := importModule(f, n.template, n.withContext, n.locals)
	if err != nil {
		return err
	}
	for i, name := range n.names {
		v, ok := mod.names.GetStr(name)
		if !ok {
			u := f.m.env.undefinedHint("the template " + reprString(mod.prog.name) + " (imported on " + n.position +
				") does not export the requested name " + reprString(name))
			u.name = name
			v = u
		}
		n.targets[i].set(f, v)
		if n.keep {
			f.tc.set(n.aliases[i], v)
			if isPublic(n.aliases[i]) {
				delete(f.tc.exported, n.aliases[i])
			}
		}
	}
	return nil
}

package jinja

import (
	"strings"

	"squall/internal/expr/value"
)

// locals reads the variables a scope hands on.
func locals(f *frame, refs map[string]slotRef) map[string]any {
	if len(refs) == 0 {
		return nil
	}
	out := make(map[string]any, len(refs))
	for name, r := range refs {
		if v := r.get(f); !isMissing(v) {
			out[name] = v
		}
	}
	return out
}

// selfNode sets the variable "self".
type selfNode struct{ slot int }

func (n *selfNode) exec(f *frame) error {
	f.slots[n.slot] = &templateReference{f.tc}
	return nil
}

// parentNode ends a template that may extend another: that one is rendered in
// the same context.
type parentNode struct{ slot int }

func (n *parentNode) exec(f *frame) error {
	p, ok := f.slots[n.slot].(*program)
	if !ok {
		return nil
	}
	return p.render(f.m, f.tc)
}

// render runs a template's body in a context.
func (p *program) render(m *machine, tc *tcontext) error {
	if err := m.b.Enter(); err != nil {
		return err
	}
	defer m.b.Leave()
	return run(p.root.body, m.newFrame(p.root.nslots, nil, tc))
}

func (b *block) render(tc *tcontext) error {
	m := tc.m
	if err := m.b.Enter(); err != nil {
		return err
	}
	defer m.b.Leave()
	f := m.newFrame(b.code.nslots, nil, tc)
	if b.self >= 0 {
		f.slots[b.self] = &templateReference{tc}
	}
	if b.super >= 0 {
		f.slots[b.super] = tc.super(b)
	}
	return run(b.code.body, f)
}

// super is the block that b replaces.
func (c *tcontext) super(b *block) any {
	stack := c.blockStack()[b.name]
	for i, x := range stack {
		if x == b && i+1 < len(stack) {
			return &blockReference{b.name, c, stack, i + 1}
		}
	}
	return c.noParent(b.name)
}

func (c *tcontext) noParent(name string) any {
	u := c.m.env.undefinedHint("there is no parent block called " + reprString(name) + ".")
	u.name = "super"
	return u
}

type blockNode struct {
	name     string
	required bool
	scoped   bool
	locals   map[string]slotRef
	parent   int // slot of the extended template, or -1
}

func (n *blockNode) exec(f *frame) error {
	if n.parent >= 0 && !isMissing(f.slots[n.parent]) {
		return nil
	}
	tc := f.tc
	stack := tc.blockStack()[n.name]
	if n.required && len(stack) <= 1 {
		return value.Errorf(classRuntime, "Required block %s not found", reprString(n.name))
	}
	if n.scoped {
		tc = tc.derived(locals(f, n.locals))
	}
	if len(stack) == 0 {
		return value.KeyError(n.name)
	}
	return stack[0].render(tc)
}

type extendsNode struct {
	template evaluator
	parent   int
	again    bool // another extends may have run before
}

func (n *extendsNode) exec(f *frame) error {
	if n.again && (n.template == nil || !isMissing(f.slots[n.parent])) {
		return value.Errorf(classRuntime, "extended multiple times")
	}
	name, err := n.template.eval(f)
	if err != nil {
		return err
	}
	p, err := f.m.template(name)
	if err != nil {
		return err
	}
	stack := f.tc.blockStack()
	for _, b := range p.blocks {
		stack[b.name] = append(stack[b.name], b)
	}
	f.slots[n.parent] = p
	return nil
}

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

// templateReference is the variable "self".
type templateReference struct{ tc *tcontext }

func (t *templateReference) TypeName() string { return "TemplateReference" }
func (t *templateReference) typePath() string { return "jinja2.runtime.TemplateReference" }
func (t *templateReference) ReprText() (string, error) {
	name := "None"
	if t.tc.prog.named {
		name = reprString(t.tc.prog.name)
	}
	return "<TemplateReference " + name + ">", nil
}

func (t *templateReference) Item(key any) (any, bool, error) {
	name, ok := plainString(key)
	if !ok {
		return nil, false, nil
	}
	stack := t.tc.blockStack()[name]
	if len(stack) == 0 {
		return nil, false, nil
	}
	return &blockReference{name, t.tc, stack, 0}, true, nil
}

// Iter follows Python's protocol for what can be indexed only: it asks for item
// 0, which no template has.
func (t *templateReference) Iter() (value.Iterator, error) {
	return &value.FuncIter{Name: "iterator", Fn: func() (any, bool, error) { return nil, false, value.KeyError(int64(0)) }}, nil
}

func (t *templateReference) underscored() []string { return []string{"_TemplateReference__context"} }

// blockReference is a block that can be called for its text.
type blockReference struct {
	name  string
	tc    *tcontext
	stack []*block
	depth int
}

func (r *blockReference) TypeName() string { return "BlockReference" }
func (r *blockReference) typePath() string { return "jinja2.runtime.BlockReference" }

func (r *blockReference) Attr(name string) (any, bool, error) {
	switch name {
	case "name":
		return r.name, true, nil
	case "super":
		if r.depth+1 >= len(r.stack) {
			return r.tc.noParent(r.name), true, nil
		}
		return &blockReference{r.name, r.tc, r.stack, r.depth + 1}, true, nil
	}
	return nil, false, nil
}

func (r *blockReference) underscored() []string { return []string{"_context", "_stack", "_depth"} }

func (r *blockReference) Call(args []any, kw *value.Kwargs) (any, error) {
	if _, err := (&signatureOf{name: "BlockReference.__call__", hidden: 1}).bind(args, kw); err != nil {
		return nil, err
	}
	s, err := r.tc.m.capture(func() error { return r.stack[r.depth].render(r.tc) })
	if err != nil {
		return nil, err
	}
	if r.tc.autoescape {
		return value.Markup(s), nil
	}
	return s, nil
}

package jinja

import (
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

package jinja

import (
	"context"
	"maps"
	"strconv"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// machine is one run of a program.
type machine struct {
	env *environment
	ctx context.Context
	b   *value.Budget
	out []byte

	xenv    *expr.Env // what the workflow functions and st2kv reach
	empty   *tcontext
	modules map[*program]*module // modules imported without context
	groups  map[*any]struct{}    // tuples made by groupby, by their first element
}

func newMachine(ctx context.Context, env *environment, xenv *expr.Env, b *value.Budget) *machine {
	m := &machine{}
	m.init(ctx, env, xenv, b)
	return m
}

func (m *machine) init(ctx context.Context, env *environment, xenv *expr.Env, b *value.Budget) {
	if b == nil {
		// Depth is always bounded: an exhausted stack cannot be recovered.
		b = value.NewBudget(ctx, 0, 0, 0)
	}
	m.env, m.ctx, m.b, m.xenv = env, ctx, b, xenv
}

// bare is a context without variables.
func (m *machine) bare() *tcontext {
	if m.empty == nil {
		m.empty = &tcontext{m: m, parent: globalsOnly{}}
	}
	return m.empty
}

// missingType is the type of the content of a slot nothing was stored in.
type missingType struct{}

var missing any = missingType{}

func isMissing(v any) bool { _, ok := v.(missingType); return ok }

// frame holds the variables of one call of a unit.
type frame struct {
	slots []any
	up    *frame // frame of the unit around, for closures
	m     *machine
	tc    *tcontext
}

func (m *machine) newFrame(n int, up *frame, tc *tcontext) *frame {
	f := &frame{up: up, m: m, tc: tc}
	f.makeSlots(n, nil)
	return f
}

// makeSlots gives the frame n empty variables, in space if they fit.
func (f *frame) makeSlots(n int, space []any) {
	if n == 0 {
		return
	}
	if n > len(space) {
		space = make([]any, n)
	}
	f.slots = space[:n]
	for i := range f.slots {
		f.slots[i] = missing
	}
}

// at returns the frame hops units further out.
func (f *frame) at(hops int) *frame {
	for ; hops > 0; hops-- {
		f = f.up
	}
	return f
}

// resolver finds variables from outside the template.
type resolver interface {
	resolve(m *machine, name string) (any, bool)
}

// tcontext is Jinja's template context: the variables from outside, those set
// at the top level, and the blocks with their overriding ones first.
type tcontext struct {
	m          *machine
	prog       *program
	parent     resolver
	vars       map[string]any
	exported   map[string]bool
	blocks     map[string][]*block
	autoescape bool
}

func (c *tcontext) resolve(name string) any {
	if v, ok := c.vars[name]; ok {
		return v
	}
	if v, ok := c.parent.resolve(c.m, name); ok {
		return v
	}
	return missing
}

func (c *tcontext) set(name string, v any) {
	if c.vars == nil {
		c.vars = make(map[string]any)
	}
	c.vars[name] = v
}

func (c *tcontext) export(name string) {
	if c.exported == nil {
		c.exported = make(map[string]bool)
	}
	c.exported[name] = true
}

// blockStack returns the blocks called name, the overriding ones first.
func (c *tcontext) blockStack() map[string][]*block {
	if c.blocks == nil {
		c.blocks = make(map[string][]*block, len(c.prog.blocks))
		for _, b := range c.prog.blocks {
			c.blocks[b.name] = []*block{b}
		}
	}
	return c.blocks
}

// overlay is a set of variables in front of another resolver.
type overlay struct {
	vars map[string]any
	next resolver
}

func (o *overlay) resolve(m *machine, name string) (any, bool) {
	if v, ok := o.vars[name]; ok {
		return v, true
	}
	return o.next.resolve(m, name)
}

// snapshot is everything the context knows now, with locals in front.
func (c *tcontext) snapshot(locals map[string]any) resolver {
	r := c.parent
	if len(c.vars) > 0 {
		r = &overlay{maps.Clone(c.vars), r}
	}
	if len(locals) > 0 {
		r = &overlay{locals, r}
	}
	return r
}

// derived is an independent context for a scoped block.
func (c *tcontext) derived(locals map[string]any) *tcontext {
	d := &tcontext{m: c.m, prog: c.prog, parent: c.snapshot(locals), autoescape: c.autoescape}
	d.blocks = make(map[string][]*block)
	for name, stack := range c.blockStack() {
		d.blocks[name] = append([]*block(nil), stack...)
	}
	return d
}

// globalsOnly knows only the environment's global functions.
type globalsOnly struct{}

func (globalsOnly) resolve(m *machine, name string) (any, bool) {
	if g := m.env.globals[name]; g != nil {
		return function{m, g}, true
	}
	return nil, false
}

// write adds text to the output.
func (m *machine) write(s string) error {
	if err := m.b.Alloc(int64(len(s))); err != nil {
		return err
	}
	m.out = append(m.out, s...)
	return nil
}

// writeValue adds str(v) to the output.
func (m *machine) writeValue(v any) error {
	switch v := v.(type) {
	case string:
		return m.write(v)
	case int64:
		if err := m.b.Step(1); err != nil {
			return err
		}
		m.out = strconv.AppendInt(m.out, v, 10)
		return nil
	}
	s, err := value.Str(m.b, v)
	if err != nil {
		return err
	}
	return m.write(s)
}

// capture runs fn and returns what it wrote.
func (m *machine) capture(fn func() error) (string, error) {
	start := len(m.out)
	if err := fn(); err != nil {
		return "", err
	}
	s := string(m.out[start:])
	m.out = m.out[:start]
	return s, m.b.Alloc(int64(len(s)))
}

func (m *machine) str(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	return value.Str(m.b, v)
}

// softStr is MarkupSafe's soft_str: strings of any kind stay as they are.
func (m *machine) softStr(v any) (any, error) {
	switch v.(type) {
	case string, value.Markup:
		return v, nil
	}
	return value.Str(m.b, v)
}

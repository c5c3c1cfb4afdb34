package jinja

import (
	"squall/internal/expr/value"
)

// macroDef is the compiled form of a macro or call block.
type macroDef struct {
	name     string
	named    bool // a call block's body has no name
	args     []string
	slots    []int
	defaults []evaluator // per argument, nil where there is none
	code     code
	// Slots of the special names when the body mentions them, else -1.
	caller, kwargs, varargs int
	usesCaller              bool
}

// defaultsNode fills in missing arguments, in order, so that a default can
// refer to arguments in front of it.
type defaultsNode macroDef

func (n *defaultsNode) exec(f *frame) error {
	for i, slot := range n.slots {
		if !isMissing(f.slots[slot]) {
			continue
		}
		if n.defaults[i] == nil {
			u := f.m.env.undefinedHint("parameter " + reprString(n.args[i]) + " was not provided")
			u.name = n.args[i]
			f.slots[slot] = u
			continue
		}
		v, err := n.defaults[i].eval(f)
		if err != nil {
			return err
		}
		f.slots[slot] = v
	}
	return nil
}

// macro is a macro with the variables around its definition.
type macro struct {
	def        *macroDef
	up         *frame
	autoescape bool // of the place of its definition
}

type macroNode struct {
	def    *macroDef
	target slotRef
	name   string
	export bool
}

func (n *macroNode) exec(f *frame) error {
	mac := &macro{n.def, f, f.tc.autoescape}
	n.target.set(f, mac)
	if n.export {
		f.tc.set(n.name, mac)
		if isPublic(n.name) {
			f.tc.export(n.name)
		}
	}
	return nil
}

type callBlockNode struct {
	def  *macroDef
	call *callNode
	esc  escapeMode
}

func (n *callBlockNode) exec(f *frame) error {
	caller := &macro{n.def, f, f.tc.autoescape}
	v, err := n.call.evalWith(f, caller)
	if err != nil {
		return err
	}
	return f.m.writeText(v)
}

func (c *macro) TypeName() string { return "Macro" }
func (c *macro) typePath() string { return "jinja2.runtime.Macro" }

func (c *macro) ReprText() (string, error) {
	if !c.def.named {
		return "<Macro anonymous>", nil
	}
	return "<Macro " + reprString(c.def.name) + ">", nil
}

func (c *macro) nameValue() any {
	if c.def.named {
		return c.def.name
	}
	return nil
}

func (c *macro) Attr(name string) (any, bool, error) {
	switch name {
	case "name":
		return c.nameValue(), true, nil
	case "arguments":
		l := value.NewList()
		for _, a := range c.def.args {
			l.Items = append(l.Items, a)
		}
		return value.Tuple(l.Items), true, nil
	case "catch_kwargs":
		return c.def.kwargs >= 0, true, nil
	case "catch_varargs":
		return c.def.varargs >= 0, true, nil
	case "caller":
		return c.def.usesCaller, true, nil
	case "explicit_caller":
		return c.explicitCaller(), true, nil
	}
	return nil, false, nil
}

func (c *macro) underscored() []string {
	return []string{"_environment", "_func", "_argument_count", "_default_autoescape", "_invoke", "_async_invoke"}
}

func (c *macro) explicitCaller() bool {
	for _, a := range c.def.args {
		if a == "caller" {
			return true
		}
	}
	return false
}

// Call is a call from outside a template's own call expressions.
func (c *macro) Call(args []any, kw *value.Kwargs) (any, error) {
	return c.call(args, kw, c.autoescape)
}

func (c *macro) call(args []any, kw *value.Kwargs, autoescape bool) (any, error) {
	m, def := c.up.m, c.def
	if err := m.b.Enter(); err != nil {
		return nil, err
	}
	defer m.b.Leave()
	f := m.newFrame(def.code.nslots, c.up, c.up.tc)
	n := min(len(args), len(def.args))
	for i := range n {
		f.slots[def.slots[i]] = args[i]
	}
	if kw.Len() > 0 {
		kw = kw.Clone()
	}
	foundCaller := false
	if n == len(def.args) {
		foundCaller = c.explicitCaller()
	} else {
		for i := n; i < len(def.args); i++ {
			name := def.args[i]
			if v, ok := kw.Get(name); ok {
				f.slots[def.slots[i]] = v
				kw.Delete(name)
			}
			if name == "caller" {
				foundCaller = true
			}
		}
	}
	if def.caller >= 0 && !foundCaller {
		v, ok := kw.Get("caller")
		kw.Delete("caller")
		if !ok || v == nil {
			u := m.env.undefinedHint("No caller defined")
			u.name = "caller"
			v = u
		}
		f.slots[def.caller] = v
	}
	if def.kwargs >= 0 {
		f.slots[def.kwargs] = kw.Dict()
	} else if kw.Len() > 0 {
		if _, ok := kw.Get("caller"); ok {
			return nil, value.TypeErrorf("macro %s was invoked with two values for the special caller argument. This is most likely a bug.", reprAny(c.nameValue()))
		}
		name, _ := kw.At(0)
		return nil, value.TypeErrorf("macro %s takes no keyword argument %s", reprAny(c.nameValue()), reprString(name))
	}
	if def.varargs >= 0 {
		f.slots[def.varargs] = append(value.Tuple{}, args[n:]...)
	} else if len(args) > len(def.args) {
		return nil, value.TypeErrorf("macro %s takes not more than %d argument(s)", reprAny(c.nameValue()), len(def.args))
	}
	s, err := m.capture(func() error { return run(def.code.body, f) })
	if err != nil {
		return nil, err
	}
	if autoescape {
		return value.Markup(s), nil
	}
	return s, nil
}

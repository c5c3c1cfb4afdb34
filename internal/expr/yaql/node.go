package yaql

import (
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// node is one instruction of a compiled expression. Nodes are immutable and
// shared by concurrent evaluations.
type node interface {
	eval(ev *evaluation, f *frame) (any, error)
	// simple reports that evaluating the node cannot keep hold of the frame it
	// is given, so the frame may be used again.
	simple() bool
}

type (
	constNode struct {
		val     any
		keyword bool
	}
	varNode struct{ ref varRef }
	// parenNode matters to what a dot accepts on its right; it adds nothing.
	parenNode struct{ x node }
	// ruleNode is k => v.
	ruleNode struct{ key, val node }
	// skipNode stands for an argument left out.
	skipNode struct{}
	// callNode is f(args), or the method call after a dot.
	callNode struct {
		off      int
		fn       *site // as a function
		method   *site // as a method
		isSimple bool
		ctx      ctxForm
		ctxVar   string // of ctxOne
	}
	// attrNode is x.name.
	attrNode struct {
		off  int
		x    node
		name string
		site *site
	}
	// methodNode is x.f(args).
	methodNode struct {
		off      int
		x        node
		call     *callNode
		site     *site
		isSimple bool
		ctxGet   string // the key of ctx().get(key)
	}
	// safeNode is x?.y.
	safeNode struct {
		off  int
		x, y node
		site *site
	}
	// opNode is any other operator, index or literal with a site of its own.
	opNode struct {
		off      int
		op       opcode
		args     []node
		site     *site
		isSimple bool
	}
)

// ctxForm marks the calls of ctx() that need not make a dict of all variables
// to give one of them. Nearly every expression of a workflow is of these forms.
type ctxForm uint8

const (
	ctxNot ctxForm = iota
	ctxAll         // ctx()
	ctxOne         // ctx(name)
)

// isCtxAll reports that n is ctx() and nothing else.
func isCtxAll(n node) bool {
	c, ok := n.(*callNode)
	return ok && c.ctx == ctxAll
}

// visible finds a variable among those ctx() shows.
func (ev *evaluation) visible(name string) (any, bool) {
	if strings.HasPrefix(name, expr.InternalPrefix) {
		return nil, false
	}
	return ev.env.Lookup(name)
}

func (n *constNode) eval(*evaluation, *frame) (any, error) { return n.val, nil }
func (n *varNode) eval(ev *evaluation, f *frame) (any, error) {
	v, up, _ := f.find(n.ref)
	return v, ev.steps(up)
}
func (n *parenNode) eval(ev *evaluation, f *frame) (any, error) { return n.x.eval(ev, f) }
func (*skipNode) eval(*evaluation, *frame) (any, error)         { return noValue, nil }

func (n *ruleNode) eval(ev *evaluation, f *frame) (any, error) {
	k, err := n.key.eval(ev, f)
	if err != nil {
		return nil, err
	}
	v, err := n.val.eval(ev, f)
	return &mappingRule{k, v}, err
}

func (n *callNode) eval(ev *evaluation, f *frame) (any, error) {
	if n.ctx == ctxOne && !f.hasFuncs {
		if v, ok := ev.env.Lookup(n.ctxVar); ok {
			return v, ev.step()
		}
	}
	v, err := ev.call(n.fn, f, nil)
	if err != nil {
		return nil, ev.at(n.off, err)
	}
	return v, nil
}

// on calls the node's method on a receiver.
func (n *callNode) on(ev *evaluation, f *frame, recv any) (any, error) {
	v, err := ev.call(n.method, f, recv)
	if err != nil {
		return nil, ev.at(n.off, err)
	}
	return v, nil
}

func (n *attrNode) eval(ev *evaluation, f *frame) (any, error) {
	if f.hasFuncs || ev.eng.opts.legacyContext() {
		v, err := ev.call(n.site, f, nil)
		if err != nil {
			return nil, ev.at(n.off, err)
		}
		return v, nil
	}
	if isCtxAll(n.x) {
		if err := ev.steps(2); err != nil {
			return nil, err
		}
		if v, ok := ev.visible(n.name); ok {
			return v, nil
		}
		return nil, ev.at(n.off, value.KeyError(n.name))
	}
	x, err := n.x.eval(ev, f)
	if err != nil {
		return nil, err
	}
	if d, ok := mapping(x); ok {
		if err := ev.step(); err != nil {
			return nil, err
		}
		if v, ok := d.GetStr(n.name); ok {
			return v, nil
		}
		return nil, ev.at(n.off, value.KeyError(n.name))
	}
	v, err := ev.dispatch(n.site, f, nil, []any{x, n.name})
	if err != nil {
		return nil, ev.at(n.off, err)
	}
	return v, nil
}

func (n *methodNode) eval(ev *evaluation, f *frame) (any, error) {
	if f.hasFuncs || ev.eng.opts.legacyContext() {
		v, err := ev.call(n.site, f, nil)
		if err != nil {
			return nil, ev.at(n.off, err)
		}
		return v, nil
	}
	if n.ctxGet != "" && isCtxAll(n.x) {
		v, _ := ev.visible(n.ctxGet)
		return v, ev.steps(2)
	}
	x, err := n.x.eval(ev, f)
	if err != nil {
		return nil, err
	}
	if err := ev.step(); err != nil {
		return nil, err
	}
	if _, ok := x.(Yaqlized); ok {
		v, err := ev.dispatch(n.site, f, nil, []any{x, nil})
		if err != nil {
			return nil, ev.at(n.off, err)
		}
		return v, nil
	}
	return n.call.on(ev, f, x)
}

func (n *safeNode) eval(ev *evaluation, f *frame) (any, error) {
	if f.hasFuncs {
		v, err := ev.call(n.site, f, nil)
		if err != nil {
			return nil, ev.at(n.off, err)
		}
		return v, nil
	}
	x, err := n.x.eval(ev, f)
	if err != nil || x == nil {
		return nil, err
	}
	v, err := ev.dot(f, x, n.y)
	if err != nil {
		return nil, ev.at(n.off, err)
	}
	return v, nil
}

// dot is x.y for a value and an expression.
func (ev *evaluation) dot(f *frame, x any, y node) (any, error) {
	return ev.callValues("#operator_.", f, x, exprValue{y})
}

func (*constNode) simple() bool    { return true }
func (*varNode) simple() bool      { return true }
func (n *parenNode) simple() bool  { return n.x.simple() }
func (*skipNode) simple() bool     { return true }
func (n *ruleNode) simple() bool   { return n.key.simple() && n.val.simple() }
func (n *callNode) simple() bool   { return n.isSimple }
func (n *attrNode) simple() bool   { return n.x.simple() }
func (n *methodNode) simple() bool { return n.isSimple }
func (*safeNode) simple() bool     { return false }
func (n *opNode) simple() bool     { return n.isSimple }

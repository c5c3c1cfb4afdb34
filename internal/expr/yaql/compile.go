package yaql

import (
	"slices"
	"strings"

	"squall/internal/expr"
)

// compiler turns a syntax tree into nodes for one engine.
type compiler struct{ eng *Engine }

func (c *compiler) nodes(in []Node) []node {
	out := make([]node, len(in))
	for i, n := range in {
		out[i] = c.node(n)
	}
	return out
}

func (c *compiler) node(n Node) node {
	switch n := n.(type) {
	case *Const:
		return &constNode{val: n.Value, keyword: n.Keyword}
	case *Var:
		return &varNode{ref: refOf(n.Name)}
	case *Paren:
		return &parenNode{x: c.node(n.X)}
	case *Skip:
		return &skipNode{}
	case *Rule:
		return &ruleNode{key: c.node(n.K), val: c.node(n.V)}
	case *Call:
		return c.callNode(n)
	case *Unary:
		op := opOther
		if n.Op == "not" {
			op = opNot
		}
		return c.op(n.Offset(), op, "#unary_operator_"+n.Op, c.node(n.X))
	case *Binary:
		return c.binary(n)
	case *Index:
		op := opIndex
		if len(n.Args) != 1 || c.eng.opts.legacyContext() {
			op = opOther
		}
		return c.op(n.Offset(), op, "#indexer", append([]node{c.node(n.X)}, c.nodes(n.Args)...)...)
	case *ListLit:
		return c.op(n.Offset(), opList, "#list", c.nodes(n.Args)...)
	case *MapLit:
		return c.op(n.Offset(), opMap, "#map", c.nodes(n.Args)...)
	case *Invoke:
		return c.op(n.Offset(), opOther, "#call", append([]node{c.node(n.X)}, c.nodes(n.Args)...)...)
	}
	panic("yaql: unknown syntax node")
}

func (c *compiler) site(name string, method bool, args []node) *site {
	raw := make([]arg, len(args))
	for i, n := range args {
		_, skip := n.(*skipNode)
		raw[i] = arg{n: n, skip: skip}
	}
	s := newSite(name, method, raw)
	s.prepare(&c.eng.opts, c.eng.table.lookup(name, method))
	return s
}

func (c *compiler) callNode(n *Call) *callNode {
	args := c.nodes(n.Args)
	out := &callNode{off: n.Offset(), fn: c.site(n.Name, false, args), method: c.site(n.Name, true, args)}
	if n.Name == "ctx" && !c.eng.opts.Core {
		out.ctx, out.ctxVar = formOfCtx(args)
	}
	out.isSimple = !keepsContext[trimName(n.Name)] && allSimple(args) && out.fn.eager() && out.method.eager()
	return out
}

// formOfCtx recognises ctx() and ctx(name).
func formOfCtx(args []node) (ctxForm, string) {
	if len(args) == 0 {
		return ctxAll, ""
	}
	if len(args) == 1 {
		if name := constString(args[0]); name != "" && !strings.HasPrefix(name, expr.InternalPrefix) {
			return ctxOne, name
		}
	}
	return ctxNot, ""
}

func constString(n node) string {
	c, ok := n.(*constNode)
	if !ok {
		return ""
	}
	s, _ := c.val.(string)
	return s
}

// keepsContext lists the functions whose result or effect outlives the call
// through its context, though they take no lambda.
var keepsContext = map[string]bool{"let": true, "with": true, "unpack": true, "def": true, "as": true, "call": true}

// eager reports that no candidate takes an unevaluated argument.
func (s *site) eager() bool {
	for _, lv := range s.levels {
		for i := range lv {
			if slices.Contains(lv[i].lazy, true) {
				return false
			}
		}
	}
	return true
}

func allSimple(nodes []node) bool {
	for _, n := range nodes {
		if !n.simple() {
			return false
		}
	}
	return true
}

func (c *compiler) binary(n *Binary) node {
	off := n.Offset()
	l, r := c.node(n.L), c.node(n.R)
	switch n.Op {
	case ".":
		if k, ok := n.R.(*Const); ok && k.Keyword {
			return &attrNode{off: off, x: l, name: k.Value.(string), site: c.site("#operator_.", false, []node{l, r})}
		}
		if call, ok := r.(*callNode); ok {
			m := &methodNode{off: off, x: l, call: call, site: c.site("#operator_.", false, []node{l, r}), isSimple: l.simple() && call.isSimple}
			if call.method.name == "get" && len(call.method.raw) == 1 {
				m.ctxGet = constString(call.method.raw[0].n)
			}
			return m
		}
		return c.op(off, opOther, "#operator_.", l, r)
	case "?.":
		return &safeNode{off: off, x: l, y: r, site: c.site("#operator_?.", false, []node{l, r})}
	case "=":
		return c.op(off, opEq, "*equal", l, r)
	case "!=":
		return c.op(off, opNe, "*not_equal", l, r)
	}
	return c.op(off, binaryOps[n.Op], "#operator_"+n.Op, l, r)
}

func (c *compiler) op(off int, op opcode, name string, args ...node) node {
	s := c.site(name, false, args)
	switch op {
	case opList:
		if slices.ContainsFunc(s.raw, func(a arg) bool { return a.skip || isRule(a) }) {
			op = opOther
		}
	case opMap:
		if c.eng.opts.legacyContext() || slices.ContainsFunc(s.raw, func(a arg) bool { return !isRule(a) }) {
			op = opOther
		}
	}
	simple := allSimple(args)
	if op != opAnd && op != opOr && op != opNot {
		simple = simple && s.eager()
	}
	return &opNode{off: off, op: op, args: args, site: s, isSimple: simple && op != opArrow}
}

package jinja

import (
	"context"

	"squall/internal/expr/value"
)

// expr compiles an expression.
func (c *compiler) expr(n node, s *scope) evaluator {
	e, _ := c.pureExpr(n, s)
	return e
}

// pureExpr compiles an expression and tells whether it is a constant: made of
// literals and filters or tests without side effects. Scalar constants are
// evaluated on the spot; if that fails, the error is left to the run.
func (c *compiler) pureExpr(n node, s *scope) (evaluator, bool) {
	e, pure := c.build(n, s)
	if _, done := e.(*constNode); pure && !done {
		if v, ok := c.fold(e); ok {
			return &constNode{v}, true
		}
	}
	return e, pure
}

func (c *compiler) pureAll(list []node, s *scope) ([]evaluator, bool) {
	pure := true
	out := make([]evaluator, len(list))
	for i, n := range list {
		e, p := c.pureExpr(n, s)
		out[i] = e
		pure = pure && p
	}
	return out, pure
}

// Limits of what is computed when compiling.
const (
	foldSteps = 2_000
	foldBytes = 1 << 13
	foldText  = 256 // a longer text costs more to keep than to make
)

func (c *compiler) foldMachine() *machine {
	return newMachine(context.Background(), c.env, nil, value.NewBudget(context.Background(), foldSteps, foldBytes, 50))
}

// fold evaluates a constant expression. Only immutable scalars are kept: a list
// must be a new one in every evaluation.
func (c *compiler) fold(e evaluator) (any, bool) {
	switch e.(type) {
	case *listNode, *tupleNode, *dictNode:
		return nil, false
	}
	m := c.foldMachine()
	v, err := e.eval(m.newFrame(0, nil, &tcontext{m: m, prog: c.prog, parent: globalsOnly{}, autoescape: c.esc.on}))
	if err != nil {
		return nil, false
	}
	switch v := v.(type) {
	case nil, bool, int64, float64:
		return v, true
	case string:
		return v, len(v) <= foldText
	case value.Markup:
		return v, len(v) <= foldText
	}
	return nil, false
}

func (c *compiler) build(n node, s *scope) (evaluator, bool) {
	switch n := n.(type) {
	case *constExpr:
		return &constNode{n.val}, true
	case *nameExpr:
		r := c.ref(s, n.name)
		if c.bare {
			c.used[r.slot] = true
		}
		if r.hops == 0 {
			return &nameNode{r.slot, n.name}, false
		}
		return &outerNameNode{r, n.name}, false
	case *tupleExpr:
		items, pure := c.pureAll(n.items, s)
		return &tupleNode{items}, pure
	case *listExpr:
		items, pure := c.pureAll(n.items, s)
		return &listNode{items}, pure
	case *dictExpr:
		keys, pureKeys := c.pureAll(n.keys, s)
		vals, pureVals := c.pureAll(n.vals, s)
		return &dictNode{keys, vals}, pureKeys && pureVals
	case *unaryExpr:
		e, pure := c.pureExpr(n.node, s)
		if n.op != "not" {
			return &negNode{e, n.op == "+"}, pure
		}
		if d, ok := e.(*definedNode); ok {
			return &definedNode{d.node, !d.negate}, pure
		}
		return &notNode{e}, pure
	case *binaryExpr:
		return c.binary(n, s)
	case *compareExpr:
		e, pure := c.pureExpr(n.node, s)
		args, pureArgs := c.pureAll(n.args, s)
		return &compareNode{e, n.ops, args}, pure && pureArgs
	case *concatExpr:
		return c.concat(n, s)
	case *condExpr:
		return c.cond(n, s)
	case *getattrExpr:
		if v := c.ctxVar(n.node, n.attr); v != nil {
			return v, false
		}
		e, pure := c.pureExpr(n.node, s)
		return &getattrNode{e, n.attr}, pure
	case *getitemExpr:
		return c.getitem(n, s)
	case *callExpr:
		return c.call(n, s, false), false
	case *filterExpr:
		return c.filter(n, s)
	case *testExpr:
		return c.test(n, s)
	case *sliceExpr:
		// A slice among several indexes: the Python that Jinja makes of it
		// does not parse.
		c.fail("SyntaxError", "invalid syntax", n.exprLine())
	}
	panic("jinja: unexpected expression") // the parser makes no others here
}

func (c *compiler) optional(n node, s *scope) evaluator {
	if n == nil {
		return nil
	}
	return c.expr(n, s)
}

// binary compiles a chain of left-associative operators without recursing on
// its length.
func (c *compiler) binary(n *binaryExpr, s *scope) (evaluator, bool) {
	var chain []*binaryExpr
	var left node = n
	for {
		b, ok := left.(*binaryExpr)
		if !ok {
			break
		}
		chain = append(chain, b)
		left = b.left
	}
	e, pure := c.pureExpr(left, s)
	for i := len(chain) - 1; i >= 0; i-- {
		right, pureRight := c.pureExpr(chain[i].right, s)
		pure = pure && pureRight
		switch chain[i].op {
		case "and", "or":
			e = &logicNode{e, right, chain[i].op == "or"}
		default:
			e = &binaryNode{binaryOps[chain[i].op], e, right}
		}
		if pure && i > 0 {
			if v, ok := c.fold(e); ok {
				e = &constNode{v}
			}
		}
	}
	return e, pure
}

var binaryOps = map[string]func(b *value.Budget, x, y any) (any, error){
	"+":  value.Add,
	"-":  value.Sub,
	"*":  value.Mul,
	"/":  value.TrueDiv,
	"//": value.FloorDiv,
	"%":  value.Mod,
	"**": value.Pow,
}

func (c *compiler) concat(n *concatExpr, s *scope) (evaluator, bool) {
	items, pure := c.pureAll(n.items, s)
	esc := c.esc
	if pure {
		// Constants are joined as plain text even where output is escaped.
		esc = escapeMode{}
	}
	return &concatNode{items, esc}, pure
}

func (c *compiler) cond(n *condExpr, s *scope) (evaluator, bool) {
	soft := s.softened()
	then, pureThen := c.pureExpr(n.then, soft)
	test, pureTest := c.pureExpr(n.test, soft)
	if n.els == nil {
		where := "line " + itoa(n.exprLine())
		if c.prog.named {
			where += " in " + reprString(c.prog.name)
		}
		return &condNode{test, then, &noElseNode{"the inline if-expression on " + where + " evaluated to false and no else section was defined."}}, false
	}
	els, pureEls := c.pureExpr(n.els, soft)
	return &condNode{test, then, els}, pureTest && pureThen && pureEls
}

func (c *compiler) getitem(n *getitemExpr, s *scope) (evaluator, bool) {
	if k, ok := n.arg.(*constExpr); ok {
		if name, ok := k.val.(string); ok {
			if v := c.ctxVar(n.node, name); v != nil {
				return v, false
			}
		}
	}
	e, pure := c.pureExpr(n.node, s)
	if sl, ok := n.arg.(*sliceExpr); ok {
		return &sliceNode{e, c.optional(sl.start, s), c.optional(sl.stop, s), c.optional(sl.step, s)}, false
	}
	arg, pureArg := c.pureExpr(n.arg, s)
	return &getitemNode{e, arg}, pure && pureArg
}

func (c *compiler) call(n *callExpr, s *scope, forwardCaller bool) *callNode {
	fn := c.expr(n.node, s)
	args, _ := c.args(n.args, s, n.exprLine())
	if forwardCaller && indexOf(n.args.names, "caller") >= 0 {
		c.fail("SyntaxError", "keyword argument repeated: caller", n.exprLine())
	}
	args.callee = "jinja2.sandbox.SandboxedEnvironment.call()"
	return &callNode{fn, args}
}

func (c *compiler) args(a arguments, s *scope, line int) (argNodes, bool) {
	pos, pure := c.pureAll(a.pos, s)
	kw, pureKw := c.pureAll(a.kw, s)
	out := argNodes{pos: pos, names: a.names, kw: kw}
	pure = pure && pureKw
	if a.star != nil {
		e, p := c.pureExpr(a.star, s)
		out.star, pure = e, pure && p
	}
	if a.double != nil {
		e, p := c.pureExpr(a.double, s)
		out.double, pure = e, pure && p
	}
	keyword := false
	for _, name := range a.names {
		keyword = keyword || pythonKeywords[name]
	}
	for i, name := range a.names {
		// With a Python keyword among them Jinja passes a dict, which takes
		// the last of equal names.
		if !keyword && indexOf(a.names, name) < i {
			c.fail("SyntaxError", "keyword argument repeated: "+name, line)
		}
	}
	return out, pure
}

var pythonKeywords = map[string]bool{
	"False": true, "None": true, "True": true, "and": true, "as": true, "assert": true, "async": true,
	"await": true, "break": true, "class": true, "continue": true, "def": true, "del": true, "elif": true,
	"else": true, "except": true, "finally": true, "for": true, "from": true, "global": true, "if": true,
	"import": true, "in": true, "is": true, "lambda": true, "nonlocal": true, "not": true, "or": true,
	"pass": true, "raise": true, "return": true, "try": true, "while": true, "with": true, "yield": true,
}

func (c *compiler) filter(n *filterExpr, s *scope) (evaluator, bool) {
	def := c.env.filters[n.name]
	if def == nil && !s.soft {
		c.fail(classAssertion, "No filter named "+reprString(n.name)+".", n.exprLine())
	}
	var e evaluator
	pure := false
	if n.node != nil {
		e, pure = c.pureExpr(n.node, s)
	} else {
		e = &slotNode{*c.input}
	}
	args, pureArgs := c.args(n.args, s, n.exprLine())
	if def == nil {
		return &unknownNode{"filter", n.name, e, args}, false
	}
	args.callee = "jinja2.filters." + def.name + "()"
	if _, chained := e.(*filterNode); chained {
		// It was not worth keeping, and must not be tried again for each
		// filter behind it.
		pure = false
	}
	return &filterNode{def, e, args}, pure && pureArgs && !def.context && !c.esc.volatile
}

func (c *compiler) test(n *testExpr, s *scope) (evaluator, bool) {
	def := c.env.tests[n.name]
	if def == nil && !s.soft {
		c.fail(classAssertion, "No test named "+reprString(n.name)+".", n.exprLine())
	}
	e, pure := c.pureExpr(n.node, s)
	args, pureArgs := c.args(n.args, s, n.exprLine())
	if def == nil {
		return &unknownNode{"test", n.name, e, args}, false
	}
	if len(args.pos) == 0 && len(args.kw) == 0 && args.star == nil && args.double == nil {
		switch n.name {
		case "defined":
			return &definedNode{e, false}, pure
		case "undefined":
			return &definedNode{e, true}, pure
		}
	}
	args.callee = "jinja2.tests." + def.name + "()"
	return &filterNode{def, e, args}, pure && pureArgs && !def.context && !c.esc.volatile
}

// ctxVar is the short cut for ctx().name and ctx()['name'] in a bare expression
// of a workflow: the one variable is looked up, and no dict of all is made.
// Names that mean something else on a dict go the long way.
func (c *compiler) ctxVar(n node, name string) evaluator {
	call, ok := n.(*callExpr)
	if !ok || !c.bare || c.env.ctx == nil || name == "" || name[0] == '_' || isDictMethod(name) {
		return nil
	}
	fn, ok := call.node.(*nameExpr)
	if a := &call.args; !ok || fn.name != "ctx" || len(a.pos)+len(a.kw) > 0 || a.star != nil || a.double != nil {
		return nil
	}
	return ctxVarNode(name)
}

type ctxVarNode string

// emptyDict stands for the dict of variables in messages.
var emptyDict = value.NewDict(0)

func (n ctxVarNode) eval(f *frame) (any, error) {
	if err := f.m.b.Step(1); err != nil {
		return nil, err
	}
	if v, ok := f.m.xenv.Lookup(string(n)); ok {
		return v, nil
	}
	return f.m.env.undefinedAttr(emptyDict, string(n)), nil
}

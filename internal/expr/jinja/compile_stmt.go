package jinja

import (
	"strings"

	"squall/internal/expr/value"
)

// body compiles a list of statements.
func (c *compiler) body(list []stmt, s *scope) (out []executor) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case compilerExit:
			out = compact(out)
		default:
			panic(r)
		}
	}()
	for _, n := range list {
		c.stmt(n, s, &out)
	}
	return compact(out)
}

func (c *compiler) stmt(n stmt, s *scope, out *[]executor) {
	add := func(e executor) { *out = append(*out, e) }
	switch n := n.(type) {
	case *outputStmt:
		add(c.output(n, s))
	case *assignStmt:
		add(c.assign(n, s))
	case *assignBlockStmt:
		add(c.assignBlock(n, s))
	case *ifStmt:
		add(c.ifElse(n, s))
	case *forStmt:
		add(c.forLoop(n, s))
	case *withStmt:
		add(c.with(n, s))
	case *filterBlockStmt:
		add(c.filterBlock(n, s))
	case *autoescapeStmt:
		add(c.autoescape(n, s))
	case *macroStmt:
		m := c.macro(n.name, true, n.sig, n.body, s, n.stmtLine())
		add(&macroNode{def: m, target: c.ref(s, n.name), export: s.toplevel && c.keepVars, name: n.name})
	case *callBlockStmt:
		m := c.macro("", false, n.sig, n.body, s, n.stmtLine())
		add(&callBlockNode{def: m, call: c.call(n.call, s, true), esc: c.esc})
	case *blockStmt:
		add(c.blockUse(n, s))
	case *extendsStmt:
		c.extend(n, s, add)
	case *includeStmt:
		add(c.include(n, s))
	case *importStmt:
		add(&importNode{template: c.expr(n.template, s), withContext: n.withContext, locals: c.visible(s),
			target: c.ref(s, n.target), name: n.target, keep: s.toplevel})
	case *fromStmt:
		add(c.fromImport(n, s))
	}
}

func (c *compiler) output(n *outputStmt, s *scope) executor {
	if s.outputCheck && c.knownExtends {
		return nil
	}
	var parts []outPart
	for _, child := range n.nodes {
		var p outPart
		if d, ok := child.(*dataExpr); ok {
			p.text = d.text
		} else {
			e, pure := c.pureExpr(child, s)
			if text, ok := c.constText(e, pure); ok {
				p.text = text
			} else {
				p.expr = e
			}
		}
		if last := len(parts) - 1; p.expr == nil && last >= 0 && parts[last].expr == nil {
			parts[last].text += p.text
			continue
		}
		parts = append(parts, p)
	}
	out := &outputNode{parts: parts, esc: c.esc, parent: -1}
	if s.outputCheck {
		r := c.parentRef(s)
		out.parent, out.hops = r.slot, r.hops
	}
	return out
}

// constText evaluates a constant child of an output at compile time.
func (c *compiler) constText(e evaluator, pure bool) (string, bool) {
	if !pure {
		return "", false
	}
	m := c.foldMachine()
	v, err := e.eval(m.newFrame(0, nil, &tcontext{m: m, prog: c.prog, parent: globalsOnly{}, autoescape: c.esc.on}))
	if err != nil {
		return "", false
	}
	var text string
	if c.esc.on {
		var safe value.Markup
		safe, err = m.escape(v)
		text = string(safe)
	} else {
		text, err = m.str(v)
	}
	return text, err == nil && len(text) <= foldText
}

func (c *compiler) parentRef(s *scope) slotRef {
	u := s.syms.unit
	for u.up != nil {
		u = u.up
	}
	return slotRef{hops: s.syms.unit.depth - u.depth, slot: u.slot(parentLevel, "parent")}
}

func (c *compiler) assign(n *assignStmt, s *scope) executor {
	a := &assignNode{val: c.expr(n.val, s), target: c.target(n.target, s)}
	seen := make(map[string]bool)
	check := func(e any) bool {
		if r, ok := e.(*nsRefExpr); ok && !seen[r.name] {
			seen[r.name] = true
			a.namespaces = append(a.namespaces, c.ref(s, r.name))
		}
		return true
	}
	check(n.target)
	walk(n.target, check)
	a.names = c.keptNames(n.target, s)
	return a
}

// keptNames are the names of a target that the context must know too.
func (c *compiler) keptNames(target node, s *scope) map[string]slotRef {
	if !s.toplevel || !c.keepVars {
		return nil
	}
	names := make(map[string]slotRef)
	collect := func(e any) bool {
		if n, ok := e.(*nameExpr); ok {
			names[n.name] = c.ref(s, n.name)
		}
		return true
	}
	collect(target)
	walk(target, collect)
	return names
}

func (c *compiler) target(e node, s *scope) assigner {
	switch e := e.(type) {
	case *nameExpr:
		return c.ref(s, e.name)
	case *nsRefExpr:
		return &nsTarget{c.ref(s, e.name), e.attr}
	case *tupleExpr:
		t := make(tupleTarget, len(e.items))
		for i, item := range e.items {
			t[i] = c.target(item, s)
		}
		return t
	}
	panic("jinja: unexpected target") // the parser lets nothing else through
}

func (c *compiler) assignBlock(n *assignBlockStmt, s *scope) executor {
	inner := s.inner()
	inner.outputCheck = false
	inner.syms.scanAll(n.body)
	a := &assignBlockNode{enter: c.enterScope(inner), esc: c.esc}
	a.body = c.body(n.body, inner)
	a.target = c.target(n.target, s)
	if n.filter != nil {
		a.text = c.temp(inner)
		a.filter = c.filterChain(n.filter, inner, a.text)
	}
	a.names = c.keptNames(n.target, s)
	a.leave = leaveScope(inner)
	return a
}

func (c *compiler) filterBlock(n *filterBlockStmt, s *scope) executor {
	inner := s.inner()
	inner.syms.scanAll(n.body)
	inner.syms.scan(n.filter)
	f := &filterBlockNode{enter: c.enterScope(inner), esc: c.esc}
	f.body = c.body(n.body, inner)
	f.text = c.temp(inner)
	f.filter = c.filterChain(n.filter, inner, f.text)
	f.leave = leaveScope(inner)
	return f
}

// filterChain compiles filters whose innermost input is a captured text.
func (c *compiler) filterChain(e node, s *scope, text slotRef) evaluator {
	saved := c.input
	c.input = &text
	defer func() { c.input = saved }()
	return c.expr(e, s)
}

func (c *compiler) ifElse(n *ifStmt, s *scope) executor {
	soft := s.softened()
	out := &ifNode{branches: []ifBranch{{c.expr(n.test, soft), c.body(n.body, soft)}}}
	for _, e := range n.elifs {
		out.branches = append(out.branches, ifBranch{c.expr(e.test, soft), c.body(e.body, soft)})
	}
	out.els = c.body(n.els, soft)
	return out
}

func (c *compiler) with(n *withStmt, s *scope) executor {
	inner := s.inner()
	for _, t := range n.targets {
		inner.syms.scan(t)
	}
	inner.syms.scanAll(n.body)
	w := &withNode{enter: c.enterScope(inner)}
	for i, t := range n.targets {
		w.targets = append(w.targets, c.target(t, inner))
		w.vals = append(w.vals, c.expr(n.vals[i], s))
	}
	w.body = c.body(n.body, inner)
	w.leave = leaveScope(inner)
	return w
}

func (c *compiler) autoescape(n *autoescapeStmt, s *scope) executor {
	inner := s.inner()
	inner.syms.scan(n.val)
	inner.syms.scanAll(n.body)
	a := &autoescapeNode{enter: c.enterScope(inner)}
	saved := c.esc
	e, pure := c.pureExpr(n.val, inner)
	a.val = e
	c.esc.volatile = true
	if pure {
		m := c.foldMachine()
		if v, err := e.eval(m.newFrame(0, nil, &tcontext{m: m, prog: c.prog, parent: globalsOnly{}})); err == nil {
			if on, err := value.Truth(v); err == nil {
				c.esc = escapeMode{on: on, volatile: saved.volatile}
			}
		}
	}
	a.body = c.body(n.body, inner)
	a.leave = leaveScope(inner)
	c.esc = saved
	return a
}

// maxStaticLoops is CPython's limit of loops nested in one function.
const maxStaticLoops = 20

func (c *compiler) forLoop(n *forStmt, s *scope) executor {
	var loop *scope
	if n.recursive {
		loop = s.innerUnit()
	} else {
		loop = s.inner()
	}
	extended := n.recursive || undeclared(n.body, "loop")["loop"] || hasScopedBlock(n)
	out := &forNode{loop: -1}
	if extended {
		out.loop = loop.syms.parameter("loop").slot
	}
	loop.syms.scanParam(n.target)
	loop.syms.scanAll(n.body)

	saved := c.loops
	if n.recursive {
		c.loops = 0
	}
	if c.loops++; c.loops > maxStaticLoops {
		c.fail("SyntaxError", "too many statically nested blocks", n.stmtLine())
	}
	defer func() { c.loops = saved }()

	var els *scope
	if len(n.els) > 0 {
		els = &scope{syms: newSymbols(s.syms, loop.syms.unit), outputCheck: s.outputCheck}
		els.syms.scanAll(n.els)
	}
	if n.test != nil {
		out.filter = c.loopFilter(n, loop, s)
	}
	walk(n, func(e any) bool {
		if name, ok := e.(*nameExpr); ok && name.ctx == ctxStore && name.name == "loop" {
			c.fail(classAssertion, "Can't assign to special loop variable in for-loop target", name.exprLine())
		}
		return true
	})
	out.iter = c.expr(n.iter, s)
	out.target = c.target(n.target, loop)
	out.enter = c.enterScope(loop)
	out.body = c.body(n.body, loop)
	out.leave = leaveScope(loop)
	if els != nil {
		out.elsEnter = c.enterScope(els)
		out.els = c.body(n.els, els)
		out.elsLeave = leaveScope(els)
	}
	if n.recursive {
		return &recursiveForNode{loop: out, nslots: func() int { return len(loop.syms.unit.slots) }, esc: c.esc, iter: out.iter}
	}
	return out
}

// loopFilter compiles the "if" of a loop, which runs in a unit of its own.
func (c *compiler) loopFilter(n *forStmt, loop, s *scope) *loopFilter {
	test := &scope{syms: newSymbols(s.syms, newUnit(loop.syms.unit))}
	test.syms.scanParam(n.target)
	test.syms.scan(n.test)
	f := &loopFilter{enter: c.enterScope(test)}
	f.target = c.target(n.target, test)
	f.test = c.expr(n.test, test)
	f.nslots = len(test.syms.unit.slots)
	return f
}

func hasScopedBlock(n *forStmt) bool {
	found := false
	walk(n, func(e any) bool {
		if b, ok := e.(*blockStmt); ok && b.scoped {
			found = true
		}
		return !found
	})
	return found
}

// macro compiles the body of a macro or call block.
func (c *compiler) macro(name string, named bool, sig signature, body []stmt, s *scope, line int) *macroDef {
	inner := s.innerUnit()
	inner.outputCheck = false
	def := &macroDef{name: name, named: named, caller: -1, kwargs: -1, varargs: -1}
	syms := inner.syms
	explicitCaller := -1
	skip := make(map[string]bool)
	for i, a := range sig.args {
		for _, prev := range def.args {
			if prev == a.name {
				c.fail("SyntaxError", "duplicate argument 'l_"+itoa(syms.level)+"_"+a.name+"' in function definition", line)
			}
		}
		switch a.name {
		case "caller":
			explicitCaller = i
		case "kwargs", "varargs":
			skip[a.name] = true
		}
		def.args = append(def.args, a.name)
		def.slots = append(def.slots, syms.parameter(a.name).slot)
	}
	for _, d := range sig.defaults {
		syms.scan(d)
	}
	syms.scanAll(body)
	used := undeclared(body, "caller", "kwargs", "varargs")
	if used["caller"] {
		def.usesCaller = true
		if explicitCaller < 0 {
			def.caller = syms.parameter("caller").slot
		} else if explicitCaller < len(sig.args)-len(sig.defaults) {
			c.fail(classAssertion, `When defining macros or call blocks the special "caller" argument must be omitted or be given a default.`, line)
		}
	}
	if used["kwargs"] && !skip["kwargs"] {
		def.kwargs = syms.parameter("kwargs").slot
	}
	if used["varargs"] && !skip["varargs"] {
		def.varargs = syms.parameter("varargs").slot
	}
	saved := c.loops
	c.loops = 0
	enter := c.enterScope(inner)
	first := len(sig.args) - len(sig.defaults)
	def.defaults = make([]evaluator, len(sig.args))
	for i, d := range sig.defaults {
		def.defaults[first+i] = c.expr(d, inner)
	}
	def.code = finish(inner, append([]executor{enter, (*defaultsNode)(def)}, c.body(body, inner)...))
	c.loops = saved
	return def
}

func (c *compiler) blockUse(n *blockStmt, s *scope) executor {
	b := &blockNode{name: n.name, required: n.required, parent: -1}
	if s.toplevel {
		if c.knownExtends {
			return nil
		}
		if c.extendsSoFar > 0 {
			b.parent = c.parentRef(s).slot
		}
	}
	if n.scoped {
		b.locals = c.visible(s)
		b.scoped = true
	}
	return b
}

func (c *compiler) extend(n *extendsStmt, s *scope, add func(executor)) {
	if !s.toplevel {
		c.fail(classAssertion, "cannot use extend from a non top-level scope", n.stmtLine())
	}
	e := &extendsNode{parent: c.parentRef(s).slot}
	if c.extendsSoFar > 0 {
		e.again = true
		if c.knownExtends {
			add(e)
			panic(compilerExit{})
		}
	}
	e.template = c.expr(n.template, s)
	add(e)
	if s.rootlevel {
		c.knownExtends = true
	}
	c.extendsSoFar++
}

func (c *compiler) include(n *includeStmt, s *scope) executor {
	inc := &includeNode{template: c.expr(n.template, s), ignoreMissing: n.ignoreMissing, withContext: n.withContext, locals: c.visible(s)}
	switch t := n.template.(type) {
	case *constExpr:
		_, inc.single = t.val.(string)
	case *tupleExpr, *listExpr:
		inc.many = true
	}
	return inc
}

func (c *compiler) fromImport(n *fromStmt, s *scope) executor {
	f := &fromNode{template: c.expr(n.template, s), withContext: n.withContext, locals: c.visible(s), names: n.names, keep: s.toplevel}
	f.position = "line " + itoa(n.stmtLine())
	if c.prog.named {
		f.position += " in " + reprString(c.prog.name)
	}
	for _, alias := range n.aliases {
		f.targets = append(f.targets, c.ref(s, alias))
		f.aliases = append(f.aliases, alias)
	}
	return f
}

func isPublic(name string) bool { return !strings.HasPrefix(name, "_") }

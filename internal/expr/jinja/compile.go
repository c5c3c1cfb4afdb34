package jinja

import (
	"slices"
)

// compiler turns the tree of one template into a program.
type compiler struct {
	env   *environment
	prog  *program
	temps int // slots for intermediate texts so far

	// keepVars: top-level names must be kept in the context, because blocks,
	// includes or importers can see them.
	keepVars     bool
	hasExtends   bool
	knownExtends bool // a top-level extends was passed: nothing is output any more
	extendsSoFar int
	loops        int // nested loops of the current unit
	esc          escapeMode
	free         map[string]bool // names looked up outside
	bare         bool            // a bare expression: no name can be set
	used         map[int]bool    // slots a bare expression reads
	input        *slotRef        // the text a filter without operand works on
}

// escapeMode is what is known about automatic escaping at compile time.
type escapeMode struct {
	on       bool
	volatile bool // depends on a value
}

// scope is what the compiler knows about the place a node is in.
type scope struct {
	syms        *symbols
	toplevel    bool // names set here belong to the template
	rootlevel   bool // not even inside an "if"
	soft        bool // inside an "if": unknown filters fail at run time only
	outputCheck bool // an extends may have switched output off
}

// inner is a scope with names of its own, in the same unit.
func (s *scope) inner() *scope {
	return &scope{syms: newSymbols(s.syms, s.syms.unit), outputCheck: s.outputCheck}
}

// innerUnit is a scope in a unit of its own.
func (s *scope) innerUnit() *scope {
	return &scope{syms: newSymbols(s.syms, newUnit(s.syms.unit)), outputCheck: s.outputCheck}
}

func (s *scope) softened() *scope {
	c := *s
	c.rootlevel, c.soft = false, true
	return &c
}

// compilerExit ends the compilation of a statement list: what follows can never run.
type compilerExit struct{}

func compileTemplate(env *environment, body []stmt, name string, named bool) (p *program, err error) {
	c := &compiler{env: env, prog: &program{env: env, name: name, named: named}, free: make(map[string]bool)}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case parseError:
			err = r.err
		default:
			panic(r)
		}
	}()
	blocks := c.survey(body)
	c.keepVars = c.keepVars || named

	root := &scope{syms: newSymbols(nil, newUnit(nil)), toplevel: true, rootlevel: true, outputCheck: c.hasExtends}
	var prologue []executor
	if undeclared(body, "self")["self"] {
		prologue = append(prologue, &selfNode{root.syms.parameter("self").slot})
	}
	root.syms.scanAll(body)
	if c.hasExtends {
		root.syms.unit.slot(parentLevel, "parent")
	}
	c.prog.extends = c.hasExtends
	code := append(prologue, c.enterScope(root))
	code = append(code, c.body(body, root)...)
	if c.hasExtends {
		code = append(code, &parentNode{root.syms.unit.slot(parentLevel, "parent")})
	}
	c.prog.root = finish(root, code)
	for _, b := range blocks {
		c.prog.blocks = append(c.prog.blocks, c.block(b))
	}
	for n := range c.free {
		c.prog.undeclared = append(c.prog.undeclared, n)
	}
	slices.Sort(c.prog.undeclared)
	return c.prog, nil
}

// Levels of slots that are not names of the template.
const (
	parentLevel = -1 // the template that is extended
	tempLevel   = -2 // intermediate texts
)

// compileExpression compiles a bare expression. Jinja compiles it as an
// assignment to the name "result", which decides how that name resolves.
func compileExpression(env *environment, e node) (p *exprProgram, err error) {
	c := &compiler{env: env, prog: &program{env: env}, free: make(map[string]bool), used: make(map[int]bool)}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case parseError:
			err = r.err
		default:
			panic(r)
		}
	}()
	root := &scope{syms: newSymbols(nil, newUnit(nil)), toplevel: true, rootlevel: true}
	as := &assignStmt{1, &nameExpr{1, "result", ctxStore}, e}
	self := -1
	if undeclared([]stmt{as}, "self")["self"] {
		self = root.syms.parameter("self").slot
	}
	root.syms.scan(as)
	c.bare = true
	ev := c.expr(e, root)
	// A name that only short cuts mention is not looked up.
	enter := c.enterScope(root)
	if n, ok := enter.(enterNode); ok {
		n = slices.DeleteFunc(n, func(op loadOp) bool { return op.clear || !c.used[op.slot] })
		if enter = n; len(n) == 0 {
			enter = nil
		}
	}
	if self >= 0 {
		enter = selfThen{selfNode{self}, enter}
	}
	return &exprProgram{env: env, prog: c.prog, enter: enter, expr: ev, nslots: len(root.syms.unit.slots)}, nil
}

// exprProgram is a compiled bare expression.
type exprProgram struct {
	env    *environment
	prog   *program // the template the original makes of it: empty
	enter  executor
	expr   evaluator
	nslots int
}

// selfThen sets "self" in front of the other names.
type selfThen struct {
	self selfNode
	next executor // may be nil
}

func (n selfThen) exec(f *frame) error {
	if err := n.self.exec(f); err != nil || n.next == nil {
		return err
	}
	return n.next.exec(f)
}

// finish makes the code of a unit once all its slots are known.
func finish(s *scope, body []executor) code {
	return code{nslots: len(s.syms.unit.slots), body: compact(body)}
}

// compact drops statements that do nothing.
func compact(body []executor) []executor {
	return slices.DeleteFunc(body, func(e executor) bool { return e == nil })
}

func (c *compiler) fail(class, msg string, line int) {
	panic(parseError{&syntaxError{class: class, msg: msg, line: line}})
}

// survey finds the blocks of a template and what it needs of its context.
func (c *compiler) survey(body []stmt) []*blockStmt {
	var blocks []*blockStmt
	visit := func(n any) bool {
		switch n := n.(type) {
		case *blockStmt:
			for _, b := range blocks {
				if b.name == n.name {
					c.fail(classAssertion, "block "+reprString(n.name)+" defined twice", n.stmtLine())
				}
			}
			blocks = append(blocks, n)
			c.keepVars = true
		case *extendsStmt:
			c.hasExtends = true
			c.keepVars = true
		case *includeStmt, *importStmt, *fromStmt:
			c.keepVars = true
		}
		return true
	}
	// Blocks are found breadth first, as in Jinja: it decides which of two
	// equal names is reported.
	level := make([]any, 0, len(body))
	for _, s := range body {
		level = append(level, s)
	}
	for _, n := range level {
		visit(n)
		walk(n, visit)
	}
	return blocks
}

// block compiles a block. Its scope is no child of the template's: names reach
// it through the context only.
func (c *compiler) block(b *blockStmt) *block {
	s := &scope{syms: newSymbols(nil, newUnit(nil))}
	out := &block{name: b.name, self: -1, super: -1}
	names := undeclared(b.body, "self", "super")
	if names["self"] {
		out.self = s.syms.parameter("self").slot
	}
	if names["super"] {
		out.super = s.syms.parameter("super").slot
	}
	s.syms.scanAll(b.body)
	c.loops = 0
	enter := c.enterScope(s)
	out.code = finish(s, append([]executor{enter}, c.body(b.body, s)...))
	return out
}

// enterScope gives the variables of a scope their first values.
func (c *compiler) enterScope(s *scope) executor {
	var n enterNode
	for _, v := range s.syms.order {
		l := s.syms.loads[v]
		switch l.kind {
		case loadResolve:
			if c.env.globals[l.name] == nil {
				c.free[l.name] = true
			}
			n = append(n, loadOp{slot: v.slot, name: l.name})
		case loadAlias:
			n = append(n, loadOp{slot: v.slot, alias: true, from: l.from.slot, hops: v.unit.depth - l.from.unit.depth})
		case loadUndefined:
			n = append(n, loadOp{slot: v.slot, clear: true})
		}
	}
	if len(n) == 0 {
		return nil
	}
	return n
}

// leaveScope forgets the variables of a scope, so that closures that still
// refer to them find them undefined.
func leaveScope(s *scope) executor {
	if len(s.syms.order) == 0 {
		return nil
	}
	n := make(leaveNode, len(s.syms.order))
	for i, v := range s.syms.order {
		n[i] = v.slot
	}
	return n
}

// ref is the place of a name seen from scope s.
func (c *compiler) ref(s *scope, name string) slotRef {
	v := s.syms.find(name)
	if v == nil {
		// The original's analysis overlooks names in the filter of a set block.
		c.fail("AssertionError", "Tried to resolve a name to a reference that was unknown to the frame ("+reprString(name)+")", 0)
	}
	return slotRef{hops: s.syms.unit.depth - v.unit.depth, slot: v.slot}
}

// temp reserves a slot for an intermediate text.
func (c *compiler) temp(s *scope) slotRef {
	c.temps++
	return slotRef{slot: s.syms.unit.slot(tempLevel, itoa(c.temps))}
}

// visible is the local context of a scope: the names set in and around it.
func (c *compiler) visible(s *scope) map[string]slotRef {
	out := make(map[string]slotRef)
	for name, v := range s.syms.visible() {
		out[name] = slotRef{hops: s.syms.unit.depth - v.unit.depth, slot: v.slot}
	}
	return out
}

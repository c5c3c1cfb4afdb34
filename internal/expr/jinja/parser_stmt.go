package jinja

import (
	"slices"
	"strings"
)

// statements reads text and tags up to one of the end tags, whose name is then
// current, or to the end of the template.
func (p *parser) statements(ends []string) []stmt {
	if ends != nil {
		p.ends = append(p.ends, ends)
		defer func() { p.ends = p.ends[:len(p.ends)-1] }()
	}
	defer p.enter()()
	var body []stmt
	var out *outputStmt
	add := func(e node, line int) {
		if out == nil {
			out = &outputStmt{at: at(line)}
			body = append(body, out)
		}
		out.nodes = append(out.nodes, e)
	}
	for p.cur.typ != tokEOF {
		switch p.cur.typ {
		case tokData:
			t := p.next()
			if t.text != "" {
				add(&dataExpr{at(t.line), normalizeNewlines(t.text)}, t.line)
			}
		case tokVariableBegin:
			p.next()
			e := p.tuple(tupleOpts{condExpr: true})
			add(e, e.exprLine())
			p.expect(tokVariableEnd)
		case tokBlockBegin:
			out = nil
			p.next()
			if ends != nil && p.cur.typ == tokName && slices.Contains(ends, p.cur.text) {
				return body
			}
			body = append(body, p.statement())
			p.expect(tokBlockEnd)
		default:
			p.raise("AssertionError", "internal parsing error", p.cur.line, false)
		}
	}
	return body
}

// body reads the inside of a tag pair: the rest of the opening tag, then
// statements up to an end tag. With drop the end tag's name is consumed.
func (p *parser) body(drop bool, ends ...string) []stmt {
	p.skipIf(tokColon)
	p.expect(tokBlockEnd)
	body := p.statements(ends)
	if p.cur.typ == tokEOF {
		p.unknownTag("", p.cur.line, append(slices.Clone(p.ends), ends))
	}
	if drop {
		p.next()
	}
	return body
}

func (p *parser) statement() stmt {
	t := p.cur
	if t.typ != tokName {
		p.failAt("tag name expected", t.line)
	}
	parse := p.tagParser(t.text)
	if parse == nil {
		p.unknownTag(t.text, t.line, p.ends)
	}
	p.tags = append(p.tags, t.text)
	p.next()
	s := parse(at(t.line))
	p.tags = p.tags[:len(p.tags)-1]
	return s
}

func (p *parser) tagParser(name string) func(at) stmt {
	switch name {
	case "for":
		return p.forLoop
	case "if":
		return p.ifElse
	case "block":
		return p.block
	case "extends":
		return p.extends
	case "print":
		return p.print
	case "macro":
		return p.macro
	case "include":
		return p.include
	case "from":
		return p.fromImport
	case "import":
		return p.importModule
	case "set":
		return p.set
	case "with":
		return p.with
	case "autoescape":
		return p.autoescape
	case "call":
		return p.callBlock
	case "filter":
		return p.filterBlock
	}
	return nil
}

func (p *parser) set(line at) stmt {
	target := p.assignTarget(true)
	if p.skipIf(tokAssign) {
		return &assignStmt{line, target, p.tuple(tupleOpts{condExpr: true})}
	}
	filter := p.filters(nil)
	return &assignBlockStmt{line, target, filter, p.body(true, "endset")}
}

func (p *parser) forLoop(line at) stmt {
	s := &forStmt{at: line}
	s.target = p.assignTarget(false)
	p.expectName("in")
	s.iter = p.tuple(tupleOpts{})
	if p.skipName("if") {
		s.test = p.expression(true)
	}
	s.recursive = p.skipName("recursive")
	s.body = p.body(false, "endfor", "else")
	if p.next().text != "endfor" {
		s.els = p.body(true, "endfor")
	}
	return s
}

func (p *parser) ifElse(line at) stmt {
	first := &ifStmt{at: line}
	for node := first; ; {
		node.test = p.tuple(tupleOpts{})
		node.body = p.body(false, "elif", "else", "endif")
		switch p.next().text {
		case "elif":
			node = &ifStmt{at: at(p.cur.line)}
			first.elifs = append(first.elifs, node)
			continue
		case "else":
			first.els = p.body(true, "endif")
		}
		return first
	}
}

func (p *parser) with(line at) stmt {
	s := &withStmt{at: line}
	for p.cur.typ != tokBlockEnd {
		if len(s.targets) > 0 {
			p.expect(tokComma)
		}
		target := p.assignTarget(false)
		setCtx(target, ctxParam)
		s.targets = append(s.targets, target)
		p.expect(tokAssign)
		s.vals = append(s.vals, p.expression(true))
	}
	s.body = p.body(true, "endwith")
	return s
}

func (p *parser) autoescape(line at) stmt {
	val := p.expression(true)
	return &autoescapeStmt{line, val, p.body(true, "endautoescape")}
}

func (p *parser) block(line at) stmt {
	s := &blockStmt{at: line, name: p.expect(tokName).text}
	s.scoped = p.skipName("scoped")
	s.required = p.skipName("required")
	if p.cur.typ == tokSub {
		p.fail("Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an underscore instead.")
	}
	s.body = p.body(true, "endblock")
	if s.required && !onlySpace(s.body) {
		p.fail("Required blocks can only contain comments or whitespace")
	}
	p.skipName(s.name)
	return s
}

func onlySpace(body []stmt) bool {
	for _, s := range body {
		out, ok := s.(*outputStmt)
		if !ok {
			return false
		}
		for _, n := range out.nodes {
			if d, ok := n.(*dataExpr); !ok || !allSpace(d.text) {
				return false
			}
		}
	}
	return true
}

func (p *parser) extends(line at) stmt { return &extendsStmt{line, p.expression(true)} }

// importContext reads "with context" or "without context".
func (p *parser) importContext() (with, found bool) {
	if (p.cur.isName("with") || p.cur.isName("without")) && p.look().isName("context") {
		with = p.next().text == "with"
		p.next()
		return with, true
	}
	return false, false
}

func (p *parser) include(line at) stmt {
	s := &includeStmt{at: line, template: p.expression(true), withContext: true}
	if p.cur.isName("ignore") && p.look().isName("missing") {
		s.ignoreMissing = true
		p.next()
		p.next()
	}
	if with, ok := p.importContext(); ok {
		s.withContext = with
	}
	return s
}

func (p *parser) importModule(line at) stmt {
	s := &importStmt{at: line, template: p.expression(true)}
	p.expectName("as")
	s.target = p.targetName().name
	s.withContext, _ = p.importContext()
	return s
}

func (p *parser) fromImport(line at) stmt {
	s := &fromStmt{at: line, template: p.expression(true)}
	p.expectName("import")
	for {
		if len(s.names) > 0 {
			p.expect(tokComma)
		}
		if p.cur.typ != tokName {
			p.expect(tokName)
		}
		if with, ok := p.importContext(); ok {
			s.withContext = with
			return s
		}
		name := p.targetName()
		if strings.HasPrefix(name.name, "_") {
			p.raise(classAssertion, "names starting with an underline can not be imported", name.exprLine(), false)
		}
		alias := name.name
		if p.skipName("as") {
			alias = p.targetName().name
		}
		s.names = append(s.names, name.name)
		s.aliases = append(s.aliases, alias)
		if with, ok := p.importContext(); ok {
			s.withContext = with
			return s
		}
		if p.cur.typ != tokComma {
			return s
		}
	}
}

func (p *parser) signature() signature {
	var s signature
	p.expect(tokLParen)
	for p.cur.typ != tokRParen {
		if len(s.args) > 0 {
			p.expect(tokComma)
		}
		arg := p.targetName()
		arg.ctx = ctxParam
		if p.skipIf(tokAssign) {
			s.defaults = append(s.defaults, p.expression(true))
		} else if len(s.defaults) > 0 {
			p.fail("non-default argument follows default argument")
		}
		s.args = append(s.args, arg)
	}
	p.expect(tokRParen)
	return s
}

func (p *parser) callBlock(line at) stmt {
	s := &callBlockStmt{at: line}
	if p.cur.typ == tokLParen {
		s.sig = p.signature()
	}
	call, ok := p.expression(true).(*callExpr)
	if !ok {
		p.failAt("expected call", int(line))
	}
	s.call = call
	s.body = p.body(true, "endcall")
	return s
}

func (p *parser) filterBlock(line at) stmt {
	filter := p.filters(p.filter(nil))
	return &filterBlockStmt{line, filter, p.body(true, "endfilter")}
}

func (p *parser) macro(line at) stmt {
	s := &macroStmt{at: line, name: p.targetName().name}
	s.sig = p.signature()
	s.body = p.body(true, "endmacro")
	return s
}

func (p *parser) print(line at) stmt {
	s := &outputStmt{at: line}
	for p.cur.typ != tokBlockEnd {
		if len(s.nodes) > 0 {
			p.expect(tokComma)
		}
		s.nodes = append(s.nodes, p.expression(true))
	}
	return s
}

// assignTarget reads what can stand left of "=". Attributes of namespaces are
// allowed with namespace.
func (p *parser) assignTarget(namespace bool) node {
	e := p.tuple(tupleOpts{simplified: true, namespace: namespace})
	setCtx(e, ctxStore)
	if !assignable(e) {
		p.failAt("can't assign to "+reprString(nodeName(e)), e.exprLine())
	}
	return e
}

// targetName reads a single name to be set.
func (p *parser) targetName() *nameExpr {
	t := p.expect(tokName)
	n := &nameExpr{at(t.line), t.text, ctxStore}
	if !assignable(n) {
		p.failAt("can't assign to 'name'", t.line)
	}
	return n
}

func setCtx(e node, ctx nameCtx) {
	switch e := e.(type) {
	case *nameExpr:
		e.ctx = ctx
	case *tupleExpr:
		for _, item := range e.items {
			setCtx(item, ctx)
		}
	}
}

func assignable(e node) bool {
	switch e := e.(type) {
	case *nameExpr:
		switch e.name {
		case "true", "false", "none", "True", "False", "None":
			return false
		}
		return true
	case *nsRefExpr:
		return true
	case *tupleExpr:
		return !slices.ContainsFunc(e.items, func(item node) bool { return !assignable(item) })
	}
	return false
}

// nodeName is the name of the original's class of node, in lower case.
func nodeName(e node) string {
	switch e := e.(type) {
	case *constExpr:
		return "const"
	case *tupleExpr:
		return "tuple"
	case *listExpr:
		return "list"
	case *dictExpr:
		return "dict"
	case *unaryExpr:
		return opNames["unary"+e.op]
	case *binaryExpr:
		return opNames[e.op]
	case *compareExpr:
		return "compare"
	case *concatExpr:
		return "concat"
	case *condExpr:
		return "condexpr"
	case *getattrExpr:
		return "getattr"
	case *getitemExpr:
		return "getitem"
	case *callExpr:
		return "call"
	case *filterExpr:
		return "filter"
	case *testExpr:
		return "test"
	}
	return "name"
}

var opNames = map[string]string{
	"unary-": "neg", "unary+": "pos", "unarynot": "not", "+": "add", "-": "sub", "*": "mul", "/": "div",
	"//": "floordiv", "%": "mod", "**": "pow", "and": "and", "or": "or",
}

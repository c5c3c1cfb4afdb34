package jinja

import "strings"

// expression reads one expression; without condExpr a trailing "if" is left to
// the caller.
func (p *parser) expression(withCond bool) node {
	defer p.enter()()
	if withCond {
		return p.condition()
	}
	return p.or()
}

func (p *parser) condition() node {
	line := at(p.cur.line)
	e := p.or()
	for p.skipName("if") {
		c := &condExpr{at: line, then: e}
		c.test = p.or()
		if p.skipName("else") {
			leave := p.enter()
			c.els = p.condition()
			leave()
		}
		e = c
		line = at(p.cur.line)
	}
	return e
}

// chain reads operands joined by left-associative operators. A long chain makes
// a deep tree, so its length counts as nesting, though cheaply.
func (p *parser) chain(operand func() node, op func() string) node {
	line := at(p.cur.line)
	left := operand()
	for n := 0; ; n++ {
		o := op()
		if o == "" {
			return left
		}
		if n > maxChain {
			p.raise("RecursionError", "maximum recursion depth exceeded", p.cur.line, false)
		}
		left = &binaryExpr{line, o, left, operand()}
		line = at(p.cur.line)
	}
}

// maxChain bounds the operators in one unparenthesised chain. CPython stops
// near 200 for most operators, because it nests parentheses for each.
const maxChain = 1000

func (p *parser) or() node {
	return p.chain(p.and, func() string { return p.keywordOp("or") })
}

func (p *parser) and() node {
	return p.chain(p.not, func() string { return p.keywordOp("and") })
}

func (p *parser) keywordOp(name string) string {
	if p.skipName(name) {
		return name
	}
	return ""
}

func (p *parser) not() node {
	if p.cur.isName("not") {
		defer p.enter()()
		line := at(p.next().line)
		return &unaryExpr{line, "not", p.not()}
	}
	return p.compare()
}

func (p *parser) compare() node {
	line := at(p.cur.line)
	e := p.sum()
	var c *compareExpr
	for {
		op := ""
		switch {
		case p.cur.typ == tokEq, p.cur.typ == tokNe, p.cur.typ == tokLt, p.cur.typ == tokLtEq,
			p.cur.typ == tokGt, p.cur.typ == tokGtEq:
			op = tokenText[p.next().typ]
		case p.cur.isName("in"):
			p.next()
			op = "in"
		case p.cur.isName("not") && p.look().isName("in"):
			p.next()
			p.next()
			op = "not in"
		default:
			if c == nil {
				return e
			}
			c.at = line
			return c
		}
		if c == nil {
			c = &compareExpr{node: e}
		}
		c.ops = append(c.ops, op)
		c.args = append(c.args, p.sum())
		line = at(p.cur.line)
	}
}

func (p *parser) sum() node {
	return p.chain(p.concat, func() string { return p.anyOp(tokAdd, tokSub) })
}

func (p *parser) concat() node {
	line := at(p.cur.line)
	e := p.product()
	if p.cur.typ != tokTilde {
		return e
	}
	c := &concatExpr{line, []node{e}}
	for p.skipIf(tokTilde) {
		c.items = append(c.items, p.product())
	}
	return c
}

func (p *parser) product() node {
	return p.chain(p.power, func() string { return p.anyOp(tokMul, tokDiv, tokFloorDiv, tokMod) })
}

func (p *parser) power() node {
	return p.chain(func() node { return p.unary(true) }, func() string { return p.anyOp(tokPow) })
}

func (p *parser) anyOp(types ...tokenType) string {
	for _, t := range types {
		if p.cur.typ == t {
			p.next()
			return tokenText[t]
		}
	}
	return ""
}

func (p *parser) unary(withFilter bool) node {
	var e node
	if p.cur.typ == tokSub || p.cur.typ == tokAdd {
		leave := p.enter()
		t := p.next()
		e = &unaryExpr{at(t.line), tokenText[t.typ], p.unary(false)}
		leave()
	} else {
		e = p.primary(false)
	}
	e = p.postfix(e)
	if withFilter {
		e = p.filterExpr(e)
	}
	return e
}

// primary reads a name or a literal; with namespace also name.attr as one target.
func (p *parser) primary(namespace bool) node {
	t := p.cur
	line := at(t.line)
	switch t.typ {
	case tokName:
		p.next()
		switch t.text {
		case "true", "True":
			return &constExpr{line, true}
		case "false", "False":
			return &constExpr{line, false}
		case "none", "None":
			return &constExpr{line, nil}
		}
		if namespace && p.skipIf(tokDot) {
			return &nsRefExpr{line, t.text, p.expect(tokName).text}
		}
		return &nameExpr{line, t.text, ctxLoad}
	case tokString:
		p.next()
		if p.cur.typ != tokString {
			return &constExpr{line, t.text}
		}
		var b strings.Builder
		b.WriteString(t.text)
		for p.cur.typ == tokString {
			b.WriteString(p.next().text)
		}
		return &constExpr{line, b.String()}
	case tokInteger, tokFloat:
		p.next()
		return &constExpr{line, t.num}
	case tokLParen:
		p.next()
		e := p.tuple(tupleOpts{condExpr: true, explicit: true})
		p.expect(tokRParen)
		return e
	case tokLBracket:
		return p.list()
	case tokLBrace:
		return p.dict()
	}
	p.failAt("unexpected "+reprString(t.describe()), t.line)
	return nil
}

// tupleOpts says how a possible tuple is read.
type tupleOpts struct {
	simplified bool // only names and literals: the target of an assignment
	namespace  bool // with simplified: name.attr too
	condExpr   bool // items may be conditional expressions
	explicit   bool // in parentheses, so that it may be empty
}

// tuple reads one expression, or a tuple when there is a comma.
func (p *parser) tuple(o tupleOpts) node {
	defer p.enter()()
	line := at(p.cur.line)
	var items []node
	isTuple := false
	for {
		if len(items) > 0 {
			p.expect(tokComma)
		}
		if t := p.cur; t.typ == tokVariableEnd || t.typ == tokBlockEnd || t.typ == tokRParen {
			break
		}
		if o.simplified {
			items = append(items, p.primary(o.namespace))
		} else {
			items = append(items, p.expression(o.condExpr))
		}
		if p.cur.typ != tokComma {
			break
		}
		isTuple = true
		line = at(p.cur.line)
	}
	if !isTuple {
		if len(items) > 0 {
			return items[0]
		}
		if !o.explicit {
			p.fail("Expected an expression, got " + reprString(p.cur.describe()))
		}
	}
	return &tupleExpr{line, items}
}

func (p *parser) list() node {
	l := &listExpr{at: at(p.expect(tokLBracket).line)}
	for p.cur.typ != tokRBracket {
		if len(l.items) > 0 {
			p.expect(tokComma)
		}
		if p.cur.typ == tokRBracket {
			break
		}
		l.items = append(l.items, p.expression(true))
	}
	p.expect(tokRBracket)
	return l
}

func (p *parser) dict() node {
	d := &dictExpr{at: at(p.expect(tokLBrace).line)}
	for p.cur.typ != tokRBrace {
		if len(d.keys) > 0 {
			p.expect(tokComma)
		}
		if p.cur.typ == tokRBrace {
			break
		}
		d.keys = append(d.keys, p.expression(true))
		p.expect(tokColon)
		d.vals = append(d.vals, p.expression(true))
	}
	p.expect(tokRBrace)
	return d
}

// deepen guards loops that wrap a node again and again, as a.b.c does.
func (p *parser) deepen(n int) {
	if n > maxChain {
		p.raise("RecursionError", "maximum recursion depth exceeded", p.cur.line, false)
	}
}

func (p *parser) postfix(e node) node {
	for n := 0; ; n++ {
		p.deepen(n)
		switch p.cur.typ {
		case tokDot, tokLBracket:
			e = p.subscript(e)
		case tokLParen:
			e = p.call(e)
		default:
			return e
		}
	}
}

func (p *parser) filterExpr(e node) node {
	for n := 0; ; n++ {
		p.deepen(n)
		switch {
		case p.cur.typ == tokPipe:
			e = p.filters(e)
		case p.cur.isName("is"):
			e = p.test(e)
		case p.cur.typ == tokLParen:
			e = p.call(e)
		default:
			return e
		}
	}
}

func (p *parser) subscript(e node) node {
	t := p.next()
	if t.typ == tokDot {
		attr := p.cur
		p.next()
		switch attr.typ {
		case tokName:
			return &getattrExpr{at(t.line), e, attr.text}
		case tokInteger:
			return &getitemExpr{at(t.line), e, &constExpr{at(attr.line), attr.num}}
		}
		p.failAt("expected name or number", attr.line)
	}
	var args []node
	for p.cur.typ != tokRBracket {
		if len(args) > 0 {
			p.expect(tokComma)
		}
		args = append(args, p.subscribed())
	}
	p.expect(tokRBracket)
	if len(args) == 1 {
		return &getitemExpr{at(t.line), e, args[0]}
	}
	return &getitemExpr{at(t.line), e, &tupleExpr{at(t.line), args}}
}

// subscribed reads an index or a slice.
func (p *parser) subscribed() node {
	s := &sliceExpr{at: at(p.cur.line)}
	if p.cur.typ != tokColon {
		e := p.expression(true)
		if p.cur.typ != tokColon {
			return e
		}
		s.start = e
	}
	p.next()
	ends := func() bool { return p.cur.typ == tokRBracket || p.cur.typ == tokComma }
	if p.cur.typ != tokColon && !ends() {
		s.stop = p.expression(true)
	}
	if p.skipIf(tokColon) && !ends() {
		s.step = p.expression(true)
	}
	return s
}

func (p *parser) call(e node) node {
	line := at(p.cur.line)
	return &callExpr{line, e, p.callArgs()}
}

func (p *parser) callArgs() arguments {
	var a arguments
	open := p.expect(tokLParen)
	ensure := func(ok bool) {
		if !ok {
			p.failAt("invalid syntax for function call expression", open.line)
		}
	}
	for comma := false; p.cur.typ != tokRParen; comma = true {
		if comma {
			p.expect(tokComma)
			if p.cur.typ == tokRParen {
				break
			}
		}
		switch {
		case p.cur.typ == tokMul:
			ensure(a.star == nil && a.double == nil)
			p.next()
			a.star = p.expression(true)
		case p.cur.typ == tokPow:
			ensure(a.double == nil)
			p.next()
			a.double = p.expression(true)
		case p.cur.typ == tokName && p.look().typ == tokAssign:
			ensure(a.double == nil)
			a.names = append(a.names, p.next().text)
			p.next()
			a.kw = append(a.kw, p.expression(true))
		default:
			ensure(a.star == nil && a.double == nil && len(a.kw) == 0)
			a.pos = append(a.pos, p.expression(true))
		}
	}
	p.expect(tokRParen)
	return a
}

// filters reads any number of "|name(args)". Without one it returns e.
func (p *parser) filters(e node) node {
	for n := 0; p.cur.typ == tokPipe; n++ {
		p.deepen(n)
		p.next()
		e = p.filter(e)
	}
	return e
}

// filter reads a filter's name and arguments, the bar being behind us.
func (p *parser) filter(e node) node {
	line := at(p.cur.line)
	f := &filterExpr{at: line, node: e, name: p.dottedName()}
	if p.cur.typ == tokLParen {
		f.args = p.callArgs()
	}
	return f
}

func (p *parser) dottedName() string {
	name := p.expect(tokName).text
	for p.skipIf(tokDot) {
		name += "." + p.expect(tokName).text
	}
	return name
}

func (p *parser) test(e node) node {
	line := at(p.next().line)
	negated := p.skipName("not")
	t := &testExpr{at: line, node: e, name: p.dottedName()}
	switch p.cur.typ {
	case tokLParen:
		t.args = p.callArgs()
	case tokName, tokString, tokInteger, tokFloat, tokLBracket, tokLBrace:
		if p.cur.isName("else") || p.cur.isName("or") || p.cur.isName("and") {
			break
		}
		if p.cur.isName("is") {
			p.fail("You cannot chain multiple tests with is")
		}
		t.args.pos = []node{p.postfix(p.primary(false))}
	}
	if negated {
		return &unaryExpr{line, "not", t}
	}
	return t
}

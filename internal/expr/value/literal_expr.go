package value

import "strings"

// expressions parses one expression, or a tuple without parentheses; closing
// is the bracket that may follow a trailing comma.
func (p *litParser) expressions(closing string) (litNode, error) {
	first, err := p.element()
	if err != nil || !p.isOp(",") {
		return first, err
	}
	t := litNode{kind: litTuple, items: []litNode{first}}
	for p.isOp(",") {
		if err := p.advance(); err != nil {
			return t, err
		}
		if p.tok.kind == tokEnd || p.tok.kind == tokNewline || closing != "" && p.isOp(closing) {
			break
		}
		item, err := p.element()
		if err != nil {
			return t, err
		}
		t.items = append(t.items, item)
	}
	return t, nil
}

// element parses an expression, a starred one or an assignment expression.
func (p *litParser) element() (litNode, error) {
	if p.isOp("*") && len(p.lex.nested) == 0 {
		return litNode{}, p.unexpected()
	}
	if star, err := p.accept("*"); star || err != nil {
		if err != nil {
			return litNode{}, err
		}
		_, err := p.binary(2)
		return other("Starred"), err
	}
	n, err := p.expression()
	if err != nil || n.class != "Name" || len(p.lex.nested) == 0 {
		return n, err
	}
	if walrus, err := p.accept(":="); walrus || err != nil {
		if err == nil {
			_, err = p.expression()
		}
		return other("NamedExpr"), err
	}
	return n, nil
}

// expression parses a conditional or lambda.
func (p *litParser) expression() (litNode, error) {
	if err := p.enter(); err != nil {
		return litNode{}, err
	}
	defer func() { p.depth-- }()
	if p.isName("lambda") {
		for !p.isOp(":") {
			if p.tok.kind == tokEnd || p.tok.kind == tokNewline {
				return litNode{}, p.unexpected()
			}
			if err := p.advance(); err != nil {
				return litNode{}, err
			}
		}
		if err := p.advance(); err != nil {
			return litNode{}, err
		}
		_, err := p.expression()
		return other("Lambda"), err
	}
	n, err := p.or()
	if err != nil || !p.isName("if") {
		return n, err
	}
	if err := p.advance(); err != nil {
		return n, err
	}
	if _, err := p.or(); err != nil {
		return n, err
	}
	if !p.isName("else") {
		return n, syntaxError(p.lex.s, p.tok.pos, "expected 'else' after 'if' expression")
	}
	if err := p.advance(); err != nil {
		return n, err
	}
	_, err = p.expression()
	return other("IfExp"), err
}

func (p *litParser) or() (litNode, error) {
	n, err := p.not()
	for err == nil && (p.isName("or") || p.isName("and")) {
		if err = p.advance(); err == nil {
			_, err = p.not()
		}
		n = other("BoolOp")
	}
	return n, err
}

func (p *litParser) not() (litNode, error) {
	if p.isName("not") {
		if err := p.enter(); err != nil {
			return litNode{}, err
		}
		defer func() { p.depth-- }()
		if err := p.advance(); err != nil {
			return litNode{}, err
		}
		_, err := p.not()
		return other("UnaryOp"), err
	}
	n, err := p.binary(2)
	for err == nil {
		is, e := p.comparison()
		if err = e; err != nil || !is {
			break
		}
		_, err = p.binary(2)
		n = other("Compare")
	}
	return n, err
}

// comparison skips a comparison operator.
func (p *litParser) comparison() (bool, error) {
	switch {
	case p.tok.kind == tokOp && strings.Contains(" < > <= >= == != ", " "+p.tok.text+" "), p.isName("in"):
		return true, p.advance()
	case p.isName("not"):
		if err := p.advance(); err != nil {
			return false, err
		}
		if !p.isName("in") {
			return false, p.unexpected()
		}
		return true, p.advance()
	case p.isName("is"):
		if err := p.advance(); err != nil {
			return false, err
		}
		if p.isName("not") {
			return true, p.advance()
		}
		return true, nil
	}
	return false, nil
}

// binaryLevel gives the precedence of a binary operator, 0 for none.
func binaryLevel(op string) int {
	switch op {
	case "|":
		return 2
	case "^":
		return 3
	case "&":
		return 4
	case "<<", ">>":
		return 5
	case "+", "-":
		return 6
	case "*", "/", "//", "%", "@":
		return 7
	}
	return 0
}

func (p *litParser) binary(level int) (litNode, error) {
	n, err := p.unary()
	for err == nil && p.tok.kind == tokOp {
		l := binaryLevel(p.tok.text)
		if l < level {
			break
		}
		op := p.tok.text
		if err = p.advance(); err != nil {
			break
		}
		var right litNode
		right, err = p.binary(l + 1)
		n = complexLiteral(n, op, right)
	}
	return n, err
}

// complexLiteral allows the one binary operation in literals, "1+2j".
func complexLiteral(left litNode, op string, right litNode) litNode {
	z, ok := right.val.(Complex)
	number := (left.kind == litConst || left.kind == litSigned) && IsNumber(left.val)
	if !ok || right.kind != litConst || !number || op != "+" && op != "-" {
		return other("BinOp")
	}
	if op == "-" {
		z = -z
	}
	v, known, err := z.BinaryOp("+", left.val, true)
	if !known || err != nil {
		return other("BinOp")
	}
	return litNode{kind: litConst, val: v}
}

func (p *litParser) unary() (litNode, error) {
	if !p.isOp("-") && !p.isOp("+") && !p.isOp("~") {
		return p.power()
	}
	if err := p.enter(); err != nil {
		return litNode{}, err
	}
	defer func() { p.depth-- }()
	op := p.tok.text
	if err := p.advance(); err != nil {
		return litNode{}, err
	}
	n, err := p.unary()
	if err != nil {
		return n, err
	}
	_, isComplex := n.val.(Complex)
	if n.kind == litConst && (IsNumber(n.val) || isComplex) && op != "~" {
		if op == "-" {
			n.val, err = Neg(p.lex.b, n.val)
		}
		n.kind = litSigned
		return n, err
	}
	if op == "~" {
		return other("UnaryOp"), nil
	}
	return other(n.className()), nil // CPython names the operand
}

// className is the class of the syntax node.
func (n *litNode) className() string {
	switch n.kind {
	case litConst:
		return "Constant"
	case litSigned:
		return "UnaryOp"
	case litTuple:
		return "Tuple"
	case litList:
		return "List"
	case litSet:
		return "Set"
	case litDict:
		return "Dict"
	}
	return n.class
}

func (p *litParser) power() (litNode, error) {
	if p.isName("await") {
		if err := p.advance(); err != nil {
			return litNode{}, err
		}
		_, err := p.primary()
		return other("Await"), err
	}
	n, err := p.primary()
	if err != nil {
		return n, err
	}
	if pow, err := p.accept("**"); !pow || err != nil {
		return n, err
	}
	if err := p.enter(); err != nil {
		return n, err
	}
	defer func() { p.depth-- }()
	_, err = p.unary()
	return other("BinOp"), err
}

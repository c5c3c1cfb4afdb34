package value

import "strings"

// Literal is ast.literal_eval(text): strings, bytes, numbers, tuples, lists,
// dicts, sets, booleans, None and Ellipsis. Any other valid Python expression
// is a ValueError, anything else a SyntaxError; telling these apart takes a
// recogniser of expressions, which this is.
func Literal(b *Budget, text string) (any, error) {
	if strings.IndexByte(text, 0) >= 0 {
		return nil, Errorf("SyntaxError", "source code string cannot contain null bytes")
	}
	if err := b.Alloc(int64(len(text))); err != nil {
		return nil, err
	}
	text = strings.TrimLeft(text, " \t")
	p := litParser{lex: litLexer{b: b, s: text}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	for p.tok.kind == tokNewline {
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if p.tok.kind == tokEnd {
		return nil, Errorf("SyntaxError", "invalid syntax (<unknown>, line 0)")
	}
	n, err := p.expressions("")
	if err != nil {
		return nil, err
	}
	for p.tok.kind == tokNewline {
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if p.tok.kind != tokEnd {
		return nil, p.unexpected()
	}
	return n.eval(b)
}

// litNode is a parsed expression. Those that are no literals keep only the
// name of their class.
type litNode struct {
	kind  litKind
	val   any
	items []litNode // elements, or keys and values in turn
	class string
}

type litKind uint8

const (
	litOther litKind = iota
	litConst
	litTuple
	litList
	litSet
	litDict
	litSigned // a number after + or -
)

func (n *litNode) eval(b *Budget) (any, error) {
	switch n.kind {
	case litConst, litSigned:
		return n.val, nil
	case litOther:
		if n.class == "" { // a "**" entry of a dict
			return nil, ValueErrorf("malformed node or string: None")
		}
		return nil, ValueErrorf("malformed node or string on line 1: <ast.%s object>", n.class)
	}
	vals := make([]any, len(n.items))
	for i := range n.items {
		v, err := n.items[i].eval(b)
		if err != nil {
			return nil, err
		}
		vals[i] = v
	}
	if err := b.allocItems(len(vals)); err != nil {
		return nil, err
	}
	switch n.kind {
	case litTuple:
		return Tuple(vals), nil
	case litList:
		return &List{Items: vals}, nil
	case litSet:
		return SetFrom(vals)
	}
	d := NewDict(len(vals) / 2)
	for i := 0; i < len(vals); i += 2 {
		if err := d.SetChecked(vals[i], vals[i+1]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

type litParser struct {
	lex   litLexer
	tok   litToken
	depth int
}

func (p *litParser) advance() (err error) {
	p.tok, err = p.lex.next()
	return err
}

func (p *litParser) unexpected() error { return syntaxError(p.lex.s, p.tok.pos, "invalid syntax") }

func (p *litParser) isOp(op string) bool   { return p.tok.kind == tokOp && p.tok.text == op }
func (p *litParser) isName(nm string) bool { return p.tok.kind == tokName && p.tok.text == nm }

// accept skips an operator when it is next.
func (p *litParser) accept(op string) (bool, error) {
	if !p.isOp(op) {
		return false, nil
	}
	return true, p.advance()
}

func (p *litParser) expect(op string) error {
	if !p.isOp(op) {
		return p.unexpected()
	}
	return p.advance()
}

func other(class string) litNode { return litNode{class: class} }

func (p *litParser) enter() error {
	if p.depth++; p.depth > 1000 {
		return Errorf("MemoryError", "")
	}
	return p.lex.b.Step(1)
}

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

func (p *litParser) primary() (litNode, error) {
	n, err := p.atom()
	for err == nil && p.tok.kind == tokOp {
		switch p.tok.text {
		case ".":
			if err = p.advance(); err != nil {
				return n, err
			}
			if p.tok.kind != tokName || pythonKeyword(p.tok.text) {
				return n, p.unexpected()
			}
			n, err = other("Attribute"), p.advance()
		case "(":
			n, err = p.callArgs(n)
		case "[":
			if err = p.advance(); err == nil {
				n, err = p.subscript()
			}
		default:
			return n, nil
		}
	}
	return n, err
}

// callArgs parses a call; the only one that is a literal is set().
func (p *litParser) callArgs(f litNode) (litNode, error) {
	if err := p.advance(); err != nil {
		return f, err
	}
	empty := true
	for !p.isOp(")") {
		empty = false
		if p.isOp("*") || p.isOp("**") {
			if err := p.advance(); err != nil {
				return f, err
			}
		}
		n, err := p.element()
		if err != nil {
			return f, err
		}
		if n.class == "Name" && p.isOp("=") {
			if err := p.advance(); err != nil {
				return f, err
			}
			if _, err := p.expression(); err != nil {
				return f, err
			}
		}
		if _, err := p.comprehension(); err != nil {
			return f, err
		}
		if comma, err := p.accept(","); err != nil {
			return f, err
		} else if !comma && !p.isOp(")") {
			return f, p.unexpected()
		}
	}
	if empty && f.class == "Name" && f.val == "set" {
		return litNode{kind: litSet}, p.advance()
	}
	return other("Call"), p.advance()
}

func (p *litParser) subscript() (litNode, error) {
	if p.isOp("]") {
		return litNode{}, p.unexpected()
	}
	for !p.isOp("]") {
		for range 3 { // start:stop:step
			if !p.isOp(":") && !p.isOp("]") && !p.isOp(",") {
				if _, err := p.element(); err != nil {
					return litNode{}, err
				}
			}
			if colon, err := p.accept(":"); err != nil {
				return litNode{}, err
			} else if !colon {
				break
			}
		}
		if comma, err := p.accept(","); err != nil {
			return litNode{}, err
		} else if !comma && !p.isOp("]") {
			return litNode{}, p.unexpected()
		}
	}
	return other("Subscript"), p.advance()
}

func (p *litParser) atom() (litNode, error) {
	tok := p.tok
	switch tok.kind {
	case tokNumber:
		return litNode{kind: litConst, val: tok.val}, p.advance()
	case tokComplex:
		return litNode{kind: litConst, val: Complex(complex(0, tok.val.(float64)))}, p.advance()
	case tokString, tokBytes, tokFString:
		return p.strings()
	case tokName:
		return p.name()
	case tokOp:
		switch tok.text {
		case "...":
			return litNode{kind: litConst, val: Ellipsis}, p.advance()
		case "(", "[", "{":
			if err := p.enter(); err != nil {
				return litNode{}, err
			}
			defer func() { p.depth-- }()
			if err := p.advance(); err != nil {
				return litNode{}, err
			}
			switch tok.text {
			case "(":
				return p.parens()
			case "[":
				return p.list()
			}
			return p.braces()
		}
	}
	return litNode{}, p.unexpected()
}

func (p *litParser) name() (litNode, error) {
	name := p.tok.text
	var v any
	switch name {
	case "None":
	case "True":
		v = true
	case "False":
		v = false
	default:
		if pythonKeyword(name) {
			return litNode{}, p.unexpected()
		}
		return litNode{class: "Name", val: name}, p.advance()
	}
	return litNode{kind: litConst, val: v}, p.advance()
}

func pythonKeyword(s string) bool {
	return strings.Contains(" False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield ", " "+s+" ")
}

// strings joins adjacent literals.
func (p *litParser) strings() (litNode, error) {
	var text strings.Builder
	first := p.tok
	formatted := false
	for p.tok.kind == tokString || p.tok.kind == tokBytes || p.tok.kind == tokFString {
		if (p.tok.kind == tokBytes) != (first.kind == tokBytes) {
			return litNode{}, syntaxError(p.lex.s, p.tok.pos, "cannot mix bytes and nonbytes literals")
		}
		switch v := p.tok.val.(type) {
		case string:
			text.WriteString(v)
		case Bytes:
			text.WriteString(string(v))
		default:
			formatted = true
		}
		if err := p.advance(); err != nil {
			return litNode{}, err
		}
	}
	switch {
	case formatted:
		return other("JoinedStr"), nil
	case first.kind == tokBytes:
		return litNode{kind: litConst, val: Bytes(text.String())}, nil
	}
	return litNode{kind: litConst, val: text.String()}, nil
}

func (p *litParser) parens() (litNode, error) {
	if end, err := p.accept(")"); end || err != nil {
		return litNode{kind: litTuple}, err
	}
	if p.isName("yield") {
		return p.yield()
	}
	n, err := p.expressions(")")
	if err != nil {
		return n, err
	}
	if n.class == "Starred" {
		return n, syntaxError(p.lex.s, p.tok.pos, "cannot use starred expression here")
	}
	if is, err := p.comprehension(); err != nil {
		return n, err
	} else if is {
		n = other("GeneratorExp")
	}
	return n, p.expect(")")
}

func (p *litParser) yield() (litNode, error) {
	if err := p.advance(); err != nil {
		return litNode{}, err
	}
	if !p.isOp(")") {
		if _, err := p.expressions(")"); err != nil {
			return litNode{}, err
		}
	}
	return other("Yield"), p.expect(")")
}

func (p *litParser) list() (litNode, error) {
	out := litNode{kind: litList}
	for !p.isOp("]") {
		n, err := p.element()
		if err != nil {
			return out, err
		}
		out.items = append(out.items, n)
		if len(out.items) == 1 {
			if is, err := p.comprehension(); err != nil {
				return out, err
			} else if is {
				return other("ListComp"), p.expect("]")
			}
		}
		if comma, err := p.accept(","); err != nil {
			return out, err
		} else if !comma && !p.isOp("]") {
			return out, p.unclosed()
		}
	}
	return out, p.advance()
}

// unclosed words the error for two expressions in a row inside brackets.
func (p *litParser) unclosed() error {
	switch p.tok.kind {
	case tokOp, tokEnd, tokNewline:
		return p.unexpected()
	}
	return syntaxError(p.lex.s, p.tok.pos, "invalid syntax. Perhaps you forgot a comma?")
}

func (p *litParser) braces() (litNode, error) {
	out := litNode{kind: litDict}
	for !p.isOp("}") {
		first := len(out.items) == 0
		if spread, err := p.accept("**"); err != nil {
			return out, err
		} else if spread && (first || out.kind == litDict) {
			if _, err := p.binary(2); err != nil {
				return out, err
			}
			out.items = append(out.items, litNode{}, litNode{})
		} else if spread {
			return out, p.unexpected()
		} else if err := p.entry(&out, first); err != nil {
			return out, err
		}
		if first {
			if is, err := p.comprehension(); err != nil {
				return out, err
			} else if is {
				class := "SetComp"
				if out.kind == litDict {
					class = "DictComp"
				}
				return other(class), p.expect("}")
			}
		}
		if comma, err := p.accept(","); err != nil {
			return out, err
		} else if !comma && !p.isOp("}") {
			return out, p.unclosed()
		}
	}
	return out, p.advance()
}

// entry parses a set element or a key with its value; the first one decides.
func (p *litParser) entry(out *litNode, first bool) error {
	n, err := p.element()
	if err != nil {
		return err
	}
	colon := p.isOp(":")
	switch {
	case first && !colon:
		out.kind = litSet
	case out.kind == litDict && !colon:
		return syntaxError(p.lex.s, p.tok.pos, "':' expected after dictionary key")
	case out.kind == litSet && colon:
		return p.unexpected()
	}
	out.items = append(out.items, n)
	if !colon {
		return nil
	}
	if err := p.advance(); err != nil {
		return err
	}
	if p.isOp("}") || p.isOp(",") {
		return syntaxError(p.lex.s, p.tok.pos, "expression expected after dictionary key and ':'")
	}
	v, err := p.expression()
	out.items = append(out.items, v)
	return err
}

// comprehension parses the for and if parts of one.
func (p *litParser) comprehension() (is bool, err error) {
	for p.isName("for") || p.isName("async") || is && p.isName("if") {
		isIf := p.isName("if")
		is = true
		if p.isName("async") {
			if err := p.advance(); err != nil {
				return is, err
			}
		}
		if err := p.advance(); err != nil {
			return is, err
		}
		if isIf {
			if _, err := p.or(); err != nil {
				return is, err
			}
			continue
		}
		for !p.isName("in") {
			if p.tok.kind == tokEnd || p.tok.kind == tokNewline {
				return is, p.unexpected()
			}
			if err := p.advance(); err != nil {
				return is, err
			}
		}
		if err := p.advance(); err != nil {
			return is, err
		}
		if _, err := p.or(); err != nil {
			return is, err
		}
	}
	return is, nil
}

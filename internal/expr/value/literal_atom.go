package value

import "strings"

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

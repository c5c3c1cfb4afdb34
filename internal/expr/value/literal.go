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

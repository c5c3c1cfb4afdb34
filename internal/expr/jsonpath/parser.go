package jsonpath

import (
	"squall/internal/expr/value"
)

// Bounds of a query: its length and the nesting of its parentheses.
const (
	maxQuery   = 64 << 10
	maxNesting = 100
)

// Path is a parsed query. It is immutable.
type Path struct{ root node }

// Parse parses a query. Its errors have the original's classes and wording;
// an early end is the AttributeError that jsonpath-rw stumbles over.
func Parse(query string) (*Path, error) {
	if len(query) > maxQuery {
		return nil, value.ValueErrorf("JSONPath query is longer than %d bytes", maxQuery)
	}
	p := &parser{lex: &lexer{src: query, line: 1}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.path(0, 0)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != kindEOF {
		return nil, p.unexpected()
	}
	return &Path{n}, nil
}

type parser struct {
	lex *lexer
	tok token
}

func (p *parser) advance() error {
	var err error
	p.tok, err = p.lex.next()
	return err
}

func (p *parser) unexpected() error {
	if p.tok.kind == kindEOF {
		return value.AttributeErrorf("'NoneType' object has no attribute 'lineno'")
	}
	return value.Errorf("Exception", "Parse error at %d:%d near token %s (%s)", p.tok.line, p.tok.col, p.tok.text, p.tok.kind)
}

func (p *parser) expect(k kind) error {
	if p.tok.kind != k {
		return p.unexpected()
	}
	return p.advance()
}

// levels of the binary operators, loosest first. A bracket after a path binds
// looser than all of them: a.b[0] and "a where b[0]" index the whole.
var levels = map[kind]int{kindDots: 1, ".": 2, "|": 3, "&": 4, kindWhere: 5}

// path reads operators of at least the given level.
func (p *parser) path(level, depth int) (node, error) {
	left, err := p.primary(depth)
	if err != nil {
		return nil, err
	}
	for {
		l, ok := levels[p.tok.kind]
		switch {
		case ok && l >= max(level, 1):
			op := p.tok.kind
			if err := p.advance(); err != nil {
				return nil, err
			}
			right, err := p.path(l+1, depth)
			if err != nil {
				return nil, err
			}
			left = binary(op, left, right)
		case p.tok.kind == "[" && level == 0:
			right, err := p.bracket()
			if err != nil {
				return nil, err
			}
			left = child{left, right}
		default:
			return left, nil
		}
	}
}

func binary(op kind, l, r node) node {
	switch op {
	case kindDots:
		return descendants{l, r}
	case "|":
		return union{l, r}
	case "&":
		return intersect{}
	case kindWhere:
		return where{l, r}
	default:
		return child{l, r}
	}
}

func (p *parser) primary(depth int) (node, error) {
	if depth > maxNesting {
		return nil, value.RecursionErrorf("maximum recursion depth exceeded")
	}
	switch t := p.tok; t.kind {
	case "$":
		return root{}, p.advance()
	case "*":
		return fields{[]string{"*"}}, p.advance()
	case kindID:
		return p.fields()
	case kindNamed:
		switch t.text {
		case "this":
			return this{}, p.advance()
		case "parent":
			return parent{}, p.advance()
		}
		return nil, value.Errorf("Exception", "Unknown named operator `%s` at %d:%d", t.text, t.line, t.pos)
	case "[":
		return p.bracket()
	case "(":
		if err := p.advance(); err != nil {
			return nil, err
		}
		n, err := p.path(0, depth+1)
		if err != nil {
			return nil, err
		}
		return n, p.expect(")")
	}
	return nil, p.unexpected()
}

// fields reads a, b, c.
func (p *parser) fields() (node, error) {
	var f fields
	for {
		if p.tok.kind != kindID {
			return nil, p.unexpected()
		}
		f.names = append(f.names, p.tok.text)
		if err := p.advance(); err != nil {
			return nil, err
		}
		if p.tok.kind != "," {
			return f, nil
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
}

// bracket reads [index], [from:to], [*] or [field, ...].
func (p *parser) bracket() (node, error) {
	if err := p.expect("["); err != nil {
		return nil, err
	}
	var n node
	switch p.tok.kind {
	case "*":
		n = slice{}
		if err := p.advance(); err != nil {
			return nil, err
		}
	case kindID:
		f, err := p.fields()
		if err != nil {
			return nil, err
		}
		n = f
	case kindNumber, ":":
		from, err := p.maybeInt()
		if err != nil {
			return nil, err
		}
		if from != nil && p.tok.kind == "]" {
			n = index{from}
			break
		}
		if err := p.expect(":"); err != nil {
			return nil, err
		}
		to, err := p.maybeInt()
		if err != nil {
			return nil, err
		}
		n = slice{from, to}
	default:
		return nil, p.unexpected()
	}
	return n, p.expect("]")
}

func (p *parser) maybeInt() (any, error) {
	if p.tok.kind != kindNumber {
		return nil, nil
	}
	n := p.tok.num
	return n, p.advance()
}

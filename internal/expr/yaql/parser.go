package yaql

import (
	"squall/internal/expr/value"
)

// Grammar selects the dialect. The zero value is Orquesta's.
type Grammar struct {
	// Delegates allows value(args).
	Delegates bool
	// Legacy is yaql 0.2: "=>" is an operator below "or" and there are no
	// keyword arguments.
	Legacy bool
}

// maxTreeDepth bounds the height of a syntax tree. The original runs out of
// stack near 120 levels; the bound is what makes recursion over a tree safe.
const maxTreeDepth = 250

// maxNodes bounds the size of one expression. Compiled, a node takes up to a
// kilobyte.
const maxNodes = 50_000

// Binding powers, tighter is higher. Levels as in the grammar's table.
const (
	bindInvoke = 1 // value(args): looser than any operator
	bindArrow  = 2
	bindPair   = 3 // legacy =>
	bindOr     = 4
	bindAnd    = 5
	bindNot    = 6
	bindCmp    = 7
	bindAdd    = 8
	bindMul    = 9
	bindMatch  = 10
	bindSign   = 11
	bindIndex  = 12
	bindDot    = 13
)

var binaryBinding = map[string]int{
	".": bindDot, "?.": bindDot,
	"=~": bindMatch, "!~": bindMatch,
	"*": bindMul, "/": bindMul, "mod": bindMul,
	"+": bindAdd, "-": bindAdd,
	">": bindCmp, "<": bindCmp, ">=": bindCmp, "<=": bindCmp, "!=": bindCmp, "=": bindCmp, "in": bindCmp,
	"and": bindAnd, "or": bindOr, "=>": bindPair, "->": bindArrow,
}

var prefixBinding = map[string]int{"+": bindSign, "-": bindSign, "not": bindNot}

// Parse parses a bare expression. Errors carry the class and wording of the
// original (YaqlGrammarException, YaqlLexicalException and, for text that
// cannot be decoded, ValueError).
func Parse(src string, g Grammar) (Node, error) {
	p := &parser{lex: lexer{src: src, legacy: g.Legacy}, grammar: g}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, _, err := p.expr(0)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokEOF {
		return nil, p.unexpected()
	}
	return n, nil
}

type parser struct {
	lex     lexer
	tok     token
	grammar Grammar
	depth   int // of open calls of expr
	nodes   int // operands so far
}

func (p *parser) advance() (err error) {
	p.tok, err = p.lex.next()
	return err
}

func (p *parser) unexpected() error { return grammarError(p.lex.src, p.tok) }

func (p *parser) isPunct(s string) bool { return p.tok.kind == tokPunct && p.tok.text == s }

func tooDeep() error {
	return value.RecursionErrorf("maximum recursion depth exceeded: the expression is nested too deeply")
}

func tooLong(what string) error {
	return &value.Error{Class: "LimitError", Msg: what, Err: value.ErrLimit}
}

// expr parses an expression whose operators bind tighter than min. It also
// returns the height of the tree it built.
func (p *parser) expr(min int) (n Node, height int, err error) {
	if p.depth++; p.depth > maxTreeDepth {
		return nil, 0, tooDeep()
	}
	defer func() { p.depth-- }()
	n, height, err = p.operand()
	if err != nil {
		return nil, 0, err
	}
	for {
		var h int
		n, h, err = p.suffix(n, min)
		if err != nil {
			return nil, 0, err
		}
		if h < 0 {
			return n, height, nil
		}
		height = max(height, h) + 1
		if height > maxTreeDepth {
			return nil, 0, tooDeep()
		}
	}
}

// suffix applies one operator, index or invocation to left, if the next token
// is one that binds tighter than min. The height is that of the new operands,
// -1 when there is nothing to apply.
func (p *parser) suffix(left Node, min int) (Node, int, error) {
	t := p.tok
	switch {
	case p.isPunct("["):
		if bindIndex <= min {
			return left, -1, nil
		}
		args, h, err := p.args("]")
		return &Index{at: at(left.Offset()), X: left, Args: args}, h, err
	case p.isPunct("(") && p.grammar.Delegates:
		if bindInvoke <= min {
			return left, -1, nil
		}
		args, h, err := p.args(")")
		return &Invoke{at: at(left.Offset()), X: left, Args: args}, h, err
	case t.kind == tokOp:
		bind, ok := binaryBinding[t.text]
		if !ok || bind <= min {
			return left, -1, nil
		}
		if err := p.advance(); err != nil {
			return nil, 0, err
		}
		if t.text == "->" {
			bind-- // right associative
		}
		right, h, err := p.expr(bind)
		return &Binary{at: at(t.off), Op: t.text, L: left, R: right}, h, err
	}
	return left, -1, nil
}

func (p *parser) operand() (Node, int, error) {
	if p.nodes++; p.nodes > maxNodes {
		return nil, 0, tooLong("the expression is too long")
	}
	t := p.tok
	pos := at(t.off)
	switch t.kind {
	case tokVar:
		return &Var{at: pos, Name: t.text}, 1, p.advance()
	case tokConst:
		return &Const{at: pos, Value: t.val}, 1, p.advance()
	case tokWord:
		return &Const{at: pos, Value: t.text, Keyword: true}, 1, p.advance()
	case tokCall:
		args, h, err := p.args(")")
		return &Call{at: pos, Name: t.text, Args: args}, h + 1, err
	case tokOp:
		bind, ok := prefixBinding[t.text]
		if !ok {
			return nil, 0, p.unexpected()
		}
		if err := p.advance(); err != nil {
			return nil, 0, err
		}
		x, h, err := p.expr(bind)
		return &Unary{at: pos, Op: t.text, X: x}, h + 1, err
	case tokPunct:
		switch t.text {
		case "(":
			if err := p.advance(); err != nil {
				return nil, 0, err
			}
			x, h, err := p.expr(0)
			if err != nil {
				return nil, 0, err
			}
			if !p.isPunct(")") {
				return nil, 0, p.unexpected()
			}
			return &Paren{at: pos, X: x}, h + 1, p.advance()
		case "[":
			args, h, err := p.args("]")
			return &ListLit{at: pos, Args: args}, h + 1, err
		case "{":
			args, h, err := p.args("}")
			return &MapLit{at: pos, Args: args}, h + 1, err
		}
	}
	return nil, 0, p.unexpected()
}

// args parses an argument list up to close; the current token is the opening
// one. Positional arguments come first, some may be skipped, then the named
// ones. Where a named argument may start follows the original's table: at the
// very beginning, or after a positional argument and at most one skipped one.
func (p *parser) args(close string) (args []Node, height int, err error) {
	if err := p.advance(); err != nil {
		return nil, 0, err
	}
	if p.isPunct(close) {
		return nil, 0, p.advance()
	}
	named := false       // a named argument was read
	mayBeNamed := true   // one may come here
	commasSinceArg := -1 // -1: no positional argument yet
	for {
		if !named && p.isPunct(",") { // a skipped position
			args = append(args, &Skip{at(p.tok.off)})
			if commasSinceArg >= 0 {
				commasSinceArg++
			}
			mayBeNamed = commasSinceArg >= 0 && commasSinceArg <= 2
			if err := p.advance(); err != nil {
				return nil, 0, err
			}
			continue
		}
		x, h, err := p.expr(0)
		if err != nil {
			return nil, 0, err
		}
		if p.tok.kind == tokRule && mayBeNamed {
			named = true
			if err := p.advance(); err != nil {
				return nil, 0, err
			}
			v, vh, err := p.expr(0)
			if err != nil {
				return nil, 0, err
			}
			x, h = &Rule{at: at(x.Offset()), K: x, V: v}, max(h, vh)+1
		} else if named {
			return nil, 0, p.unexpected()
		}
		args = append(args, x)
		height = max(height, h)
		if p.isPunct(close) {
			return args, height, p.advance()
		}
		if !p.isPunct(",") {
			return nil, 0, p.unexpected()
		}
		if err := p.advance(); err != nil {
			return nil, 0, err
		}
		mayBeNamed, commasSinceArg = true, 1
	}
}

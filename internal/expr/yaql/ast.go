package yaql

import (
	"math/big"
	"strconv"
	"strings"

	"squall/internal/expr/value"
)

// Node is one node of the syntax tree. Offset is the byte offset of its first
// token in the expression.
type Node interface{ Offset() int }

// at is the position every node embeds.
type at int

// Offset implements Node.
func (p at) Offset() int { return int(p) }

// The kinds of node.
type (
	// Const is a literal or, with Keyword set, a bare word.
	Const struct {
		at
		Value   any
		Keyword bool
	}
	// Var is a context variable; Name includes the dollar sign.
	Var struct {
		at
		Name string
	}
	// Binary is an infix operator, "." and "?." included. Offset is the
	// operator's own place.
	Binary struct {
		at
		Op   string
		L, R Node
	}
	// Unary is a prefix operator.
	Unary struct {
		at
		Op string
		X  Node
	}
	// Call is name(args).
	Call struct {
		at
		Name string
		Args []Node
	}
	// Index is x[args].
	Index struct {
		at
		X    Node
		Args []Node
	}
	// ListLit is [args].
	ListLit struct {
		at
		Args []Node
	}
	// MapLit is {args}.
	MapLit struct {
		at
		Args []Node
	}
	// Rule is key => value in an argument list.
	Rule struct {
		at
		K, V Node
	}
	// Paren is a parenthesised expression. It is kept because a call in
	// parentheses is not a method call after a dot.
	Paren struct {
		at
		X Node
	}
	// Skip is an argument left out: f(,1).
	Skip struct{ at }
	// Invoke is x(args), legal only with delegates.
	Invoke struct {
		at
		X    Node
		Args []Node
	}
)

// Sexpr prints a tree as an s-expression, the form conformance cases use.
func Sexpr(n Node) string {
	var b strings.Builder
	writeSexpr(&b, n)
	return b.String()
}

func writeSexpr(b *strings.Builder, n Node) {
	open := func(head string, children ...Node) {
		b.WriteByte('(')
		b.WriteString(head)
		for _, c := range children {
			b.WriteByte(' ')
			writeSexpr(b, c)
		}
		b.WriteByte(')')
	}
	switch n := n.(type) {
	case *Const:
		b.WriteString(constSexpr(n))
	case *Var:
		open("var " + quoteSexpr(n.Name))
	case *Binary:
		open("binary "+quoteSexpr(n.Op), n.L, n.R)
	case *Unary:
		open("unary "+quoteSexpr(n.Op), n.X)
	case *Call:
		open("call "+quoteSexpr(n.Name), n.Args...)
	case *Index:
		open("index", append([]Node{n.X}, n.Args...)...)
	case *ListLit:
		open("list", n.Args...)
	case *MapLit:
		open("map", n.Args...)
	case *Rule:
		open("rule", n.K, n.V)
	case *Paren:
		open("paren", n.X)
	case *Skip:
		open("skip")
	case *Invoke:
		open("invoke", append([]Node{n.X}, n.Args...)...)
	}
}

func constSexpr(c *Const) string {
	if c.Keyword {
		return "(kw " + quoteSexpr(c.Value.(string)) + ")"
	}
	switch v := c.Value.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return "(int " + strconv.FormatInt(v, 10) + ")"
	case *big.Int:
		return "(int " + v.String() + ")"
	case float64:
		return "(float " + value.FloatRepr(v) + ")"
	case string:
		return "(str " + quoteSexpr(v) + ")"
	}
	return "?"
}

// quoteSexpr quotes as JSON does, leaving printable non-ASCII text alone.
func quoteSexpr(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r < 0x20:
			b.WriteString(`\u00`)
			b.WriteByte("0123456789abcdef"[r>>4])
			b.WriteByte("0123456789abcdef"[r&15])
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

package fleet

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"squall/internal/squall"
)

// Target is a compiled expression over the inventory.
//
//	web                 the node or the tag of that name
//	web*                nodes by a pattern of their names
//	web[01-20]          nodes by a range of numbers, with its leading zeros
//	@storage            nodes with the tag, and nothing else of that name
//	rack=7  rack!=7     nodes by an attribute; a node without it has none of the values
//	ram>=64             numbers are compared as numbers
//	*                   all nodes
//	!a   a & b   a | b  a, b    not, and, or, or (weakest)
//	(a | b)[0:10]       the first ten, by name; [3] one, [-2:] the last two
type Target struct{ root selector }

// SyntaxError says where an expression is wrong. Column counts characters from 1.
type SyntaxError struct {
	Text   string
	Column int
	Msg    string
}

// Error shows the place.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s at character %d\n  %s\n  %s^", e.Msg, e.Column, e.Text, strings.Repeat(" ", e.Column-1))
}

// ParseTarget compiles an expression. The error is a *SyntaxError.
func ParseTarget(text string) (*Target, error) {
	p := &parser{text: []rune(text)}
	root, err := p.union()
	if err == nil && p.skip() < len(p.text) {
		err = p.fail("unexpected %q", string(p.text[p.at]))
	}
	if err != nil {
		return nil, err
	}
	return &Target{root}, nil
}

// Select returns the nodes that are meant, each once, by name in natural order
// (web2 before web10), which is also the order that slices count in.
func (t *Target) Select(nodes []*squall.FleetNode) []*squall.FleetNode {
	all := slices.Clone(nodes)
	slices.SortFunc(all, func(a, b *squall.FleetNode) int { return natural(a.Name, b.Name) })
	return t.root(all)
}

// selector picks from nodes in order and keeps that order.
type selector func([]*squall.FleetNode) []*squall.FleetNode

type parser struct {
	text []rune
	at   int
}

func (p *parser) fail(format string, args ...any) error {
	return &SyntaxError{Text: string(p.text), Column: min(p.at, len(p.text)) + 1, Msg: fmt.Sprintf(format, args...)}
}

func (p *parser) skip() int {
	for p.at < len(p.text) && unicode.IsSpace(p.text[p.at]) {
		p.at++
	}
	return p.at
}

// take consumes one of the given characters.
func (p *parser) take(chars string) (rune, bool) {
	if p.skip(); p.at < len(p.text) && strings.ContainsRune(chars, p.text[p.at]) {
		p.at++
		return p.text[p.at-1], true
	}
	return 0, false
}

func (p *parser) union() (selector, error) { return p.joined(",|", p.all, either) }
func (p *parser) all() (selector, error)   { return p.joined("&", p.unary, both) }

func (p *parser) joined(operators string, operand func() (selector, error), join func(a, b selector) selector) (selector, error) {
	left, err := operand()
	for err == nil {
		if _, ok := p.take(operators); !ok {
			return left, nil
		}
		var right selector
		if right, err = operand(); err == nil {
			left = join(left, right)
		}
	}
	return nil, err
}

func either(a, b selector) selector {
	return func(nodes []*squall.FleetNode) []*squall.FleetNode {
		left, right := a(nodes), b(nodes)
		return only(nodes, func(n *squall.FleetNode) bool { return slices.Contains(left, n) || slices.Contains(right, n) })
	}
}

func both(a, b selector) selector {
	return func(nodes []*squall.FleetNode) []*squall.FleetNode {
		left, right := a(nodes), b(nodes)
		return only(left, func(n *squall.FleetNode) bool { return slices.Contains(right, n) })
	}
}

func only(nodes []*squall.FleetNode, keep func(*squall.FleetNode) bool) []*squall.FleetNode {
	out := []*squall.FleetNode{}
	for _, n := range nodes {
		if keep(n) {
			out = append(out, n)
		}
	}
	return out
}

func where(keep func(*squall.FleetNode) bool) selector {
	return func(nodes []*squall.FleetNode) []*squall.FleetNode { return only(nodes, keep) }
}

func (p *parser) unary() (selector, error) {
	if _, ok := p.take("!"); ok {
		inner, err := p.unary()
		if err != nil {
			return nil, err
		}
		return func(nodes []*squall.FleetNode) []*squall.FleetNode {
			not := inner(nodes)
			return only(nodes, func(n *squall.FleetNode) bool { return !slices.Contains(not, n) })
		}, nil
	}
	inner, err := p.primary()
	for err == nil {
		if _, ok := p.take("["); !ok {
			return inner, nil
		}
		inner, err = p.slice(inner)
	}
	return nil, err
}

// slice reads what follows "[": a position, or two with a colon between.
func (p *parser) slice(inner selector) (selector, error) {
	start := p.at
	for p.at < len(p.text) && p.text[p.at] != ']' {
		p.at++
	}
	if p.at == len(p.text) {
		p.at = start - 1
		return nil, p.fail("[ has no end")
	}
	text := strings.ReplaceAll(string(p.text[start:p.at]), " ", "")
	p.at++
	from, to, ranged := strings.Cut(text, ":")
	first, err1 := number(from, 0, !ranged)
	last, err2 := number(to, 1<<30, false)
	if err1 != nil || err2 != nil {
		p.at = start
		return nil, p.fail("[%s] is no part of a list: write [0:10], [3] or [-2:]", text)
	}
	return func(nodes []*squall.FleetNode) []*squall.FleetNode {
		list := inner(nodes)
		lo := place(first, len(list))
		hi := place(last, len(list))
		if !ranged {
			if first >= len(list) || first < -len(list) {
				return nil
			}
			hi = lo + 1
		}
		if lo >= hi {
			return nil
		}
		return list[lo:hi]
	}, nil
}

func number(text string, otherwise int, must bool) (int, error) {
	if text == "" && !must {
		return otherwise, nil
	}
	return strconv.Atoi(text)
}

func place(i, n int) int {
	if i < 0 {
		i += n
	}
	return max(0, min(i, n))
}

// primary is a name, a tag, a test of an attribute, or something in parentheses.
func (p *parser) primary() (selector, error) {
	if _, ok := p.take("("); ok {
		inner, err := p.union()
		if err != nil {
			return nil, err
		}
		if _, ok := p.take(")"); !ok {
			return nil, p.fail("a ) is missing")
		}
		return inner, nil
	}
	if _, ok := p.take("@"); ok {
		tag, err := p.word("the name of a tag")
		return where(func(n *squall.FleetNode) bool { return slices.Contains(n.Tags, tag) }), err
	}
	word, err := p.word("a name, a tag or an attribute")
	if err != nil {
		return nil, err
	}
	if op := p.operator(); op != "" {
		value, err := p.word("the value of " + word)
		return where(func(n *squall.FleetNode) bool { return compare(n, word, op, value) }), err
	}
	if prefix, from, to, width, ok := p.numbered(word); ok {
		return where(func(n *squall.FleetNode) bool {
			digits, ok := strings.CutPrefix(n.Name, prefix)
			i, err := strconv.Atoi(digits)
			return ok && err == nil && len(digits) >= width && i >= from && i <= to && (len(digits) == width || digits[0] != '0')
		}), nil
	}
	if strings.ContainsAny(word, "*?") {
		if _, err := path.Match(word, ""); err != nil {
			return nil, p.fail("%q is not a pattern", word)
		}
		return where(func(n *squall.FleetNode) bool { ok, _ := path.Match(word, n.Name); return ok }), nil
	}
	return where(func(n *squall.FleetNode) bool { return n.Name == word || slices.Contains(n.Tags, word) }), nil
}

func (p *parser) word(what string) (string, error) {
	start := p.skip()
	for p.at < len(p.text) {
		c := p.text[p.at]
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("_-.:/*?", c) {
			break
		}
		p.at++
	}
	if p.at == start {
		return "", p.fail("here should be %s", what)
	}
	return string(p.text[start:p.at]), nil
}

// operator reads what compares an attribute with a value.
func (p *parser) operator() string {
	p.skip()
	rest := string(p.text[p.at:])
	for _, op := range []string{"!=", ">=", "<=", "=", ">", "<"} {
		if strings.HasPrefix(rest, op) {
			p.at += len(op)
			return op
		}
	}
	return ""
}

// numbered reads the "[01-20]" behind a name.
func (p *parser) numbered(word string) (prefix string, from, to, width int, ok bool) {
	rest := string(p.text[p.at:])
	inside, _, closed := strings.Cut(strings.TrimPrefix(rest, "["), "]")
	lo, hi, dash := strings.Cut(inside, "-")
	from, err1 := strconv.Atoi(lo)
	to, err2 := strconv.Atoi(hi)
	if !strings.HasPrefix(rest, "[") || !closed || !dash || lo == "" || err1 != nil || err2 != nil {
		return "", 0, 0, 0, false
	}
	p.at += len([]rune(inside)) + 2
	if lo[0] == '0' {
		width = len(lo)
	}
	return word, from, to, width, true
}

// compare tests an attribute. Without it, nothing is equal to anything.
func compare(n *squall.FleetNode, name, op, value string) bool {
	have, ok := n.Attrs[name]
	switch op {
	case "=":
		return ok && matches(value, have)
	case "!=":
		return !ok || !matches(value, have)
	}
	if !ok {
		return false
	}
	order := strings.Compare(have, value)
	a, err1 := strconv.ParseFloat(have, 64)
	b, err2 := strconv.ParseFloat(value, 64)
	if err1 == nil && err2 == nil {
		order = int(min(1, max(-1, (a-b)*1e9)))
	}
	switch op {
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	default:
		return order <= 0
	}
}

func matches(pattern, text string) bool {
	if !strings.ContainsAny(pattern, "*?") {
		return pattern == text
	}
	ok, err := path.Match(pattern, text)
	return ok && err == nil
}

// natural compares names with their numbers as numbers.
func natural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		nx, ny := digits(x), digits(y)
		if nx > 0 && ny > 0 {
			dx, dy := strings.TrimLeft(x[:nx], "0"), strings.TrimLeft(y[:ny], "0")
			if len(dx) != len(dy) {
				return len(dx) - len(dy)
			}
			if c := strings.Compare(dx, dy); c != 0 {
				return c
			}
			x, y = x[nx:], y[ny:]
			continue
		}
		if x[0] != y[0] {
			return int(x[0]) - int(y[0])
		}
		x, y = x[1:], y[1:]
	}
	if len(x) != len(y) {
		return len(x) - len(y)
	}
	return strings.Compare(a, b)
}

func digits(s string) (n int) {
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

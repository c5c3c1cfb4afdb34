package pyre

import (
	"strconv"
	"strings"

	"squall/internal/expr/value"
)

// group reads what follows an opening parenthesis. It returns flags when the
// parenthesis set global flags, and no node for those and for comments.
func (p *parser) group(sc scope, depth, start int, first bool) (*node, Flags, error) {
	if !p.accept('?') {
		n, err := p.capture(sc, depth, start, "")
		return n, 0, err
	}
	if p.eof() {
		return nil, 0, p.errorf(0, "unexpected end of pattern")
	}
	switch c := p.get(); c {
	case "P":
		n, err := p.pythonGroup(sc, depth, start)
		return n, 0, err
	case ":":
		n, err := p.body(sc, depth, start)
		return n, 0, err
	case "#":
		for {
			if p.eof() {
				return nil, 0, patternError(p.src, start, "missing ), unterminated comment")
			}
			if p.get() == ")" {
				return nil, 0, nil
			}
		}
	case "=", "!", "<":
		n, err := p.look(sc, depth, start, c)
		return n, 0, err
	case "(":
		n, err := p.conditional(sc, depth, start)
		return n, 0, err
	case ">":
		n, err := p.body(sc, depth, start)
		if err != nil {
			return nil, 0, err
		}
		return &node{op: opAtomic, kids: []*node{n}}, 0, nil
	default:
		r := []rune(c)[0]
		if _, ok := flagOf(r); !ok && c != "-" {
			return nil, 0, p.errorf(runeLen(c)+1, "unknown extension ?%s", c)
		}
		add, del, global, err := p.inlineFlags(r)
		if err != nil {
			return nil, 0, err
		}
		if global {
			if !first {
				return nil, 0, patternError(p.src, start, "global flags not at the start of the expression")
			}
			p.flags |= add
			return nil, add, nil
		}
		inner := sc
		inner.flags = sc.flags&^del | add
		if add&typeFlags != 0 {
			inner.flags = inner.flags&^typeFlags | add&typeFlags
		}
		inner.verbose = (sc.verbose || add&Verbose != 0) && del&Verbose == 0
		n, err := p.body(inner, depth, start)
		if err != nil {
			return nil, 0, err
		}
		// Scoped flags make a group of its own: a quantifier may repeat it,
		// even when all it holds is itself a repeat.
		return &node{op: opGroup, kids: []*node{n}}, 0, nil
	}
}

// body reads a group's inside and its closing parenthesis.
func (p *parser) body(sc scope, depth, start int) (*node, error) {
	n, err := p.alternatives(sc, depth+1)
	if err != nil {
		return nil, err
	}
	if !p.accept(')') {
		return nil, patternError(p.src, start, "missing ), unterminated subpattern")
	}
	return &node{op: opGroup, kids: []*node{n}}, nil
}

func (p *parser) capture(sc scope, depth, start int, name string) (*node, error) {
	g := p.groups
	if g >= maxGroups {
		return nil, &value.Error{Class: ErrorClass, Msg: "too many groups"}
	}
	p.groups++
	p.closed = append(p.closed, false)
	p.widths = append(p.widths, [2]int{0, infinite})
	if name != "" {
		if old, ok := p.names[name]; ok {
			return nil, p.errorf(runeLen(name)+1, "redefinition of group name %s as group %d; was group %d",
				value.StrRepr(name), g, old)
		}
		p.names[name] = g
	}
	n, err := p.body(sc, depth, start)
	if err != nil {
		return nil, err
	}
	n.group = g
	p.closed[g] = true
	n.widths(p.widths)
	return n, nil
}

func (p *parser) pythonGroup(sc scope, depth, start int) (*node, error) {
	switch {
	case p.accept('<'):
		name, err := p.groupName('>')
		if err != nil {
			return nil, err
		}
		return p.capture(sc, depth, start, name)
	case p.accept('='):
		name, err := p.groupName(')')
		if err != nil {
			return nil, err
		}
		g, ok := p.names[name]
		if !ok {
			return nil, p.errorf(runeLen(name)+1, "unknown group name %s", value.StrRepr(name))
		}
		return p.backref(sc, g, runeLen(name)+1)
	}
	if p.eof() {
		return nil, p.errorf(0, "unexpected end of pattern")
	}
	c := p.get()
	return nil, p.errorf(runeLen(c)+2, "unknown extension ?P%s", c)
}

func (p *parser) groupName(terminator rune) (string, error) {
	name, err := p.getUntil(terminator, "group name")
	if err != nil {
		return "", err
	}
	if !isIdentifier(name) {
		return "", p.errorf(runeLen(name)+1, "bad character in group name %s", value.StrRepr(name))
	}
	return name, nil
}

func (p *parser) backref(sc scope, g, back int) (*node, error) {
	if !p.closed[g] {
		return nil, p.errorf(back, "cannot refer to an open group")
	}
	if err := p.checkLookbehind(g); err != nil {
		return nil, err
	}
	return &node{op: opBackref, group: g, fold: sc.flags&IgnoreCase != 0, ascii: sc.flags&ASCII != 0}, nil
}

// checkLookbehind refuses a reference to a group of the same look-behind: its
// width must be known before.
func (p *parser) checkLookbehind(g int) error {
	if p.lookbehind < 0 {
		return nil
	}
	if g >= len(p.closed) || !p.closed[g] {
		return p.errorf(0, "cannot refer to an open group")
	}
	if g >= p.lookbehind {
		return p.errorf(0, "cannot refer to group defined in the same lookbehind subpattern")
	}
	return nil
}

func (p *parser) look(sc scope, depth, start int, c string) (*node, error) {
	behind := c == "<"
	if behind {
		if p.eof() {
			return nil, p.errorf(0, "unexpected end of pattern")
		}
		if c = p.get(); c != "=" && c != "!" {
			return nil, p.errorf(runeLen(c)+2, "unknown extension ?<%s", c)
		}
	}
	outer := p.lookbehind
	if behind && outer < 0 {
		p.lookbehind = p.groups
	}
	body, err := p.body(sc, depth, start)
	if err != nil {
		return nil, err
	}
	n := &node{op: opLook, behind: behind, negate: c == "!", kids: body.kids}
	if behind {
		p.lookbehind = outer
		lo, hi := body.widths(p.widths)
		if lo != hi {
			// CPython finds this only after the whole pattern has parsed.
			p.late = &value.Error{Class: ErrorClass, Msg: "look-behind requires fixed-width pattern"}
		}
		n.width = lo
	}
	return n, nil
}

func (p *parser) conditional(sc scope, depth, start int) (*node, error) {
	name, err := p.getUntil(')', "group name")
	if err != nil {
		return nil, err
	}
	var g int
	if isIdentifier(name) {
		var ok bool
		if g, ok = p.names[name]; !ok {
			return nil, p.errorf(runeLen(name)+1, "unknown group name %s", value.StrRepr(name))
		}
	} else {
		n, err := strconv.Atoi(strings.TrimSpace(name))
		switch {
		case err != nil || n < 0:
			return nil, p.errorf(runeLen(name)+1, "bad character in group name %s", value.StrRepr(name))
		case n == 0:
			return nil, p.errorf(runeLen(name)+1, "bad group number")
		case n >= maxRepeat/8:
			return nil, p.errorf(runeLen(name)+1, "invalid group reference %d", n)
		}
		g = n
		if _, seen := p.condRefs[g]; !seen {
			p.condRefs[g] = p.pos - runeLen(name) - 1
			p.condOrder = append(p.condOrder, g)
		}
	}
	if err := p.checkLookbehind(g); err != nil {
		return nil, err
	}
	if depth > maxNesting {
		return nil, value.RecursionErrorf("maximum recursion depth exceeded")
	}
	yes, _, err := p.sequence(sc, depth+1, false)
	if err != nil {
		return nil, err
	}
	n := &node{op: opCond, group: g, kids: []*node{yes}}
	if p.accept('|') {
		no, _, err := p.sequence(sc, depth+1, false)
		if err != nil {
			return nil, err
		}
		if p.peek() == '|' {
			return nil, p.errorf(0, "conditional backref with more than two branches")
		}
		n.kids = append(n.kids, no)
	}
	if !p.accept(')') {
		return nil, patternError(p.src, start, "missing ), unterminated subpattern")
	}
	return n, nil
}

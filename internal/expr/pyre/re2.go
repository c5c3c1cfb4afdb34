package pyre

import (
	"fmt"
	"regexp"
	"strings"
)

// linear is a pattern translated for package regexp.
type linear struct {
	re *regexp.Regexp
	// plainEnd: the pattern ends in $ without MULTILINE, written as \z. That
	// is the same only for texts that do not end in a newline.
	plainEnd bool
}

// translate gives the pattern for RE2, or nil when it cannot mean the same.
func translate(p *parsed) *linear {
	e := &emitter{}
	root := p.root
	tail := trailingEnd(root)
	e.tail = tail
	if !e.emit(root) || e.out.Len() > 1<<16 {
		return nil
	}
	re, err := regexp.Compile(e.out.String())
	if err != nil { // too large once repeats are unrolled
		return nil
	}
	return &linear{re: re, plainEnd: tail != nil}
}

// trailingEnd finds a $ that is the last item of the whole pattern.
func trailingEnd(n *node) *node {
	if n.op == opSeq && len(n.kids) > 0 {
		return trailingEnd(n.kids[len(n.kids)-1])
	}
	if n.op == opAt && n.at == atEnd {
		return n
	}
	return nil
}

type emitter struct {
	out  strings.Builder
	tail *node
}

// emit writes n; false means RE2 has no equal.
func (e *emitter) emit(n *node) bool {
	switch n.op {
	case opLiteral:
		return e.literal(n)
	case opSet:
		return e.set(n.set)
	case opAny:
		if n.dotAll {
			e.out.WriteString(`(?s:.)`)
		} else {
			e.out.WriteString(`[^\n]`)
		}
	case opAt:
		switch n.at {
		case atBegin, atBeginString:
			e.out.WriteString(`\A`)
		case atEndString:
			e.out.WriteString(`\z`)
		case atEnd:
			if n != e.tail {
				return false
			}
			e.out.WriteString(`\z`)
		case atBeginLine:
			e.out.WriteString(`(?m:^)`)
		case atEndLine:
			e.out.WriteString(`(?m:$)`)
		case atBoundaryASC:
			e.out.WriteString(`\b`)
		case atNoBoundASC:
			// Python's \B never matches in an empty text; RE2's does.
			return false
		default:
			return false
		}
	case opGroup:
		if n.group > 0 {
			e.out.WriteByte('(')
		} else {
			e.out.WriteString("(?:")
		}
		if !e.emit(n.kids[0]) {
			return false
		}
		e.out.WriteByte(')')
	case opSeq:
		for _, k := range n.kids {
			if !e.emit(k) {
				return false
			}
		}
	case opBranch:
		e.out.WriteString("(?:")
		for i, k := range n.kids {
			if i > 0 {
				e.out.WriteByte('|')
			}
			if !e.emit(k) {
				return false
			}
		}
		e.out.WriteByte(')')
	case opRepeat:
		return e.repeat(n)
	default:
		return false
	}
	return true
}

func (e *emitter) repeat(n *node) bool {
	if n.kind == possessive || n.min > 1000 || n.max != infinite && n.max > 1000 {
		return false
	}
	// A repeat of something that may be empty ends differently in the two
	// engines, and so do the groups inside it.
	if lo, _ := n.kids[0].widths(make([][2]int, 0)); lo == 0 {
		return false
	}
	e.out.WriteString("(?:")
	if !e.emit(n.kids[0]) {
		return false
	}
	e.out.WriteByte(')')
	switch {
	case n.min == 0 && n.max == infinite:
		e.out.WriteByte('*')
	case n.min == 1 && n.max == infinite:
		e.out.WriteByte('+')
	case n.min == 0 && n.max == 1:
		e.out.WriteByte('?')
	case n.max == infinite:
		fmt.Fprintf(&e.out, "{%d,}", n.min)
	default:
		fmt.Fprintf(&e.out, "{%d,%d}", n.min, n.max)
	}
	if n.kind == lazy {
		e.out.WriteByte('?')
	}
	return true
}

func (e *emitter) literal(n *node) bool {
	if n.r >= 0xd800 && n.r < 0xe000 {
		return false
	}
	if !n.fold {
		e.out.WriteString(regexp.QuoteMeta(string(n.r)))
		return true
	}
	var forms []rune
	foldOrbit(n.r, n.ascii, func(r rune) bool {
		forms = append(forms, r)
		return false
	})
	if len(forms) == 1 {
		e.out.WriteString(regexp.QuoteMeta(string(n.r)))
		return true
	}
	e.out.WriteByte('[')
	for _, r := range forms {
		fmt.Fprintf(&e.out, `\x{%x}`, r)
	}
	e.out.WriteByte(']')
	return true
}

var categoryClass = [...]string{
	catDigit: `\p{Nd}`,
	catSpace: `\t-\r\x1c-\x20\x{85}\x{a0}\p{Z}`,
	catWord:  `\p{L}\p{N}_`,
}

var categoryASCII = [...]string{
	catDigit: `0-9`,
	catSpace: `\t-\r `,
	catWord:  `0-9A-Za-z_`,
}

func (e *emitter) set(s *charSet) bool {
	if s.fold {
		// Small sets are written out with all their forms.
		return e.foldedSet(s)
	}
	negate := s.negate
	if len(s.cats) == 1 && len(s.ranges) == 0 && s.cats[0]&1 == 1 {
		negate = !negate
	} else {
		for _, c := range s.cats {
			if c&1 == 1 {
				return false
			}
		}
	}
	e.open(negate)
	for _, c := range s.cats {
		if s.ascii {
			e.out.WriteString(categoryASCII[c&^1])
		} else {
			e.out.WriteString(categoryClass[c&^1])
		}
	}
	for _, r := range s.ranges {
		if r.lo >= 0xd800 && r.lo < 0xe000 || r.hi >= 0xd800 && r.hi < 0xe000 {
			return false
		}
		fmt.Fprintf(&e.out, `\x{%x}-\x{%x}`, r.lo, r.hi)
	}
	e.out.WriteByte(']')
	return true
}

func (e *emitter) open(negate bool) {
	e.out.WriteByte('[')
	if negate {
		e.out.WriteByte('^')
	}
}

func (e *emitter) foldedSet(s *charSet) bool {
	if len(s.cats) > 0 {
		return false
	}
	seen := map[rune]bool{}
	var forms []rune
	for _, r := range s.ranges {
		if r.hi-r.lo > 256 {
			return false
		}
		for c := r.lo; c <= r.hi; c++ {
			foldOrbit(c, s.ascii, func(x rune) bool {
				if !seen[x] {
					seen[x] = true
					forms = append(forms, x)
				}
				return false
			})
		}
	}
	e.open(s.negate)
	for _, r := range forms {
		if r >= 0xd800 && r < 0xe000 {
			return false
		}
		fmt.Fprintf(&e.out, `\x{%x}`, r)
	}
	e.out.WriteByte(']')
	return true
}

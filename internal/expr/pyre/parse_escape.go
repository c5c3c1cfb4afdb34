package pyre

import (
	"math"
	"strconv"
	"unicode/utf8"

	"golang.org/x/text/unicode/runenames"

	"squall/internal/expr/value"
)

func (sc scope) category(c category) *node {
	return &node{op: opSet, set: &charSet{cats: []category{c}, ascii: sc.flags&ASCII != 0}}
}

func categoryOf(c rune) (category, bool) {
	switch c {
	case 'd':
		return catDigit, true
	case 'D':
		return catNotDigit, true
	case 's':
		return catSpace, true
	case 'S':
		return catNotSpace, true
	case 'w':
		return catWord, true
	case 'W':
		return catNotWord, true
	}
	return 0, false
}

func simpleEscape(c rune) (rune, bool) {
	switch c {
	case 'a':
		return '\a', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'v':
		return '\v', true
	case '\\':
		return '\\', true
	}
	return 0, false
}

// escape reads an escape outside of brackets.
func (p *parser) escape(sc scope) (*node, error) {
	text := p.get()
	c, _ := utf8.DecodeRuneInString(text[1:])
	ascii := sc.flags&ASCII != 0
	at := func(plain, asc atKind) *node {
		if ascii {
			plain = asc
		}
		return &node{op: opAt, at: plain}
	}
	switch c {
	case 'A':
		return at(atBeginString, atBeginString), nil
	case 'Z':
		return at(atEndString, atEndString), nil
	case 'b':
		return at(atBoundary, atBoundaryASC), nil
	case 'B':
		return at(atNoBoundary, atNoBoundASC), nil
	case '0':
		text += p.getWhile(2, isOct)
		n, _ := strconv.ParseInt(text[1:], 8, 32)
		return sc.literal(rune(n)), nil
	}
	if cat, ok := categoryOf(c); ok {
		return sc.category(cat), nil
	}
	if isDec(c) {
		return p.decimalEscape(sc, text)
	}
	r, err := p.charEscape(text, c)
	if err != nil {
		return nil, err
	}
	return sc.literal(r), nil
}

// decimalEscape reads \1 or \12 as a back-reference, and three octal digits
// as a character.
func (p *parser) decimalEscape(sc scope, text string) (*node, error) {
	if isDec(p.peek()) {
		text += p.get()
		if isOct(rune(text[1])) && isOct(rune(text[2])) && isOct(p.peek()) {
			text += p.get()
			n, _ := strconv.ParseInt(text[1:], 8, 32)
			if n > 0o377 {
				return nil, p.errorf(len(text), "octal escape value %s outside of range 0-0o377", text)
			}
			return sc.literal(rune(n)), nil
		}
	}
	g, _ := strconv.Atoi(text[1:])
	if g >= p.groups {
		return nil, p.errorf(len(text)-1, "invalid group reference %d", g)
	}
	return p.backref(sc, g, len(text))
}

// charEscape reads the escapes that mean one character, the same inside and
// outside of brackets.
func (p *parser) charEscape(text string, c rune) (rune, error) {
	if r, ok := simpleEscape(c); ok {
		return r, nil
	}
	if n := map[rune]int{'x': 2, 'u': 4, 'U': 8}[c]; n > 0 {
		text += p.getWhile(n, isHex)
		if len(text) != n+2 {
			return 0, p.errorf(runeLen(text), "incomplete escape %s", text)
		}
		v, _ := strconv.ParseUint(text[2:], 16, 64)
		if v > math.MaxInt32 {
			return 0, value.OverflowErrorf("Python int too large to convert to C int")
		}
		if v > utf8.MaxRune {
			return 0, p.errorf(runeLen(text), "bad escape %s", text)
		}
		return rune(v), nil
	}
	if c == 'N' {
		if !p.accept('{') {
			return 0, p.errorf(0, "missing {")
		}
		name, err := p.getUntil('}', "character name")
		if err != nil {
			return 0, err
		}
		r, ok := runeByName(name)
		if !ok {
			return 0, p.errorf(runeLen(name)+4, "undefined character name %s", value.StrRepr(name))
		}
		return r, nil
	}
	if isAlpha(c) {
		return 0, p.errorf(runeLen(text), "bad escape %s", text)
	}
	return c, nil
}

// runeByName looks a Unicode character name up. It walks all names: the
// escape is so rare that an index would never pay.
func runeByName(name string) (rune, bool) {
	want := upperASCII(name)
	for r := rune(0x20); r <= 0x1ffff; r++ {
		if runenames.Name(r) == want {
			return r, true
		}
	}
	return 0, false
}

func upperASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 32
		}
	}
	return string(b)
}

// class reads a set after its opening bracket, which stands at start.
func (p *parser) class(sc scope, start int) (*node, error) {
	set := &charSet{ascii: sc.flags&ASCII != 0, fold: sc.flags&IgnoreCase != 0}
	set.negate = p.accept('^')
	unterminated := func() error { return patternError(p.src, start, "unterminated character set") }
	first := true
	for {
		this := p.get()
		if this == "" {
			return nil, unterminated()
		}
		if this == "]" && !first {
			break
		}
		first = false
		lo, cat, isCat, err := p.classItem(this)
		if err != nil {
			return nil, err
		}
		if !p.accept('-') {
			set.add(lo, lo, cat, isCat)
			continue
		}
		that := p.get()
		if that == "" {
			return nil, unterminated()
		}
		if that == "]" {
			set.add(lo, lo, cat, isCat)
			set.add('-', '-', 0, false)
			break
		}
		hi, _, hiCat, err := p.classItem(that)
		if err != nil {
			return nil, err
		}
		if isCat || hiCat || hi < lo {
			// CPython shows the escapes as far as it had read their token.
			return nil, p.errorf(runeLen(this)+1+runeLen(that), "bad character range %s-%s", this, that)
		}
		set.add(lo, hi, 0, false)
	}
	if !set.negate && len(set.cats) == 0 && len(set.ranges) == 1 && set.ranges[0].lo == set.ranges[0].hi {
		return sc.literal(set.ranges[0].lo), nil
	}
	return &node{op: opSet, set: set}, nil
}

// classItem reads one character or class of a set.
func (p *parser) classItem(text string) (r rune, cat category, isCat bool, err error) {
	r, size := utf8.DecodeRuneInString(text)
	if r != '\\' || size == len(text) {
		return r, 0, false, nil
	}
	c, _ := utf8.DecodeRuneInString((text)[1:])
	if cat, ok := categoryOf(c); ok {
		return 0, cat, true, nil
	}
	switch {
	case c == 'b':
		return '\b', 0, false, nil
	case isOct(c):
		full := text + p.getWhile(2, isOct)
		n, _ := strconv.ParseInt(full[1:], 8, 32)
		if n > 0o377 {
			return 0, 0, false, p.errorf(len(full), "octal escape value %s outside of range 0-0o377", full)
		}
		return rune(n), 0, false, nil
	case isDec(c):
		return 0, 0, false, p.errorf(len(text), "bad escape %s", text)
	}
	r, err = p.charEscape(text, c)
	return r, 0, false, err
}

func (s *charSet) add(lo, hi rune, cat category, isCat bool) {
	if isCat {
		s.cats = append(s.cats, cat)
		return
	}
	s.ranges = append(s.ranges, runeRange{lo, hi})
}

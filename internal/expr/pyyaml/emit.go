package pyyaml

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// bestWidth is the column after which lines are folded at the next space, unless
// the caller wants another one.
const bestWidth = 80

// emitter writes block style as libyaml does. Its state says what stands just
// before the place of writing.
type emitter struct {
	out        strings.Builder
	indentStep int
	width      int // lines are folded behind this column
	unicode    bool
	indent     int // -1 outside of all blocks
	column     int
	whitespace bool // a blank or nothing was written last
	indention  bool // only indentation and indicators stand on the line
}

func (e *emitter) put(s string) {
	e.out.WriteString(s)
	e.column += utf8.RuneCountInString(s)
}

func (e *emitter) lineBreak() {
	e.out.WriteByte('\n')
	e.column = 0
}

// writeIndent goes to the indentation, on a new line unless the current one
// has not got that far.
func (e *emitter) writeIndent() {
	indent := max(e.indent, 0)
	if !e.indention || e.column > indent || e.column == indent && !e.whitespace {
		e.lineBreak()
	}
	for e.column < indent {
		e.put(" ")
	}
	e.whitespace, e.indention = true, true
}

func (e *emitter) indicator(s string, needSpace, isSpace, isIndent bool) {
	if needSpace && !e.whitespace {
		e.put(" ")
	}
	e.put(s)
	e.whitespace = isSpace
	e.indention = e.indention && isIndent
}

func (e *emitter) tag(s string) { e.indicator(s, true, false, false) }

// increaseIndent returns the old indentation.
func (e *emitter) increaseIndent(flow, indentless bool) int {
	old := e.indent
	switch {
	case e.indent < 0 && flow:
		e.indent = e.indentStep
	case e.indent < 0:
		e.indent = 0
	case !indentless:
		e.indent += e.indentStep
	}
	return old
}

type style uint8

const (
	stylePlain style = iota
	styleSingle
	styleDouble
	styleLiteral
)

func (e *emitter) scalar(s scalarText, at place) {
	a := analyze(s.text, e.unicode)
	st := stylePlain
	if s.literal {
		st = styleLiteral
	}
	tag := s.shown()
	if at.simpleKey && a.multiline {
		st = styleDouble
	}
	if st == stylePlain && (!a.plainAllowed || s.text == "" && at.simpleKey || tag == "" && !s.plainImplicit()) {
		st = styleSingle
	}
	if st == styleSingle && !a.singleAllowed {
		st = styleDouble
	}
	if st == styleLiteral && (!a.blockAllowed || at.simpleKey) {
		st = styleDouble
	}
	if tag != "" {
		e.tag(tag)
	}
	old := e.increaseIndent(true, false)
	switch st {
	case stylePlain:
		e.plain(s.text, !at.simpleKey)
	case styleSingle:
		e.single(s.text, !at.simpleKey)
	case styleDouble:
		e.double(s.text, !at.simpleKey)
	default:
		e.literal(s.text)
	}
	e.indent = old
}

// analysis says in which styles a text can be written.
type analysis struct {
	multiline, plainAllowed, singleAllowed, blockAllowed bool
}

func isBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029
}

// isPrintable is libyaml's: no tab, and nothing beyond the basic plane.
func isPrintable(r rune) bool {
	return r == '\n' || r >= 0x20 && r <= 0x7e || r >= 0xa0 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd && r != 0xfeff
}

func isBlankz(r rune) bool { return r < 0 || r == 0 || r == ' ' || r == '\t' || isBreak(r) }

func analyze(s string, unicode bool) analysis {
	if s == "" {
		return analysis{plainAllowed: true, singleAllowed: true}
	}
	var indicators, breaks, special bool
	var leading, trailingSpace, trailingBreak, breakSpace, spaceBreak bool
	if strings.HasPrefix(s, "---") || strings.HasPrefix(s, "...") {
		indicators = true
	}
	preceded := true
	var prevSpace, prevBreak bool
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		next := rune(-1)
		if i+size < len(s) {
			next, _ = utf8.DecodeRuneInString(s[i+size:])
		}
		first, last := i == 0, i+size == len(s)
		switch {
		case first && strings.ContainsRune("#,[]{}&*!|>'\"%@`", r):
			indicators = true
		case first && strings.ContainsRune("?:-", r), !first && r == ':':
			indicators = indicators || isBlankz(next)
		case !first && r == '#':
			indicators = indicators || preceded
		}
		if !isPrintable(r) || r >= 0x80 && !unicode {
			special = true
		}
		switch {
		case r == ' ':
			leading = leading || first
			trailingSpace = trailingSpace || last
			breakSpace = breakSpace || prevBreak
			prevSpace, prevBreak = true, false
		case isBreak(r):
			breaks = true
			leading = leading || first
			trailingBreak = trailingBreak || last
			spaceBreak = spaceBreak || prevSpace
			prevSpace, prevBreak = false, true
		default:
			prevSpace, prevBreak = false, false
		}
		preceded = isBlankz(r)
		i += size
	}
	hard := spaceBreak || special
	return analysis{
		multiline:     breaks,
		plainAllowed:  !(leading || trailingSpace || trailingBreak || breakSpace || hard || breaks || indicators),
		singleAllowed: !(breakSpace || hard),
		blockAllowed:  !(trailingSpace || hard),
	}
}

func (e *emitter) plain(s string, allowBreaks bool) {
	if !e.whitespace && s != "" {
		e.put(" ")
	}
	spaces := false
	for i, r := range s {
		if r == ' ' {
			if allowBreaks && !spaces && e.column > e.width && !strings.HasPrefix(s[i+1:], " ") {
				e.writeIndent()
			} else {
				e.put(" ")
			}
			spaces = true
			continue
		}
		e.put(string(r))
		e.indention, spaces = false, false
	}
	e.whitespace, e.indention = false, false
}

// breaker writes a line break of the text; "\n" counts as one whatever it was.
func (e *emitter) textBreak(r rune) {
	if r == '\n' {
		e.lineBreak()
		return
	}
	e.out.WriteRune(r)
	e.column = 0
}

func (e *emitter) single(s string, allowBreaks bool) {
	e.indicator("'", true, false, false)
	spaces, breaks := false, false
	for i, r := range s {
		switch {
		case r == ' ':
			if allowBreaks && !spaces && e.column > e.width && i != 0 && i != len(s)-1 && s[i+1] != ' ' {
				e.writeIndent()
			} else {
				e.put(" ")
			}
			spaces = true
		case isBreak(r):
			if !breaks && r == '\n' {
				e.lineBreak()
			}
			e.textBreak(r)
			e.indention, breaks = true, true
		default:
			if breaks {
				e.writeIndent()
			}
			if r == '\'' {
				e.put("'")
			}
			e.put(string(r))
			e.indention, spaces, breaks = false, false, false
		}
	}
	if breaks {
		e.writeIndent()
	}
	e.indicator("'", false, false, false)
	e.whitespace, e.indention = false, false
}

var doubleEscapes = map[rune]string{
	0: `\0`, 7: `\a`, 8: `\b`, 9: `\t`, 10: `\n`, 11: `\v`, 12: `\f`, 13: `\r`, 27: `\e`,
	'"': `\"`, '\\': `\\`, 0x85: `\N`, 0xa0: `\_`, 0x2028: `\L`, 0x2029: `\P`,
}

func (e *emitter) double(s string, allowBreaks bool) {
	e.indicator(`"`, true, false, false)
	spaces := false
	for i, r := range s {
		switch {
		case !isPrintable(r) || !e.unicode && r >= 0x80 || isBreak(r) || r == '"' || r == '\\':
			if esc, ok := doubleEscapes[r]; ok {
				e.put(esc)
			} else if r <= 0xff {
				e.put(fmt.Sprintf(`\x%02X`, r))
			} else if r <= 0xffff {
				e.put(fmt.Sprintf(`\u%04X`, r))
			} else {
				e.put(fmt.Sprintf(`\U%08X`, r))
			}
			spaces = false
		case r == ' ':
			if allowBreaks && !spaces && e.column > e.width && i != 0 && i != len(s)-1 {
				e.writeIndent()
				if s[i+1] == ' ' {
					e.put(`\`)
				}
			} else {
				e.put(" ")
			}
			spaces = true
		default:
			e.put(string(r))
			spaces = false
		}
	}
	e.indicator(`"`, false, false, false)
	e.whitespace, e.indention = false, false
}

// literal writes base64 lines; they need no hints.
func (e *emitter) literal(s string) {
	e.indicator("|", true, false, false)
	if s == "" || !strings.HasSuffix(s, "\n") {
		e.put("-")
	}
	e.lineBreak()
	e.indention, e.whitespace = true, true
	breaks := true
	for _, r := range s {
		if isBreak(r) {
			e.textBreak(r)
			e.indention, breaks = true, true
			continue
		}
		if breaks {
			e.writeIndent()
		}
		e.put(string(r))
		e.indention, breaks = false, false
	}
}

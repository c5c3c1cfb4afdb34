package jinja

import (
	"strings"
	"unicode/utf8"
)

// lexer cuts a template into tokens, following Jinja's rules for trimming:
// trimBlocks drops the newline after a block or comment tag, lstripBlocks the
// blanks before one at the start of a line; "-" and "+" in a tag overrule both.
type lexer struct {
	src          string
	pos          int
	line         int
	trimBlocks   bool
	lstripBlocks bool

	lineStarting bool
	balance      []byte
	toks         []token
}

// lexTemplate returns the tokens of a whole template. A lexical error becomes a
// tokError at its place, because a syntax error in front of it wins.
func lexTemplate(src string, opts Options) []token {
	l := newLexer(src, opts)
	l.root()
	return append(l.toks, token{typ: tokEOF, line: l.lastLine()})
}

// lexExpression returns the tokens of a bare expression, as between {{ and }}.
// An end tag returns to template text, which the parser then reports.
func lexExpression(src string, opts Options) []token {
	l := newLexer(src, opts)
	if l.inside(tokVariableEnd) {
		l.root()
	}
	return append(l.toks, token{typ: tokEOF, line: l.lastLine()})
}

func newLexer(src string, opts Options) *lexer {
	src = normalizeNewlines(src)
	// Without keep_trailing_newline exactly one final newline is dropped.
	src = strings.TrimSuffix(src, "\n")
	return &lexer{
		src: src, line: 1, lineStarting: true,
		trimBlocks: opts.TrimBlocks, lstripBlocks: opts.LstripBlocks,
		toks: make([]token, 0, min(8+len(src)/8, 128)),
	}
}

func (l *lexer) lastLine() int {
	if len(l.toks) == 0 {
		return 1
	}
	return l.toks[len(l.toks)-1].line
}

func normalizeNewlines(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

func (l *lexer) emit(typ tokenType, text string) {
	l.toks = append(l.toks, token{typ: typ, line: l.line, text: text})
}

// fail records a lexical error; nothing is read after it.
func (l *lexer) fail(msg string) {
	l.toks = append(l.toks, token{typ: tokError, line: l.line, text: msg})
}

// advance moves to pos, counting the lines of what is passed over.
func (l *lexer) advance(pos int) {
	l.line += strings.Count(l.src[l.pos:pos], "\n")
	if pos > l.pos {
		l.lineStarting = l.src[pos-1] == '\n'
	}
	l.pos = pos
}

// root reads template text and dispatches to the tags in it.
func (l *lexer) root() {
	for l.pos < len(l.src) {
		at := nextTag(l.src, l.pos)
		if at < 0 {
			l.emit(tokData, l.src[l.pos:])
			l.advance(len(l.src))
			return
		}
		ok := false
		switch l.src[at+1] {
		case '{':
			l.text(at, at+2, true)
			l.emit(tokVariableBegin, "")
			ok = l.inside(tokVariableEnd)
		case '#':
			l.text(at, at+2, false)
			ok = l.comment()
		default:
			if end := rawBegin(l.src, at); end > 0 {
				ok = l.raw(at, end)
				break
			}
			l.text(at, at+2, false)
			l.emit(tokBlockBegin, "")
			ok = l.inside(tokBlockEnd)
		}
		if !ok {
			return
		}
	}
}

// nextTag is the offset of the next "{{", "{%" or "{#" at or after pos, or -1.
func nextTag(s string, pos int) int {
	for {
		i := strings.IndexByte(s[pos:], '{')
		if i < 0 || pos+i+1 >= len(s) {
			return -1
		}
		pos += i
		switch s[pos+1] {
		case '{', '%', '#':
			return pos
		}
		pos++
	}
}

// text emits the template data before a tag that starts at tag; after is the
// offset behind the opening delimiter. It applies the marker behind the
// delimiter and lstripBlocks, and leaves pos behind delimiter and marker.
func (l *lexer) text(tag, after int, variable bool) {
	text, sign := l.src[l.pos:tag], byte(0)
	if after < len(l.src) && (l.src[after] == '-' || l.src[after] == '+') {
		sign = l.src[after]
		after++
	}
	l.emitText(text, sign, !variable)
	l.pos = after
	l.lineStarting = false
}

func (l *lexer) emitText(text string, sign byte, mayLstrip bool) {
	full := text
	switch {
	case sign == '-':
		text = strings.TrimRightFunc(text, isSpace)
	case sign != '+' && l.lstripBlocks && mayLstrip:
		start := strings.LastIndexByte(text, '\n') + 1
		if (start > 0 || l.lineStarting) && start < len(text) && allSpace(text[start:]) {
			text = text[:start]
		}
	}
	if text != "" {
		l.emit(tokData, text)
	}
	l.line += strings.Count(full, "\n")
}

func allSpace(s string) bool {
	for _, r := range s {
		if !isSpace(r) {
			return false
		}
	}
	return true
}

// comment skips to the end of a comment; pos is behind its opening.
func (l *lexer) comment() bool {
	i := strings.Index(l.src[l.pos:], "#}")
	if i < 0 {
		// An opening at the very end of the text is tolerated, as in Jinja.
		if l.pos < len(l.src) {
			l.fail("Missing end of comment tag")
			return false
		}
		return true
	}
	l.advance(l.tagEnd(l.pos+i, l.pos))
	return true
}

// tagEnd is the offset behind a closing delimiter at end (of two bytes) with
// its marker's trimming; the marker is looked for not before from.
func (l *lexer) tagEnd(end, from int) int {
	after := end + 2
	if end > from {
		switch l.src[end-1] {
		case '-':
			return skipSpace(l.src, after)
		case '+':
			return after
		}
	}
	if l.trimBlocks && after < len(l.src) && l.src[after] == '\n' {
		after++
	}
	return after
}

func skipSpace(s string, pos int) int {
	for pos < len(s) {
		r, n := utf8.DecodeRuneInString(s[pos:])
		if !isSpace(r) {
			break
		}
		pos += n
	}
	return pos
}

// rawBegin is the offset behind a {% raw %} tag at pos, or 0.
func rawBegin(s string, pos int) int {
	pos += 2
	if pos < len(s) && (s[pos] == '-' || s[pos] == '+') {
		pos++
	}
	pos = skipSpace(s, pos)
	if !strings.HasPrefix(s[pos:], "raw") {
		return 0
	}
	pos = skipSpace(s, pos+3)
	switch {
	case strings.HasPrefix(s[pos:], "-%}"):
		return skipSpace(s, pos+3)
	case strings.HasPrefix(s[pos:], "%}"):
		return pos + 2
	}
	return 0
}

// raw reads a raw section whose opening tag covers [tag, body).
func (l *lexer) raw(tag, body int) bool {
	sign := byte(0)
	if c := l.src[tag+2]; c == '-' || c == '+' {
		sign = c
	}
	l.emitText(l.src[l.pos:tag], sign, true)
	l.pos = tag
	l.advance(body)
	if body == len(l.src) {
		return true
	}
	for at := body; ; at++ {
		i := strings.Index(l.src[at:], "{%")
		if i < 0 {
			l.fail("Missing end of raw directive")
			return false
		}
		at += i
		p, sign := at+2, byte(0)
		if p < len(l.src) && (l.src[p] == '-' || l.src[p] == '+') {
			sign = l.src[p]
			p++
		}
		p = skipSpace(l.src, p)
		if !strings.HasPrefix(l.src[p:], "endraw") {
			continue
		}
		p = skipSpace(l.src, p+len("endraw"))
		marked := p
		if p < len(l.src) && (l.src[p] == '-' || l.src[p] == '+') {
			p++
		}
		if !strings.HasPrefix(l.src[p:], "%}") {
			continue
		}
		l.emitText(l.src[body:at], sign, true)
		l.pos = at
		l.advance(l.tagEnd(p, marked))
		return true
	}
}

// inside reads the tokens of a tag up to its end, a tokVariableEnd or tokBlockEnd.
func (l *lexer) inside(end tokenType) bool {
	for l.pos < len(l.src) {
		if len(l.balance) == 0 {
			if after := l.closing(end); after > 0 {
				l.emit(end, "")
				l.advance(after)
				return true
			}
		}
		c := l.src[l.pos]
		switch {
		case c == ' ' || c == '\t':
			l.pos++
			continue
		case c == '"' || c == '\'':
			if !l.str(c) {
				return false
			}
			continue
		case c >= '0' && c <= '9':
			if !l.number() {
				return false
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(l.src[l.pos:])
		switch {
		case isSpace(r):
			l.advance(l.pos + n)
		case isNameRune(r):
			if !l.name() {
				return false
			}
		default:
			if !l.op() {
				return false
			}
		}
	}
	return true
}

// closing is the offset behind the end of the current tag if it is here, or 0.
func (l *lexer) closing(end tokenType) int {
	s := l.src[l.pos:]
	if end == tokVariableEnd {
		switch {
		case strings.HasPrefix(s, "-}}"):
			return skipSpace(l.src, l.pos+3)
		case strings.HasPrefix(s, "}}"):
			return l.pos + 2
		}
		return 0
	}
	switch {
	case strings.HasPrefix(s, "-%}"), strings.HasPrefix(s, "+%}"):
		return l.tagEnd(l.pos+1, l.pos)
	case strings.HasPrefix(s, "%}"):
		return l.tagEnd(l.pos, l.pos)
	}
	return 0
}

func (l *lexer) op() bool {
	typ, n := operator(l.src[l.pos:])
	if n == 0 {
		return l.unexpected()
	}
	text := l.src[l.pos : l.pos+n]
	switch typ {
	case tokLBrace:
		l.balance = append(l.balance, '}')
	case tokLParen:
		l.balance = append(l.balance, ')')
	case tokLBracket:
		l.balance = append(l.balance, ']')
	case tokRBrace, tokRParen, tokRBracket:
		if len(l.balance) == 0 {
			l.fail("unexpected '" + text + "'")
			return false
		}
		want := l.balance[len(l.balance)-1]
		l.balance = l.balance[:len(l.balance)-1]
		if want != text[0] {
			l.fail("unexpected '" + text + "', expected '" + string(want) + "'")
			return false
		}
	}
	l.emit(typ, text)
	l.advance(l.pos + n)
	return true
}

func (l *lexer) name() bool {
	end := l.pos
	for end < len(l.src) {
		r, n := utf8.DecodeRuneInString(l.src[end:])
		if !isNameRune(r) {
			break
		}
		end += n
	}
	text := l.src[l.pos:end]
	if !isIdentifier(text) {
		l.fail("Invalid character in identifier")
		return false
	}
	l.emit(tokName, text)
	l.advance(end)
	return true
}

// str reads a quoted string; an unterminated one is an unexpected quote.
func (l *lexer) str(quote byte) bool {
	i := l.pos + 1
	for ; i < len(l.src) && l.src[i] != quote; i++ {
		if l.src[i] == '\\' {
			i++
		}
	}
	if i >= len(l.src) {
		return l.unexpected()
	}
	text, msg := unescape(l.src[l.pos+1 : i])
	if msg != "" {
		l.fail(msg)
		return false
	}
	l.emit(tokString, text)
	l.advance(i + 1)
	return true
}

func (l *lexer) unexpected() bool {
	r, _ := utf8.DecodeRuneInString(l.src[l.pos:])
	l.fail("unexpected char " + reprString(string(r)) + " at " + itoa(utf8.RuneCountInString(l.src[:l.pos])))
	return false
}

package pyyaml

import (
	"strings"
	"unicode/utf8"
)

// blockScalar scans a literal or folded text.
func (s *scanner) blockScalar(literal bool) error {
	const context = "while scanning a block scalar"
	start := s.pos
	s.skip(1)
	chomping, increment := 0, 0
	sign := func() bool {
		switch s.at(0) {
		case '+':
			chomping = 1
		case '-':
			chomping = -1
		default:
			return false
		}
		s.skip(1)
		return true
	}
	digit := func() error {
		if s.at(0) == '0' {
			return s.fail(context, start, "found an indentation indicator equal to 0")
		}
		if '1' <= s.at(0) && s.at(0) <= '9' {
			increment = int(s.at(0) - '0')
			s.skip(1)
		}
		return nil
	}
	signed := sign()
	if err := digit(); err != nil {
		return err
	}
	if !signed && increment > 0 {
		sign()
	}
	if err := s.lineEnd(context, start); err != nil {
		return err
	}
	indent := 0
	if increment > 0 {
		indent = max(s.indent, 0) + increment
	}
	var text, trailing strings.Builder
	if err := s.blockBreaks(&indent, &trailing, start); err != nil {
		return err
	}
	leading, leadingBlank := "", false
	for s.pos.column == indent && !s.isEnd(0) {
		blank := isBlank(s.at(0))
		if !literal && leading == "\n" && !leadingBlank && !blank {
			if trailing.Len() == 0 {
				text.WriteByte(' ')
			}
		} else {
			text.WriteString(leading)
		}
		text.WriteString(trailing.String())
		trailing.Reset()
		leadingBlank = blank
		for !s.isBreakz(0) {
			text.WriteRune(s.at(0))
			s.skip(1)
		}
		leading = s.line()
		if err := s.blockBreaks(&indent, &trailing, start); err != nil {
			return err
		}
	}
	if chomping >= 0 {
		text.WriteString(leading)
	}
	if chomping > 0 {
		text.WriteString(trailing.String())
	}
	s.add(tScalar, start).text = text.String()
	return nil
}

// blockBreaks takes the indentation and empty lines before a line of a block
// scalar; the first call finds the indentation out.
func (s *scanner) blockBreaks(indent *int, breaks *strings.Builder, start position) error {
	widest := 0
	for {
		for (*indent == 0 || s.pos.column < *indent) && s.at(0) == ' ' {
			s.skip(1)
		}
		widest = max(widest, s.pos.column)
		if (*indent == 0 || s.pos.column < *indent) && s.at(0) == '\t' {
			return s.fail("while scanning a block scalar", start, "found a tab character where an indentation space is expected")
		}
		if s.isEnd(0) || !isBreak(s.at(0)) {
			break
		}
		breaks.WriteString(s.line())
	}
	if *indent == 0 {
		*indent = max(widest, s.indent+1, 1)
	}
	return nil
}

// folder joins the lines of a quoted or plain text.
type folder struct {
	text     strings.Builder
	blanks   strings.Builder // on the current line
	leading  string          // first line break
	trailing strings.Builder // further ones
	broken   bool            // a break was seen
}

// space takes one blank or break.
func (f *folder) space(s *scanner) {
	if isBlank(s.at(0)) {
		if !f.broken {
			f.blanks.WriteRune(s.at(0))
		}
		s.skip(1)
		return
	}
	if f.broken {
		f.trailing.WriteString(s.line())
		return
	}
	f.blanks.Reset()
	f.leading = s.line()
	f.broken = true
}

// join writes what the blanks and breaks so far come to.
func (f *folder) join() {
	if f.broken {
		if f.leading == "\n" {
			if f.trailing.Len() == 0 {
				f.text.WriteByte(' ')
			}
		} else {
			f.text.WriteString(f.leading)
		}
		f.text.WriteString(f.trailing.String())
	} else {
		f.text.WriteString(f.blanks.String())
	}
	f.blanks.Reset()
	f.trailing.Reset()
	f.leading, f.broken = "", false
}

var escapes = map[rune]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r", 'e': "\x1b",
	' ': " ", '"': `"`, '/': "/", '\\': `\`, 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// flowScalar scans a quoted text.
func (s *scanner) flowScalar(quote rune) error {
	const context = "while scanning a quoted scalar"
	start := s.pos
	s.skip(1)
	var f folder
	for {
		if s.atDocument() {
			return s.fail(context, start, "found unexpected document indicator")
		}
		if s.isEnd(0) {
			return s.fail(context, start, "found unexpected end of stream")
		}
		for !s.isBlankz(0) && s.at(0) != quote || quote == '\'' && s.at(0) == '\'' && s.at(1) == '\'' {
			switch {
			case s.at(0) == '\'' && quote == '\'':
				f.text.WriteByte('\'')
				s.skip(2)
			case s.at(0) == '\\' && quote == '"':
				if isBreak(s.at(1)) {
					s.skip(1)
					s.line()
					// An escaped break counts as a break that leaves nothing.
					f.broken = true
					goto spaces
				}
				if err := s.escape(&f, start); err != nil {
					return err
				}
			default:
				f.text.WriteRune(s.at(0))
				s.skip(1)
			}
		}
		if s.at(0) == quote {
			break
		}
	spaces:
		for !s.isEnd(0) && (isBlank(s.at(0)) || isBreak(s.at(0))) {
			f.space(s)
		}
		f.join()
	}
	s.skip(1)
	s.add(tScalar, start).text = f.text.String()
	return nil
}

func (s *scanner) escape(f *folder, start position) error {
	const context = "while parsing a quoted scalar"
	if text, ok := escapes[s.at(1)]; ok && !s.isEnd(1) {
		f.text.WriteString(text)
		s.skip(2)
		return nil
	}
	digits := map[rune]int{'x': 2, 'u': 4, 'U': 8}[s.at(1)]
	if digits == 0 {
		return s.fail(context, start, "found unknown escape character")
	}
	s.skip(2)
	n := 0
	for k := range digits {
		d, ok := hexDigit(s.at(k))
		if !ok {
			return s.fail(context, start, "did not find expected hexdecimal number")
		}
		n = n<<4 | d
	}
	if n >= 0xd800 && n <= 0xdfff || n > utf8.MaxRune {
		return s.fail(context, start, "found invalid Unicode character escape code")
	}
	f.text.WriteRune(rune(n))
	s.skip(digits)
	return nil
}

// plainScalar scans a text without quotes.
func (s *scanner) plainScalar() error {
	const context = "while scanning a plain scalar"
	start := s.pos
	end := start
	indent := s.indent + 1
	var f folder
	for {
		if s.atDocument() || s.at(0) == '#' {
			break
		}
		for !s.isBlankz(0) {
			r := s.at(0)
			if s.flow > 0 && r == ':' && s.at(1) != 0 && strings.ContainsRune(",?[]{}", s.at(1)) {
				return s.fail(context, start, "found unexpected ':'")
			}
			if r == ':' && s.isBlankz(1) || s.flow > 0 && strings.ContainsRune(",[]{}", r) {
				break
			}
			if f.broken || f.blanks.Len() > 0 {
				f.join()
			}
			f.text.WriteRune(r)
			s.skip(1)
			end = s.pos
		}
		if s.isEnd(0) || !isBlank(s.at(0)) && !isBreak(s.at(0)) {
			break
		}
		for !s.isEnd(0) && (isBlank(s.at(0)) || isBreak(s.at(0))) {
			if f.broken && s.pos.column < indent && s.at(0) == '\t' {
				return s.fail(context, start, "found a tab character that violates indentation")
			}
			f.space(s)
		}
		if s.flow == 0 && s.pos.column < indent {
			break
		}
	}
	if f.broken {
		s.keyAllowed = true
	}
	t := s.add(tScalar, start)
	t.text, t.plain, t.end = f.text.String(), true, end
	return nil
}

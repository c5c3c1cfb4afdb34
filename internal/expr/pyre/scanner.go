package pyre

import "strings"

// scanner hands out the tokens of a pattern or a replacement: one character,
// or a backslash with the character after it. Positions are code points.
type scanner struct {
	src []rune
	pos int // of the token in next
	end int // just behind the token in next
}

// newScanner fails when the text ends in a lone backslash.
func newScanner(src string) (*scanner, error) {
	s := &scanner{src: []rune(src)}
	// Backslash pairs are read from the left, so only an odd run at the end is alone.
	n := 0
	for i := len(s.src) - 1; i >= 0 && s.src[i] == '\\'; i-- {
		n++
	}
	s.seek(0)
	if n%2 == 1 {
		return s, patternError(s.src, len(s.src)-1, "bad escape (end of pattern)")
	}
	return s, nil
}

func (s *scanner) seek(pos int) {
	s.pos = min(pos, len(s.src))
	s.end = s.pos
	if s.pos < len(s.src) {
		s.end++
		if s.src[s.pos] == '\\' && s.end < len(s.src) {
			s.end++
		}
	}
}

func (s *scanner) eof() bool { return s.pos >= len(s.src) }

// peek returns the next token's first character, or -1. An escape shows as a backslash.
func (s *scanner) peek() rune {
	if s.eof() {
		return -1
	}
	return s.src[s.pos]
}

// get takes the next token as text; "" at the end.
func (s *scanner) get() string {
	t := string(s.src[s.pos:s.end])
	s.seek(s.end)
	return t
}

func (s *scanner) accept(c rune) bool {
	if s.peek() != c || c == '\\' {
		return false
	}
	s.seek(s.end)
	return true
}

// getWhile takes at most n single characters that ok allows.
func (s *scanner) getWhile(n int, ok func(rune) bool) string {
	var b strings.Builder
	for range n {
		c := s.peek()
		if c < 0 || c == '\\' || !ok(c) {
			break
		}
		b.WriteRune(c)
		s.seek(s.end)
	}
	return b.String()
}

// getUntil takes everything before the terminator, and the terminator.
func (s *scanner) getUntil(terminator rune, what string) (string, error) {
	var b strings.Builder
	for {
		if s.eof() {
			if b.Len() == 0 {
				return "", s.errorf(0, "missing %s", what)
			}
			return "", s.errorf(runeLen(b.String()), "missing %c, unterminated name", terminator)
		}
		c := s.peek()
		t := s.get()
		if c == terminator {
			if b.Len() == 0 {
				return "", s.errorf(1, "missing %s", what)
			}
			return b.String(), nil
		}
		b.WriteString(t)
	}
}

// errorf places an error back code points before the next token.
func (s *scanner) errorf(back int, format string, args ...any) error {
	return patternError(s.src, s.pos-back, format, args...)
}

func runeLen(s string) int {
	n := 0
	for range s {
		n++
	}
	return n
}

func isOct(r rune) bool   { return '0' <= r && r <= '7' }
func isDec(r rune) bool   { return '0' <= r && r <= '9' }
func isAlpha(r rune) bool { return 'a' <= r|32 && r|32 <= 'z' && r < 128 }
func isHex(r rune) bool {
	return isDec(r) || 'a' <= r && r <= 'f' || 'A' <= r && r <= 'F'
}

package pyyaml

import (
	"strings"

	"squall/internal/expr/value"
)

// peek gives the next token without taking it.
func (s *scanner) peek() (*token, error) {
	for {
		need := s.head == len(s.tokens)
		if !need {
			if err := s.dropStaleKeys(); err != nil {
				return nil, err
			}
			for i := range s.keys {
				if s.keys[i].possible && s.keys[i].token == s.parsed {
					need = true
					break
				}
			}
		}
		if !need || s.end && s.head < len(s.tokens) {
			return &s.tokens[s.head], nil
		}
		if err := s.fetch(); err != nil {
			return nil, err
		}
	}
}

// take drops the token that peek gave.
func (s *scanner) take() {
	s.head++
	s.parsed++
	if s.head == len(s.tokens) {
		s.tokens, s.head = s.tokens[:0], 0
	}
}

func (s *scanner) add(k tokenKind, start position) *token {
	s.tokens = append(s.tokens, token{kind: k, start: start, end: s.pos})
	return &s.tokens[len(s.tokens)-1]
}

// insert puts a token before the token with the given number.
func (s *scanner) insert(number int, t token) {
	i := s.head + number - s.parsed
	s.tokens = append(s.tokens, token{})
	copy(s.tokens[i+1:], s.tokens[i:])
	s.tokens[i] = t
}

// dropStaleKeys forgets keys that would be longer than a line or 1,024
// characters.
func (s *scanner) dropStaleKeys() error {
	for i := range s.keys {
		k := &s.keys[i]
		if k.possible && (k.at.line < s.pos.line || k.at.index+1024 < s.pos.index) {
			if k.required {
				return s.fail("while scanning a simple key", k.at, "could not find expected ':'")
			}
			k.possible = false
		}
	}
	return nil
}

func (s *scanner) saveKey() error {
	if !s.keyAllowed {
		return nil
	}
	if err := s.removeKey(); err != nil {
		return err
	}
	s.keys[len(s.keys)-1] = simpleKey{possible: true, required: s.flow == 0 && s.indent == s.pos.column,
		token: s.parsed + len(s.tokens) - s.head, at: s.pos}
	return nil
}

func (s *scanner) removeKey() error {
	k := &s.keys[len(s.keys)-1]
	if k.possible && k.required {
		return s.fail("while scanning a simple key", k.at, "could not find expected ':'")
	}
	k.possible = false
	return nil
}

// roll opens a block at a column; number < 0 appends its token.
func (s *scanner) roll(column, number int, k tokenKind, at position) {
	if s.flow > 0 || s.indent >= column {
		return
	}
	s.indents = append(s.indents, s.indent)
	s.indent = column
	t := token{kind: k, start: at, end: at}
	if number < 0 {
		s.tokens = append(s.tokens, t)
	} else {
		s.insert(number, t)
	}
}

// unroll closes the blocks that are indented deeper than column.
func (s *scanner) unroll(column int) {
	if s.flow > 0 {
		return
	}
	for s.indent > column {
		s.add(tBlockEnd, s.pos)
		s.indent = s.indents[len(s.indents)-1]
		s.indents = s.indents[:len(s.indents)-1]
	}
}

// toNextToken skips blanks, comments and line breaks.
func (s *scanner) toNextToken() {
	for {
		if s.pos.index == 0 && s.at(0) == 0xfeff {
			s.skip(1)
		}
		for s.at(0) == ' ' || (s.flow > 0 || !s.keyAllowed) && s.at(0) == '\t' {
			s.skip(1)
		}
		if s.at(0) == '#' {
			for !s.isBreakz(0) {
				s.skip(1)
			}
		}
		if s.isEnd(0) || !isBreak(s.at(0)) {
			return
		}
		s.line()
		if s.flow == 0 {
			s.keyAllowed = true
		}
	}
}

// fetch scans one token, which may bring others with it.
func (s *scanner) fetch() error {
	s.toNextToken()
	if err := s.dropStaleKeys(); err != nil {
		return err
	}
	s.unroll(s.pos.column)
	if s.isEnd(0) {
		return s.fetchEnd()
	}
	r, start := s.at(0), s.pos
	switch {
	case s.pos.column == 0 && r == '%':
		return s.fetchDirective()
	case s.atDocument():
		return s.fetchDocument(r)
	case r == '[' || r == '{':
		if err := s.saveKey(); err != nil {
			return err
		}
		if s.flow++; s.flow > maxFlow {
			return value.RecursionErrorf("maximum recursion depth exceeded")
		}
		s.keys = append(s.keys, simpleKey{})
		return s.indicator(map[rune]tokenKind{'[': tFlowSequence, '{': tFlowMapping}[r], true)
	case r == ']' || r == '}':
		if err := s.removeKey(); err != nil {
			return err
		}
		if s.flow > 0 {
			s.flow--
			s.keys = s.keys[:len(s.keys)-1]
		}
		return s.indicator(map[rune]tokenKind{']': tFlowSequenceEnd, '}': tFlowMappingEnd}[r], false)
	case r == ',':
		if err := s.removeKey(); err != nil {
			return err
		}
		return s.indicator(tFlowEntry, true)
	case r == '-' && s.isBlankz(1):
		return s.fetchBlockIndicator(tBlockEntry, tBlockSequence, "block sequence entries are not allowed in this context")
	case r == '?' && (s.flow > 0 || s.isBlankz(1)):
		return s.fetchBlockIndicator(tKey, tBlockMapping, "mapping keys are not allowed in this context")
	case r == ':' && (s.flow > 0 || s.isBlankz(1)):
		return s.fetchValue()
	case r == '*' || r == '&':
		return s.fetchAnchor(r)
	case r == '!':
		return s.fetchTag()
	case (r == '|' || r == '>') && s.flow == 0:
		if err := s.removeKey(); err != nil {
			return err
		}
		s.keyAllowed = true
		return s.blockScalar(r == '|')
	case r == '\'' || r == '"':
		if err := s.saveKey(); err != nil {
			return err
		}
		s.keyAllowed = false
		return s.flowScalar(r)
	case s.startsPlain(r):
		if err := s.saveKey(); err != nil {
			return err
		}
		s.keyAllowed = false
		return s.plainScalar()
	}
	return s.fail("while scanning for the next token", start, "found character that cannot start any token")
}

func (s *scanner) startsPlain(r rune) bool {
	switch {
	case isBlank(r):
		return false
	case r == '-':
		return !isBlank(s.at(1))
	case r == '?' || r == ':':
		return s.flow == 0 && !s.isBlankz(1)
	}
	return !strings.ContainsRune(",[]{}#&*!|>'\"%@`", r)
}

// indicator takes one character as a token.
func (s *scanner) indicator(k tokenKind, keyAllowed bool) error {
	start := s.pos
	s.keyAllowed = keyAllowed
	s.skip(1)
	s.add(k, start)
	return nil
}

func (s *scanner) fetchEnd() error {
	// libyaml pretends that the last line ended.
	if s.pos.column != 0 {
		s.pos.column = 0
		s.pos.line++
	}
	s.unroll(-1)
	if err := s.removeKey(); err != nil {
		return err
	}
	s.keyAllowed = false
	s.end = true
	s.add(tStreamEnd, s.pos)
	return nil
}

func (s *scanner) fetchDocument(r rune) error {
	s.unroll(-1)
	if err := s.removeKey(); err != nil {
		return err
	}
	s.keyAllowed = false
	start := s.pos
	s.skip(3)
	k := tDocumentStart
	if r == '.' {
		k = tDocumentEnd
	}
	s.add(k, start)
	return nil
}

func (s *scanner) fetchBlockIndicator(k, block tokenKind, refused string) error {
	if s.flow == 0 {
		if !s.keyAllowed {
			return s.fail("", s.pos, refused)
		}
		s.roll(s.pos.column, -1, block, s.pos)
	}
	if err := s.removeKey(); err != nil {
		return err
	}
	return s.indicator(k, k == tBlockEntry || s.flow == 0)
}

func (s *scanner) fetchValue() error {
	k := &s.keys[len(s.keys)-1]
	if k.possible {
		s.insert(k.token, token{kind: tKey, start: k.at, end: k.at})
		s.roll(k.at.column, k.token, tBlockMapping, k.at)
		k.possible = false
		return s.indicator(tValue, false)
	}
	if s.flow == 0 {
		if !s.keyAllowed {
			return s.fail("", s.pos, "mapping values are not allowed in this context")
		}
		s.roll(s.pos.column, -1, tBlockMapping, s.pos)
	}
	return s.indicator(tValue, s.flow == 0)
}

func (s *scanner) fetchAnchor(r rune) error {
	if err := s.saveKey(); err != nil {
		return err
	}
	s.keyAllowed = false
	start := s.pos
	s.skip(1)
	var name strings.Builder
	for isWord(s.at(0)) {
		name.WriteRune(s.at(0))
		s.skip(1)
	}
	k, context := tAnchor, "while scanning an anchor"
	if r == '*' {
		k, context = tAlias, "while scanning an alias"
	}
	if name.Len() == 0 || !s.isBlankz(0) && !strings.ContainsRune("?:,]}%@`", s.at(0)) {
		return s.fail(context, start, "did not find expected alphabetic or numeric character")
	}
	s.add(k, start).text = name.String()
	return nil
}

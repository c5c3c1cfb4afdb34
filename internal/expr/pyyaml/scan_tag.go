package pyyaml

import (
	"strings"
	"unicode/utf8"
)

func (s *scanner) skipBlanks() {
	for isBlank(s.at(0)) {
		s.skip(1)
	}
}

// lineEnd takes what may follow on a line: blanks, a comment, the break.
func (s *scanner) lineEnd(context string, start position) error {
	s.skipBlanks()
	if s.at(0) == '#' {
		for !s.isBreakz(0) {
			s.skip(1)
		}
	}
	if !s.isBreakz(0) {
		return s.fail(context, start, "did not find expected comment or line break")
	}
	s.line()
	return nil
}

func (s *scanner) word() string {
	var b strings.Builder
	for isWord(s.at(0)) {
		b.WriteRune(s.at(0))
		s.skip(1)
	}
	return b.String()
}

func (s *scanner) fetchDirective() error {
	s.unroll(-1)
	if err := s.removeKey(); err != nil {
		return err
	}
	s.keyAllowed = false
	const context = "while scanning a directive"
	start := s.pos
	s.skip(1)
	name := s.word()
	if name == "" {
		return s.fail(context, start, "could not find expected directive name")
	}
	if !s.isBlankz(0) {
		return s.fail(context, start, "found unexpected non-alphabetical character")
	}
	var t token
	var err error
	switch name {
	case "YAML":
		t, err = s.versionDirective(start)
	case "TAG":
		t, err = s.tagDirective(start)
	default:
		err = s.fail(context, start, "found unknown directive name")
	}
	if err != nil {
		return err
	}
	t.start, t.end = start, s.pos
	s.tokens = append(s.tokens, t)
	return s.lineEnd(context, start)
}

func (s *scanner) versionDirective(start position) (token, error) {
	const context = "while scanning a %YAML directive"
	s.skipBlanks()
	number := func() (int, error) {
		n, digits := 0, 0
		for '0' <= s.at(0) && s.at(0) <= '9' {
			if digits++; digits > 9 {
				return 0, s.fail(context, start, "found extremely long version number")
			}
			n = n*10 + int(s.at(0)-'0')
			s.skip(1)
		}
		if digits == 0 {
			return 0, s.fail(context, start, "did not find expected version number")
		}
		return n, nil
	}
	major, err := number()
	if err != nil {
		return token{}, err
	}
	if s.at(0) != '.' {
		return token{}, s.fail(context, start, "did not find expected digit or '.' character")
	}
	s.skip(1)
	minor, err := number()
	return token{kind: tVersion, major: major, minor: minor}, err
}

func (s *scanner) tagDirective(start position) (token, error) {
	const context = "while scanning a %TAG directive"
	s.skipBlanks()
	handle, err := s.tagHandle(true, start)
	if err != nil {
		return token{}, err
	}
	if !isBlank(s.at(0)) {
		return token{}, s.fail(context, start, "did not find expected whitespace")
	}
	s.skipBlanks()
	prefix, err := s.tagURI(true, true, "", start)
	if err != nil {
		return token{}, err
	}
	if !s.isBlankz(0) {
		return token{}, s.fail(context, start, "did not find expected whitespace or line break")
	}
	return token{kind: tTagDirective, handle: handle, suffix: prefix}, nil
}

func (s *scanner) fetchTag() error {
	if err := s.saveKey(); err != nil {
		return err
	}
	s.keyAllowed = false
	const context = "while scanning a tag"
	start := s.pos
	var handle, suffix string
	var err error
	if s.at(1) == '<' {
		s.skip(2)
		if suffix, err = s.tagURI(true, false, "", start); err != nil {
			return err
		}
		if s.at(0) != '>' {
			return s.fail(context, start, "did not find the expected '>'")
		}
		s.skip(1)
	} else {
		if handle, err = s.tagHandle(false, start); err != nil {
			return err
		}
		if len(handle) > 1 && handle[len(handle)-1] == '!' {
			suffix, err = s.tagURI(false, false, "", start)
		} else {
			suffix, err = s.tagURI(false, false, handle, start)
			handle = "!"
			if suffix == "" {
				handle, suffix = "", "!"
			}
		}
		if err != nil {
			return err
		}
	}
	if (s.flow == 0 || s.at(0) != ',') && !s.isBlankz(0) {
		return s.fail(context, start, "did not find expected whitespace or line break")
	}
	t := s.add(tTag, start)
	t.handle, t.suffix = handle, suffix
	return nil
}

func (s *scanner) tagHandle(directive bool, start position) (string, error) {
	context := "while scanning a tag"
	if directive {
		context = "while scanning a directive"
	}
	if s.at(0) != '!' {
		return "", s.fail(context, start, "did not find expected '!'")
	}
	s.skip(1)
	handle := "!" + s.word()
	if s.at(0) == '!' {
		s.skip(1)
		return handle + "!", nil
	}
	if directive && handle != "!" {
		return "", s.fail("while parsing a directive", start, "did not find expected '!'")
	}
	return handle, nil
}

// tagURI reads the rest of a tag; head is a handle that turned out to be the
// beginning of the tag itself.
func (s *scanner) tagURI(all, directive bool, head string, start position) (string, error) {
	context := "while parsing a tag"
	if directive {
		context = "while parsing a %TAG directive"
	}
	var b strings.Builder
	length := len(head)
	if length > 1 {
		b.WriteString(head[1:])
	}
	for isWord(s.at(0)) || s.at(0) != 0 && strings.ContainsRune(";/?:@&=+$.!~*'()%", s.at(0)) || all && s.at(0) != 0 && strings.ContainsRune(",[]", s.at(0)) {
		if s.at(0) == '%' {
			r, err := s.uriEscape(directive, start)
			if err != nil {
				return "", err
			}
			b.WriteRune(r)
		} else {
			b.WriteRune(s.at(0))
			s.skip(1)
		}
		length++
	}
	if length == 0 {
		return "", s.fail(context, start, "did not find expected tag URI")
	}
	return b.String(), nil
}

// uriEscape reads the octets of one character.
func (s *scanner) uriEscape(directive bool, start position) (rune, error) {
	context := "while parsing a tag"
	if directive {
		context = "while parsing a %TAG directive"
	}
	var octets []byte
	for width := 1; len(octets) < width; {
		hi, ok1 := hexDigit(s.at(1))
		lo, ok2 := hexDigit(s.at(2))
		if s.at(0) != '%' || !ok1 || !ok2 {
			return 0, s.fail(context, start, "did not find URI escaped octet")
		}
		octet := byte(hi<<4 | lo)
		if len(octets) == 0 {
			switch {
			case octet < 0x80:
			case octet&0xe0 == 0xc0:
				width = 2
			case octet&0xf0 == 0xe0:
				width = 3
			case octet&0xf8 == 0xf0:
				width = 4
			default:
				return 0, s.fail(context, start, "found an incorrect leading UTF-8 octet")
			}
		} else if octet&0xc0 != 0x80 {
			return 0, s.fail(context, start, "found an incorrect trailing UTF-8 octet")
		}
		octets = append(octets, octet)
		s.skip(3)
	}
	r, _ := utf8.DecodeRune(octets)
	return r, nil
}

func hexDigit(r rune) (int, bool) {
	switch {
	case '0' <= r && r <= '9':
		return int(r - '0'), true
	case 'a' <= r && r <= 'f':
		return int(r-'a') + 10, true
	case 'A' <= r && r <= 'F':
		return int(r-'A') + 10, true
	}
	return 0, false
}

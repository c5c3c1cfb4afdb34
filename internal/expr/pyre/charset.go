package pyre

import "unicode"

// category is a class such as \d; negated classes are the odd numbers.
type category uint8

const (
	catDigit category = iota
	catNotDigit
	catSpace
	catNotSpace
	catWord
	catNotWord
)

type runeRange struct{ lo, hi rune }

// charSet is a set of characters as written between brackets, or one class.
type charSet struct {
	negate bool
	ranges []runeRange
	cats   []category
	ascii  bool // the classes are ASCII only
	fold   bool // IGNORECASE

	table *[128]bool // answers for ASCII, made when the pattern is compiled
}

// isDigit is str.isdecimal.
func isDigit(r rune) bool {
	if r < 128 {
		return '0' <= r && r <= '9'
	}
	return unicode.Is(unicode.Nd, r)
}

// isSpace is str.isspace.
func isSpace(r rune) bool {
	switch {
	case r < 128:
		return r == ' ' || 9 <= r && r <= 13 || 0x1c <= r && r <= 0x1f
	case r == 0x85 || r == 0xa0:
		return true
	}
	return unicode.Is(unicode.Z, r)
}

// isWord is str.isalnum or the underscore. Marks are not word characters.
func isWord(r rune) bool {
	if r < 128 {
		return isWordASCII(r)
	}
	return unicode.IsLetter(r) || unicode.Is(unicode.N, r)
}

func isWordASCII(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_'
}

func (c category) has(r rune, ascii bool) bool {
	var in bool
	switch c &^ 1 {
	case catDigit:
		in = isDigit(r) && (!ascii || r < 128)
	case catSpace:
		if ascii {
			// Python's ASCII \s is [ \t\n\r\f\v] only.
			in = r == ' ' || 9 <= r && r <= 13
		} else {
			in = isSpace(r)
		}
	case catWord:
		in = isWord(r) && (!ascii || r < 128)
	}
	return in != (c&1 == 1)
}

func (s *charSet) holds(r rune) bool {
	for _, x := range s.ranges {
		if x.lo <= r && r <= x.hi {
			return true
		}
	}
	for _, c := range s.cats {
		if c.has(r, s.ascii) {
			return true
		}
	}
	return false
}

// match reports whether the set as a whole, negation and folding included, takes r.
func (s *charSet) match(r rune) bool {
	if s.table != nil && r >= 0 && r < 128 {
		return s.table[r]
	}
	return s.matchSlow(r)
}

func (s *charSet) matchSlow(r rune) bool {
	var in bool
	if s.fold {
		in = foldOrbit(r, s.ascii, s.holds)
	} else {
		in = s.holds(r)
	}
	return in != s.negate
}

// freeze computes the answers for ASCII.
func (s *charSet) freeze() {
	if s.table != nil {
		return
	}
	var t [128]bool
	for r := range rune(128) {
		t[r] = s.matchSlow(r)
	}
	s.table = &t
}

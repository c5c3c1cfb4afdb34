package pyre

import "unicode"

// extraFolds are the places where Python's case-insensitive matching joins
// characters that Unicode's simple folding keeps apart.
var extraFolds = map[rune][]rune{
	'i':    {'I', 'i', 0x130, 0x131},
	'I':    {'I', 'i', 0x130, 0x131},
	0x130:  {'I', 'i', 0x130, 0x131},
	0x131:  {'I', 'i', 0x130, 0x131},
	0x390:  {0x390, 0x1fd3},
	0x1fd3: {0x390, 0x1fd3},
	0x3b0:  {0x3b0, 0x1fe3},
	0x1fe3: {0x3b0, 0x1fe3},
	0xfb05: {0xfb05, 0xfb06},
	0xfb06: {0xfb05, 0xfb06},
}

// foldOrbit calls f with r and every character equal to it without regard to
// case, until f returns true; it reports whether f did.
func foldOrbit(r rune, ascii bool, f func(rune) bool) bool {
	if ascii {
		if f(r) {
			return true
		}
		switch {
		case 'a' <= r && r <= 'z':
			return f(r - 32)
		case 'A' <= r && r <= 'Z':
			return f(r + 32)
		}
		return false
	}
	if extra, ok := extraFolds[r]; ok {
		for _, x := range extra {
			if f(x) {
				return true
			}
		}
		return false
	}
	if f(r) {
		return true
	}
	for x := unicode.SimpleFold(r); x != r; x = unicode.SimpleFold(x) {
		if f(x) {
			return true
		}
	}
	return false
}

// equalFold reports whether two characters match each other without regard to case.
func equalFold(a, b rune, ascii bool) bool {
	return a == b || foldOrbit(a, ascii, func(r rune) bool { return r == b })
}

// equalLower is how back-references compare without regard to case: by lower
// case alone, so that the long s does not stand for s.
func equalLower(a, b rune, ascii bool) bool {
	if a == b {
		return true
	}
	if ascii {
		lower := func(r rune) rune {
			if 'A' <= r && r <= 'Z' {
				return r + 32
			}
			return r
		}
		return lower(a) == lower(b)
	}
	return unicode.ToLower(a) == unicode.ToLower(b)
}

package value

import "strings"

// Upper returns s.upper().
func Upper(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	out := make([]byte, 0, len(s)+8)
	for s != "" {
		r, n := decodeRune(s)
		out = appendUpper(out, r)
		s = s[n:]
	}
	return string(out)
}

// Lower returns s.lower().
func Lower(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	out := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); {
		r, n := decodeRune(s[i:])
		out = appendLower(out, s, i, r)
		i += n
	}
	return string(out)
}

// Casefold returns s.casefold().
func Casefold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	out := make([]byte, 0, len(s)+8)
	for s != "" {
		r, n := decodeRune(s)
		out = appendFold(out, r)
		s = s[n:]
	}
	return string(out)
}

// Title returns s.title(): letters after a letter become lower case.
func Title(s string) string {
	out := make([]byte, 0, len(s)+8)
	inWord := false
	for i := 0; i < len(s); {
		r, n := decodeRune(s[i:])
		if inWord {
			out = appendLower(out, s, i, r)
		} else {
			out = appendTitle(out, r)
		}
		inWord = isCased(r)
		i += n
	}
	return string(out)
}

// Capitalize returns s.capitalize().
func Capitalize(s string) string {
	if s == "" {
		return s
	}
	r, n := decodeRune(s)
	out := appendTitle(make([]byte, 0, len(s)+8), r)
	for i := n; i < len(s); {
		r, n := decodeRune(s[i:])
		out = appendLower(out, s, i, r)
		i += n
	}
	return string(out)
}

// Swapcase returns s.swapcase().
func Swapcase(s string) string {
	out := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); {
		r, n := decodeRune(s[i:])
		switch {
		case isUpper(r):
			out = appendLower(out, s, i, r)
		case isLower(r):
			out = appendUpper(out, r)
		default:
			out = append(out, s[i:i+n]...)
		}
		i += n
	}
	return string(out)
}

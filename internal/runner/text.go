package runner

import (
	"strings"
	"unicode/utf8"
)

// Text returns b as valid UTF-8. Each ill-formed sequence becomes one U+FFFD,
// cut where Python cuts it with errors="replace": a truncated character counts
// once, a byte that can start nothing counts alone.
func Text(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	out.Grow(len(b) + 16)
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r != utf8.RuneError || size > 1 {
			out.Write(b[:size])
			b = b[size:]
			continue
		}
		out.WriteRune(utf8.RuneError)
		b = b[illFormed(b):]
	}
	return out.String()
}

// illFormed returns the length of the longest start of b that begins a
// character without completing it; at least 1.
func illFormed(b []byte) int {
	// The range of the second byte depends on the first (Unicode, table 3-7);
	// all further ones are 80..BF.
	lo, hi, want := byte(0x80), byte(0xBF), 0
	switch c := b[0]; {
	case c >= 0xC2 && c <= 0xDF:
		want = 2
	case c == 0xE0:
		lo, want = 0xA0, 3
	case c == 0xED:
		hi, want = 0x9F, 3
	case c >= 0xE1 && c <= 0xEF:
		want = 3
	case c == 0xF0:
		lo, want = 0x90, 4
	case c == 0xF4:
		hi, want = 0x8F, 4
	case c >= 0xF1 && c <= 0xF3:
		want = 4
	default:
		return 1
	}
	n := 1
	for n < want && n < len(b) && b[n] >= lo && b[n] <= hi {
		n++
		lo, hi = 0x80, 0xBF
	}
	return n
}

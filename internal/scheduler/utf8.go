package scheduler

import (
	"strings"
	"unicode/utf8"
)

// validUTF8 returns the text of rest followed by p, invalid bytes replaced by
// U+FFFD, without a character at the end that is not complete; that one is
// returned, to be put in front of what comes next.
func validUTF8(rest, p []byte) (text string, unfinished []byte) {
	if len(rest) > 0 {
		p = append(rest[:len(rest):len(rest)], p...)
	}
	end := len(p)
	for i := 1; i <= min(utf8.UTFMax-1, len(p)); i++ {
		b := p[len(p)-i]
		if utf8.RuneStart(b) {
			if !utf8.FullRune(p[len(p)-i:]) {
				end = len(p) - i
			}
			break
		}
	}
	if end < len(p) {
		unfinished = append([]byte(nil), p[end:]...)
	}
	return strings.ToValidUTF8(string(p[:end]), "\uFFFD"), unfinished
}

// cutRunes returns the longest front of valid text s that has at most n bytes
// and ends with a whole character.
func cutRunes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n = max(n, 0)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

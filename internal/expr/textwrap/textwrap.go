// Package textwrap breaks a paragraph into lines as Python 3.11's textwrap does:
// at white space, behind the hyphens of a compound word, and inside of words
// that no line can hold.
//
// A text flows in, its lines flow out. Templates, help texts and tables of the
// command line use it, where StackStorm's used the original. Newlines are white
// space here; who wants paragraphs splits them first.
package textwrap

import (
	"strings"
	"unicode"
)

// Options are those of Python's TextWrapper that somebody changes.
type Options struct {
	Width       int  // columns, counted in runes; at least 1
	KeepLong    bool // words longer than a line stay whole
	KeepHyphens bool // long words are not broken behind their hyphens
	SpacesOnly  bool // compound words are not broken at hyphens
}

// Wrap returns the lines of a paragraph, none for a blank one.
func Wrap(text string, o Options) []string {
	t := []rune(text)
	var chunks [][]rune
	for i := 0; i < len(t); {
		end := o.chunk(t, i)
		chunks = append(chunks, t[i:end])
		i = end
	}
	var lines []string
	for len(chunks) > 0 {
		var line [][]rune
		used := 0
		if len(lines) > 0 && blank(chunks[0]) {
			chunks = chunks[1:]
		}
		for len(chunks) > 0 && used+len(chunks[0]) <= o.Width {
			line = append(line, chunks[0])
			used += len(chunks[0])
			chunks = chunks[1:]
		}
		if len(chunks) > 0 && len(chunks[0]) > o.Width {
			switch room := o.Width - used; {
			case !o.KeepLong:
				end := o.breakAt(chunks[0], room)
				line = append(line, chunks[0][:end])
				chunks[0] = chunks[0][end:]
			case len(line) == 0:
				line = append(line, chunks[0])
				chunks = chunks[1:]
			}
		}
		if n := len(line); n > 0 && blank(line[n-1]) {
			line = line[:n-1]
		}
		if len(line) > 0 {
			var b strings.Builder
			for _, c := range line {
				b.WriteString(string(c))
			}
			lines = append(lines, b.String())
		}
	}
	return lines
}

// chunk is the end of the indivisible piece of t that starts at i.
func (o Options) chunk(t []rune, i int) int {
	if isSpace(t[i]) {
		for i < len(t) && isSpace(t[i]) {
			i++
		}
		return i
	}
	if o.SpacesOnly {
		for i < len(t) && !isSpace(t[i]) {
			i++
		}
		return i
	}
	if i > 0 && isPunct(t[i-1]) {
		if end := dashes(t, i); end > 0 {
			return end
		}
	}
	for j := i + 1; j < len(t); j++ {
		switch {
		case t[j] == '-' && hyphenated(t, j):
			return j + 1
		case isSpace(t[j]):
			return j
		case t[j] == '-' && isPunct(t[j-1]) && dashes(t, j) > 0:
			return j
		}
	}
	return len(t)
}

// breakAt is where a word too long for a line is cut: after its last hyphen
// that fits, if there is something in front of that.
func (o Options) breakAt(chunk []rune, room int) int {
	end := min(room, len(chunk))
	if o.KeepHyphens || len(chunk) <= room {
		return end
	}
	for h := end - 1; h > 0; h-- {
		if chunk[h] != '-' {
			continue
		}
		for _, r := range chunk[:h] {
			if r != '-' {
				return h + 1
			}
		}
		break
	}
	return end
}

// dashes is the end of a dash between words ("--" or longer) at i, or 0.
func dashes(t []rune, i int) int {
	j := i
	for runeAt(t, j) == '-' {
		j++
	}
	if j-i >= 2 && runeAt(t, j) >= 0 && isWord(t[j]) {
		return j
	}
	return 0
}

// hyphenated reports whether the hyphen at j is between parts of a word.
func hyphenated(t []rune, j int) bool {
	letter := func(i int) bool { r := runeAt(t, i); return r >= 0 && isWord(r) && !unicode.Is(unicode.Nd, r) }
	before := letter(j-1) && (letter(j-2) || runeAt(t, j-2) == '-' && letter(j-3))
	after := letter(j+1) && (letter(j+2) || runeAt(t, j+2) == '-' && letter(j+3))
	return before && after
}

// runeAt is t[i], or a character no rule looks for outside of t.
func runeAt(t []rune, i int) rune {
	if i < 0 || i >= len(t) {
		return -1
	}
	return t[i]
}

func isSpace(r rune) bool { return r == ' ' || r >= '\t' && r <= '\r' }

// isWord is \w of Python's re.
func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) }

func isPunct(r rune) bool { return isWord(r) || strings.ContainsRune(`!"'&.,?`, r) }

// blank is Python's not text.strip().
func blank(t []rune) bool {
	for _, r := range t {
		if !unicode.IsSpace(r) && (r < 0x1c || r > 0x1f) {
			return false
		}
	}
	return true
}

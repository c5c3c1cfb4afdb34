package jinja

import (
	"strings"
	"unicode"

	"squall/internal/expr/value"
)

// isWordRune is \w of Python's re.
func isWordRune(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r)
}

// wordWrap breaks each line of a text into lines of limited width, the way
// Python's textwrap does.
func wordWrap(f *frame, a arglist) (any, error) {
	m := f.m
	split, err := m.callMethod(a.v[0], "splitlines")
	if err != nil {
		return nil, err
	}
	lines, err := value.Collect(m.b, split)
	if err != nil {
		return nil, err
	}
	w := wrapper{m: m}
	if len(lines) > 0 {
		if bad, err := value.Compare(m.b, "<=", a.v[1], int64(0)); err != nil {
			return nil, err
		} else if bad {
			return nil, value.ValueErrorf("invalid width %s (must be > 0)", reprAny(a.v[1]))
		}
		if w.width, err = value.AsIndex(a.v[1]); err != nil {
			return nil, err
		}
	}
	if w.breakLong, err = truth(a.v[2]); err != nil {
		return nil, err
	}
	if w.hyphens, err = truth(a.v[4]); err != nil {
		return nil, err
	}
	w.splitHyphens = a.v[4] == true
	sep := "\n"
	if a.v[3] != nil {
		var ok bool
		if sep, ok = plainString(a.v[3]); !ok {
			return nil, value.AttributeErrorf("'%s' object has no attribute 'join'", value.TypeName(a.v[3]))
		}
	}
	out := make([]any, 0, len(lines))
	for _, line := range lines {
		text, _ := plainString(line)
		if err := m.b.Alloc(int64(len(text)) * 8); err != nil {
			return nil, err
		}
		wrapped, err := m.joinText(sep, w.wrap([]rune(text)))
		if err != nil {
			return nil, err
		}
		out = append(out, wrapped)
	}
	return m.joinText(sep, out)
}

type wrapper struct {
	m            *machine
	width        int64
	breakLong    bool
	hyphens      bool
	splitHyphens bool
}

func wrapSpace(r rune) bool { return r == ' ' || r >= '\t' && r <= '\r' }

func wrapLetter(r rune) bool { return isWordRune(r) && !unicode.Is(unicode.Nd, r) }

func wrapPunct(r rune) bool { return isWordRune(r) || strings.ContainsRune(`!"'&.,?`, r) }

// runeAt is t[i], or a character no rule looks for outside of t.
func runeAt(t []rune, i int) rune {
	if i < 0 || i >= len(t) {
		return -1
	}
	return t[i]
}

// dashes is the end of a dash between words ("--" or longer) at i, or 0.
func dashes(t []rune, i int) int {
	j := i
	for runeAt(t, j) == '-' {
		j++
	}
	if j-i >= 2 && runeAt(t, j) >= 0 && isWordRune(t[j]) {
		return j
	}
	return 0
}

// chunk is the end of the indivisible piece of t that starts at i.
func (w *wrapper) chunk(t []rune, i int) int {
	if wrapSpace(t[i]) {
		for i < len(t) && wrapSpace(t[i]) {
			i++
		}
		return i
	}
	if !w.splitHyphens {
		for i < len(t) && !wrapSpace(t[i]) {
			i++
		}
		return i
	}
	if i > 0 && wrapPunct(t[i-1]) {
		if end := dashes(t, i); end > 0 {
			return end
		}
	}
	for j := i + 1; j < len(t); j++ {
		switch {
		case t[j] == '-' && hyphenated(t, j):
			return j + 1
		case wrapSpace(t[j]):
			return j
		case t[j] == '-' && wrapPunct(t[j-1]) && dashes(t, j) > 0:
			return j
		}
	}
	return len(t)
}

// hyphenated reports whether the hyphen at j is between parts of a word.
func hyphenated(t []rune, j int) bool {
	letter := func(i int) bool { r := runeAt(t, i); return r >= 0 && wrapLetter(r) }
	before := letter(j-1) && (letter(j-2) || runeAt(t, j-2) == '-' && letter(j-3))
	after := letter(j+1) && (letter(j+2) || runeAt(t, j+2) == '-' && letter(j+3))
	return before && after
}

func blank(t []rune) bool {
	for _, r := range t {
		if !isSpace(r) {
			return false
		}
	}
	return true
}

// wrap returns the lines of one paragraph as strings.
func (w *wrapper) wrap(t []rune) []any {
	var chunks [][]rune
	for i := 0; i < len(t); {
		end := w.chunk(t, i)
		chunks = append(chunks, t[i:end])
		i = end
	}
	var lines []any
	for len(chunks) > 0 {
		var line [][]rune
		used := int64(0)
		if len(lines) > 0 && blank(chunks[0]) {
			chunks = chunks[1:]
		}
		for len(chunks) > 0 && used+int64(len(chunks[0])) <= w.width {
			line = append(line, chunks[0])
			used += int64(len(chunks[0]))
			chunks = chunks[1:]
		}
		if len(chunks) > 0 && int64(len(chunks[0])) > w.width {
			switch room := w.width - used; {
			case w.breakLong:
				end := w.breakAt(chunks[0], room)
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

// breakAt is where a word too long for a line is cut: after its last hyphen
// that fits, if there is something in front of that.
func (w *wrapper) breakAt(chunk []rune, room int64) int {
	end := int(min(room, int64(len(chunk))))
	if !w.hyphens || int64(len(chunk)) <= room {
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

package jinja

import (
	"math"
	"unicode"

	"squall/internal/expr/textwrap"
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
	var o textwrap.Options
	if len(lines) > 0 {
		if bad, err := value.Compare(m.b, "<=", a.v[1], int64(0)); err != nil {
			return nil, err
		} else if bad {
			return nil, value.ValueErrorf("invalid width %s (must be > 0)", reprAny(a.v[1]))
		}
		width, err := value.AsIndex(a.v[1])
		if err != nil {
			return nil, err
		}
		o.Width = int(min(width, math.MaxInt32))
	}
	breakLong, err := truth(a.v[2])
	if err != nil {
		return nil, err
	}
	hyphens, err := truth(a.v[4])
	if err != nil {
		return nil, err
	}
	o.KeepLong, o.KeepHyphens, o.SpacesOnly = !breakLong, !hyphens, a.v[4] != true
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
		var parts []any
		for _, l := range textwrap.Wrap(text, o) {
			parts = append(parts, l)
		}
		wrapped, err := m.joinText(sep, parts)
		if err != nil {
			return nil, err
		}
		out = append(out, wrapped)
	}
	return m.joinText(sep, out)
}

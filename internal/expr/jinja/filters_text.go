package jinja

import (
	"strings"

	"squall/internal/expr/value"
)

// textMethod is a filter that is a str method without arguments; Markup stays
// Markup.
func textMethod(filter, name string) *builtin {
	return define(filter, "s", none, func(f *frame, a arglist) (any, error) {
		return f.m.textCall(a.v[0], name)
	})
}

// textCall calls a str method on soft_str(v).
func (m *machine) textCall(v any, name string, args ...any) (any, error) {
	s, err := m.softStr(v)
	if err != nil {
		return nil, err
	}
	return value.CallMethod(m.b, s, name, args, nil)
}

var textFilters = map[string]*builtin{
	"upper": define("do_upper", "s", none, func(f *frame, a arglist) (any, error) {
		if s, ok := a.v[0].(string); ok {
			if err := f.m.b.Alloc(int64(len(s))); err != nil {
				return nil, err
			}
			return value.Upper(s), nil
		}
		return f.m.textCall(a.v[0], "upper")
	}),
	"lower": define("do_lower", "s", none, func(f *frame, a arglist) (any, error) {
		if s, ok := a.v[0].(string); ok {
			if err := f.m.b.Alloc(int64(len(s))); err != nil {
				return nil, err
			}
			return value.Lower(s), nil
		}
		return f.m.textCall(a.v[0], "lower")
	}),
	"capitalize": textMethod("do_capitalize", "capitalize"),
	"title":      define("do_title", "s", none, titleFilter),
	"center": define("do_center", "value width", defaults(int64(80)), func(f *frame, a arglist) (any, error) {
		return f.m.textCall(a.v[0], "center", a.v[1])
	}),
	"trim": define("do_trim", "value chars", defaults(nil), func(f *frame, a arglist) (any, error) {
		return f.m.textCall(a.v[0], "strip", a.v[1])
	}),
	"string": define("markupsafe._speedups.soft_str", "s", none, func(f *frame, a arglist) (any, error) {
		return f.m.softStr(a.v[0])
	}).native(),
	"replace":   define("do_replace", "s old new count", defaults(nil), replaceFilter).passed(),
	"format":    define("do_format", "value", none, formatFilter).variadic(true),
	"indent":    define("do_indent", "s width first blank", defaults(int64(4), false, false), indentFilter),
	"truncate":  define("do_truncate", "s length killwords end leeway", defaults(int64(255), false, "...", nil), truncateFilter).passed(),
	"wordcount": define("do_wordcount", "s", none, wordCount),
	"wordwrap":  define("do_wordwrap", "s width break_long_words wrapstring break_on_hyphens", defaults(int64(79), true, nil, true), wordWrap).passed(),
}

// titleFilter starts every word with an upper case letter; words begin after
// blanks, hyphens and opening brackets.
func titleFilter(f *frame, a arglist) (any, error) {
	soft, err := f.m.softStr(a.v[0])
	if err != nil {
		return nil, err
	}
	s, _ := plainString(soft)
	if err := f.m.b.Alloc(int64(len(s))); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.Grow(len(s))
	word := func(w string) {
		for i := range w {
			if i > 0 {
				b.WriteString(value.Upper(w[:i]))
				b.WriteString(value.Lower(w[i:]))
				return
			}
		}
		b.WriteString(value.Upper(w))
	}
	start := 0
	for i, r := range s {
		if strings.ContainsRune("-({[<", r) || isSpace(r) {
			word(s[start:i])
			b.WriteString(s[i : i+len(string(r))])
			start = i + len(string(r))
		}
	}
	word(s[start:])
	return b.String(), nil
}

func replaceFilter(f *frame, a arglist) (any, error) {
	m := f.m
	s, old, repl, count := a.v[0], a.v[1], a.v[2], a.v[3]
	if count == nil {
		count = int64(-1)
	}
	convert := m.softStr
	if !f.tc.autoescape {
		convert = func(v any) (any, error) { return m.plainStr(v) }
	}
	var err error
	if f.tc.autoescape && (isHTML(old) || isHTML(repl) && !isHTML(s)) {
		s, err = m.escape(s)
	} else {
		s, err = convert(s)
	}
	if err != nil {
		return nil, err
	}
	if old, err = convert(old); err != nil {
		return nil, err
	}
	if repl, err = convert(repl); err != nil {
		return nil, err
	}
	return value.CallMethod(m.b, s, "replace", []any{old, repl, count}, nil)
}

// plainStr is str(v): text that is not marked as safe.
func (m *machine) plainStr(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case value.Markup:
		return string(v), nil
	}
	s, err := value.Str(m.b, v)
	return s, err
}

func formatFilter(f *frame, a arglist) (any, error) {
	if len(a.rest) > 0 && a.kw.Len() > 0 {
		return nil, value.Errorf(classFilterArg, "can't handle positional and keyword arguments at the same time")
	}
	s, err := f.m.softStr(a.v[0])
	if err != nil {
		return nil, err
	}
	var arg any = append(value.Tuple{}, a.rest...)
	if a.kw.Len() > 0 {
		arg = a.kw.Dict()
	}
	return value.Mod(f.m.b, s, arg)
}

// indentFilter repeats Jinja's steps one by one, because its errors for what is
// not text come from them.
func indentFilter(f *frame, a arglist) (any, error) {
	m := f.m
	s, width := a.v[0], a.v[1]
	first, err := truth(a.v[2])
	if err != nil {
		return nil, err
	}
	blank, err := truth(a.v[3])
	if err != nil {
		return nil, err
	}
	var indention any = width
	if !value.IsString(width) {
		if indention, err = value.Mul(m.b, " ", width); err != nil {
			return nil, err
		}
	}
	pad, _ := plainString(indention)
	text, ok := plainString(s)
	if !ok {
		return nil, m.indentError(s)
	}
	lines := splitLines(text + "\n")
	if err := m.b.Alloc(int64(len(text) + len(pad)*(len(lines)+1))); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.Grow(len(text) + len(pad)*(len(lines)+1))
	if first {
		b.WriteString(pad)
	}
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
			if blank || line != "" {
				b.WriteString(pad)
			}
		}
		b.WriteString(line)
	}
	if isHTML(s) {
		return value.Markup(b.String()), nil
	}
	return b.String(), nil
}

// indentError is what `s += "\n"` and s.splitlines() raise.
func (m *machine) indentError(s any) error {
	switch s := s.(type) {
	case *undefined:
		return s.fail()
	case *value.List:
		return value.AttributeErrorf("'list' object has no attribute 'splitlines'")
	case value.Tuple:
		return value.TypeErrorf(`can only concatenate tuple (not "str") to tuple`)
	case value.Bytes:
		return value.TypeErrorf("can't concat str to bytes")
	}
	return value.TypeErrorf("unsupported operand type(s) for +=: '%s' and 'str'", value.TypeName(s))
}

// splitLines is Python's str.splitlines.
func splitLines(s string) []string {
	var lines []string
	start := 0
	for i := 0; i < len(s); {
		n := lineBreak(s[i:])
		if n == 0 {
			i++
			continue
		}
		lines = append(lines, s[start:i])
		i += n
		start = i
	}
	if start < len(s) {
		lines = append(lines, s[start:])
	}
	return lines
}

// lineBreak is the length of the line break s starts with, or 0.
func lineBreak(s string) int {
	switch c := s[0]; {
	case c == '\r':
		if len(s) > 1 && s[1] == '\n' {
			return 2
		}
		return 1
	case c >= '\n' && c <= '\f', c >= 0x1c && c <= 0x1e:
		return 1
	case c == 0xc2 && strings.HasPrefix(s, "\u0085"):
		return 2
	case c == 0xe2 && (strings.HasPrefix(s, "\u2028") || strings.HasPrefix(s, "\u2029")):
		return 3
	}
	return 0
}

func truncateFilter(f *frame, a arglist) (any, error) {
	m := f.m
	s, length, end, leeway := a.v[0], a.v[1], a.v[3], a.v[4]
	if leeway == nil {
		leeway = int64(5)
	}
	endLen, err := value.Length(end)
	if err != nil {
		return nil, err
	}
	if ok, err := value.Compare(m.b, ">=", length, int64(endLen)); err != nil {
		return nil, err
	} else if !ok {
		return nil, value.Errorf("AssertionError", "expected length >= %d, got %s", endLen, m.text(length))
	}
	if ok, err := value.Compare(m.b, ">=", leeway, int64(0)); err != nil {
		return nil, err
	} else if !ok {
		return nil, value.Errorf("AssertionError", "expected leeway >= 0, got %s", m.text(leeway))
	}
	n, err := value.Length(s)
	if err != nil {
		return nil, err
	}
	limit, err := value.Add(m.b, length, leeway)
	if err != nil {
		return nil, err
	}
	if ok, err := value.Compare(m.b, "<=", int64(n), limit); ok || err != nil {
		return s, err
	}
	stop, err := value.Sub(m.b, length, int64(endLen))
	if err != nil {
		return nil, err
	}
	cut, err := value.Slice(m.b, s, nil, stop, nil)
	if err != nil {
		return nil, err
	}
	kill, err := truth(a.v[2])
	if err != nil {
		return nil, err
	}
	if !kill {
		words, err := value.CallMethod(m.b, cut, "rsplit", []any{" ", int64(1)}, nil)
		if err != nil {
			return nil, err
		}
		if cut, err = value.GetItem(m.b, words, int64(0)); err != nil {
			return nil, err
		}
	}
	return value.Add(m.b, cut, end)
}

// text is str(v) for a message.
func (m *machine) text(v any) string {
	s, err := m.str(v)
	if err != nil {
		return value.TypeName(v)
	}
	return s
}

func wordCount(f *frame, a arglist) (any, error) {
	soft, err := f.m.softStr(a.v[0])
	if err != nil {
		return nil, err
	}
	s, _ := plainString(soft)
	if err := f.m.b.Step(int64(len(s) >> 4)); err != nil {
		return nil, err
	}
	n, in := int64(0), false
	for _, r := range s {
		word := isWordRune(r)
		if word && !in {
			n++
		}
		in = word
	}
	return n, nil
}

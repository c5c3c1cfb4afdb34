package jinja

import (
	"strings"

	"squall/internal/expr/value"
)

func escapeFilter() *builtin {
	return define("markupsafe._speedups.escape", "s", none, func(f *frame, a arglist) (any, error) {
		return f.m.escape(a.v[0])
	}).native()
}

var htmlFilters = map[string]*builtin{
	"e":           escapeFilter(),
	"escape":      escapeFilter(),
	"forceescape": define("do_forceescape", "value", none, forceEscape),
	"safe": define("do_mark_safe", "value", none, func(f *frame, a arglist) (any, error) {
		return f.m.markup(a.v[0])
	}),
	"striptags": define("do_striptags", "value", none, func(f *frame, a arglist) (any, error) {
		s, err := f.m.markup(a.v[0])
		if err != nil {
			return nil, err
		}
		return value.CallMethod(f.m.b, s, "striptags", nil, nil)
	}),
	"urlencode": define("do_urlencode", "value", none, urlEncode),
	"urlize":    define("do_urlize", "value trim_url_limit nofollow target rel extra_schemes", defaults(nil, false, nil, nil, nil), urlizeFilter).passed(),
	"xmlattr":   define("do_xmlattr", "d autospace", defaults(true), xmlAttr).passed(),
	"tojson":    define("do_tojson", "value indent", defaults(nil), toJSON).passed(),
}

// escape is MarkupSafe's escape: safe text of any value.
func (m *machine) escape(v any) (value.Markup, error) { return value.Escape(m.b, v) }

// markup is MarkupSafe's Markup(v): the text of v, taken to be safe.
func (m *machine) markup(v any) (value.Markup, error) {
	switch v := v.(type) {
	case string:
		return value.Markup(v), nil
	case value.Markup:
		return v, nil
	case value.HTMLer:
		s, err := v.HTML()
		return value.Markup(s), err
	}
	s, err := value.Str(m.b, v)
	return value.Markup(s), err
}

// isHTML reports whether v has a safe HTML form.
func isHTML(v any) bool {
	switch v.(type) {
	case value.Markup, value.HTMLer:
		return true
	}
	return false
}

// strJoin is the concatenation of "~".
func (m *machine) strJoin(vals []any) (any, error) {
	for i, v := range vals {
		s, err := m.plainStr(v)
		if err != nil {
			return nil, err
		}
		vals[i] = s
	}
	return m.joinText("", vals)
}

// markupJoin is "~" where output is escaped: one safe operand makes all safe.
func (m *machine) markupJoin(vals []any) (any, error) {
	safe := false
	for i, v := range vals {
		s, err := m.softStr(v)
		if err != nil {
			return nil, err
		}
		safe = safe || isHTML(s)
		vals[i] = s
	}
	if safe {
		return m.safeJoin(value.Markup(""), vals)
	}
	return m.joinText("", vals)
}

func forceEscape(f *frame, a arglist) (any, error) {
	v := a.v[0]
	if isHTML(v) {
		s, err := f.m.markup(v)
		if err != nil {
			return nil, err
		}
		v = string(s)
	}
	s, err := f.m.str(v)
	if err != nil {
		return nil, err
	}
	return f.m.escape(s)
}

// quoteURL is urllib's quote with Jinja's choice of safe characters.
func quoteURL(b *value.Budget, s string, query bool) (string, error) {
	if err := b.Alloc(int64(len(s)) * 3); err != nil {
		return "", err
	}
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	out.Grow(len(s) + len(s)/4)
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', isDigit(c), strings.IndexByte("_.-~", c) >= 0, c == '/' && !query:
			out.WriteByte(c)
		case c == ' ' && query:
			out.WriteByte('+')
		default:
			out.WriteByte('%')
			out.WriteByte(hex[c>>4])
			out.WriteByte(hex[c&15])
		}
	}
	return out.String(), nil
}

// quoteValue is quoteURL of any value's text.
func (m *machine) quoteValue(v any, query bool) (string, error) {
	if b, ok := v.(value.Bytes); ok {
		return quoteURL(m.b, string(b), query)
	}
	s, err := m.str(v)
	if err != nil {
		return "", err
	}
	return quoteURL(m.b, s, query)
}

func urlEncode(f *frame, a arglist) (any, error) {
	m, v := f.m, a.v[0]
	if value.IsString(v) || !value.IsIterable(v) {
		s, err := m.quoteValue(v, false)
		return s, err
	}
	if d, ok := v.(*value.Dict); ok {
		items, err := m.dictItems(d)
		if err != nil {
			return nil, err
		}
		v = items
	}
	var parts []any
	err := value.Each(m.b, v, func(item any) (bool, error) {
		pair, err := m.unpack(item, 2)
		if err != nil {
			return false, err
		}
		k, err := m.quoteValue(pair[0], true)
		if err != nil {
			return false, err
		}
		x, err := m.quoteValue(pair[1], true)
		if err != nil {
			return false, err
		}
		parts = append(parts, k+"="+x)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return m.joinText("&", parts)
}

func xmlAttr(f *frame, a arglist) (any, error) {
	m := f.m
	items, err := m.dictItems(a.v[0])
	if err != nil {
		return nil, err
	}
	var parts []any
	err = value.Each(m.b, items, func(item any) (bool, error) {
		pair, err := m.unpack(item, 2)
		if err != nil {
			return false, err
		}
		if _, undef := pair[1].(*undefined); undef || pair[1] == nil {
			return true, nil
		}
		key, ok := plainString(pair[0])
		if !ok {
			return false, value.TypeErrorf("expected string or bytes-like object, got '%s'", value.TypeName(pair[0]))
		}
		if strings.ContainsAny(key, " \t\n\r\f\v/>=") {
			return false, value.ValueErrorf("Invalid character in attribute name: %s", reprAny(pair[0]))
		}
		name, err := m.escape(pair[0])
		if err != nil {
			return false, err
		}
		text, err := m.escape(pair[1])
		if err != nil {
			return false, err
		}
		parts = append(parts, string(name)+`="`+string(text)+`"`)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	space, err := truth(a.v[1])
	if err != nil {
		return nil, err
	}
	joined, err := m.joinText(" ", parts)
	if err != nil {
		return nil, err
	}
	s := joined.(string)
	if space && s != "" {
		s = " " + s
	}
	if f.tc.autoescape {
		return value.Markup(s), nil
	}
	return s, nil
}

var jsonHTML = strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`, "'", `\u0027`)

func toJSON(f *frame, a arglist) (any, error) {
	opts := value.JSONOptions{SortKeys: true}
	if err := opts.IndentOf(a.v[1]); err != nil {
		return nil, err
	}
	s, err := value.DumpJSON(f.m.b, a.v[0], opts)
	if err != nil {
		return nil, err
	}
	return value.Markup(jsonHTML.Replace(s)), nil
}

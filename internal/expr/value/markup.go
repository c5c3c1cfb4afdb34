package value

import "strings"

// Operators and formatting of Markup follow MarkupSafe 2.1: whatever is put
// into safe text is escaped, unless it is safe itself.

var htmlEscaper = strings.NewReplacer("&", "&amp;", ">", "&gt;", "<", "&lt;", "'", "&#39;", `"`, "&#34;")

// EscapeText replaces the characters that have a meaning in HTML.
func EscapeText(s string) string { return htmlEscaper.Replace(s) }

// Escape returns v as safe text: Markup unchanged, an object by its own safe
// form, anything else as its escaped str().
func Escape(b *Budget, v any) (Markup, error) {
	switch x := v.(type) {
	case Markup:
		return x, nil
	case HTMLer:
		s, err := x.HTML()
		return Markup(s), err
	}
	s, err := Str(b, v)
	if err != nil {
		return "", err
	}
	if !strings.ContainsAny(s, `&<>'"`) {
		return Markup(s), nil
	}
	if err := b.Alloc(int64(len(s)) * 2); err != nil {
		return "", err
	}
	return Markup(EscapeText(s)), nil
}

// markupAdd is + with a Markup on either side; only text can be added.
func markupAdd(b *Budget, x, y any) (any, error) {
	if !IsString(x) && !isHTML(x) || !IsString(y) && !isHTML(y) {
		if IsString(x) {
			return concatError("str", x, y)
		}
		return dispatch("+", x, y)
	}
	s, err := Escape(b, x)
	if err != nil {
		return nil, err
	}
	t, err := Escape(b, y)
	if err != nil {
		return nil, err
	}
	if err := b.Alloc(int64(len(s) + len(t))); err != nil {
		return nil, err
	}
	return s + t, nil
}

func isHTML(v any) bool {
	_, ok := v.(HTMLer)
	return ok
}

// markupPrintf is Markup % arg: str() and repr() of the arguments are escaped.
func markupPrintf(b *Budget, format Markup, arg any) (any, error) {
	p := newPrintf(b, string(format), arg)
	p.text = func(b *Budget, v any) (string, error) {
		m, err := Escape(b, v)
		return string(m), err
	}
	p.repr = func(b *Budget, v any) (string, error) {
		s, err := Repr(b, v)
		return EscapeText(s), err
	}
	s, err := p.run()
	return Markup(s), err
}

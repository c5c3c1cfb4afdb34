package value

import (
	"html"
	"regexp"
	"strings"
)

// markupMethods are the methods of str that MarkupSafe wraps: text arguments
// are escaped and text results are Markup. Other methods come from str.
var markupMethods = map[string]*method{
	"capitalize": safe("capitalize"), "center": safe("center"), "expandtabs": safe("expandtabs"),
	"ljust": safe("ljust"), "lower": safe("lower"), "lstrip": safe("lstrip"), "partition": safe("partition"),
	"replace": safe("replace"), "rjust": safe("rjust"), "rpartition": safe("rpartition"), "rstrip": safe("rstrip"),
	"strip": safe("strip"), "swapcase": safe("swapcase"), "title": safe("title"), "translate": safe("translate"),
	"upper": safe("upper"), "zfill": safe("zfill"),
	"rsplit":     raw("rsplit"),
	"split":      raw("split"),
	"splitlines": raw("splitlines"),
	"join":       oneArg(mMarkupJoin),
	"striptags":  noArgs(func(c *call) (any, error) { return Striptags(string(c.self.(Markup))), nil }),
	"unescape":   noArgs(func(c *call) (any, error) { return html.UnescapeString(string(c.self.(Markup))), nil }),
	"escape": oneArg(func(c *call) (any, error) {
		return Escape(c.b, c.args[0])
	}),
}

// safe wraps a str method with escaping of its arguments.
func safe(name string) *method {
	inner := strMethods[name]
	return anyArgs(func(c *call) (any, error) {
		args := make([]any, len(c.args))
		for i, a := range c.args {
			args[i] = a
			if _, ok := a.(string); ok || isHTML(a) {
				m, err := Escape(c.b, a)
				if err != nil {
					return nil, err
				}
				args[i] = string(m)
			}
		}
		return markupResult(inner.call(c.b, string(c.self.(Markup)), name, args, c.kw))
	})
}

// raw wraps a str method that takes its arguments as they are.
func raw(name string) *method {
	inner := strMethods[name]
	return anyArgs(func(c *call) (any, error) {
		return markupResult(inner.call(c.b, string(c.self.(Markup)), name, c.args, c.kw))
	})
}

// markupResult marks texts, alone or in a sequence, as safe.
func markupResult(v any, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	switch x := v.(type) {
	case string:
		return Markup(x), nil
	case Tuple:
		for i, item := range x {
			if s, ok := item.(string); ok {
				x[i] = Markup(s)
			}
		}
	case *List:
		for i, item := range x.Items {
			if s, ok := item.(string); ok {
				x.Items[i] = Markup(s)
			}
		}
	}
	return v, nil
}

func mMarkupJoin(c *call) (any, error) {
	if !IsIterable(c.args[0]) {
		return nil, TypeErrorf("'%s' object is not iterable", TypeName(c.args[0]))
	}
	items, err := Collect(c.b, c.args[0])
	if err != nil {
		return nil, err
	}
	for i, item := range items {
		if items[i], err = Escape(c.b, item); err != nil {
			return nil, err
		}
	}
	s, err := Join(c.b, string(c.self.(Markup)), Tuple(items))
	return Markup(s), err
}

var (
	htmlComment = regexp.MustCompile(`(?s)<!--.*?-->`)
	htmlTag     = regexp.MustCompile(`(?s)<.*?>`)
)

// Striptags removes tags and comments, collapses white space and resolves
// entities, as Markup.striptags does.
func Striptags(s string) string {
	s = htmlTag.ReplaceAllString(htmlComment.ReplaceAllString(s, ""), "")
	return html.UnescapeString(strings.Join(SplitSpace(s, -1), " "))
}

package value

import "testing"

// What MarkupSafe 2.1 answers.
func TestMarkupEscapesWhatItTakesIn(t *testing.T) {
	m := func(s string) any { return Markup(s) }
	method := func(self any, name string, args ...any) func() (any, error) {
		return func() (any, error) { return CallMethod(nil, self, name, args, nil) }
	}
	cases := []struct {
		name string
		run  func() (any, error)
		want any
	}{
		{"add text", func() (any, error) { return Add(nil, m("<b>"), "<i>") }, m("<b>&lt;i&gt;")},
		{"add to text", func() (any, error) { return Add(nil, "<i>", m("<b>")) }, m("&lt;i&gt;<b>")},
		{"add markup", func() (any, error) { return Add(nil, m("<b>"), m("</b>")) }, m("<b></b>")},
		{"repeat", func() (any, error) { return Mul(nil, m("<b>"), int64(2)) }, m("<b><b>")},
		{"printf", func() (any, error) { return Mod(nil, m("<b>%s</b>%d"), Tuple{"<&>", int64(3)}) }, m("<b>&lt;&amp;&gt;</b>3")},
		{"printf named", func() (any, error) { return Mod(nil, m("%(a)s"), DictOf("a", "'")) }, m("&#39;")},
		{"format", method(m("<b>{}</b>{!r}"), "format", "<", "<"), m("<b>&lt;</b>&#39;&lt;&#39;")},
		{"format markup", method(m("{}"), "format", m("<i>")), m("<i>")},
		{"join", method(m("<br>"), "join", NewList("<a>", m("<b>"), int64(1))), m("&lt;a&gt;<br><b><br>1")},
		{"replace", method(m("a&amp;b"), "replace", "&", "<"), m("a&lt;b")},
		{"upper", method(m("<b>x"), "upper"), m("<B>X")},
		{"split", method(m("a b"), "split"), NewList(m("a"), m("b"))},
		{"partition", method(m("a=b"), "partition", "="), Tuple{m("a"), m("="), m("b")}},
		{"center", method(m("a"), "center", int64(3), "*"), m("*a*")},
		{"slice", func() (any, error) { return Slice(nil, m("<b>"), int64(0), int64(2), nil) }, m("<b")},
		{"item", func() (any, error) { return GetItem(nil, m("<b>"), int64(1)) }, m("b")},
		{"striptags", method(m("<p>a  <!-- x <b> --> &lt;b&gt;</p>"), "striptags"), "a <b>"},
		{"unescape", method(m("&lt;&#39;"), "unescape"), "<'"},
		{"find", method(m("<b>"), "find", "b"), int64(1)},
		{"escape", func() (any, error) { return Escape(nil, "\"'<>&") }, m("&#34;&#39;&lt;&gt;&amp;")},
		{"escape list", func() (any, error) { return Escape(nil, NewList("<")) }, m("[&#39;&lt;&#39;]")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.run()
			if err != nil {
				t.Fatal(err)
			}
			if TypeName(got) != TypeName(c.want) || !Equal(got, c.want) {
				t.Errorf("got %s %v, want %s %v", TypeName(got), got, TypeName(c.want), c.want)
			}
			gotRepr, _ := Repr(nil, got)
			if want, _ := Repr(nil, c.want); gotRepr != want {
				t.Errorf("got %s, want %s", gotRepr, want)
			}
		})
	}
	if _, err := Add(nil, m("a"), int64(1)); ClassOf(err) != "TypeError" {
		t.Errorf("markup + int: %v", err)
	}
}

package alias

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/value"
	"squall/internal/squall"
)

func plain(name string, formats ...string) *squall.Alias {
	a := &squall.Alias{Ref: squall.Ref{Pack: "chat", Name: name}, Enabled: true, Description: "about " + name}
	for _, f := range formats {
		a.Formats = append(a.Formats, squall.AliasFormat{Display: f, Representation: []string{f}, Plain: true})
	}
	return a
}

func extract(t *testing.T, format, command string) string {
	t.Helper()
	p, err := Compile(format)
	if err != nil {
		return err.Error()
	}
	params, err := p.Extract(t.Context(), command)
	if err != nil {
		return err.Error()
	}
	return repr(t, params)
}

func repr(t *testing.T, v any) string {
	t.Helper()
	text, err := value.Repr(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestExtract(t *testing.T) {
	for _, tc := range []struct{ format, command, want string }{
		{"run {{cmd}} on {{hosts=localhost}}", "run 'ls -l' on", "{'cmd': 'ls -l', 'hosts': 'localhost'}"},
		{"run {{cmd}} on {{hosts=localhost}}", "run 'ls -l' on web1 timeout=5", "{'cmd': 'ls -l', 'hosts': 'web1', 'timeout': '5'}"},
		{"reboot( {{host}})?", "reboot", "{'host': None}"},
		{"reboot {{host}} host=db1", "reboot x", `ParseException: Command "reboot x" doesn't match format string "reboot {{host}} host=db1"`},
		{"{{a=}}", "x", "error: bad character in group name 'a=' at position 10"},
		{"x {{a=1\n2}}", "x {{a=1\n2}}", "KeyError: 'a'"},
	} {
		got := extract(t, tc.format, tc.command)
		if got != tc.want {
			t.Errorf("%q with %q:\ngot  %s\nwant %s", tc.format, tc.command, got, tc.want)
		}
	}
}

// TestOneBadFormatHurtsNobody: in StackStorm a format that is no pattern breaks
// the matching of every command.
func TestOneBadFormatHurtsNobody(t *testing.T) {
	b := NewBook([]*squall.Alias{plain("bad", "(", "{{a-b}}", "say {{what}}"), plain("good", "run {{cmd}}"), plain("worse", "(?i)x")})
	hits, problems, err := b.Match(t.Context(), "run ls")
	if err != nil || len(problems) != 0 || len(hits) != 1 || hits[0].Alias.Ref.Name != "good" {
		t.Fatalf("hits %v, problems %v, %v", hits, problems, err)
	}
	if hits, _, _ := b.Match(t.Context(), "say hello"); len(hits) != 1 {
		t.Errorf("the good format of a bad alias does not match")
	}
	var texts []string
	for _, p := range b.Problems() {
		texts = append(texts, p.Error())
	}
	want := []string{
		`alias chat.bad: format "(": missing ), unterminated subpattern at position 0`,
		`alias chat.bad: format "{{a-b}}": bad character in group name 'a-b' at position 10`,
		`alias chat.worse: format "(?i)x": global flags not at the start of the expression at position 4`,
	}
	if d := cmp.Diff(want, texts); d != "" {
		t.Error(d)
	}
}

func TestResolve(t *testing.T) {
	many := plain("issues", "x")
	many.Formats = []squall.AliasFormat{{Display: "issue", Representation: []string{"(?P<key>[A-Z]+-[0-9]+)"}, MatchMultiple: true}}
	b := NewBook([]*squall.Alias{plain("one", "run {{cmd}}", "do it"), plain("two", "run it now"), many})
	for _, tc := range []struct{ command, alias, class string }{
		{"run ls", "one", ""},
		{"run it now", "", AmbiguousClass},
		{"OPS-12", "issues", ""},
		{"hello", "", NotFoundClass},
	} {
		h, err := b.Resolve(t.Context(), tc.command)
		if tc.class != "" {
			if !value.IsClass(err, tc.class) {
				t.Errorf("%s: got %v, want %s", tc.command, err, tc.class)
			}
			continue
		}
		if err != nil || h.Alias.Ref.Name != tc.alias {
			t.Errorf("%s: got %v, %v, want %s", tc.command, h.Alias, err, tc.alias)
		}
	}
}

func TestHelpPages(t *testing.T) {
	aliases := []*squall.Alias{plain("a", "run {{x}}", "stop {{x}}"), plain("b", "start {{x}}")}
	off := plain("off", "never")
	off.Enabled = false
	other := plain("c", "Status")
	other.Ref.Pack = "ops"
	aliases = append(aliases, off, other)
	for _, tc := range []struct {
		q         HelpQuery
		want      []string
		available int
	}{
		{HelpQuery{}, []string{"run {{x}}", "stop {{x}}", "start {{x}}", "Status"}, 4},
		{HelpQuery{Filter: "^ST"}, []string{"stop {{x}}", "start {{x}}", "Status"}, 3},
		{HelpQuery{Filter: "st", Pack: "ops"}, []string{"Status"}, 1},
		{HelpQuery{Limit: 2, Offset: 1}, []string{"stop {{x}}", "start {{x}}"}, 4},
		{HelpQuery{Limit: -1, Offset: -1}, []string{"run {{x}}", "stop {{x}}", "start {{x}}", "Status"}, 4},
		{HelpQuery{Offset: 9}, nil, 4},
	} {
		page, available, err := Help(t.Context(), aliases, tc.q)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range page {
			got = append(got, l.Display)
		}
		if d := cmp.Diff(tc.want, got); d != "" || available != tc.available {
			t.Errorf("%+v: %d available, want %d\n%s", tc.q, available, tc.available, d)
		}
	}
	if _, _, err := Help(t.Context(), aliases, HelpQuery{Filter: "["}); !value.IsClass(err, "error") {
		t.Errorf("bad filter: %v", err)
	}
}

func TestInjectKeepsWhatItWasGiven(t *testing.T) {
	set := expr.NewSet(expr.Limits{}, jinja.New())
	given := []*value.Dict{value.DictOf("a", "1"), value.NewDict(0)}
	out, err := Inject(t.Context(), set, value.DictOf("who", "{{ user }}", "n", int64(3)), given, value.DictOf("user", "ann"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := repr(t, value.NewList(out[0], out[1])); got != "[{'a': '1', 'who': 'ann', 'n': 3}, {'who': 'ann', 'n': 3}]" {
		t.Error(got)
	}
	if given[0].Len() != 1 || given[1].Len() != 0 {
		t.Errorf("the parameters given were changed: %s", repr(t, given[0]))
	}
	_, err = Inject(t.Context(), set, value.DictOf("b", "1", "a", "2"), []*value.Dict{value.DictOf("a", "x", "b", "y")}, nil, nil)
	if err == nil || err.Error() != "ValueError: Immutable arguments cannot be overriden: b,a" {
		t.Errorf("got %v", err)
	}
}

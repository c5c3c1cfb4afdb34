package cli

import (
	"bytes"
	"strings"
	"testing"
)

func runExpr(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	io := &IO{Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs, Env: func(string) string { return "" }}
	code = Main(t.Context(), New(io, "test"), io, append([]string{"expr", "eval"}, args...))
	return out.String(), errs.String(), code
}

func TestExprEval(t *testing.T) {
	for _, c := range []struct {
		args  []string
		stdin string
		want  string
	}{
		{[]string{"<% ctx().n + 1 %>", "--var", "n=41"}, "", "42\n"},
		{[]string{"ctx().n * 2", "--lang", "jinja", "-c", `{"n": 21}`}, "", "42\n"},
		{[]string{"ctx().l.select($ * 2)", "-c", "l: [1, 2]", "-j"}, "", "[\n    2,\n    4\n]\n"},
		{[]string{"ctx().m", "-c", "m: {b: 1, a: [x]}", "-y"}, "", "a:\n- x\nb: 1\n"},
		{[]string{"--mode", "render", "--kv", "system.site=north", "--user", "bob", "--kv", "k=v"}, "{{ st2kv.system.site }} {{ st2kv.user.k }}\n", "north v\n"},
		{[]string{"$.a.where($ > 1)", "--mode", "core", "-c", "a: [1, 2, 3]", "-y"}, "", "- 2\n- 3\n"},
		{[]string{"<% st2kv('system.k') %>", "--user", "bob", "--kv", "system.k=x"}, "", "x\n"},
		{[]string{"<% ctx().evil %>", "--var", "evil='{{ 1 }}'", "--no-reevaluate"}, "", "{{ 1 }}\n"},
		{[]string{"set(1, 2)", "-j"}, "", "[\n    1,\n    2\n]\n"},
	} {
		out, errs, code := runExpr(t, c.stdin, c.args...)
		if out != c.want || code != ExitOK {
			t.Errorf("%q: got %q, %q, exit %d; want %q", c.args, out, errs, code, c.want)
		}
	}
}

func TestExprEvalErrors(t *testing.T) {
	_, errs, code := runExpr(t, "", "x <% ctx().n + %>", "--var", "n=1")
	if code != ExitFailed || !strings.Contains(errs, "Parse error") || !strings.Contains(errs, "  x <% ctx().n + %>\n") || !strings.Contains(errs, "^") {
		t.Errorf("exit %d, %q", code, errs)
	}
	for _, args := range [][]string{{"1", "--lang", "perl"}, {"1", "--mode", "x"}, {"1", "--var", "novalue"}, {"1", "-c", "a: b: c"}, {"1", "-c", "/no/such/file"}, {"1", "-c", "[1, 2]\n"}} {
		if _, errs, code := runExpr(t, "", args...); code != ExitUsage || errs == "" {
			t.Errorf("%q: exit %d, %q", args, code, errs)
		}
	}
}

func TestExprSession(t *testing.T) {
	var out bytes.Buffer
	io := &IO{Stdin: strings.NewReader("ctx().n + 1\n:set n 5\nctx().n\n:lang jinja\nctx().n ~ 'x'\n1 +\n:vars\n:nope\n:quit\nctx().n\n"),
		Stdout: &out, Stderr: &out, Env: func(string) string { return "" },
		ReadPassword: func(string) (string, error) { return "", nil }}
	if code := Main(t.Context(), New(io, "test"), io, []string{"expr", "eval", "--var", "n=1"}); code != ExitOK {
		t.Fatalf("exit %d: %s", code, out.String())
	}
	for _, want := range []string{"\n2\n5\n5x\n", "n = 5\n", "unknown command :nope"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %s", want, out.String())
		}
	}
}

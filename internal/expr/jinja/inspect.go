package jinja

import (
	"regexp"
	"slices"
	"strings"

	"squall/internal/expr"
)

// Validate implements expr.Language: the whole text is parsed, then each inline
// expression that was not reported yet.
func (l *Language) Validate(text string) []expr.Problem {
	var out []expr.Problem
	report := func(expression string, err *syntaxError) {
		p := expr.Problem{Type: "jinja", Expression: expression, Message: err.msg}
		if off := strings.Index(text, expression); off >= 0 {
			p.Pos = expr.PosAt(text, off)
			p.Pos.Line += err.line - 1
			if err.line > 1 {
				p.Pos.Column = 0
			}
		}
		out = append(out, p)
	}
	if _, err := parseTemplate(text, l.workflow.opts); err != nil {
		report(text, err)
	}
	for _, e := range findInline(text) {
		if slices.ContainsFunc(out, func(p expr.Problem) bool { return p.Expression == e }) {
			continue
		}
		if _, err := parseExpression(stripDelimiter(e), l.workflow.opts, false); err != nil {
			report(e, err)
		}
	}
	return out
}

// ctxRef finds references to variables the way orquesta does, by pattern.
var ctxRef = regexp.MustCompile(`\bctx\(['"]?[\]\[a-zA-Z0-9_'".()]*['"]?\)\.?[\]\[a-zA-Z0-9_'".()]*`)

// ctxArgs are the forms ctx(x), ctx('x') and ctx("x").
var ctxArgs = [...]*regexp.Regexp{
	regexp.MustCompile(`\bctx\(([a-zA-Z0-9_-]+)\)`),
	regexp.MustCompile(`\bctx\('([a-zA-Z0-9_-]+)'\)`),
	regexp.MustCompile(`\bctx\("([a-zA-Z0-9_-]+)"\)`),
}

// References lists the texts that refer to variables, such as ctx().x.y, each
// once, sorted.
func (l *Language) References(text string) []string {
	var refs []string
	for _, e := range findInline(text) {
		for _, r := range ctxRef.FindAllString(stripDelimiter(e), -1) {
			refs = append(refs, strings.TrimFunc(r, isSpace))
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// ExtractVars implements expr.Language.
func (l *Language) ExtractVars(text string) []string {
	var out []string
	for _, r := range l.References(text) {
		if name := ctxAttr(r); name != "" {
			out = append(out, name)
		}
		for _, re := range ctxArgs {
			if m := re.FindStringSubmatch(r); m != nil {
				out = append(out, m[1])
			}
		}
	}
	return out
}

func isRefByte(c byte) bool {
	return c == '_' || c == '-' || isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// ctxAttr is the x of the first "ctx().x" that is not a call: the longest name
// that ends at a word's end and is not followed by a parenthesis.
func ctxAttr(s string) string {
	const head = "ctx()."
	for pos := 0; ; pos++ {
		i := strings.Index(s[pos:], head)
		if i < 0 {
			return ""
		}
		pos += i
		if pos > 0 && isRefByte(s[pos-1]) && s[pos-1] != '-' {
			continue
		}
		start := pos + len(head)
		end := start
		for end < len(s) && isRefByte(s[end]) {
			end++
		}
		for ; end > start; end-- {
			last := s[end-1] != '-'
			next := end < len(s) && isRefByte(s[end]) && s[end] != '-'
			if last != next && (end == len(s) || s[end] != '(') {
				return s[start:end]
			}
		}
	}
}

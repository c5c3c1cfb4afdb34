package rule

import (
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/stfn"
	"squall/internal/expr/value"
)

// pattern is what a criterion compares with. Only texts are rendered; texts
// inside lists and objects stay as they are (st2).
type pattern struct {
	given any
	// fixed: rendering would give the pattern itself.
	fixed bool
	// typed is the template whose output is JSON, nil when the text holds no
	// expression; plain is the text as written.
	typed, plain         expr.Template
	typedErr, plainError error
}

// typedFilter encodes the value of an expression, so that it keeps its type.
const typedFilter = " | to_complex"

func compilePattern(set *expr.Set, given any) pattern {
	p := pattern{given: given}
	text, ok := value.AsString(given)
	if !ok || !strings.ContainsAny(text, "{\n\r") {
		// Templates change a text without braces only in its line ends.
		p.fixed = true
		return p
	}
	if t, ok := typedText(text); ok {
		p.typed, p.typedErr = set.Template(t, expr.TemplateOptions{})
	}
	p.plain, p.plainError = set.Template(text, expr.TemplateOptions{})
	return p
}

// typedText puts the encoding filter before the last "}}" behind the first
// "{{". It binds tighter than operators, so "{{ trigger.n + 1 }}" fails (st2).
func typedText(text string) (string, bool) {
	first := strings.Index(text, "{{")
	last := strings.LastIndex(text, "}}")
	if first < 0 || last < first+2 {
		return "", false
	}
	return text[:last] + typedFilter + text[last:], true
}

// constant gives the pattern when it is a text that rendering does not change.
func (p *pattern) constant() (string, bool) {
	text, ok := value.AsString(p.given)
	return text, ok && p.fixed
}

// render gives the pattern for a scope. When what the typed template gives is
// no JSON, the text is rendered as it was written, and stays a text (st2).
func (p *pattern) render(m *matching, sc *scope) (any, error) {
	if p.fixed {
		return p.given, nil
	}
	env := m.templateEnv(sc)
	if p.typed != nil || p.typedErr != nil {
		v, err := renderTyped(m, env, p.typed, p.typedErr)
		if !value.IsClass(classified(err), "ValueError", "JSONDecodeError", "UnicodeDecodeError", "UnicodeEncodeError") {
			return v, err
		}
	}
	if p.plainError != nil {
		return nil, p.plainError
	}
	return p.plain.Eval(m.ctx, env, m.b)
}

func renderTyped(m *matching, env *expr.Env, t expr.Template, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	v, err := t.Eval(m.ctx, env, m.b)
	if err != nil {
		return nil, err
	}
	text, _ := value.AsString(v)
	return stfn.LoadJSON(m.b, text)
}

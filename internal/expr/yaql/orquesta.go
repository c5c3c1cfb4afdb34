package yaql

import (
	"context"
	"errors"
	"strings"
	"unicode"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// textProgram is a text with expressions in it.
type textProgram struct {
	eng   *Engine
	text  string
	parts []part
}

// part is one expression of a text. A part that does not parse keeps its
// error: the original finds out only when it gets there.
type part struct {
	start int    // byte offset in the text
	text  string // with delimiters
	s     *statement
	inner int // byte offset in the text of the bare expression
	err   error
}

// Compile implements expr.Language.
func (e *Engine) Compile(text string) (expr.Program, error) {
	p, err := e.compileText(text)
	if err != nil {
		return nil, bareError(text, -1, err)
	}
	return p, nil
}

// maxParts bounds the number of expressions in one text.
const maxParts = 10_000

func (e *Engine) compileText(text string) (*textProgram, error) {
	p := &textProgram{eng: e, text: text}
	for from := 0; ; {
		start, end, ok := nextExpr(text, from)
		if !ok {
			return p, nil
		}
		if len(p.parts) == maxParts {
			return nil, tooLong("the text has too many expressions")
		}
		from = end
		src, lead := strip(text[start:end])
		pt := part{start: start, text: text[start:end], inner: start + lead}
		pt.s, pt.err = e.compile(src)
		p.parts = append(p.parts, pt)
	}
}

// strip takes the delimiters off as the original does: any of their characters
// at both ends, then white space. lead is how many bytes went in front.
func strip(text string) (src string, lead int) {
	s := strings.TrimLeft(text, "<%>")
	t := strings.TrimLeftFunc(s, isSpace)
	lead = len(text) - len(t)
	// The right end is cut from what the left cut left over.
	t = strings.TrimRight(s, "<%>")
	if len(t) < len(s)-len(strings.TrimLeftFunc(s, isSpace)) {
		return "", len(text)
	}
	t = t[len(s)-len(strings.TrimLeftFunc(s, isSpace)):]
	return strings.TrimRightFunc(t, isSpace), lead
}

// isSpace is Python's str.isspace for one character.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// Source implements expr.Program.
func (p *textProgram) Source() string { return p.text }

// Eval implements expr.Program.
func (p *textProgram) Eval(ctx context.Context, env *expr.Env, b *value.Budget) (any, error) {
	ev := &evaluation{ctx: ctx, eng: p.eng, env: env, budget: b, failedAt: -1}
	return p.eval(ev)
}

func (p *textProgram) eval(ev *evaluation) (any, error) {
	if len(p.parts) == 0 {
		return p.text, nil
	}
	if ev.env == nil {
		ev.env = &expr.Env{}
	}
	root := &frame{env: ev.env}
	if len(p.parts) == 1 && len(p.parts[0].text) == len(p.text) {
		return p.evalPart(ev, root, &p.parts[0])
	}
	out := p.text
	for i := range p.parts {
		pt := &p.parts[i]
		v, err := p.evalPart(ev, root, pt)
		if err != nil {
			return nil, err
		}
		s, err := value.Str(ev.budget, v)
		if err != nil {
			return nil, p.fail(ev, pt, err)
		}
		if err := ev.steps(len(out) >> 6); err != nil {
			return nil, p.fail(ev, pt, err)
		}
		if n := strings.Count(out, pt.text); n > 0 {
			if err := ev.alloc(int64(len(out)) + int64(n)*int64(len(s))); err != nil {
				return nil, p.fail(ev, pt, err)
			}
			out = strings.ReplaceAll(out, pt.text, s)
		}
	}
	return out, nil
}

// evalPart evaluates one expression; a string that comes out is searched for
// expressions in turn.
func (p *textProgram) evalPart(ev *evaluation, root *frame, pt *part) (any, error) {
	if pt.err != nil {
		return nil, p.fail(ev, pt, pt.err)
	}
	ev.failedAt = -1
	v, err := pt.s.eval(ev, root)
	if err != nil {
		return nil, p.fail(ev, pt, err)
	}
	s, ok := v.(string)
	if !ok || ev.env.Options.NoReevaluate || !strings.Contains(s, "<%") {
		return v, nil
	}
	if err := ev.enter(); err != nil {
		return nil, p.fail(ev, pt, err)
	}
	inner := &evaluation{ctx: ev.ctx, eng: ev.eng, env: ev.env.ForData(), budget: ev.budget, failedAt: -1}
	again, err := ev.eng.compileText(s)
	if err == nil {
		v, err = again.eval(inner)
	}
	ev.leave()
	if err != nil {
		return nil, p.fail(ev, pt, err)
	}
	return v, nil
}

// fail gives an error Orquesta's wording. A key that is missing is told apart
// from everything else, and of the classes the original lists the quotes at
// both ends of the message are lost.
func (p *textProgram) fail(ev *evaluation, pt *part, err error) error {
	class, msg := classOf(err), value.MessageOf(err)
	e := &expr.Error{
		Language: "yaql", Class: expr.ClassYAQL, Cause: class,
		Source: p.text, Expression: pt.text, Offset: pt.start, Err: err,
	}
	if inner, ok := errors.AsType[*expr.Error](err); ok {
		class, msg = inner.Class, inner.Message
		e.Cause = class
	}
	switch {
	case class == "KeyError":
		e.Message = "Unable to resolve key '" + strings.Trim(msg, "'") + "' in expression '" + pt.text + "' from context."
	case losesQuotes(err, class):
		msg = strings.Trim(msg, "'")
		fallthrough
	default:
		e.Message = "Unable to evaluate expression '" + pt.text + "'. " + class + ": " + msg
	}
	if se, ok := errors.AsType[*SyntaxError](err); ok {
		e.Offset = pt.inner + se.Offset
	} else if ev.failedAt >= 0 {
		e.Offset = pt.inner + ev.failedAt
	}
	e.Offset = min(e.Offset, len(p.text))
	e.Pos = expr.PosAt(p.text, e.Offset)
	return e
}

var yaqlClasses = map[string]bool{
	classGrammar: true, classLexical: true, classNoFunction: true, classNoMethod: true, classNoMatchFunc: true,
	classNoMatchMeth: true, classAmbigFunc: true, classAmbigMeth: true, classArgument: true, classBadKey: true,
	classTooLarge: true, classMemory: true,
}

func losesQuotes(err error, class string) bool {
	return yaqlClasses[class] || value.IsClass(err, "ValueError", "TypeError")
}

// Validate implements expr.Language.
func (e *Engine) Validate(text string) []expr.Problem {
	var out []expr.Problem
	for from := 0; ; {
		start, end, ok := nextExpr(text, from)
		if !ok {
			return out
		}
		from = end
		src, lead := strip(text[start:end])
		_, err := Parse(src, e.grammar)
		if err == nil {
			continue
		}
		off := start
		if se, ok := errors.AsType[*SyntaxError](err); ok {
			off = start + lead + se.Offset
		}
		out = append(out, expr.Problem{
			Type: "yaql", Expression: text[start:end], Message: value.MessageOf(err), Pos: expr.PosAt(text, off),
		})
	}
}

var _ expr.Language = (*Engine)(nil)

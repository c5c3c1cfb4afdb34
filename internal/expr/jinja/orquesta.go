package jinja

import (
	"context"
	"errors"
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// Orquesta's rules for texts with expressions: see SEMANTICS in the corpus and
// the comments below. A text is a statement; the parts between {{ and }} are
// its inline expressions and have native values; a text with a {% tag is
// rendered as a whole.

const classEvaluation = expr.ClassJinja

// statement is a compiled text.
type statement struct {
	lang *Language
	src  string
	raw  []string // raw sections, cut out first and put back last
	text *plan    // src with "{0}", "{1}" ... in place of the raw sections
}

// plan is what is done with a text: render it, or evaluate its expressions.
type plan struct {
	src   string
	block bool
	prog  *program // with block
	err   error    // of compiling prog
	exprs []inline
}

// inline is one {{...}} of a text.
type inline struct {
	text string // with delimiters
	prog *exprProgram
	err  error // of compiling
}

// maxRaw bounds the raw sections of a text: each costs a pass over it.
const maxRaw = 1000

// Compile implements expr.Language. Syntax errors are kept for Eval.
func (l *Language) Compile(text string) (expr.Program, error) {
	s := &statement{lang: l, src: text}
	reduced := text
	s.raw = findRaw(text)
	if len(s.raw) > maxRaw {
		return nil, &expr.Error{Language: "jinja", Class: "LimitError", Source: text, Offset: -1, Message: "text has more than " + itoa(maxRaw) + " raw sections"}
	}
	for i, r := range s.raw {
		reduced = strings.ReplaceAll(reduced, r, "{"+itoa(i)+"}")
	}
	s.text = l.plan(reduced)
	return s, nil
}

func (l *Language) plan(text string) *plan {
	p := &plan{src: text, block: hasBlock(text)}
	if p.block {
		p.prog, p.err = compileText(l.workflow, text)
		return p
	}
	for _, e := range findInline(text) {
		in := inline{text: e}
		in.prog, in.err = l.compileExpr(stripDelimiter(e))
		p.exprs = append(p.exprs, in)
	}
	return p
}

// Source implements expr.Program.
func (s *statement) Source() string { return s.src }

// Eval implements expr.Program.
func (s *statement) Eval(ctx context.Context, env *expr.Env, b *value.Budget) (any, error) {
	run := &evaluation{lang: s.lang, source: s.src, m: newMachine(ctx, s.lang.workflow, env, b)}
	out, err := run.plan(s.text, env)
	if err != nil {
		return nil, err
	}
	text, ok := out.(string)
	if !ok {
		return out, nil
	}
	unresolved := run.unresolved
	if !run.m.noReevaluate() {
		unresolved = findInline(text)
	}
	if len(unresolved) > 0 {
		names := make([]string, len(unresolved))
		for i, e := range unresolved {
			names[i] = stripDelimiter(e)
		}
		return nil, &expr.Error{Language: "jinja", Class: classEvaluation, Source: s.src, Expression: unresolved[0],
			Offset: strings.Index(s.src, unresolved[0]), Message: "There are unresolved variables: " + strings.Join(names, ", ")}
	}
	if len(s.raw) == 0 {
		return text, nil
	}
	for i, r := range s.raw {
		restored, err := run.replace(text, "{"+itoa(i)+"}", r)
		if err != nil {
			return nil, templateError(s.src, err)
		}
		text = restored
	}
	p, err := compileText(s.lang.workflow, text)
	if err != nil {
		return nil, templateError(s.src, err)
	}
	// What was put in from data may hold tags of its own.
	rendered, err := p.renderText(ctx, env.ForData(), run.m.b, s.lang.vars(env.ForData()))
	if err != nil {
		return nil, templateError(s.src, err)
	}
	return rendered, nil
}

// evaluation is one Eval of a statement.
type evaluation struct {
	lang       *Language
	source     string
	m          *machine
	unresolved []string // expressions that gave nothing, when results are not evaluated again
}

func (m *machine) noReevaluate() bool { return m.xenv != nil && m.xenv.Options.NoReevaluate }

// plan evaluates a text.
func (r *evaluation) plan(p *plan, env *expr.Env) (any, error) {
	if err := r.m.b.Enter(); err != nil {
		return nil, r.wrap(p.src, err)
	}
	defer r.m.b.Leave()
	if p.block {
		out, err := r.render(p, env)
		if err != nil {
			return nil, r.wrap(p.src, err)
		}
		return out, nil
	}
	var out any = p.src
	for i := range p.exprs {
		e := &p.exprs[i]
		v, err := r.inline(e, env)
		if err != nil {
			return nil, r.wrap(e.text, err)
		}
		if u, ok := v.(*undefined); ok && u.strict {
			// The text stays, and Eval reports what is left of it.
			r.unresolved = append(r.unresolved, e.text)
			continue
		}
		text, isText := out.(string)
		if isText && (len(p.exprs) > 1 || len(text) > len(e.text)) {
			s, err := r.m.str(v)
			if err == nil {
				out, err = r.replace(text, e.text, s)
			}
			if err != nil {
				return nil, r.wrap(e.text, err)
			}
			continue
		}
		if s, ok := v.(value.Markup); ok {
			v = string(s)
		}
		out = v
	}
	return out, nil
}

func (r *evaluation) replace(text, old, repl string) (string, error) {
	if err := r.m.b.Step(int64(len(text) >> 6)); err != nil {
		return "", err
	}
	if n := strings.Count(text, old); n > 0 {
		if err := r.m.b.Alloc(int64(len(text) + n*len(repl))); err != nil {
			return "", err
		}
	}
	return strings.ReplaceAll(text, old, repl), nil
}

// inline evaluates one expression to its native value. A generator becomes a
// list; a text is searched for expressions again.
func (r *evaluation) inline(e *inline, env *expr.Env) (any, error) {
	if e.err != nil {
		return nil, e.err
	}
	m := r.machine(env)
	v, err := r.lang.native(m, e.prog)
	if err != nil {
		return nil, err
	}
	switch s := v.(type) {
	case string:
		return r.again(s, env)
	case value.Markup:
		return r.again(string(s), env)
	}
	return v, nil
}

// machine gives the evaluation's machine the view of env.
func (r *evaluation) machine(env *expr.Env) *machine {
	if r.m.xenv != env {
		r.m = newMachine(r.m.ctx, r.m.env, env, r.m.b)
	}
	return r.m
}

// native evaluates an expression and lists generators.
func (l *Language) native(m *machine, p *exprProgram) (any, error) {
	v, err := p.evaluate(m, l)
	if err != nil {
		return nil, err
	}
	if it, ok := v.(*value.FuncIter); ok && it.TypeName() == "generator" {
		items, err := value.Collect(m.b, it)
		if err != nil {
			return nil, err
		}
		return &value.List{Items: items}, nil
	}
	return v, nil
}

// again gives a text from data its second life.
func (r *evaluation) again(s string, env *expr.Env) (any, error) {
	if r.m.noReevaluate() || !r.lang.Detects(s) {
		return s, nil
	}
	if err := r.m.b.Alloc(int64(len(s)) * 8); err != nil {
		return nil, err
	}
	return r.plan(r.lang.plan(s), env.ForData())
}

func (r *evaluation) render(p *plan, env *expr.Env) (any, error) {
	if p.err != nil {
		return nil, p.err
	}
	text, err := p.prog.renderText(r.m.ctx, env, r.m.b, r.lang.vars(env))
	if err != nil {
		return nil, err
	}
	return r.again(text, env)
}

// wrap is orquesta's report of any error: the expression, class and message of
// what happened.
func (r *evaluation) wrap(expression string, err error) error {
	cause, msg := classOf(err), value.MessageOf(err)
	if e, ok := errors.AsType[*expr.Error](err); ok {
		cause, msg = e.Class, e.Message
	}
	return &expr.Error{Language: "jinja", Class: classEvaluation, Cause: cause, Source: r.source, Expression: expression,
		Offset:  strings.Index(r.source, expression),
		Message: "Unable to evaluate expression '" + expression + "'. " + cause + ": " + msg, Err: err}
}

// workflowVars are the names an expression of a workflow sees.
type workflowVars struct {
	lang *Language
	env  *expr.Env
}

func (l *Language) vars(env *expr.Env) resolver { return &workflowVars{l, env} }

func (v *workflowVars) resolve(m *machine, name string) (any, bool) {
	if fn := v.lang.functions[name]; fn != nil {
		return function{m, fn}, true
	}
	switch name {
	case "__vars":
		return v.all(), true
	case expr.VarState, expr.VarCurrentTask, expr.VarCurrentItem:
		x, _ := v.env.Lookup(name)
		return x, true
	}
	return globalsOnly{}.resolve(m, name)
}

// all is the dict of all variables.
func (v *workflowVars) all() *value.Dict {
	d := value.NewDict(8)
	if v.env == nil || v.env.Vars == nil {
		return d
	}
	for name := range v.env.Vars.Names() {
		if x, ok := v.env.Vars.Lookup(name); ok {
			d.SetStr(name, x)
		}
	}
	return d
}

// Detects implements expr.Language.
func (l *Language) Detects(text string) bool {
	return len(text) >= 4 && (contained(text, "{{", "}}") || hasBlock(text))
}

// findDelimited is the first open...end on one line at or after pos, as its
// start and the offset behind it; the start is -1 when there is none. It looks
// at every byte once, whatever the text.
func findDelimited(s string, pos int, open, end string) (start, after int) {
	for {
		i := strings.Index(s[pos:], open)
		if i < 0 {
			return -1, 0
		}
		pos += i
		body := pos + len(open)
		j := strings.Index(s[body:], end)
		if j < 0 {
			return -1, 0
		}
		nl := strings.LastIndexByte(s[body:body+j], '\n')
		if nl < 0 {
			return pos, body + j + len(end)
		}
		// No end stands before that line break, so nothing in front matches.
		pos = body + nl + 1
	}
}

func findAll(s, open, end string) []string {
	var out []string
	for pos := 0; ; {
		i, after := findDelimited(s, pos, open, end)
		if i < 0 {
			return out
		}
		out = append(out, s[i:after])
		pos = after
	}
}

func findInline(s string) []string { return findAll(s, "{{", "}}") }
func findRaw(s string) []string    { return findAll(s, "{% raw %}", "{% endraw %}") }
func hasBlock(s string) bool       { return contained(s, "{%", "%}") }

func contained(s, open, end string) bool {
	i, _ := findDelimited(s, 0, open, end)
	return i >= 0
}

// stripDelimiter takes all braces off both ends, then blanks.
func stripDelimiter(s string) string {
	return strings.TrimFunc(strings.Trim(s, "{}"), isSpace)
}

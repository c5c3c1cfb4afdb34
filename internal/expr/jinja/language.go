package jinja

import (
	"context"
	"errors"
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// Language is Jinja for package expr: orquesta's evaluator, and StackStorm's
// templates. It is immutable and safe for concurrent use.
type Language struct {
	workflow  *environment
	functions map[string]*builtin // names every workflow expression sees
	templates map[Options]*environment
}

// New makes the language. The environments are built once and shared by all
// programs.
func New() *Language { return newLanguage(true) }

// NewOrquesta makes the language without the functions that StackStorm adds to
// Orquesta's.
func NewOrquesta() *Language { return newLanguage(false) }

func newLanguage(stackstorm bool) *Language {
	filters, functions := workflowFunctions(stackstorm)
	l := &Language{functions: functions, templates: make(map[Options]*environment)}
	l.workflow = &environment{
		opts:    Options{TrimBlocks: true, LstripBlocks: true, Strict: true},
		filters: filters, tests: builtinTests, globals: builtinGlobals, ctx: functions["ctx"],
	}
	tests := mergeTables(builtinTests, map[string]*builtin{"in": inTest("<lambda>", "item list")})
	st2 := templateFilters()
	for i := range 8 {
		o := Options{TrimBlocks: i&1 != 0, LstripBlocks: i&2 != 0, Strict: i&4 != 0}
		l.templates[o] = &environment{opts: o, filters: st2, tests: tests, globals: builtinGlobals}
	}
	return l
}

// Name implements expr.Language.
func (l *Language) Name() string { return "jinja" }

// CompileTemplate implements expr.Templater.
func (l *Language) CompileTemplate(text string, o expr.TemplateOptions) (expr.Template, error) {
	env := l.templates[Options{TrimBlocks: !o.NoTrimBlocks, LstripBlocks: !o.NoLstripBlocks, Strict: !o.AllowUndefined}]
	if o.Templates != nil {
		env = &environment{opts: env.opts, filters: env.filters, tests: env.tests, globals: env.globals, hasLoader: true, templates: o.Templates}
	}
	p, err := compileText(env, text)
	if err != nil {
		return nil, templateError(text, err)
	}
	return &template{prog: p, src: text}, nil
}

func compileText(env *environment, text string) (*program, error) {
	body, perr := parseTemplate(text, env.opts)
	if perr != nil {
		return nil, perr
	}
	return compileTemplate(env, body, "", false)
}

// template is a compiled text of StackStorm's template environment.
type template struct {
	prog *program
	src  string
}

// Source implements expr.Program.
func (t *template) Source() string { return t.src }

// Undeclared implements expr.Template.
func (t *template) Undeclared() []string { return append([]string(nil), t.prog.undeclared...) }

// Eval implements expr.Program: it renders the template.
func (t *template) Eval(ctx context.Context, env *expr.Env, b *value.Budget) (any, error) {
	s, err := t.prog.renderText(ctx, env, b, (*templateVars)(env))
	if err != nil {
		return nil, templateError(t.src, err)
	}
	return s, nil
}

// templateVars are the names a template sees: the caller's variables, the
// datastore if there is one, Jinja's globals.
type templateVars expr.Env

func (v *templateVars) resolve(m *machine, name string) (any, bool) {
	env := (*expr.Env)(v)
	if x, ok := env.Lookup(name); ok {
		return x, true
	}
	if name == "st2kv" && env != nil && env.Store != nil {
		return value.DictOf(expr.ScopeSystem, &kvLookup{m: m, scope: expr.ScopeSystem},
			expr.ScopeUser, &kvLookup{m: m, scope: expr.ScopeUser}), true
	}
	return globalsOnly{}.resolve(m, name)
}

// templateError is the error of a template as clients see it: Jinja's class and
// message, with the line where it is known.
func templateError(src string, err error) error {
	e := &expr.Error{Language: "jinja", Class: classOf(err), Message: value.MessageOf(err), Source: src, Offset: -1, Err: err}
	var v *value.Error
	if errors.As(err, &v) && v.Line > 0 {
		e.Pos.Line = v.Line
		e.Offset = lineOffset(src, v.Line)
	}
	return e
}

// classOf is the Python class of an error; errors from outside have none.
func classOf(err error) string {
	if c := value.ClassOf(err); c != "" {
		return c
	}
	return "Exception"
}

// lineOffset is where a line starts, or -1.
func lineOffset(src string, line int) int {
	off := 0
	for ; line > 1; line-- {
		i := strings.IndexByte(src[off:], '\n')
		if i < 0 {
			return -1
		}
		off += i + 1
	}
	return off
}

// CompileExpr implements expr.Language.
func (l *Language) CompileExpr(src string) (expr.Program, error) {
	p, err := l.compileExpr(src)
	if err != nil {
		return nil, templateError(src, err)
	}
	return &bareExpr{lang: l, src: src, prog: p}, nil
}

// compileExpr prepares an expression without delimiters. Its syntax errors have
// the text that str() gives in the original.
func (l *Language) compileExpr(src string) (*exprProgram, error) {
	e, perr := parseExpression(src, l.workflow.opts, true)
	if perr != nil {
		if perr.atStart {
			return nil, &value.Error{Class: perr.class, Msg: perr.msg + "\n  line " + itoa(perr.line), Line: perr.line}
		}
		return nil, perr
	}
	return compileExpression(l.workflow, e)
}

// bareExpr is an expression without delimiters as a program.
type bareExpr struct {
	lang *Language
	src  string
	prog *exprProgram
}

// Source implements expr.Program.
func (p *bareExpr) Source() string { return p.src }

// Eval implements expr.Program.
func (p *bareExpr) Eval(ctx context.Context, env *expr.Env, b *value.Budget) (any, error) {
	v, err := p.lang.native(newMachine(ctx, p.lang.workflow, env, b), p.prog)
	if err != nil {
		return nil, templateError(p.src, err)
	}
	return v, nil
}

// Interface guards
var (
	_ expr.Templater = (*Language)(nil)
	_ expr.Template  = (*template)(nil)
	_ expr.Program   = (*bareExpr)(nil)
	_ expr.Program   = (*statement)(nil)
)

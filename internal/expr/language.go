package expr

import (
	"context"

	"squall/internal/expr/value"
)

// Program is a compiled text. It is immutable and safe for concurrent use.
type Program interface {
	// Source is the text the program was compiled from.
	Source() string
	// Eval evaluates under env. Cancellation and all quotas travel in b
	// (Limits.Budget); nil means unlimited and is for tests only. ctx is for
	// look-ups that env makes. The error is an *Error.
	Eval(ctx context.Context, env *Env, b *value.Budget) (any, error)
}

// Language is one expression language. Implementations are immutable after
// construction and safe for concurrent use; programs are cached by Set, so a
// language needs no cache of its own.
type Language interface {
	// Name is the word reports use: "yaql" or "jinja".
	Name() string

	// Detects reports whether the text holds at least one expression of this
	// language by the original's own test (delimiters on one line).
	Detects(text string) bool

	// Compile prepares a text with delimiters. Eval gives the native value
	// when the text is exactly one expression, else text; re-evaluation of
	// string results (through env.ForData, unless Options.NoReevaluate) is
	// part of Eval. A syntax error is not an error of Compile: the original
	// evaluates the expressions of a text in order and fails at the first bad
	// one, so Eval reports it. Compile fails only for texts beyond a limit.
	Compile(text string) (Program, error)

	// CompileExpr prepares a bare expression without delimiters: the native
	// value, no re-evaluation. Syntax errors are errors of CompileExpr.
	CompileExpr(src string) (Program, error)

	// Validate parses without evaluating and lists what is wrong, in the
	// original's order and wording. Nothing wrong gives nil.
	Validate(text string) []Problem

	// ExtractVars lists the workflow variables the text refers to, found the
	// original's way (by pattern, not on the tree), in order of appearance.
	ExtractVars(text string) []string
}

// Templater is a Language that can also render text to text (Jinja): rule
// criteria, parameters, chat formats.
type Templater interface {
	Language
	// CompileTemplate parses a template; a syntax error is an *Error.
	CompileTemplate(text string, o TemplateOptions) (Template, error)
}

// Template is a compiled template. Eval gives a string, always.
type Template interface {
	Program
	// Undeclared lists the names the template reads and does not set itself
	// (globals left out), sorted: the dependencies of a parameter.
	Undeclared() []string
}

// TemplateOptions are the flags of a template's environment. The zero value
// is StackStorm's own: strict undefined, trim_blocks and lstrip_blocks on.
type TemplateOptions struct {
	AllowUndefined bool // plain undefined: prints as nothing, is false
	NoTrimBlocks   bool
	NoLstripBlocks bool
	// Templates are named texts for include, extends and import. Nil: those
	// tags fail, as they do in StackStorm.
	Templates map[string]string
}

// Problem is a fault found by validation.
type Problem struct {
	Type       string // language name, or "" when the languages are mixed
	Expression string // with delimiters
	Message    string // StackStorm's wording
	Pos        Pos
}

// VarRef is a variable that a statement refers to.
type VarRef struct {
	Type      string // language name
	Statement string // the whole text
	Name      string
}

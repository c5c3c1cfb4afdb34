package yaql

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// Options choose the dialect and the engine's settings. The zero value is
// Orquesta's engine.
type Options struct {
	// Core leaves Orquesta's and StackStorm's functions out and shows the
	// variables of the Env as context variables: "$" is the data, "x" is $x.
	Core bool
	// Orquesta leaves StackStorm's functions out.
	Orquesta bool
	// Delegates turns on value(args), lambda() and #call.
	Delegates bool
	// Legacy is the engine and library of yaql 0.2; LegacyLibrary its
	// functions under the normal grammar.
	Legacy, LegacyLibrary bool
	// NoSets leaves the functions on sets out.
	NoSets bool

	// LimitIterators bounds the length of collections; negative is off. The
	// zero value of Options means off, too: use NoElements for zero.
	LimitIterators int
	// MemoryQuota bounds the size in bytes of single values; 0 is off.
	MemoryQuota int64
	// ConvertSetsToLists makes lists of sets in results.
	ConvertSetsToLists bool
	// KeepTuples leaves tuples in results (convertTuplesToLists off).
	KeepTuples bool
	// ThawInput makes plain lists and dicts of the data (convertInputData off).
	ThawInput bool
	// RawOutput leaves results as they are (convertOutputData off).
	RawOutput bool
	// IterableDicts lets functions on collections take dicts.
	IterableDicts bool

	// Now is the clock of now(); nil makes now() fail.
	Now func() time.Time
	// Rand gives a random number in [0, 1); nil is math/rand/v2.
	Rand func() float64
}

// NoElements is the LimitIterators that allows empty collections only.
const NoElements = -2

type engineOptions = Options

func (o *engineOptions) legacyContext() bool { return o.Legacy || o.LegacyLibrary }

// Engine is a dialect with its library. It is immutable.
type Engine struct {
	opts    Options
	grammar Grammar
	table   *table
}

// New builds an engine.
func New(o Options) *Engine {
	switch {
	case o.LimitIterators == NoElements:
		o.LimitIterators = 0
	case o.LimitIterators <= 0:
		o.LimitIterators = -1
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if o.Legacy {
		o.KeepTuples, o.IterableDicts = true, true
	}
	return &Engine{opts: o, grammar: Grammar{Delegates: o.Delegates, Legacy: o.Legacy}, table: stack(o)}
}

// Name implements expr.Language.
func (*Engine) Name() string { return "yaql" }

// statement is a compiled bare expression.
type statement struct {
	src string
	n   node
}

func (e *Engine) compile(src string) (*statement, error) {
	tree, err := Parse(src, e.grammar)
	if err != nil {
		return nil, err
	}
	c := compiler{eng: e}
	return &statement{src: src, n: c.node(tree)}, nil
}

// eval evaluates in a root frame and converts the result.
func (s *statement) eval(ev *evaluation, root *frame) (any, error) {
	v, err := s.n.eval(ev, root)
	if err != nil {
		return nil, err
	}
	if ev.eng.opts.RawOutput {
		return raw(v, 0)
	}
	return ev.output(v, 0)
}

// CompileExpr implements expr.Language.
func (e *Engine) CompileExpr(src string) (expr.Program, error) {
	s, err := e.compile(src)
	if err != nil {
		off := -1
		if se, ok := errors.AsType[*SyntaxError](err); ok {
			off = se.Offset
		}
		return nil, bareError(src, off, err)
	}
	return &exprProgram{eng: e, s: s}, nil
}

// exprProgram is a bare expression.
type exprProgram struct {
	eng *Engine
	s   *statement
}

// Source implements expr.Program.
func (p *exprProgram) Source() string { return p.s.src }

// Eval implements expr.Program.
func (p *exprProgram) Eval(ctx context.Context, env *expr.Env, b *value.Budget) (any, error) {
	ev := &evaluation{ctx: ctx, eng: p.eng, env: env, budget: b, failedAt: -1}
	v, err := p.s.eval(ev, &frame{env: env, core: p.eng.opts.Core, thaw: p.eng.opts.ThawInput})
	if err != nil {
		return nil, bareError(p.s.src, ev.failedAt, err)
	}
	return v, nil
}

func bareError(src string, off int, err error) error {
	class := classOf(err)
	e := &expr.Error{
		Language: "yaql", Class: class, Cause: class, Message: value.MessageOf(err),
		Source: src, Expression: src, Offset: off, Err: err,
	}
	if off >= 0 {
		e.Pos = expr.PosAt(src, off)
	}
	return e
}

func classOf(err error) string {
	if c := value.ClassOf(err); c != "" {
		return c
	}
	return "Exception"
}

// Detects implements expr.Language.
func (*Engine) Detects(text string) bool {
	_, _, ok := nextExpr(text, 0)
	return ok
}

// nextExpr finds the first <% ... %> on one line at or after from.
func nextExpr(text string, from int) (start, end int, ok bool) {
	for {
		i := strings.Index(text[from:], "<%")
		if i < 0 {
			return 0, 0, false
		}
		start = from + i
		rest := text[start+2:]
		line := rest
		if nl := strings.IndexByte(rest, '\n'); nl >= 0 {
			line = rest[:nl]
		}
		if j := strings.Index(line, "%>"); j >= 0 {
			return start, start + 2 + j + 2, true
		}
		// No end on this line: nor has any later "<%" on it.
		from = start + 2 + len(line)
	}
}

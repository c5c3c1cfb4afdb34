package jinja

import (
	"context"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// inlineSlots is how many variables a run has without a second allocation.
const inlineSlots = 6

// rootRun is everything the run of a small template needs, in one allocation.
type rootRun struct {
	m     machine
	tc    tcontext
	f     frame
	slots [inlineSlots]any
	out   [96]byte
}

// renderText runs a program with the variables of vars and returns its output.
func (p *program) renderText(ctx context.Context, xenv *expr.Env, b *value.Budget, vars resolver) (string, error) {
	r := &rootRun{}
	m := &r.m
	m.init(ctx, p.env, xenv, b)
	m.out = r.out[:0]
	r.tc = tcontext{m: m, prog: p, parent: vars}
	r.f = frame{m: m, tc: &r.tc}
	r.f.makeSlots(p.root.nslots, r.slots[:])
	if err := m.b.Enter(); err != nil {
		return "", err
	}
	defer m.b.Leave()
	if err := run(p.root.body, &r.f); err != nil {
		return "", err
	}
	return string(m.out), nil
}

// exprRun is the run of a bare expression, in one allocation.
type exprRun struct {
	tc    tcontext
	f     frame
	vars  workflowVars
	slots [inlineSlots]any
}

// evaluate runs a bare expression.
func (p *exprProgram) evaluate(m *machine, l *Language) (any, error) {
	if p.enter == nil {
		// Nothing is looked up by name: the expression has its short cuts.
		return p.expr.eval(&frame{m: m, tc: m.bare()})
	}
	r := &exprRun{}
	r.vars = workflowVars{l, m.xenv}
	r.tc = tcontext{m: m, prog: p.prog, parent: &r.vars}
	r.f = frame{m: m, tc: &r.tc}
	r.f.makeSlots(p.nslots, r.slots[:])
	if err := p.enter.exec(&r.f); err != nil {
		return nil, err
	}
	return p.expr.eval(&r.f)
}

package jinja

import (
	"context"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// renderText runs a program with the variables of vars and returns its output.
func (p *program) renderText(ctx context.Context, xenv *expr.Env, b *value.Budget, vars resolver) (string, error) {
	m := newMachine(ctx, p.env, xenv, b)
	tc := &tcontext{m: m, prog: p, parent: vars}
	if err := p.render(m, tc); err != nil {
		return "", err
	}
	return string(m.out), nil
}

// evaluate runs a bare expression.
func (p *exprProgram) evaluate(m *machine, vars resolver) (any, error) {
	tc := &tcontext{m: m, parent: vars}
	f := m.newFrame(p.nslots, nil, tc)
	if p.enter != nil {
		if err := p.enter.exec(f); err != nil {
			return nil, err
		}
	}
	return p.expr.eval(f)
}

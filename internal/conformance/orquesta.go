package conformance

import (
	"context"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// orquestaModes are the modes that both expression suites share: one language
// evaluates "orquesta" cases, the whole set the statements.
func orquestaModes(lang expr.Language, set *expr.Set) map[string]Runner {
	return map[string]Runner{
		"orquesta": func(ctx context.Context, c *Case) (any, error) {
			text, ok := c.Input.(string)
			if !ok {
				return set.Eval(ctx, c.Input, env(c))
			}
			if !lang.Detects(text) {
				return text, nil
			}
			p, err := lang.Compile(text)
			if err != nil {
				return nil, err
			}
			return p.Eval(ctx, env(c), set.Limits().Budget(ctx))
		},
		"orquesta_statement": func(ctx context.Context, c *Case) (any, error) {
			return set.Eval(ctx, c.Input, env(c))
		},
		"orquesta_validate": func(_ context.Context, c *Case) (any, error) {
			out := value.NewList()
			for _, p := range set.Validate(c.Input) {
				d := value.NewDict(3)
				d.SetStr("type", nil)
				if p.Type != "" {
					d.SetStr("type", p.Type)
				}
				d.SetStr("expression", p.Expression)
				d.SetStr("message", p.Message)
				out.Items = append(out.Items, d)
			}
			return out, nil
		},
		"orquesta_extract_vars": func(_ context.Context, c *Case) (any, error) {
			out := value.NewList()
			for _, r := range set.ExtractVars(c.Input) {
				out.Items = append(out.Items, value.NewList(r.Type, r.Statement, r.Name))
			}
			return out, nil
		},
	}
}

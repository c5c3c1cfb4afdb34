package conformance

import (
	"context"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/param"
)

// paramModes are the modes of the jinja suite that concern parameters.
func paramModes(set *expr.Set) map[string]Runner {
	return map[string]Runner{
		"is_expression": func(_ context.Context, c *Case) (any, error) { return param.IsExpression(c.Input), nil },
		"to_raw_block":  func(_ context.Context, c *Case) (any, error) { return param.ToRawBlock(c.Input), nil },
		"cast": func(ctx context.Context, c *Case) (any, error) {
			schema, _ := c.Option("schema").(*value.Dict)
			typeName := ""
			if schema != nil {
				typeName = str(schema, "type")
			}
			return param.Cast(set.Limits().Budget(ctx), c.Input, typeName)
		},
		"render_values": func(ctx context.Context, c *Case) (any, error) {
			mapping, _ := c.Input.(*value.Dict)
			return param.RenderValues(ctx, set, mapping, c.Context, templateEnv(c), templateOptions(c))
		},
		"params_live": func(ctx context.Context, c *Case) (any, error) { return param.RenderLive(ctx, set, rendering(c)) },
		"params_final": func(ctx context.Context, c *Case) (any, error) {
			runner, action, err := param.RenderFinal(ctx, set, rendering(c))
			if err != nil {
				return nil, err
			}
			return value.NewList(runner, action), nil
		},
	}
}

// systemUser is whose keys st2kv.user reads when the context names nobody.
const systemUser = "stanley"

func rendering(c *Case) param.Rendering {
	dict := func(name string) *value.Dict {
		d, ok := c.Option(name).(*value.Dict)
		if !ok {
			d = value.NewDict(0)
		}
		return d
	}
	given, _ := c.Input.(*value.Dict)
	r := param.Rendering{
		Runner: dict("runner_parameters"), Action: dict("action_parameters"), Given: given,
		Context: dict("action_context"), Config: dict("config"), Extra: dict("additional_contexts"), Env: env(c),
	}
	r.Env.User = systemUser
	for _, key := range []string{"user", "api_user"} {
		if v, ok := r.Context.GetStr(key); ok {
			r.Env.User, _ = v.(string)
		}
	}
	if r.Env.User == "" {
		r.Env.User = systemUser
	}
	if r.Env.Store == nil {
		r.Env.Store = kvFixture(nil)
	}
	return r
}

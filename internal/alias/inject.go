package alias

import (
	"context"
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/param"
)

// Inject renders the immutable parameters of an alias and adds them to each set
// of parameters that was extracted. They see the variables of actionContext and the
// datastore; its scope "user" is that of the context's "user". Giving an immutable
// parameter is an error that names all such.
func Inject(ctx context.Context, set *expr.Set, immutable *value.Dict, params []*value.Dict, actionContext *value.Dict, store expr.Datastore) ([]*value.Dict, error) {
	if immutable == nil || immutable.Len() == 0 {
		return params, nil
	}
	if actionContext == nil {
		actionContext = value.NewDict(0)
	}
	variables := actionContext
	if variables.Len() == 0 {
		// RenderValues takes no variables for a wish not to render.
		variables = value.DictOf("__context", value.NewDict(0))
	}
	env := &expr.Env{Store: store}
	user, _ := actionContext.GetStr("user")
	env.User, _ = value.AsString(user)
	rendered, err := param.RenderValues(ctx, set, immutable, variables, env, expr.TemplateOptions{})
	if err != nil {
		return nil, err
	}
	out := make([]*value.Dict, len(params))
	for i, given := range params {
		var clash []string
		for k := range immutable.All() {
			if given.Has(k) {
				name, _ := value.AsString(k)
				clash = append(clash, name)
			}
		}
		if len(clash) > 0 {
			return nil, value.ValueErrorf("Immutable arguments cannot be overriden: %s", strings.Join(clash, ","))
		}
		out[i] = given.Clone()
		out[i].Update(rendered)
	}
	return out, nil
}

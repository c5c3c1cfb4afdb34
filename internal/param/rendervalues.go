package param

import (
	"context"

	"squall/internal/expr"
	"squall/internal/expr/stfn"
	"squall/internal/expr/value"
)

// contextName is the variable that holds the whole context of RenderValues.
const contextName = "__context"

// RenderValues renders the values of a mapping with the variables of context:
// parameters of action chains, formats of aliases, notifications. An empty
// mapping or context gives the mapping back as it is. A value that rendering
// does not change keeps its type; others become texts, except lists and dicts,
// which travel through JSON. env gives the look-ups; its variables are not used.
func RenderValues(ctx context.Context, set *expr.Set, mapping, variables *value.Dict, env *expr.Env, o expr.TemplateOptions) (*value.Dict, error) {
	if mapping.Len() == 0 || variables.Len() == 0 {
		return mapping, nil
	}
	whole := value.NewDict(1)
	whole.SetStr(contextName, variables)
	e := expr.Env{}
	if env != nil {
		e = *env
	}
	e.Vars = expr.LayerVars(expr.DictVars(variables), expr.DictVars(whole))
	b := set.Limits().Budget(ctx)
	out := value.NewDict(mapping.Len())
	for k, v := range mapping.All() {
		r, err := renderValue(ctx, set, v, &e, b, o)
		if err != nil {
			return nil, err
		}
		out.Set(k, r)
	}
	return out, nil
}

// RenderValue renders one value as RenderValues does, with the variables of env.
// The name __context is env's to give.
func RenderValue(ctx context.Context, set *expr.Set, v any, env *expr.Env, o expr.TemplateOptions) (any, error) {
	return renderValue(ctx, set, v, env, set.Limits().Budget(ctx), o)
}

func renderValue(ctx context.Context, set *expr.Set, v any, env *expr.Env, b *value.Budget, o expr.TemplateOptions) (any, error) {
	text, encoded, err := templateText(b, v)
	if err != nil {
		return nil, err
	}
	rendered, err := renderText(ctx, set, text, env, b, o)
	switch {
	case err != nil:
		return nil, err
	case rendered == text:
		return v, nil
	case encoded:
		return stfn.LoadJSON(b, rendered)
	}
	return rendered, nil
}

// templateText is the text of a value that is to be rendered; encoded says
// that it is JSON.
func templateText(b *value.Budget, v any) (text string, encoded bool, err error) {
	switch x := v.(type) {
	case string:
		return x, false, nil
	case *value.List, *value.Dict:
		text, err = value.DumpJSON(b, v, compactJSON)
		return text, true, err
	}
	text, err = value.Str(b, v)
	return text, false, err
}

// compactJSON is orjson's form, in which StackStorm renders lists and dicts.
var compactJSON = value.JSONOptions{ItemSep: ",", KeySep: ":", KeepUnicode: true}

func renderText(ctx context.Context, set *expr.Set, text string, env *expr.Env, b *value.Budget, o expr.TemplateOptions) (string, error) {
	t, err := set.Template(text, o)
	if err != nil {
		return "", err
	}
	v, err := t.Eval(ctx, env, b)
	if err != nil {
		return "", err
	}
	s, _ := value.AsString(v)
	return s, nil
}

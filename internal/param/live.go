package param

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/value"
	"squall/internal/squall"
)

// templates compiles and keeps the templates of parameters. Their quota is a
// tenth of that of workflows: somebody waits for the answer of the request.
var templates = sync.OnceValue(func() *expr.Set {
	return expr.NewSet(expr.Limits{Steps: expr.DefaultLimits.Steps / 10}, jinja.New())
})

// Sources are what templates of parameters may look into. Live and Start take
// them as a function, which they call only when there is something to render:
// nearly all requests have no template and pay nothing.
type Sources struct {
	Context json.RawMessage // of the execution; templates call it action_context
	// Config returns the configuration of the action's pack, a JSON object or
	// nil; templates call it config_context. May be nil.
	Config func(context.Context) (json.RawMessage, error)
	// Store answers st2kv, for User. Nil: there is no st2kv.
	Store expr.Datastore
	User  string
	// GivenStore answers instead of Store to the templates that came with the
	// request. Nil: Store does.
	GivenStore expr.Datastore
	// Names are further variables of templates, JSON values; not of defaults at
	// the start of a run.
	Names map[string]json.RawMessage
}

// Live turns the parameters of a request into what is stored: templates
// rendered, values cast to the type of the schema, the whole checked.
//
// st2: parameters whose default is a template join those that were given,
// others do not; a null gives way to the default.
func (f *Form) Live(ctx context.Context, given json.RawMessage, sources func() Sources) (json.RawMessage, error) {
	params, err := object(given)
	if err != nil {
		return nil, err
	}
	if f.plain(params) {
		return f.accept(params, given)
	}
	r, err := f.rendering(ctx, params, given, sources())
	if err != nil {
		return nil, err
	}
	live, err := RenderLive(ctx, templates(), r)
	if err != nil {
		return nil, f.secrets.hush(renderError(ctx, err), given)
	}
	doc, err := value.ToJSON(live)
	if err != nil {
		return nil, renderError(ctx, err)
	}
	return f.Validate(doc)
}

// Start returns the values a run starts with, as Final does, with the
// templates rendered that are defaults.
func (f *Form) Start(ctx context.Context, given json.RawMessage, sources func() Sources) (runnerParams, actionParams map[string]any, err error) {
	if !f.templates {
		return f.Final(given)
	}
	params, err := object(given)
	if err != nil {
		return nil, nil, err
	}
	r, err := f.rendering(ctx, params, given, sources())
	if err != nil {
		return nil, nil, err
	}
	runner, action, err := RenderFinal(ctx, templates(), r)
	if err != nil {
		return nil, nil, f.secrets.hush(renderError(ctx, err), given)
	}
	if runnerParams, err = jsonObject(runner); err != nil {
		return nil, nil, err
	}
	actionParams, err = jsonObject(action)
	return runnerParams, actionParams, err
}

// Value returns one parameter as given, or its default, without rendering.
func (f *Form) Value(given json.RawMessage, name string) any {
	params, err := object(given)
	if err != nil {
		return nil
	}
	if v := params[name]; v != nil && !f.fixed[name] {
		return v
	}
	return f.defaults[name]
}

// plain reports whether rendering and casting would change nothing. That is
// so for nearly all requests, and finding it out costs little.
func (f *Form) plain(params map[string]any) bool {
	if f.templates {
		return false
	}
	for name, v := range params {
		switch v := v.(type) {
		case nil:
			if f.defaults[name] != nil {
				return false
			}
		case string:
			if t := f.types[name]; t != "string" && t != "" || HasTemplate(v) {
				return false
			}
		case bool:
			if t := f.types[name]; t != "boolean" && t != "" {
				return false
			}
		case json.Number:
			if !plainNumber(v, f.types[name]) {
				return false
			}
		default:
			if t := f.types[name]; t != "array" && t != "object" && t != "" || HasTemplate(v) {
				return false
			}
		}
	}
	return true
}

// plainNumber reports whether a number is written as Python would write it
// after the cast: 7 as a number is 7.0.
func plainNumber(n json.Number, typeName string) bool {
	float := strings.ContainsAny(string(n), ".eE")
	switch typeName {
	case "integer":
		return !float
	case "number":
		return float && !strings.ContainsAny(string(n), "eE")
	default:
		return typeName == ""
	}
}

// rendering puts together what templates need.
func (f *Form) rendering(ctx context.Context, params map[string]any, given json.RawMessage, src Sources) (r Rendering, err error) {
	r = Rendering{
		Runner: f.runnerEntries, Action: f.actionEntries, Given: value.NewDict(0),
		Env: &expr.Env{Store: src.Store, User: src.User}, GivenStore: src.GivenStore,
	}
	if len(params) > 0 {
		if r.Given, err = dict(given); err != nil {
			return r, err
		}
	}
	if len(src.Context) > 0 {
		if r.Context, err = dict(src.Context); err != nil {
			return r, err
		}
	}
	if len(src.Names) > 0 {
		r.Extra = value.NewDict(len(src.Names))
		for name, doc := range src.Names {
			v, err := value.FromJSON(doc)
			if err != nil {
				return r, squall.Errorf(squall.Invalid, "The value of %s is not valid JSON: %w", name, err)
			}
			r.Extra.SetStr(name, v)
		}
	}
	if src.Config == nil {
		return r, nil
	}
	config, err := src.Config(ctx)
	if err == nil && len(config) > 0 {
		r.Config, err = dict(config)
	}
	return r, err
}

// entries is a schema as rendering reads it.
func entries(s squall.Schema) *value.Dict {
	d := value.NewDict(len(s))
	for _, p := range s {
		entry := value.NewDict(3)
		for key, doc := range map[string]json.RawMessage{"type": p.Type, "default": p.Default} {
			if len(doc) == 0 {
				continue
			}
			if v, err := value.FromJSON(doc); err == nil {
				entry.SetStr(key, v)
			}
		}
		if p.Immutable {
			entry.SetStr("immutable", true)
		}
		d.SetStr(p.Name, entry)
	}
	return d
}

func dict(doc json.RawMessage) (*value.Dict, error) {
	v, err := value.FromJSON(doc)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "The parameters are not valid JSON: %w", err)
	}
	d, ok := v.(*value.Dict)
	if !ok {
		return nil, squall.Errorf(squall.Invalid, "The parameters are no JSON object.")
	}
	return d, nil
}

func jsonObject(d *value.Dict) (map[string]any, error) {
	doc, err := value.ToJSON(d)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "%w", err)
	}
	return object(doc)
}

// renderError makes a fault of a template or a cast one of the caller's, with
// Python's words where they come from there. When the request was given up
// meanwhile, that is what is told.
func renderError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var own *squall.Error
	if errors.As(err, &own) {
		return err
	}
	return &squall.Error{Kind: squall.Invalid, Msg: messageOf(err), Err: err}
}

package expr

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"squall/internal/expr/value"
)

// Set evaluates texts and nested values in any of its languages. It caches
// compiled texts and is safe for concurrent use.
type Set struct {
	langs     []Language // sorted by name: the order in which they are asked
	limits    Limits
	texts     *generations[string, Program]
	templates *generations[templateKey, Template]
}

type templateKey struct {
	text                                         string
	allowUndefined, noTrimBlocks, noLstripBlocks bool
}

// NewSet makes a Set of languages. Of several that find an expression in a
// text the first by name evaluates it (st2: sorted plug-ins, so Jinja before
// YAQL).
func NewSet(limits Limits, langs ...Language) *Set {
	langs = slices.Clone(langs)
	slices.SortStableFunc(langs, func(a, b Language) int { return cmp.Compare(a.Name(), b.Name()) })
	return &Set{
		langs: langs, limits: limits.WithDefaults(),
		texts:     newGenerations[string, Program](cacheEntries),
		templates: newGenerations[templateKey, Template](cacheEntries),
	}
}

// Limits are the limits in force.
func (s *Set) Limits() Limits { return s.limits }

// Language finds a language by name.
func (s *Set) Language(name string) (Language, bool) {
	for _, l := range s.langs {
		if l.Name() == name {
			return l, true
		}
	}
	return nil, false
}

// HasExpr reports whether a text holds an expression of any language.
func (s *Set) HasExpr(text string) bool { return s.detect(text) != nil }

func (s *Set) detect(text string) Language {
	for _, l := range s.langs {
		if l.Detects(text) {
			return l
		}
	}
	return nil
}

// Eval evaluates a statement under a budget of its own: strings that hold
// expressions become their values, lists and dicts are walked (keys too),
// anything else stays as it is. Lists and dicts of the result are new.
func (s *Set) Eval(ctx context.Context, v any, env *Env) (any, error) {
	return s.EvalIn(ctx, v, env, s.limits.Budget(ctx))
}

// EvalIn is Eval under the caller's budget, for several statements that share one.
func (s *Set) EvalIn(ctx context.Context, v any, env *Env, b *value.Budget) (any, error) {
	switch x := v.(type) {
	case string:
		return s.evalText(ctx, x, env, b)
	case *value.List:
		if err := b.Enter(); err != nil {
			return nil, err
		}
		defer b.Leave()
		if err := b.Alloc(int64(len(x.Items)) * 16); err != nil {
			return nil, err
		}
		out := &value.List{Items: make([]any, len(x.Items))}
		for i, item := range x.Items {
			r, err := s.EvalIn(ctx, item, env, b)
			if err != nil {
				return nil, err
			}
			out.Items[i] = r
		}
		return out, nil
	case *value.Dict:
		return s.evalDict(ctx, x, env, b)
	}
	return v, nil
}

func (s *Set) evalDict(ctx context.Context, d *value.Dict, env *Env, b *value.Budget) (any, error) {
	if err := b.Enter(); err != nil {
		return nil, err
	}
	defer b.Leave()
	if err := b.Alloc(int64(d.Len()) * 48); err != nil {
		return nil, err
	}
	out := value.NewDict(d.Len())
	for k, v := range d.All() {
		rk, err := s.EvalIn(ctx, k, env, b)
		if err != nil {
			return nil, err
		}
		rv, err := s.EvalIn(ctx, v, env, b)
		if err != nil {
			return nil, err
		}
		if err := out.SetChecked(rk, rv); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Set) evalText(ctx context.Context, text string, env *Env, b *value.Budget) (any, error) {
	p, err := s.Compile(text)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return text, nil
	}
	return p.Eval(ctx, env, b)
}

// Compile gives the program of a text, nil when it holds no expression.
func (s *Set) Compile(text string) (Program, error) {
	keep := len(text) <= cacheTextLen
	if keep {
		if p, ok := s.texts.get(text); ok {
			return p, nil
		}
	}
	l := s.detect(text)
	if l == nil {
		return nil, nil
	}
	if len(text) > s.limits.TextLen {
		return nil, &Error{Language: l.Name(), Class: "LimitError", Offset: -1,
			Message: fmt.Sprintf("text with expressions is longer than %d bytes", s.limits.TextLen)}
	}
	p, err := l.Compile(text)
	if err != nil {
		return nil, err
	}
	if keep {
		s.texts.put(text, p)
	}
	return p, nil
}

// Template compiles a text for rendering to text. It fails when no language
// of the Set renders templates.
func (s *Set) Template(text string, o TemplateOptions) (Template, error) {
	var t Templater
	for _, l := range s.langs {
		if x, ok := l.(Templater); ok {
			t = x
			break
		}
	}
	if t == nil {
		return nil, fmt.Errorf("compile template: no template language")
	}
	if len(text) > s.limits.TextLen {
		return nil, &Error{Language: t.Name(), Class: "LimitError", Offset: -1,
			Message: fmt.Sprintf("template is longer than %d bytes", s.limits.TextLen)}
	}
	// Templates with named texts are rare (tests); those are not cached.
	keep := o.Templates == nil && len(text) <= cacheTextLen
	k := templateKey{text, o.AllowUndefined, o.NoTrimBlocks, o.NoLstripBlocks}
	if keep {
		if c, ok := s.templates.get(k); ok {
			return c, nil
		}
	}
	c, err := t.CompileTemplate(text, o)
	if err != nil {
		return nil, err
	}
	if keep {
		s.templates.put(k, c)
	}
	return c, nil
}

// Render compiles a template (cached) and renders it under a budget of its own.
func (s *Set) Render(ctx context.Context, text string, env *Env) (string, error) {
	return s.RenderIn(ctx, text, env, s.limits.Budget(ctx))
}

// RenderIn is Render under the caller's budget.
func (s *Set) RenderIn(ctx context.Context, text string, env *Env, b *value.Budget) (string, error) {
	t, err := s.Template(text, TemplateOptions{})
	if err != nil {
		return "", err
	}
	v, err := t.Eval(ctx, env, b)
	if err != nil {
		return "", err
	}
	out, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("render template: got %s, not a string", value.TypeName(v))
	}
	return out, nil
}

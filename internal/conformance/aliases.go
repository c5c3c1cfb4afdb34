package conformance

import (
	"context"
	"path/filepath"

	"squall/internal/alias"
	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/squall"
)

// aliasesSuite runs the folder "aliases": what the chat bot understands.
func aliasesSuite(set *expr.Set) Suite {
	return Suite{
		Name: "aliases",
		Load: loadAliases,
		Modes: map[string]Runner{
			"extract":   runExtract,
			"match":     runAliasMatch,
			"help":      runHelp,
			"normalise": runNormalise,
			"inject":    func(ctx context.Context, c *Case) (any, error) { return runInject(ctx, set, c) },
		},
	}
}

func loadAliases(root string) ([]*Case, error) {
	suite := Suite{Name: "aliases"}
	fixtures, err := readFixtures(filepath.Join(root, suite.Name, "fixtures.json"))
	if err != nil || fixtures == nil {
		return nil, err
	}
	cases, err := loadFile(suite, "match", filepath.Join(root, suite.Name, "match.json"), fixtures)
	for _, c := range cases {
		expect, _ := get[*value.Dict](c.Raw, "expect")
		switch c.Expect.Error {
		case "":
			c.Expect.Value = expect
			if c.Mode == "normalise" {
				// The original hands on what was written; any true value means the same.
				flag, _ := expect.GetStr("match_multiple")
				yes, err := value.Truth(flag)
				if err != nil {
					return nil, err
				}
				expect.SetStr("match_multiple", yes)
			}
		case "ParseException", "ValueError":
			c.Expect.Origin = "library" // messages must be equal
		}
	}
	return cases, err
}

// recorded gives an error the class under which the recordings know it.
func recorded(err error) error {
	if err == nil {
		return nil
	}
	return value.Errorf(recordedClass(err), "%s", value.MessageOf(err))
}

func runExtract(ctx context.Context, c *Case) (any, error) {
	p, err := alias.Compile(str(c.Raw, "format"))
	if err != nil {
		return nil, recorded(err)
	}
	if multiple, _ := get[bool](c.Raw, "multiple"); multiple {
		all, err := p.ExtractAll(ctx, str(c.Raw, "command"))
		if err != nil {
			return nil, recorded(err)
		}
		return value.DictOf("params_list", listOf(all)), nil
	}
	params, err := p.Extract(ctx, str(c.Raw, "command"))
	if err != nil {
		return nil, recorded(err)
	}
	return value.DictOf("params", params), nil
}

func listOf[T any](items []T) *value.List {
	out := value.NewList()
	for _, item := range items {
		out.Items = append(out.Items, item)
	}
	return out
}

// readAliases makes aliases of their documents; formats[i][k] is format k of
// alias i as written.
func readAliases(c *Case) (aliases []*squall.Alias, formats map[*squall.Alias][]any, err error) {
	list, _ := get[*value.List](c.Raw, "aliases")
	formats = map[*squall.Alias][]any{}
	for _, item := range list.Items {
		d := item.(*value.Dict)
		a := &squall.Alias{Ref: squall.Ref{Pack: str(d, "pack"), Name: str(d, "name")}, Description: str(d, "description")}
		a.Enabled, _ = get[bool](d, "enabled")
		written, _ := get[*value.List](d, "formats")
		for _, w := range written.Items {
			f, err := alias.ReadFormat(w)
			if err != nil {
				return nil, nil, err
			}
			a.Formats = append(a.Formats, f)
		}
		formats[a] = written.Items
		aliases = append(aliases, a)
	}
	return aliases, formats, nil
}

// textOrNull shows a display: none is null.
func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func runAliasMatch(ctx context.Context, c *Case) (any, error) {
	aliases, formats, err := readAliases(c)
	if err != nil {
		return nil, recorded(err)
	}
	hits, _, err := alias.NewBook(aliases).Match(ctx, str(c.Raw, "command"))
	if err != nil {
		return nil, recorded(err)
	}
	out := value.NewList()
	for _, h := range hits {
		d := value.DictOf("alias", h.Alias.Ref.Name, "format", formats[h.Alias][h.Format],
			"display", textOrNull(h.Alias.Formats[h.Format].Display), "representation", h.Representation)
		if !h.HelpOnly {
			d.SetStr("match_multiple", h.MatchMultiple)
		}
		out.Items = append(out.Items, d)
	}
	return value.DictOf("matches", out), nil
}

func runHelp(ctx context.Context, c *Case) (any, error) {
	aliases, _, err := readAliases(c)
	if err != nil {
		return nil, recorded(err)
	}
	q := alias.HelpQuery{Filter: str(c.Raw, "filter"), Pack: str(c.Raw, "pack")}
	limit, _ := c.Raw.GetStr("limit")
	offset, _ := c.Raw.GetStr("offset")
	if q.Limit, err = alias.PageNumber(limit); err != nil {
		return nil, recorded(err)
	}
	if q.Offset, err = alias.PageNumber(offset); err != nil {
		return nil, recorded(err)
	}
	lines, available, err := alias.Help(ctx, aliases, q)
	if err != nil {
		return nil, recorded(err)
	}
	shown := value.NewList()
	for _, l := range lines {
		shown.Items = append(shown.Items, value.DictOf("pack", l.Pack, "display", l.Display, "description", l.Description))
	}
	return value.DictOf("value", value.DictOf("available", int64(available), "helpstrings", shown)), nil
}

func runNormalise(_ context.Context, c *Case) (any, error) {
	written, _ := c.Raw.GetStr("format")
	f, err := alias.ReadFormat(written)
	if err != nil {
		return nil, recorded(err)
	}
	return value.DictOf("display", textOrNull(f.Display), "representation", listOf(f.Representation), "match_multiple", f.MatchMultiple), nil
}

func runInject(ctx context.Context, set *expr.Set, c *Case) (any, error) {
	immutable, _ := get[*value.Dict](c.Raw, "immutable_parameters")
	list, _ := get[*value.List](c.Raw, "params")
	var params []*value.Dict
	for _, p := range list.Items {
		params = append(params, p.(*value.Dict))
	}
	var store kvFixture
	if kv, ok := get[*value.List](c.Raw, "kv"); ok {
		store = kv.Items
	}
	out, err := alias.Inject(ctx, set, immutable, params, c.Context, store)
	if err != nil {
		return nil, recorded(err)
	}
	return value.DictOf("params_list", listOf(out)), nil
}

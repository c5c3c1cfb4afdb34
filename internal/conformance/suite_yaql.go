package conformance

import (
	"context"
	"math/rand/v2"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/expr/yaql"
)

// yaqlSuite runs the folder "yaql".
func yaqlSuite(set *expr.Set, lang expr.Language) Suite {
	s := Suite{Name: "yaql", Input: []string{"expr"}, Modes: orquestaModes(lang, set)}
	s.Modes["parse"] = func(_ context.Context, c *Case) (any, error) {
		text, _ := c.Input.(string)
		o := yaqlOptions(c)
		tree, err := yaql.Parse(text, yaql.Grammar{Delegates: o.Delegates, Legacy: o.Legacy})
		if err != nil {
			return nil, err
		}
		return yaql.Sexpr(tree), nil
	}
	s.Modes["core"] = func(ctx context.Context, c *Case) (any, error) {
		text, _ := c.Input.(string)
		p, err := yaql.New(yaqlOptions(c)).CompileExpr(text)
		if err != nil {
			return nil, err
		}
		return p.Eval(ctx, env(c), expr.Limits{}.Budget(ctx))
	}
	return s
}

// recordingTime is the day of the recordings: some cases show the date.
func recordingTime() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// yaqlOptions reads the options of a core or parse case.
func yaqlOptions(c *Case) yaql.Options {
	o := yaql.Options{Core: true, Now: recordingTime, Rand: rand.Float64}
	o.Delegates, _ = c.Option("delegates").(bool)
	o.NoSets, _ = c.Option("no_sets").(bool)
	switch c.Option("legacy") {
	case true:
		o.Legacy = true
	case "context-only":
		o.LegacyLibrary = true
	}
	engine, ok := c.Option("engine").(*value.Dict)
	if !ok {
		return o
	}
	flag := func(name string, def bool) bool {
		v, ok := engine.GetStr(name)
		if !ok {
			return def
		}
		b, _ := v.(bool)
		return b
	}
	number := func(name string) int64 {
		v, ok := engine.GetStr(name)
		if !ok {
			return -1
		}
		n, _ := v.(int64)
		return n
	}
	o.LimitIterators = int(number("yaql.limitIterators"))
	if o.LimitIterators == 0 {
		o.LimitIterators = yaql.NoElements
	}
	o.MemoryQuota = max(number("yaql.memoryQuota"), 0)
	o.ConvertSetsToLists = flag("yaql.convertSetsToLists", false)
	o.KeepTuples = !flag("yaql.convertTuplesToLists", true)
	o.ThawInput = !flag("yaql.convertInputData", true)
	o.RawOutput = !flag("yaql.convertOutputData", true)
	o.IterableDicts = flag("yaql.iterableDicts", false)
	return o
}

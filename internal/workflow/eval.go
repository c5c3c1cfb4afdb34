package workflow

import (
	"slices"
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// evaluator evaluates one statement: expressions in texts, lists and dicts
// (keys too). All share one budget.
type evaluator struct {
	c      *Conductor
	s      *scope
	env    *expr.Env
	budget *value.Budget
	store  bool // results are going to be stored
}

// eval evaluates a statement.
func (c *Conductor) eval(v any, s *scope) (any, error) {
	return c.evalAs(v, &evaluator{c: c, s: s})
}

// evalStored evaluates a statement whose value is going to be stored; see
// storable.
func (c *Conductor) evalStored(v any, s *scope) (any, error) {
	return c.evalAs(v, &evaluator{c: c, s: s, store: true})
}

func (c *Conductor) evalAs(v any, ev *evaluator) (any, error) {
	if c.spec.mutating && mutates(v) {
		ev.s.own()
	}
	return ev.walk(v, 0)
}

// prepare makes environment and budget for the first expression.
func (ev *evaluator) prepare() {
	if ev.env != nil {
		return
	}
	e := ev.c.host.Env
	e.Vars = ev.s
	if ev.s.state {
		e.States = ev.c
	}
	ev.env = &e
	ev.budget = ev.c.host.Exprs.Limits().Budget(ev.c.ctx)
}

func (ev *evaluator) walk(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, value.RecursionErrorf("maximum recursion depth exceeded")
	}
	switch x := v.(type) {
	case string:
		return ev.text(x)
	case *value.List:
		out := &value.List{Items: make([]any, len(x.Items))}
		for i, item := range x.Items {
			r, err := ev.walk(item, depth+1)
			if err != nil {
				return nil, err
			}
			out.Items[i] = r
		}
		return out, nil
	case *value.Dict:
		return ev.dict(x, depth)
	}
	return v, nil
}

func (ev *evaluator) dict(d *value.Dict, depth int) (any, error) {
	out := value.NewDict(d.Len())
	for k, v := range d.All() {
		rk, err := ev.walk(k, depth+1)
		if err != nil {
			return nil, err
		}
		if _, isText := rk.(string); ev.store && !isText {
			if _, err := value.Hash(rk); err != nil {
				return nil, err
			}
			if rk, err = keyText(rk); err != nil {
				return nil, err
			}
		}
		rv, err := ev.walk(v, depth+1)
		if err != nil {
			return nil, err
		}
		if err := out.SetChecked(rk, rv); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (ev *evaluator) text(text string) (any, error) {
	if strings.IndexByte(text, '%') < 0 && strings.IndexByte(text, '{') < 0 {
		return text, nil
	}
	if v, ok := ev.s.reference(text); ok {
		return v, nil
	}
	p, err := ev.c.host.Exprs.Compile(text)
	if err != nil || p == nil {
		return text, err
	}
	ev.prepare()
	v, err := p.Eval(ev.c.ctx, ev.env, ev.budget)
	if err != nil || !ev.store {
		return v, err
	}
	return storable(v)
}

// reference gives the value of a text that is nothing but a variable, the
// result or the item: <% ctx(x) %>, {{ ctx().x }}, <% result() %>. The value
// is the stored one itself, not a copy, however large it is. A text that holds
// expressions in turn is left to the languages, as is everything that fails.
func (s *scope) reference(text string) (any, bool) {
	var body string
	jinja := false
	switch {
	case strings.HasPrefix(text, "<%") && strings.HasSuffix(text, "%>"):
		body = text[2 : len(text)-2]
	case strings.HasPrefix(text, "{{") && strings.HasSuffix(text, "}}"):
		body, jinja = text[2:len(text)-2], true
	default:
		return nil, false
	}
	var v any
	ok := false
	switch body = strings.Trim(body, " "); {
	case body == "result()":
		if s.task != nil {
			v, ok = s.task.GetStr("result")
		}
	case body == "item()":
		v, ok = s.item, s.has
	case strings.HasPrefix(body, "ctx().") && isName(body[6:]):
		if jinja && slices.Contains(dictMethods, body[6:]) {
			return nil, false
		}
		v, ok = s.Lookup(body[6:])
	case strings.HasPrefix(body, "ctx(") && strings.HasSuffix(body, ")"):
		name := body[4 : len(body)-1]
		if n := len(name); n > 2 && (name[0] == '\'' || name[0] == '"') && name[n-1] == name[0] {
			name = name[1 : n-1]
		} else if jinja || slices.Contains(yaqlWords, name) {
			return nil, false
		}
		if isName(name) {
			v, ok = s.Lookup(name)
		}
	}
	if !ok {
		return nil, false
	}
	switch x := v.(type) {
	case nil, bool, int64, float64, *value.List, *value.Dict:
		return v, true
	case string:
		return v, strings.IndexByte(x, '%') < 0 && strings.IndexByte(x, '{') < 0
	}
	return nil, false
}

// Names that mean something else than a variable.
var (
	dictMethods = []string{"clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"}
	yaqlWords   = []string{"true", "false", "null", "and", "or", "not", "in", "mod", "is"}
)

// isName reports an ASCII name that starts with a letter.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// mutators are the methods by which a template can change a list or a mapping
// in place. The original gives every task a deep copy of its variables; here
// values are shared, and copied only for templates that name one of these.
var mutators = []string{"append", "extend", "insert", "pop", "remove", "clear", "update", "setdefault", "sort", "reverse"}

func mutates(v any) bool {
	switch x := v.(type) {
	case string:
		return strings.Contains(x, "{") && slices.ContainsFunc(mutators, func(m string) bool { return strings.Contains(x, m) })
	case *value.List:
		return slices.ContainsFunc(x.Items, mutates)
	case *value.Dict:
		for k, e := range x.All() {
			if mutates(k) || mutates(e) {
				return true
			}
		}
	}
	return false
}

// own gives the scope deep copies of all it shows.
func (s *scope) own() {
	if s.owned {
		return
	}
	s.owned = true
	all := value.NewDict(8)
	for name := range s.Names() {
		if v, ok := s.Lookup(name); ok && name != expr.VarState && name != expr.VarCurrentTask && name != expr.VarCurrentItem {
			all.SetStr(name, copied(v, 0))
		}
	}
	s.top = all
	if s.task != nil {
		s.task = copied(s.task, 0).(*value.Dict)
	}
	s.item = copied(s.item, 0)
}

func copied(v any, depth int) any {
	if depth > maxDepth {
		return v
	}
	switch x := v.(type) {
	case *value.List:
		out := &value.List{Items: make([]any, len(x.Items))}
		for i, e := range x.Items {
			out.Items[i] = copied(e, depth+1)
		}
		return out
	case *value.Dict:
		out := value.NewDict(x.Len())
		for k, e := range x.All() {
			out.Set(k, copied(e, depth+1))
		}
		return out
	}
	return v
}

package rule

import (
	"squall/internal/expr"
	"squall/internal/expr/value"
)

// criterion is one prepared member of a rule's criteria, or of the pattern of
// a search.
type criterion struct {
	key     string // as written
	path    path
	absent  bool  // the member names no operator
	broken  error // the member is nothing that could name one
	opName  any   // as written
	op      *operator
	opErr   error // why op is nil
	pattern pattern
	regex   preparedRegex
	// condition and children belong to search.
	condition any
	children  []*criterion
}

func compileCriterion(set *expr.Set, key string, body any) *criterion {
	c := &criterion{key: key, path: compilePath(key)}
	d, ok := body.(*value.Dict)
	if !ok {
		// The original asks `"type" in body`, which texts and lists answer.
		c.absent = true
		if has, err := value.Contains(nil, body, "type"); err != nil {
			c.broken = err
		} else if has {
			c.broken = value.TypeErrorf("a criterion must be an object, not %s", value.TypeName(body))
		}
		return c
	}
	typ, ok := d.GetStr("type")
	if !ok {
		c.absent = true
		return c
	}
	c.opName = typ
	c.op, c.opErr = findOperator(typ)
	c.condition, _ = d.GetStr("condition")
	given, _ := d.GetStr("pattern")
	c.pattern = compilePattern(set, given)
	if c.op == nil {
		return c
	}
	if members, ok := given.(*value.Dict); ok && c.op.search {
		c.children = compileCriteria(set, members)
	}
	if text, ok := c.pattern.constant(); ok && c.op.regex != nil {
		c.regex.text = text
		c.regex.re, c.regex.err = c.op.regex(text)
	}
	return c
}

// eval evaluates the criterion for the event, or for an item of a search. An
// error is what StackStorm does not catch: an operator that does not exist.
func (c *criterion) eval(m *matching, sc *scope) (CriterionVerdict, error) {
	v := CriterionVerdict{Key: c.key}
	if c.broken != nil {
		return v, c.broken
	}
	if c.absent {
		v.Note = "no operator"
		return v, nil
	}
	v.Operator, _ = value.AsString(c.opName)
	var err error
	if v.Pattern, err = c.pattern.render(m, sc); err != nil {
		return m.failed(v, renderReason(c.pattern.given, c.key), err), nil
	}
	if v.Value, err = c.path.find(m, sc); err != nil {
		return m.failed(v, "Failed transforming criteria key "+c.key, err), nil
	}
	if c.op == nil {
		return v, c.opErr
	}
	if c.op.search {
		err = c.search(m, &v, sc.data)
	} else {
		v.Matched, err = c.op.eval(&comparison{m: m, value: v.Value, pattern: v.Pattern, regex: &c.regex})
	}
	if err != nil {
		return m.failed(v, "There might be a problem with the criteria in rule "+m.rule.ref, err), nil
	}
	return v, nil
}

func renderReason(given any, key string) string {
	text, _ := value.AsString(given)
	return `Failed to render pattern value "` + text + `" for key "` + key + `"`
}

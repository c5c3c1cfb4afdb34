package mistral

import "go.yaml.in/yaml/v3"

// retry: Mistral repeats a task that failed and, with continue-on, one for which
// that is true; break-on ends it for one that failed.
func (c *converter) retry(t *task, m *mapping) {
	n := t.prop("retry")
	if isNull(n) {
		return
	}
	params := entries(n)
	if isText(n) {
		_, params = command(" " + n.Value)
	}
	get := func(name string) *yaml.Node {
		for _, p := range params {
			if p.name == name {
				return p.val
			}
		}
		return nil
	}
	if len(t.with) > 0 {
		c.notes.add(RuleItemRetry, Look, at(t.name, n), "a retry runs all items again; Mistral runs those that failed")
	}
	out := newMapping()
	if when := c.retryWhen(t, get("continue-on"), get("break-on")); when != "" {
		out.set("when", str(when))
	}
	for _, name := range []string{"count", "delay"} {
		if v := get(name); v != nil {
			out.set(name, c.rewriter(t, v).node(copyNode(v)))
		}
	}
	m.set("retry", out.node)
}

func (c *converter) retryWhen(t *task, goOn, stop *yaml.Node) string {
	switch {
	case goOn == nil && stop == nil:
		return ""
	case goOn == nil:
		l, s := c.condition(t, stop, t.onError)
		return wrap(l, "failed() and not ("+s+")")
	case stop == nil:
		l, s := c.condition(t, goOn, t.publish)
		return wrap(l, s)
	}
	l, s := c.condition(t, goOn, t.publish)
	l2, s2 := c.condition(t, stop, t.onError)
	if l != l2 {
		c.notes.add(RuleMixedTemplate, Impossible, t.at, "continue-on and break-on are of two languages")
	}
	return wrap(l, "("+s+") and not (failed() and ("+s2+"))")
}

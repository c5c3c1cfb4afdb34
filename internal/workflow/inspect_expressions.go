package workflow

import "squall/internal/expr"

// part is a value of a definition and its paths. Tasks and transitions have
// the parts that hold expressions.
type part struct {
	name         string
	val          any
	spec, schema string
}

func taskPart(t *TaskSpec, name string, val any) part {
	return part{name, val, specTask(t.Name) + "." + name, schemaTask + ".properties." + name}
}

func (t *TaskSpec) withParts() []part {
	if t.With == nil {
		return nil
	}
	items, concurrency := taskPart(t, "with.items", t.With.Items), taskPart(t, "with.concurrency", t.With.Concurrency)
	items.schema = schemaTask + ".properties.with.properties.items"
	concurrency.schema = schemaTask + ".properties.with.properties.concurrency"
	return []part{items, concurrency}
}

func (t *TaskSpec) retryParts() []part {
	if t.Retry == nil {
		return nil
	}
	var out []part
	for _, p := range []part{{name: "when", val: t.Retry.When}, {name: "count", val: t.Retry.Count}, {name: "delay", val: t.Retry.Delay}} {
		p.spec, p.schema = specTask(t.Name)+".retry."+p.name, schemaTask+".properties.retry.properties."+p.name
		out = append(out, p)
	}
	return out
}

func (t *TaskSpec) nextParts(i int) []part {
	tr := t.Next[i]
	var out []part
	for _, p := range []part{{name: "when", val: tr.When}, {name: "publish", val: tr.Publish}, {name: "do", val: tr.Do}} {
		p.spec, p.schema = specNext(t.Name, i)+"."+p.name, schemaNext+".properties."+p.name
		out = append(out, p)
	}
	return out
}

// expressions parses every expression of the definition.
func (in *inspector) expressions() []Problem {
	var parts []part
	for _, p := range []part{{name: "vars", val: in.spec.vars}, {name: "input", val: in.spec.input}, {name: "output", val: in.spec.output}} {
		p.spec, p.schema = p.name, "properties."+p.name
		parts = append(parts, p)
	}
	for _, t := range in.spec.Tasks {
		parts = append(parts, taskPart(t, "delay", t.Delay), taskPart(t, "join", t.Join), taskPart(t, "action", t.Action), taskPart(t, "input", t.Input))
		parts = append(parts, t.withParts()...)
		parts = append(parts, t.retryParts()...)
		for i := range t.Next {
			parts = append(parts, t.nextParts(i)...)
		}
	}
	var out []Problem
	for _, p := range parts {
		for _, e := range in.set.Validate(p.val) {
			out = append(out, p.problem(CategoryExpressions, e))
		}
	}
	return out
}

func (p part) problem(c Category, e expr.Problem) Problem {
	return Problem{Category: c, Message: e.Message, Language: e.Type, Expression: e.Expression, SpecPath: p.spec, SchemaPath: p.schema}
}

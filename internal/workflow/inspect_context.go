package workflow

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"squall/internal/expr"
	"squall/internal/expr/value"
)

// names is a set of variables that are assigned.
type names map[string]bool

func (n names) with(more names) names {
	out := make(names, len(n)+len(more))
	maps.Copy(out, n)
	maps.Copy(out, more)
	return out
}

// dataflow looks for variables that are used before they are assigned.
type dataflow struct {
	in  *inspector
	out []Problem
}

// context follows the variables through the definition: inputs, vars, the
// tasks along their transitions, the output.
func (in *inspector) context(known []string) []Problem {
	f := &dataflow{in: in}
	have := names{}
	for _, k := range known {
		have[k] = true
	}
	have = f.part(part{"input", in.spec.input, "input", "properties.input"}, have, true)
	have = f.part(part{"vars", in.spec.vars, "vars", "properties.vars"}, have, true)
	if len(in.spec.Tasks) > 0 {
		have = have.with(f.tasks(have))
	}
	f.part(part{"output", in.spec.output, "output", "properties.output"}, have, true)
	return f.out
}

// part checks one value; assigns tells that it also assigns variables. The
// elements of a list are checked in order, each knowing the ones before.
func (f *dataflow) part(p part, have names, assigns bool) names {
	if !truthy(p.val) {
		return have
	}
	if text, ok := p.val.(string); ok {
		if l := inlineList(text); len(l.Items) > 0 {
			p.val = l
		}
	}
	l, ok := p.val.(*value.List)
	if !ok {
		return f.check(p, have, assigns)
	}
	for i, item := range l.Items {
		one := p
		one.val, one.spec = item, p.spec+"["+strconv.Itoa(i)+"]"
		have = f.check(one, have, assigns)
	}
	return have
}

func (f *dataflow) check(p part, have names, assigns bool) names {
	for _, ref := range f.in.set.ExtractVars(p.val) {
		at := expr.Problem{Type: ref.Type, Expression: ref.Statement}
		if strings.HasPrefix(ref.Name, expr.InternalPrefix) {
			at.Message = fmt.Sprintf("Variable \"%s\" that is prefixed with double underscores is considered "+
				"a private variable and cannot be referenced.", ref.Name)
			f.out = append(f.out, p.problem(CategoryContext, at))
		}
		if !have[ref.Name] {
			at.Message = fmt.Sprintf("Variable \"%s\" is referenced before assignment.", ref.Name)
			f.out = append(f.out, p.problem(CategoryContext, at))
		}
	}
	if !assigns {
		return have
	}
	return have.with(assigned(p.val))
}

// assigned are the names that a value assigns.
func assigned(v any) names {
	out := names{}
	switch x := v.(type) {
	case string:
		out[x] = true
	case *value.Dict:
		for k := range x.All() {
			if name, ok := k.(string); ok {
				out[name] = true
			}
		}
	}
	return out
}

// tasks follows the transitions and gives every name assigned on the way.
func (f *dataflow) tasks(start names) names {
	type arrival struct {
		task string
		have names // nil: a join, which has what was united for it
	}
	var queue []arrival
	for _, name := range f.in.shape.start() {
		queue = append(queue, arrival{name, start})
	}
	all := maps.Clone(start)
	done := map[string]bool{}
	united := map[string]names{}
	last := map[string]names{}
	for len(queue) > 0 {
		a := queue[0]
		queue = queue[1:]
		done[a.task] = true
		if len(a.have) == 0 {
			a.have = united[a.task]
		}
		t := f.in.spec.task(a.task)
		f.task(t, a.have)
		maps.Copy(all, a.have)
		for i, tr := range t.Next {
			for _, next := range tr.names() {
				branch := f.transition(t, i, a.have)
				if done[next] || !f.in.shape.defined(next) {
					continue
				}
				if to := f.in.spec.task(next); truthy(to.Join) {
					united[next] = united[next].with(branch)
					queue = append(queue, arrival{next, nil})
				} else if seen, ok := last[next]; !ok || !maps.Equal(seen, branch) {
					queue = append(queue, arrival{next, branch})
					last[next] = branch
				}
			}
		}
	}
	return all
}

func (f *dataflow) task(t *TaskSpec, have names) {
	f.part(taskPart(t, "delay", t.Delay), have, false)
	for _, p := range t.withParts() {
		f.part(p, have, false)
	}
	f.part(taskPart(t, "action", t.Action), have, false)
	f.part(taskPart(t, "input", t.Input), have, false)
}

// transition checks a transition and gives the names after it.
func (f *dataflow) transition(t *TaskSpec, i int, have names) names {
	for _, p := range t.nextParts(i) {
		have = f.part(p, have, p.name == "publish")
	}
	return have
}

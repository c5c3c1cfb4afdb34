package workflow

import (
	"fmt"
	"slices"
)

// semantics checks what the graph must fulfil.
func (in *inspector) semantics() []Problem {
	if len(in.spec.Tasks) == 0 {
		return nil
	}
	out := in.reservedNames()
	start := in.shape.start()
	if len(start) == 0 {
		out = append(out, Problem{Category: CategorySemantics, SpecPath: "tasks", SchemaPath: schemaTasks,
			Message: "Unable to identify any tasks to start the workflow. If the workflow has a loop, " +
				"please add a task that serves as an entry point (or lead) into the loop."})
	}
	out = append(out, in.undefinedTasks(start)...)
	out = append(out, in.unreachableJoins(start)...)
	for _, t := range in.spec.Tasks {
		if t.With != nil && !truthy(t.Action) {
			out = append(out, taskProblem(t.Name, "The action property is required for with items task."))
		}
	}
	return out
}

func taskProblem(task, format string, args ...any) Problem {
	return Problem{Category: CategorySemantics, Message: fmt.Sprintf(format, args...), SpecPath: specTask(task), SchemaPath: schemaTask}
}

func (in *inspector) reservedNames() []Problem {
	var out []Problem
	for _, t := range in.spec.Tasks {
		if reserved(t.Name) {
			out = append(out, taskProblem(t.Name, "The task name \"%s\" is reserved with special function.", t.Name))
		}
	}
	return out
}

// undefinedTasks walks from the start; what cannot be reached is not looked at.
func (in *inspector) undefinedTasks(start []string) []Problem {
	var out []Problem
	done, queued := map[string]bool{}, map[string]bool{}
	queue := slices.Clone(start)
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		done[name] = true
		for i, tr := range in.spec.task(name).Next {
			for _, next := range tr.names() {
				switch {
				case done[next], queued[next], reserved(next):
				case in.spec.byName[next] != nil:
					queued[next] = true
					queue = append(queue, next)
				default:
					out = append(out, Problem{Category: CategorySemantics, Message: fmt.Sprintf("The task \"%s\" is not defined.", next),
						SpecPath: specNext(name, i) + ".do", SchemaPath: schemaNext + ".properties.do"})
				}
			}
		}
	}
	return out
}

// reach is what is known of a task while its ways are followed.
type reach struct {
	name   string
	splits map[string]bool
	prev   map[string]bool
}

const unreachableJoin = "The join task \"%s\" is unreachable. A join task is determined to be unreachable if there are nested " +
	"forks from multi-referenced tasks that join on the said task. This is ambiguous to the workflow engine because it does not " +
	"know at which level should the join occurs."

// unreachableJoins finds joins whose predecessors come from different splits.
func (in *inspector) unreachableJoins(start []string) []Problem {
	type way struct {
		from, to string
		splits   []string
	}
	var queue []way
	for _, name := range start {
		queue = append(queue, way{to: name})
	}
	known := map[string]*reach{}
	var order []*reach
	walks := splitSets{}
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		t := in.spec.byName[w.to]
		if t == nil {
			continue
		}
		if in.shape.isSplit(w.to) && !in.shape.cycle[w.to] {
			w.splits = append(w.splits, w.to)
		}
		r := known[w.to]
		if r == nil {
			r = &reach{w.to, map[string]bool{}, map[string]bool{}}
			known[w.to] = r
			order = append(order, r)
		}
		for _, s := range w.splits {
			r.splits[s] = true
		}
		if w.from != "" {
			r.prev[w.from] = true
		}
		for _, st := range in.shape.steps[w.to] {
			if known[st.to] == nil || !in.shape.cycle[st.to] {
				if walks.mustVisit(w.to+"_"+st.to, w.splits) {
					queue = append(queue, way{w.to, st.to, slices.Clone(w.splits)})
				}
			}
		}
	}
	var out []Problem
	for _, r := range order {
		if !in.shape.isJoin(r.name) {
			continue
		}
		for prev := range r.prev {
			if !sameSet(r.splits, known[prev].splits) {
				out = append(out, taskProblem(r.name, unreachableJoin, r.name))
				break
			}
		}
	}
	return out
}

func sameSet(a, b map[string]bool) bool {
	if len(a) != len(b) {
		return false
	}
	for k := range a {
		if !b[k] {
			return false
		}
	}
	return true
}

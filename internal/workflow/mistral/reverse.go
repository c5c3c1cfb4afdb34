package mistral

import "slices"

// turnAround makes a direct workflow of a reverse one: the tasks that the target
// needs, each followed by those that require it.
func (c *converter) turnAround() {
	w := c.flow
	goal := c.o.Target
	if goal == "" {
		var last []string
		for _, t := range w.tasks {
			if !slices.ContainsFunc(w.tasks, func(o *task) bool { return slices.Contains(o.requires, t.name) }) {
				last = append(last, t.name)
			}
		}
		if len(last) != 1 {
			c.notes.add(RuleReverse, Impossible, w.at, "a reverse workflow ends with a task that is named when it starts; say which")
			return
		}
		goal = last[0]
		c.notes.add(RuleTarget, Look, w.at, "the workflow ends with the task %q, on which no other one depends", goal)
	}
	if w.task(goal) == nil {
		c.notes.add(RuleReverse, Impossible, w.at, "there is no task %q to end with", goal)
		return
	}
	needed := []string{goal}
	for i := 0; i < len(needed); i++ {
		t := w.task(needed[i])
		if t == nil {
			c.notes.add(RuleWrong, Impossible, w.at, "a task requires %q, which does not exist", needed[i])
			continue
		}
		for _, name := range t.requires {
			if !slices.Contains(needed, name) {
				needed = append(needed, name)
			}
		}
	}
	w.tasks = slices.DeleteFunc(w.tasks, func(t *task) bool { return !slices.Contains(needed, t.name) })
	for _, t := range w.tasks {
		if len(t.requires) > 1 {
			t.props["join"] = str("all")
		}
		for _, name := range t.requires {
			if from := w.task(name); from != nil && !from.leadsTo(t.name) {
				from.success.targets = append(from.success.targets, target{name: t.name, at: t.at})
			}
		}
	}
}

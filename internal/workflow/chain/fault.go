package chain

import (
	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/workflow"
)

func newFault(what string, err error) *fault {
	class, msg := workflow.Describe(err)
	return &fault{message: what + ". " + msg, trace: "Traceback (most recent call last):\n" + class + ": " + msg + "\n"}
}

// fail ends the chain with an error beside the tasks that were done.
func (c *Conductor) fail(what string, err error) {
	c.status = squall.Failed
	c.fault = newFault(what, err)
}

// crash ends the chain with an error and nothing else (st2: what its loop does
// not catch takes the result with it).
func (c *Conductor) crash(err error) {
	c.status = squall.Failed
	f := newFault("", err)
	_, f.message = workflow.Describe(err)
	f.alone = true
	c.fault = f
}

// FaultResult is the result of a chain whose definition cannot be used.
func FaultResult(err error) *value.Dict {
	_, msg := workflow.Describe(err)
	return value.DictOf("error", msg, "traceback", "")
}

// Result is what the chain shows of itself now: its tasks and, unless that is
// hidden, the published variables; an error when there is one.
func (c *Conductor) Result() *value.Dict {
	if c.fault != nil && c.fault.alone {
		return value.DictOf("error", c.fault.message, "traceback", c.fault.trace)
	}
	tasks := &value.List{Items: make([]any, 0, len(c.visits))}
	for _, v := range c.visits {
		if v.status == squall.Requested && v.child.Execution == "" && !v.refused {
			continue // asked for, and dropped before it was
		}
		tasks.Items = append(tasks.Items, v.shown())
	}
	out := value.DictOf("tasks", tasks)
	if !c.hide {
		out.SetStr("published", c.published)
	}
	if c.fault != nil {
		out.SetStr("error", c.fault.message)
		out.SetStr("traceback", c.fault.trace)
	}
	return out
}

// shown is a task in the result. st2 has two ids for an execution; of one that
// was refused one of them is the text None.
func (v *visit) shown() *value.Dict {
	var execution, live any = v.child.Execution, v.child.Execution
	if v.refused {
		execution, live = nil, "None"
	}
	return value.DictOf("id", v.node.Name, "name", v.node.Name, "execution_id", execution, "liveaction_id", live, "workflow", nil,
		"created_at", v.child.Created, "updated_at", v.child.Updated, "state", string(v.status), "result", v.result)
}

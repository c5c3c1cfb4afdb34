package st2cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
)

// finished are the states that an execution ends in.
var finished = []string{"succeeded", "failed", "timeout", "canceled", "abandoned"}

// maskParameters hides parameters by their names, whatever their schema says (st2).
func maskParameters(_ *call, v any) any {
	d, ok := v.(document)
	if !ok {
		return v
	}
	for _, name := range []string{"password", "private_key"} {
		if d.Has(name) {
			d.SetStr(name, "********")
		}
	}
	return d
}

// withElapsed adds how long it took to an execution's status.
func withElapsed(ex document) {
	status := text(ex, "status")
	started, ok := parseTime(member(ex, "start_timestamp"))
	if !ok {
		return
	}
	ended := time.Now()
	if slices.Contains(finished, status) {
		if ended, ok = parseTime(member(ex, "end_timestamp")); !ok {
			return
		}
	} else if status != "running" {
		return
	}
	ex.SetStr("status", status+" ("+strconv.FormatInt(ended.Unix()-started.Unix(), 10)+"s elapsed)")
}

func isWorkflow(ex document) bool {
	return slices.Contains([]string{"action-chain", "orquesta"}, text(ex, "action.runner_type"))
}

// showExecution shows an execution; of a workflow its tasks too.
func (c *call) showExecution(ex document, normal ...string) error {
	if len(normal) == 0 {
		normal = runAttributes
	}
	tasks, workflow := c.v.Bool("show_tasks"), isWorkflow(ex)
	if tasks && !workflow {
		return invalid("--show-tasks option can only be used with workflow actions")
	}
	key := c.v.String("key")
	switch {
	case c.v.Bool("detail"):
		if c.machine() {
			return c.emit(pick(ex, normal))
		}
		return c.properties(ex, normal, defaultOrder, executions.shown(c))
	case key != "" && (c.v.Bool("raw") || !workflow):
		if c.machine() {
			return c.emit(pick(ex, []string{"result." + key}))
		}
		result, _ := member(ex, "result").(document)
		if result == nil {
			return invalid("the result is not an object: it has no %q", key)
		}
		v, err := find(result, key)
		if err != nil {
			return err
		}
		c.print(unescape(str(v)))
		return nil
	case c.v.Bool("raw") || !workflow:
		return c.block(ex, c.attributes(normal))
	}
	return c.showWorkflow(ex)
}

// block shows a document line by line, objects as YAML, or what -j and -y ask for.
func (c *call) block(d document, attributes []string) error {
	if c.machine() {
		return c.emit(pick(d, attributes))
	}
	return c.blockText(d, attributes)
}

func (c *call) blockText(d document, attributes []string) error {
	if slices.Contains(attributes, "all") {
		attributes = names(d)
	}
	for _, name := range attributes {
		v, err := find(d, name)
		if err != nil {
			return err
		}
		if s, ok := v.(string); ok {
			v = clean(s)
		}
		shown, err := c.blockValue(name, v)
		if err != nil {
			return err
		}
		c.print(unescape(c.colored(name, blue) + ": " + shown))
	}
	known, _ := member(d, "action.output_schema").(document)
	switch {
	case known != nil && known.Len() > 0:
	case c.v.Bool("with_schema"):
		return c.suggestSchema(member(d, "result"))
	case c.cfg != nil && !c.cfg.yes("general.silence_schema_output"):
		c.print("\n** This action does not have an output_schema. Run again with --with-schema to see a suggested schema.")
	}
	return nil
}

func (c *call) blockValue(name string, v any) (string, error) {
	show := executions.show[name]
	if show != nil {
		v = show(c, v)
	}
	if s, ok := v.(string); ok && len(s) > 1 && strings.ContainsAny(s[:1], "{[") && strings.ContainsAny(s[len(s)-1:], "}]") {
		if literal, err := value.Literal(value.NewBudget(c, 1e6, 1e7, 100), s); err == nil {
			switch literal.(type) {
			case document, *value.List:
				v = literal
			}
		}
	}
	switch v.(type) {
	case document, *value.List:
		t, err := pyyaml.SafeDump(nil, value.DictOf("v", v), pyyaml.DumpOptions{Width: 1 << 30, AllowUnicode: true})
		if err != nil {
			return "", err
		}
		t = strings.TrimSuffix(t[len("v:")+1:], "\n")
		if _, isList := v.(*value.List); isList {
			t = "  " + strings.ReplaceAll(t, "\n", "\n  ")
		}
		t = "\n" + t
		return strings.ReplaceAll(t, "\n\n", "\n"), nil
	}
	if show != nil && name == "status" && c.style == Boxed {
		v = c.status(v) // st2 does it twice, and scripts may look for it
	}
	return str(v), nil
}

// suggestSchema shows an output schema that a result would fit.
func (c *call) suggestSchema(result any) error {
	d, _ := result.(document)
	if d == nil {
		return nil
	}
	t, err := pyyaml.SafeDump(nil, value.DictOf("output_schema", schemaOf(d)), pyyaml.DumpOptions{})
	if err != nil {
		return err
	}
	c.print("")
	lines := append([]string{"Based on the action output the following inferred schema was built:", ""}, strings.Split(t, "\n")...)
	wide := 0
	for _, l := range lines {
		wide = max(wide, len(l))
	}
	rule := "+" + strings.Repeat("-", wide+2) + "+"
	c.print(rule)
	for _, l := range lines {
		c.print(fmt.Sprintf("| %-*s |", wide, l))
	}
	c.print(rule)
	return nil
}

func schemaOf(d document) document {
	out := value.NewDict(d.Len())
	for k, v := range d.All() {
		kind := "string"
		switch x := v.(type) {
		case document:
			out.Set(k, value.DictOf("type", "object", "parameters", schemaOf(x)))
			continue
		case *value.List:
			kind = "array"
		case bool:
			kind = "boolean"
		case float64:
			kind = "number"
		case nil:
			kind = "null"
		default:
			if value.IsInt(v) {
				kind = "integer"
			}
		}
		out.Set(k, value.DictOf("type", kind))
	}
	return out
}

// showWorkflow shows a workflow's execution and its tasks.
func (c *call) showWorkflow(ex document) error {
	path := at(executions.path, text(ex, "id")) + "/children"
	a, err := c.api.Do(c, "GET", path, map[string][]string{"depth": {strconv.FormatInt(c.v.Int("depth"), 10)}}, nil)
	if err != nil {
		return err
	}
	v, err := decode(a)
	if err != nil {
		return err
	}
	children := list(v)
	ex, attributes := c.withTaskResult(ex, len(children) == 0)
	show := c.block
	if c.style == Boxed && !c.v.Bool("json") {
		show = c.blockText // st2: -y is for the tasks only
	}
	if err := show(ex, attributes); err != nil || len(children) == 0 {
		return err
	}
	return c.table(taskRows(children, text(ex, "id")), []string{"id", "status", "task", "action", "start_timestamp"}, executions.shown(c))
}

// withTaskResult chooses what is shown of a workflow's execution. Where the result
// lists the tasks, as that of an action chain does, the result of the last one
// stands for it; of a failure the error goes in front. st2: an execution whose
// status has its time behind it, as `execution get` adds it, is not asked for errors.
func (c *call) withTaskResult(ex document, alone bool) (document, []string) {
	attributes := []string{"id", "action.ref", "parameters", "status", "start_timestamp", "end_timestamp", "log"}
	if alone {
		attributes = append(attributes, "result")
	}
	ex = ex.Clone()
	insert := func(more ...string) {
		attributes = slices.Insert(attributes, slices.Index(attributes, "status")+1, more...)
	}
	result := member(ex, "result")
	tasks := list(member(ex, "result.tasks"))
	var last document
	if len(tasks) > 0 {
		last = tasks[len(tasks)-1]
	}
	name := first(text(last, "name"), "unknown")
	explain := func(reason, traceback any, more ...string) {
		ex.SetStr("error", reason)
		ex.SetStr("traceback", traceback)
		ex.SetStr("result", "See error and traceback.")
		insert(append([]string{"error", "traceback"}, more...)...)
	}
	if status := text(ex, "status"); status == "failed" || c.style == Plain && strings.HasPrefix(status, "failed") {
		reason, traceback := any("See result"), any("See result")
		if _, ok := result.(document); ok {
			reason, traceback = member(ex, "result.error"), member(ex, "result.traceback")
		}
		ofTask := member(last, "result.error")
		if !says(ofTask) {
			ofTask = member(last, "result.stderr")
		}
		switch {
		case says(reason):
			explain(reason, traceback)
		case says(ofTask):
			explain(ofTask, member(last, "result.traceback"), "failed_on")
			ex.SetStr("failed_on", name)
		}
	}
	switch {
	case last != nil && c.style == Boxed:
		if says(member(last, "result")) {
			ex.SetStr("result_task", name)
			ex.SetStr("result", member(last, "result"))
			insert("result_task", "result")
		}
	case !alone:
		attributes = append(attributes, "result")
	}
	return ex, attributes
}

// says reports whether a value is more than nothing.
func says(v any) bool {
	yes, err := value.Truth(v)
	return err == nil && yes
}

// taskRows makes rows of a workflow's tasks, indented by their depth; tasks that
// have tasks themselves get a plus.
func taskRows(children []document, root string) []document {
	nested := false
	parents := map[string]string{}
	for _, ch := range children {
		parents[text(ch, "id")] = text(ch, "parent")
		if l, ok := member(ch, "children").(*value.List); ok && len(l.Items) > 0 {
			nested = true
		}
	}
	depth := func(id string) (n int) {
		for p := parents[id]; p != root && p != "" && n < len(parents); p = parents[p] {
			n++
		}
		return n
	}
	var rows []document
	for _, ch := range children {
		id := text(ch, "id")
		mark := ""
		if nested {
			mark = "  "
			if l, ok := member(ch, "children").(*value.List); ok && len(l.Items) > 0 {
				mark = "+ "
			}
		}
		label := strings.Repeat(" ", depth(id)) + mark + id
		task := member(ch, "context.orquesta.task_name")
		if task == nil {
			task = member(ch, "context.chain.name")
		}
		row := value.DictOf("id", label, "status", member(ch, "status"), "task", task, "action", member(ch, "action.ref"),
			"start_timestamp", member(ch, "start_timestamp"), "end_timestamp", member(ch, "end_timestamp"))
		withElapsed(row)
		rows = append(rows, row)
	}
	return rows
}

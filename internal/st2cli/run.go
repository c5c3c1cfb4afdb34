package st2cli

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"squall/internal/argparse"
	"squall/internal/expr/value"
)

var executions = &resource{
	path: "/api/v1/executions", one: "Action Execution", many: "action executions", id: "id",
	columns: []string{"id", "action.ref", "context.user", "status", "start_timestamp", "end_timestamp"},
	show: map[string]func(*call, any) any{
		"start_timestamp": (*call).showTime, "end_timestamp": (*call).showTime, "status": (*call).status, "parameters": maskParameters,
	},
}

// The members of an execution that are shown after a run.
var runAttributes = []string{"id", "action.ref", "context.user", "parameters", "status", "start_timestamp", "end_timestamp", "result"}

// viewArgs are the arguments of all commands that show an execution.
func viewArgs() []argparse.Arg {
	const one = "view"
	return []argparse.Arg{
		{Flags: []string{"--with-schema"}, Name: "with_schema", Nargs: argparse.Switch, Hidden: true},
		{Flags: []string{"--raw"}, Name: "raw", Nargs: argparse.Switch, Hidden: true},
		{Flags: []string{"--show-tasks"}, Name: "show_tasks", Nargs: argparse.Switch, Hidden: true},
		{Flags: []string{"--depth"}, Name: "depth", Type: argparse.Int, Default: int64(-1), Hidden: true},
		{Flags: []string{"-w", "--width"}, Name: "width", Nargs: argparse.Some, Type: argparse.Int, Hidden: true},
		{Flags: []string{"--attr"}, Name: "attr", Nargs: argparse.Some, Exclude: one, Help: "which attributes to show; \"all\" shows every one"},
		{Flags: []string{"-d", "--detail"}, Name: "detail", Nargs: argparse.Switch, Exclude: one, Help: "show a table of everything"},
		{Flags: []string{"-k", "--key"}, Name: "key", Exclude: one, Help: "print this member of the result; dots lead inwards"},
		{Flags: []string{"--delay"}, Name: "delay", Type: argparse.Int, Exclude: one, Help: "milliseconds to wait before the start"},
		{Flags: []string{"--tail"}, Name: "tail", Nargs: argparse.Switch, Exclude: one, Help: "show the output while it runs"},
		{Flags: []string{"--auto-dict"}, Name: "auto_dict", Nargs: argparse.Switch, Exclude: one, Help: "make an object of list items with colons"},
	}
}

var (
	asyncArg = argparse.Arg{Flags: []string{"-a", "--async"}, Name: "async", Nargs: argparse.Switch, Help: "do not wait for the end"}
	envArg   = argparse.Arg{Flags: []string{"-e", "--inherit-env"}, Name: "inherit_env", Nargs: argparse.Switch, Help: "hand the environment over as parameter env"}
	asUser   = argparse.Arg{Flags: []string{"-u", "--user"}, Name: "user", Help: "run it as this user, for administrators"}
)

// runCommand is `run`, which waits, or `action execute`, which does not.
func runCommand(name, help string) *argparse.Command {
	own := []argparse.Arg{
		{Name: "ref_or_id", Metavar: "ref-or-id", Nargs: argparse.Optional, Help: "reference or id of the action"},
		{Name: "parameters", Nargs: argparse.Any, Help: "parameters as name=value, @name=file, or the words of a command"},
		helpSwitch,
	}
	own = append(own, viewArgs()...)
	own = append(own,
		argparse.Arg{Flags: []string{"--trace-tag", "--trace_tag"}, Name: "trace_tag", Help: "a word to find the execution by later"},
		argparse.Arg{Flags: []string{"--trace-id"}, Name: "trace_id", Help: "trace that the execution belongs to"},
		asyncArg, envArg, asUser)
	return &argparse.Command{Name: name, Help: help, Example: "squall action execute core.local cmd=date", NoHelp: true, Args: args(own...), Run: command(func(c *call) error {
		if name == "execute" {
			c.v["async"] = true
		}
		return c.run()
	})}
}

func (c *call) run() error {
	ref := c.v.String("ref_or_id")
	if c.v.Bool("help") {
		return c.runHelp(ref)
	}
	if ref == "" {
		return c.usage("Missing action reference or id")
	}
	action, s, err := c.action(ref)
	if err != nil {
		return err
	}
	params, err := c.parameters(text(action, "ref"), s, c.v.Strings("parameters"))
	if err != nil {
		return err
	}
	body := value.DictOf("action", text(action, "ref"), "parameters", params, "user", c.v["user"])
	if delay := c.v.Int("delay"); delay != 0 {
		body.SetStr("delay", delay)
	}
	switch id, tag := c.v.String("trace_id"), c.v.String("trace_tag"); {
	case id != "":
		body.SetStr("context", value.DictOf("trace_context", value.DictOf("id_", id)))
	case tag != "":
		body.SetStr("context", value.DictOf("trace_context", value.DictOf("trace_tag", tag)))
	}
	ex, err := c.sendDocument(http.MethodPost, executions.path, body)
	if err != nil {
		return err
	}
	return c.ran(ex)
}

// usage is an error of the command line that only the command could find.
func (c *call) usage(msg string) error {
	return &argparse.Error{Prog: c.prog, Usage: c.cmd.Usage(c.prog, c.helpColumns()), Msg: msg}
}

// action fetches an action and the schemas of its parameters.
func (c *call) action(ref string) (document, schemas, error) {
	action, err := actions.get(c, ref)
	if err != nil {
		return nil, schemas{}, err
	}
	name := text(action, "runner_type")
	runner, err := runners.get(c, name)
	if err != nil {
		return nil, schemas{}, notFound("Runner type \"%s\" for action \"%s\" cannot be found.", name, text(action, "name"))
	}
	s := schemas{}
	s.action, _ = member(action, "parameters").(document)
	s.runner, _ = member(runner, "runner_parameters").(document)
	return action, s, nil
}

func (c *call) runHelp(ref string) error {
	if ref == "" {
		c.help()
		return nil
	}
	action, s, err := c.action(ref)
	switch {
	case err != nil && statusOf(err) == 0 && c.style == Boxed:
		c.print(fmt.Sprintf("Action \"%s\" is not found. Use \"st2 action list\" to see the list of available actions.", ref))
		return nil
	case err != nil:
		return err
	}
	actionHelp(c, action, s)
	return nil
}

// ran shows an execution that was started, when it has ended unless --async.
func (c *call) ran(ex document) error {
	ex, err := c.await(ex)
	if err != nil {
		return err
	}
	if c.v.Bool("async") {
		fmt.Fprintf(c.Stdout, "To get the results, execute:\n %[1]s execution get %[2]s\n\nTo view output in real-time, execute:\n %[1]s execution tail %[2]s\n", c.program(), text(ex, "id"))
	} else if err := c.showExecution(ex); err != nil {
		return err
	}
	if text(ex, "status") == "failed" {
		return exitStatus(exitFailed)
	}
	return nil
}

// program is the name of the program in advice.
func (c *call) program() string {
	if c.style == Plain {
		return "squall"
	}
	return "st2"
}

// unfinished are the states that st2 waits out.
var unfinished = []string{"requested", "scheduled", "running", "canceling"}

// await follows an execution, or polls it until it rests unless --async. A dot is
// printed for every two seconds begun.
func (c *call) await(ex document) (document, error) {
	id := text(ex, "id")
	if c.v.Bool("tail") {
		c.print(fmt.Sprintf("Tailing execution \"%s\"", id))
		if err := c.tail(ex, "", false); err != nil {
			return nil, err
		}
		ex, err := c.execution(id)
		c.print("")
		return ex, err
	}
	if c.v.Bool("async") {
		return ex, nil
	}
	started := time.Now()
	dots := 0
	goesOn := func(status string) bool {
		// st2 looks every two seconds and takes a delayed execution for one that
		// rests; a short delay it does not see.
		return slices.Contains(unfinished, status) || status == "delayed" && time.Since(started) < 2*time.Second
	}
	for pause := 50 * time.Millisecond; goesOn(text(ex, "status")); pause = min(2*pause, 2*time.Second) {
		if !c.machine() && time.Since(started) >= time.Duration(dots)*2*time.Second {
			fmt.Fprint(c.Stdout, ".")
			dots++
		}
		if err := wait(c, pause); err != nil {
			return nil, err
		}
		var err error
		if ex, err = c.execution(id); err != nil {
			return nil, err
		}
	}
	c.print("")
	return ex, nil
}

func (c *call) execution(id string) (document, error) {
	ex, err := c.fetch(at(executions.path, id), nil)
	if err == nil && ex == nil {
		err = notFound("Execution with id %s not found.", id)
	}
	return ex, err
}

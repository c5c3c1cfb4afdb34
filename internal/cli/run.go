package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"squall/internal/api/wire"
	"squall/internal/client"
	"squall/internal/squall"
	"squall/internal/st2cli"
)

type runOptions struct {
	format
	async   bool
	quiet   bool
	timeout time.Duration
	delay   time.Duration
	key     string // print this member of the result only

	// Of a new run.
	user, traceTag, traceID string
	inheritEnv              bool
	parameters              string // a JSON object
}

func (a *app) runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run ACTION [name=value ...] [command]",
		Short: "Run an action and watch it",
		Long: `Run an action and show its output while it runs; of a workflow its tasks.

Values are typed by the action's schema: timeout=30, sudo=true, hosts=a,b,c,
env=A:1,B:2. name:=JSON gives any value, name=@FILE reads it from a file. Words
without = are the command of actions that take one; behind -- it may have flags.
(Without --, short flags belong in front of the action: squall run -q core.local ls.)

With an action behind it, --help shows the parameters the action takes. Ctrl-C
stops the watching, not the action.`,
		Example: `  squall run core.local -- uname -a
  squall run core.local cmd='make -j4' cwd=/src timeout=600
  squall run core.http url=https://localhost/ -j
  squall run core.http url=https://localhost/ --key status_code
  squall run core.local sleep 60 --async
  squall run core.local --help`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeAction,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd.Context(), args[0], args[1:], o)
		},
	}
	o.addTo(cmd)
	cmd.Flags().SetInterspersed(true)
	cmd.Flags().BoolVarP(&o.async, "async", "a", false, "do not wait: print the execution's id")
	cmd.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "print the action's output only")
	cmd.Flags().DurationVar(&o.timeout, "wait", 0, "wait no longer than this; the action goes on")
	cmd.Flags().DurationVar(&o.delay, "delay", 0, "start so much later, such as 10m")
	cmd.Flags().StringVarP(&o.key, "key", "k", "", "print this member of the result only; dots lead inwards")
	cmd.Flags().StringVarP(&o.user, "user", "u", "", "run it as this user, for administrators")
	cmd.Flags().StringVar(&o.traceTag, "trace-tag", "", "a word to find the run and all that follows by")
	cmd.Flags().StringVar(&o.traceID, "trace-id", "", "the trace that the run belongs to")
	cmd.Flags().BoolVarP(&o.inheritEnv, "inherit-env", "e", false, "hand this environment over as parameter env")
	cmd.Flags().StringVar(&o.parameters, "parameters-json", "", "parameters as a JSON object; name=value goes on top")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageErrorf("%w\nflags for the command that is run stand behind --: squall run core.local -- ls -l\nsee %s --help", err, cmd.CommandPath())
	})
	plainHelp := cmd.HelpFunc()
	cmd.SetHelpFunc(func(cmd *cobra.Command, words []string) {
		if ref := actionAmong(words); ref != "" && a.helpOnAction(cmd.Context(), ref) == nil {
			return
		}
		plainHelp(cmd, words)
	})
	return cmd
}

// actionAmong finds the reference of an action among the words of a command line.
func actionAmong(words []string) string {
	for _, w := range words {
		if pack, name, ok := strings.Cut(w, "."); ok && isName(pack) && isName(name) && !strings.HasPrefix(w, "-") {
			return w
		}
	}
	return ""
}

// helpOnAction shows what an action takes.
func (a *app) helpOnAction(ctx context.Context, ref string) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	action, runner, err := actionAndRunner(ctx, c, ref)
	if err != nil {
		return err
	}
	if err := a.showAction(action, runner); err != nil {
		return err
	}
	line := "squall run " + ref
	for _, p := range takes(action, runner) {
		if p.Required {
			line += " " + p.name + "=..."
		}
	}
	_, err = fmt.Fprintf(a.io.Stdout, "\n* must be given. To run it: %s   options: squall run --help\n", line)
	return err
}

func actionAndRunner(ctx context.Context, c *client.Client, ref string) (*wire.Action, *wire.RunnerType, error) {
	action, err := c.Action(ctx, ref)
	if squall.KindOf(err) == squall.NotFound {
		return nil, nil, noSuchAction(ctx, c, ref)
	}
	if err != nil {
		return nil, nil, err
	}
	runner, err := c.RunnerType(ctx, action.Runner)
	return action, runner, err
}

// noSuchAction says which action may have been meant.
func noSuchAction(ctx context.Context, c *client.Client, ref string) error {
	hint := "to see what there is: squall action list"
	list, err := c.Actions(ctx, client.ActionQuery{})
	if err == nil {
		if near := nearestAction(ref, list); near != "" {
			hint = "did you mean " + near + "?"
		}
	}
	return squall.Errorf(squall.NotFound, "there is no action %q; %s", ref, hint)
}

// nearestAction finds the action that was meant by a misspelled reference, or by
// a name without its pack.
func nearestAction(ref string, list []wire.Action) string {
	refs := make([]string, len(list))
	for i, ac := range list {
		refs[i] = ac.Ref
		if ac.Name == ref {
			return ac.Ref
		}
	}
	return squall.Nearest(ref, refs, 2)
}

func (a *app) run(ctx context.Context, ref string, words []string, o runOptions) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	action, runner, err := actionAndRunner(ctx, c, ref)
	if err != nil {
		return err
	}
	params, err := parseParams(action, runner, words)
	if err != nil {
		return err
	}
	req := wire.ExecutionRequest{Action: ref, User: o.user, Delay: o.delay.Milliseconds()}
	if req.Parameters, err = o.merged(params); err != nil {
		return err
	}
	if o.traceID != "" || o.traceTag != "" {
		trace := map[string]string{"trace_tag": o.traceTag}
		if o.traceID != "" {
			trace = map[string]string{"id_": o.traceID}
		}
		if req.Context, err = json.Marshal(map[string]any{"trace_context": trace}); err != nil {
			return err
		}
	}
	ex, err := c.Run(ctx, req)
	if squall.KindOf(err) == squall.Invalid {
		return squall.Errorf(squall.Invalid, "%w\nsee what the action takes: squall run %s --help", err, ref)
	}
	if err != nil {
		return err
	}
	if o.async {
		return a.printStarted(ex, o)
	}
	return a.watch(ctx, c, ex, o)
}

// merged puts name=value on top of --parameters-json and the environment.
func (o *runOptions) merged(given json.RawMessage) (json.RawMessage, error) {
	if o.parameters == "" && !o.inheritEnv {
		return given, nil
	}
	all := map[string]json.RawMessage{}
	if o.parameters != "" {
		if err := json.Unmarshal([]byte(o.parameters), &all); err != nil {
			return nil, usageErrorf("--parameters-json: %w", err)
		}
	}
	if o.inheritEnv {
		env, err := json.Marshal(st2cli.InheritedEnv(os.Environ()))
		if err != nil {
			return nil, err
		}
		all["env"] = env
	}
	if err := json.Unmarshal(given, &all); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

func (a *app) printStarted(ex *wire.Execution, o runOptions) error {
	if o.machine() {
		return o.print(a.io.Stdout, ex)
	}
	if o.quiet {
		_, err := fmt.Fprintln(a.io.Stdout, ex.ID)
		return err
	}
	_, err := fmt.Fprintf(a.io.Stdout, "%s\nTo watch it: squall execution tail %s\n", ex.ID, ex.ID)
	return err
}

// watch shows an execution's output until it ends, then how it ended. The
// exit code tells whether it succeeded.
func (a *app) watch(ctx context.Context, c *client.Client, ex *wire.Execution, o runOptions) error {
	id := ex.ID
	follow := ctx
	if o.timeout > 0 {
		var cancel context.CancelFunc
		follow, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	st := newStyles(a.io.renderer())
	talk := !o.machine() && !o.quiet && o.key == ""
	if talk {
		fmt.Fprintf(a.io.Stdout, "%s %s\n", st.head.Render(ex.ActionRef()), st.dim.Render(id))
	}

	if talk && ex.LiveAction != nil && ex.LiveAction.IsWorkflow {
		return a.watchFlow(ctx, follow, c, ex, o)
	}
	if talk && waitsForPeople(ex) {
		fmt.Fprintln(a.io.Stdout, "It waits for an answer. "+toAnswer(id))
	}
	var p *progress
	if talk && a.io.isTerminal() {
		p = startProgress(a.io.Stderr, "running")
	}
	var lastByte byte = '\n'
	err := c.FollowOutput(follow, id, 0, func(out wire.Output) error {
		if o.machine() || o.key != "" {
			return nil
		}
		p.clear()
		w := a.io.Stdout
		if out.Type == "stderr" {
			w = a.io.Stderr
		}
		if out.Data != "" {
			lastByte = out.Data[len(out.Data)-1]
		}
		_, err := io.WriteString(w, out.Data)
		return err
	})
	p.stop()
	if lastByte != '\n' && !o.machine() && o.key == "" {
		fmt.Fprintln(a.io.Stdout)
	}
	if err != nil {
		return a.explainWatch(ctx, err, id, o)
	}

	done, err := c.Execution(ctx, id)
	if err != nil {
		return a.explainWatch(ctx, err, id, o)
	}
	if err := a.printEnd(st, done, o); err != nil {
		return err
	}
	if done.Status != squall.Succeeded {
		return &ExitError{Code: ExitFailed}
	}
	return nil
}

// waitsForPeople reports whether an execution asks people something, and goes on.
func waitsForPeople(ex *wire.Execution) bool {
	var runner struct {
		Name string `json:"name"`
	}
	_ = json.Unmarshal(ex.Runner, &runner) // none: then its state tells
	return ex.Status == squall.Pending || runner.Name == "inquirer" && !ex.Status.Final()
}

func toAnswer(id string) string { return "To give one: squall inquiry respond " + id }

// watchFlow is watch for workflows: a tree of its tasks.
func (a *app) watchFlow(ctx, follow context.Context, c *client.Client, ex *wire.Execution, o runOptions) error {
	done, err := a.watchTree(follow, c, ex, false)
	if err != nil {
		return a.explainWatch(ctx, err, ex.ID, o)
	}
	if err := a.printEnd(newStyles(a.io.renderer()), done, o); err != nil {
		return err
	}
	return endedWell(done)
}

// explainWatch says that the execution goes on when only the watching ended.
func (a *app) explainWatch(ctx context.Context, err error, id string, o runOptions) error {
	hint := fmt.Sprintf("The execution goes on. To watch it again: squall execution tail %s   to stop it: squall execution cancel %s", id, id)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(a.io.Stderr, hint)
		return &ExitError{Code: ExitInterrupted}
	case errors.Is(err, context.DeadlineExceeded):
		return &ExitError{Code: ExitTimeout, Err: fmt.Errorf("not finished after %s\n%s", o.timeout, hint)}
	default:
		return err
	}
}

func (a *app) printEnd(st styles, ex *wire.Execution, o runOptions) error {
	if o.key != "" {
		return a.printMember(ex, o)
	}
	if o.machine() {
		return o.print(a.io.Stdout, ex)
	}
	if o.quiet {
		return nil
	}
	if rest := unseenResult(ex.Result); rest != nil {
		if err := printYAML(a.io.Stdout, rest); err != nil {
			return err
		}
	}
	took := time.Duration(ex.Elapsed * float64(time.Second))
	_, err := fmt.Fprintf(a.io.Stdout, "%s %s\n", st.ofStatus(ex.Status), st.dim.Render("after "+short(took)))
	return err
}

// printMember prints one member of a result: a text as it is, else JSON or YAML.
func (a *app) printMember(ex *wire.Execution, o runOptions) error {
	doc := ex.Result
	for name := range strings.SplitSeq(o.key, ".") {
		var members map[string]json.RawMessage
		if json.Unmarshal(doc, &members) != nil || members[name] == nil {
			return squall.Errorf(squall.NotFound, "the result has no member %s%s", o.key, thereIs(members))
		}
		doc = members[name]
	}
	var text string
	if !o.machine() && json.Unmarshal(doc, &text) == nil {
		_, err := fmt.Fprintln(a.io.Stdout, text)
		return err
	}
	if o.json {
		return o.print(a.io.Stdout, doc)
	}
	return printYAML(a.io.Stdout, doc)
}

// thereIs lists the members that could have been asked for.
func thereIs(members map[string]json.RawMessage) string {
	if len(members) == 0 {
		return ""
	}
	return "; there is " + strings.Join(slices.Sorted(maps.Keys(members)), ", ")
}

// unseenResult returns what of a result its live output has not shown: for a
// shell command its exit code when it failed, else the result.
func unseenResult(result json.RawMessage) json.RawMessage {
	if len(result) == 0 || bytes.Equal(result, []byte("{}")) || bytes.Equal(result, []byte("null")) {
		return nil
	}
	var shell map[string]json.RawMessage
	if json.Unmarshal(result, &shell) != nil {
		return result
	}
	if _, ok := shell["return_code"]; !ok {
		return result
	}
	code, failure := shell["return_code"], shell["error"]
	switch {
	case len(failure) > 0:
		text, err := json.Marshal(map[string]json.RawMessage{"return_code": code, "error": failure})
		if err != nil {
			return nil
		}
		return text
	case string(code) != "0":
		return json.RawMessage(`{"return_code": ` + string(code) + `}`)
	default:
		return nil
	}
}

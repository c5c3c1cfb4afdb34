package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
	"squall/internal/expr/yaql"
)

// The modes of expr eval.
const (
	modeOrquesta = "orquesta"
	modeRender   = "render"
	modeCore     = "core"
)

func (a *app) exprCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "expr", Short: "Try expressions of workflows, rules and parameters"}
	cmd.AddCommand(a.exprEvalCommand())
	return cmd
}

// exprFlags are what a person chooses for an evaluation.
type exprFlags struct {
	context   string
	variables []string
	keys      []string
	execution string
	lang      string
	mode      string
	user      string
	noReeval  bool
	out       format
}

func (a *app) exprEvalCommand() *cobra.Command {
	var f exprFlags
	cmd := &cobra.Command{
		Use:   "eval [TEXT]",
		Short: "Evaluate an expression here, without a server",
		Long: `Evaluate a text with YAQL or Jinja expressions against a context.

Without TEXT the text is read from standard input; at a terminal a session starts
that evaluates line by line. A text without delimiters is taken as one bare
expression of the language that --lang names (auto: YAQL).

Modes:
  orquesta  as workflows evaluate: native values, ctx(), result(), st2kv(), ...
  render    as rules, parameters and notifications render: Jinja, text to text
  core      YAQL alone: the context is $, its keys are also $name`,
		Example: `  squall expr eval '<% ctx().hosts.where($.up).select($.name) %>' -c context.yaml
  squall expr eval --lang jinja 'ctx().n * 2' --var n=21
  squall expr eval --mode render 'Hello {{ trigger.name }}' -c '{"trigger": {"name": "Bob"}}'
  squall expr eval '<% result().stdout %>' --execution 69208f3c5b7f1a0001000007
  echo '{{ st2kv.system.site }}' | squall expr eval --mode render --kv system.site=north`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := a.newEvaluator(cmd.Context(), f)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return e.run(cmd.Context(), args[0])
			}
			if a.io.ReadPassword != nil { // standard input is a terminal
				return e.session(cmd.Context())
			}
			text, err := io.ReadAll(io.LimitReader(a.io.Stdin, maxExprInput))
			if err != nil {
				return fmt.Errorf("read standard input: %w", err)
			}
			return e.run(cmd.Context(), strings.TrimSuffix(string(text), "\n"))
		},
	}
	f.out.addTo(cmd)
	cmd.Flags().StringVarP(&f.context, "context", "c", "", "context as JSON or YAML: a file, or the text itself")
	cmd.Flags().StringArrayVar(&f.variables, "var", nil, "a variable as name=value, the value in YAML; repeatable")
	cmd.Flags().StringArrayVar(&f.keys, "kv", nil, "a datastore entry as system.key=text or key=text (of the user); repeatable")
	cmd.Flags().StringVarP(&f.execution, "execution", "e", "", "take the context from this execution")
	cmd.Flags().StringVar(&f.lang, "lang", "auto", "language: auto, yaql or jinja")
	cmd.Flags().StringVar(&f.mode, "mode", modeOrquesta, "mode: orquesta, render or core")
	cmd.Flags().StringVar(&f.user, "user", "", "user whose datastore entries are read")
	cmd.Flags().BoolVar(&f.noReeval, "no-reevaluate", false, "do not evaluate expressions inside of results")
	return cmd
}

const maxExprInput = 16 << 20

// evaluator evaluates texts for a person.
type evaluator struct {
	app  *app
	f    exprFlags
	set  *expr.Set
	core *yaql.Engine
	env  *expr.Env
	data *value.Dict
}

func (a *app) newEvaluator(ctx context.Context, f exprFlags) (*evaluator, error) {
	switch f.lang {
	case "auto", "yaql", "jinja":
	default:
		return nil, usageErrorf("%q is not a language; there are auto, yaql and jinja", f.lang)
	}
	switch f.mode {
	case modeOrquesta, modeRender, modeCore:
	default:
		return nil, usageErrorf("%q is not a mode; there are orquesta, render and core", f.mode)
	}
	data, err := a.exprContext(ctx, f)
	if err != nil {
		return nil, err
	}
	store, err := exprStore(f)
	if err != nil {
		return nil, err
	}
	e := &evaluator{app: a, f: f, data: data,
		set:  expr.NewSet(expr.Limits{}, yaql.New(yaql.Options{Now: time.Now}), jinja.New()),
		core: yaql.New(yaql.Options{Core: true, Now: time.Now}),
		env:  &expr.Env{Vars: expr.DictVars(data), Store: store, User: f.user, Options: expr.Options{NoReevaluate: f.noReeval}},
	}
	if f.mode == modeCore {
		whole := value.NewDict(1)
		whole.SetStr("$", data)
		e.env.Vars = expr.LayerVars(e.env.Vars, expr.DictVars(whole))
	}
	return e, nil
}

// exprContext puts the variables together: those of an execution, those of
// the context, single ones; later ones win.
func (a *app) exprContext(ctx context.Context, f exprFlags) (*value.Dict, error) {
	data := value.NewDict(8)
	if f.execution != "" {
		if err := a.executionContext(ctx, f.execution, data); err != nil {
			return nil, err
		}
	}
	if f.context != "" {
		d, err := readContext(f.context)
		if err != nil {
			return nil, err
		}
		data.Update(d)
	}
	for _, pair := range f.variables {
		name, text, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usageErrorf("--var %s: want name=value", pair)
		}
		v, err := pyyaml.SafeLoad(nil, text)
		if err != nil {
			return nil, usageErrorf("--var %s: %s", name, value.MessageOf(err))
		}
		data.SetStr(name, v)
	}
	if _, ok := data.GetStr("st2"); !ok && f.user != "" {
		data.SetStr("st2", value.DictOf("user", f.user))
	}
	return data, nil
}

// readContext reads a context from a file or, when there is none of that
// name, takes the text as the context.
func readContext(arg string) (*value.Dict, error) {
	text, name := arg, "--context"
	if data, err := os.ReadFile(arg); err == nil {
		text, name = string(data), arg
	} else if !strings.ContainsAny(arg, "{:\n") || !errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(arg, "{\n") {
		return nil, usageErrorf("read context: %w", err)
	}
	node, problems := pyyaml.Parse(nil, text)
	for _, p := range problems {
		if !p.Warning {
			return nil, usageErrorf("%s:%d:%d: %s", name, p.Line, p.Column, p.Message)
		}
	}
	if node == nil {
		return value.NewDict(0), nil
	}
	d, ok := node.Value.(*value.Dict)
	if !ok {
		return nil, usageErrorf("%s: the context must be a mapping, not %s", name, value.TypeName(node.Value))
	}
	return d, nil
}

// executionContext shows a past execution as its expressions saw it: its
// parameters as variables, its context as st2 and action_context, its result
// as that of the current task.
func (a *app) executionContext(ctx context.Context, id string, into *value.Dict) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	ex, err := c.Execution(ctx, id)
	if err != nil {
		return err
	}
	decode := func(doc []byte) any {
		v, err := value.FromJSON(doc)
		if err != nil {
			return nil
		}
		return v
	}
	if params, ok := decode(ex.Parameters).(*value.Dict); ok {
		into.Update(params)
	}
	st2 := value.NewDict(4)
	if ctx, ok := decode(ex.Context).(*value.Dict); ok {
		into.SetStr("action_context", ctx)
		st2.Update(ctx)
	}
	st2.SetStr("action_execution_id", ex.ID)
	into.SetStr("st2", st2)
	route, task := int64(0), value.NewDict(4)
	task.SetStr("id", "task")
	task.SetStr("route", route)
	task.SetStr("result", decode(ex.Result))
	into.SetStr(expr.VarCurrentTask, task)
	into.SetStr(expr.VarState, value.DictOf(
		"tasks", value.DictOf("task__r0", int64(0)),
		"sequence", value.NewList(value.DictOf("id", "task", "route", route, "status", string(ex.Status))),
		"routes", value.NewList(value.NewList()),
	))
	return nil
}

// flagStore is a datastore of --kv flags.
type flagStore map[expr.KeyRef]string

func exprStore(f exprFlags) (expr.Datastore, error) {
	s := flagStore{}
	for _, pair := range f.keys {
		key, text, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usageErrorf("--kv %s: want system.key=text or key=text", pair)
		}
		if name, ok := strings.CutPrefix(key, expr.ScopeSystem+"."); ok {
			s[expr.KeyRef{Scope: expr.ScopeSystem, Name: name}] = text
		} else {
			s[expr.KeyRef{Scope: expr.ScopeUser, User: f.user, Name: strings.TrimPrefix(key, expr.ScopeUser+".")}] = text
		}
	}
	return s, nil
}

// Get implements expr.Datastore.
func (s flagStore) Get(_ context.Context, key expr.KeyRef) (string, bool, error) {
	key.Decrypt = false
	text, ok := s[key]
	return text, ok, nil
}

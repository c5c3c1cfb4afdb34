package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/yaql"
	"squall/internal/squall"
	"squall/internal/workflow"
)

func (a *app) workflowCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "workflow", Short: "Check, try and draw workflows: definitions without a server, and executions"}
	cmd.AddCommand(a.workflowInspectCommand(), a.workflowRehearseCommand(), a.workflowGraphCommand(), a.workflowConvertCommand())
	return cmd
}

// workflowExprs are the languages as workflows see them.
func workflowExprs() *expr.Set {
	return expr.NewSet(expr.Limits{}, jinja.New(), yaql.New(yaql.Options{}))
}

// loadWorkflow reads a definition that must load.
func (a *app) loadWorkflow(path string) (*workflow.Spec, error) {
	text, err := a.readFile(path)
	if err != nil {
		return nil, err
	}
	spec, problems := workflow.Parse(text)
	if spec == nil {
		return nil, usageErrorf("%s", finding(path, problems[0]))
	}
	return spec, nil
}

// finding is a problem as compilers write it.
func finding(path string, p workflow.Problem) string {
	at := path
	if p.Line > 0 {
		at = fmt.Sprintf("%s:%d:%d", path, p.Line, p.Column)
	}
	text := fmt.Sprintf("%s: %s: %s", at, p.Category, p.Message)
	if strings.Contains(p.Message, "found character that cannot start any token") {
		text += " Is there a tab? YAML is indented with spaces."
	}
	if p.Expression != "" {
		text += "\n    " + strings.ReplaceAll(p.Expression, "\n", "\n    ")
	}
	return text
}

// inspection is a file's findings for programs.
type inspection struct {
	File     string          `json:"file"`
	Findings []inspectedFact `json:"findings"`
}

type inspectedFact struct {
	Category   string `json:"category"`
	Message    string `json:"message"`
	Line       int    `json:"line,omitempty"`
	Column     int    `json:"column,omitempty"`
	SpecPath   string `json:"spec_path,omitempty"`
	SchemaPath string `json:"schema_path,omitempty"`
	Language   string `json:"type,omitempty"`
	Expression string `json:"expression,omitempty"`
}

func (a *app) workflowInspectCommand() *cobra.Command {
	var (
		out   format
		known []string
	)
	cmd := &cobra.Command{
		Use:   "inspect FILE...",
		Short: "List everything that is wrong with definitions, with line and column",
		Long: `Inspect definitions: their syntax, their graph (undefined tasks, joins that can
never be reached), their expressions, and variables used before they are
assigned. FILE is a definition; - is standard input.

The command ends with status 1 when there is a finding.`,
		Example: "  squall workflow inspect actions/workflows/*.yaml\n  squall workflow inspect deploy.yaml --known st2 -j",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.inspect(out, args, known)
		},
	}
	out.addTo(cmd)
	cmd.Flags().StringSliceVar(&known, "known", []string{"st2"}, "variables an execution has beside its inputs")
	return cmd
}

func (a *app) inspect(out format, files, known []string) error {
	set := workflowExprs()
	total := 0
	list := make([]inspection, 0, len(files))
	for _, path := range files {
		text, err := a.readFile(path)
		if err != nil {
			return err
		}
		spec, problems := workflow.Parse(text)
		if spec != nil {
			problems = spec.Inspect(set, known)
		}
		total += len(problems)
		one := inspection{File: path, Findings: []inspectedFact{}}
		for _, p := range problems {
			one.Findings = append(one.Findings, inspectedFact{string(p.Category), p.Message, p.Line, p.Column, p.SpecPath, p.SchemaPath, p.Language, p.Expression})
			if !out.machine() {
				fmt.Fprintln(a.io.Stdout, finding(path, p))
			}
		}
		list = append(list, one)
	}
	if out.machine() {
		if err := out.print(a.io.Stdout, list); err != nil {
			return err
		}
	}
	if total > 0 {
		return &ExitError{Code: ExitFailed}
	}
	return nil
}

func (a *app) workflowGraphCommand() *cobra.Command {
	var form, execution string
	cmd := &cobra.Command{
		Use:   "graph FILE | graph --execution ID",
		Short: "Draw a definition as SVG, DOT or Mermaid, or an execution with its states",
		Long: `Draw the definition in FILE, or with --execution the definition that a workflow
follows, its tasks coloured by their states: of a task visited several times the
last one counts.`,
		Example: `  squall workflow graph deploy.yaml > deploy.svg
  squall workflow graph deploy.yaml --format dot | dot -Tpng > deploy.png
  squall workflow graph --execution last > run.svg`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var spec *workflow.Spec
			var states workflow.States
			var err error
			switch {
			case (len(args) == 1) == (execution != ""):
				return usageErrorf("give either a file or --execution\nsee squall workflow graph --help")
			case execution != "":
				spec, states, err = a.executedWorkflow(cmd.Context(), execution)
			default:
				spec, err = a.loadWorkflow(args[0])
			}
			if err != nil {
				return err
			}
			g, err := spec.Graph()
			if err != nil {
				return usageErrorf("%s: %w", strings.Join(args, ""), err)
			}
			draw, ok := map[string]func(workflow.States) string{"svg": g.SVG, "dot": g.DOT, "mermaid": g.Mermaid}[form]
			if !ok {
				return usageErrorf("--format is svg, dot or mermaid, not %q", form)
			}
			_, err = fmt.Fprint(a.io.Stdout, draw(states))
			return err
		},
	}
	cmd.Flags().StringVar(&form, "format", "svg", "svg, dot or mermaid")
	cmd.Flags().StringVar(&execution, "execution", "", "draw what this execution follows, with its states")
	return cmd
}

// executedWorkflow is the definition that an execution follows, and the states of
// its tasks.
func (a *app) executedWorkflow(ctx context.Context, id string) (*workflow.Spec, workflow.States, error) {
	c, err := a.connect()
	if err != nil {
		return nil, nil, err
	}
	if id, err = outermost(ctx, c, id); err != nil {
		return nil, nil, err
	}
	flow, err := c.Flow(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	spec, problems := workflow.Parse([]byte(flow.Definition))
	if spec == nil {
		return nil, nil, usageErrorf("%s", finding("the definition of "+id, problems[0]))
	}
	states := workflow.States{}
	for _, v := range flow.Visits {
		states[v.Task] = squall.Status(v.Status)
		if v.Status == "" {
			states[v.Task] = squall.Running
		}
	}
	return spec, states, nil
}

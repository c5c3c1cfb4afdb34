package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/yaql"
	"squall/internal/workflow"
)

func (a *app) workflowCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "workflow", Short: "Check, try and draw workflow definitions, without a server"}
	cmd.AddCommand(a.workflowInspectCommand(), a.workflowRehearseCommand(), a.workflowGraphCommand())
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
	var form string
	cmd := &cobra.Command{
		Use:     "graph FILE",
		Short:   "Draw a definition as SVG, DOT or Mermaid",
		Example: "  squall workflow graph deploy.yaml > deploy.svg\n  squall workflow graph deploy.yaml --format dot | dot -Tpng > deploy.png",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			spec, err := a.loadWorkflow(args[0])
			if err != nil {
				return err
			}
			g, err := spec.Graph()
			if err != nil {
				return usageErrorf("%s: %w", args[0], err)
			}
			draw, ok := map[string]func(workflow.States) string{"svg": g.SVG, "dot": g.DOT, "mermaid": g.Mermaid}[form]
			if !ok {
				return usageErrorf("--format is svg, dot or mermaid, not %q", form)
			}
			_, err = fmt.Fprint(a.io.Stdout, draw(nil))
			return err
		},
	}
	cmd.Flags().StringVar(&form, "format", "svg", "svg, dot or mermaid")
	return cmd
}

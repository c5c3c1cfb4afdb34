package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
	"squall/internal/expr/yaql"
	"squall/internal/workflow"
)

func (a *app) workflowRehearseCommand() *cobra.Command {
	var (
		out   format
		cases string
		only  string
		trace bool
		from  string
	)
	cmd := &cobra.Command{
		Use:   "rehearse FILE | rehearse --from-execution ID",
		Short: "Run a definition with mocked results and say what would happen",
		Long: `Run a workflow without running any action: the results come from cases, delays
are not waited for. Without --cases there are no inputs, every action succeeds with
null, and the status is 1 when the workflow fails all the same.

Cases are JSON or YAML: one case, a list of cases, or a mapping with a list
"cases" (and then FILE may be that mapping, with the definition as text under
"workflow"). What a case holds is described in docs/workflows.md. Where a case
says what it expects ("expect"), the outcome is compared, and the command ends
with status 1 when they differ.

--from-execution writes a case instead of running one: the definition that a real
execution followed, its inputs, how its actions ended, and what came of it as
what is expected. What it writes can be rehearsed as it is.`,
		Example: `  squall workflow rehearse deploy.yaml
  squall workflow rehearse deploy.yaml --cases deploy-cases.yaml --trace
  squall workflow rehearse --from-execution last > run.yaml && squall workflow rehearse run.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case (len(args) == 1) == (from != ""):
				return usageErrorf("give either a file or --from-execution\nsee squall workflow rehearse --help")
			case from != "":
				return a.writeCase(cmd.Context(), out, from)
			}
			r, err := a.newRehearsals(args[0], cases)
			if err != nil {
				return err
			}
			return r.run(cmd.Context(), out, only, trace)
		},
	}
	out.addTo(cmd)
	cmd.Flags().StringVarP(&cases, "cases", "c", "", "file with cases")
	cmd.Flags().StringVar(&only, "name", "", "only the case of this name")
	cmd.Flags().StringVar(&from, "from-execution", "", "write a case from this execution")
	cmd.Flags().BoolVarP(&trace, "trace", "t", false, "print every step")
	return cmd
}

// rehearsals are a definition and its cases.
type rehearsals struct {
	app   *app
	spec  *workflow.Spec
	cases []*value.Dict
	host  workflow.Host

	imagined bool // nobody gave a case; ours has no inputs
}

func (a *app) newRehearsals(file, caseFile string) (*rehearsals, error) {
	r := &rehearsals{app: a, host: workflow.Host{Exprs: workflowExprs()}}
	text, err := a.readFile(file)
	if err != nil {
		return nil, err
	}
	doc, _ := loadDocument(text)
	if d, ok := doc.(*value.Dict); ok && caseFile == "" {
		if inner, ok := d.GetStr("workflow"); ok {
			definition, _ := inner.(string)
			text = []byte(definition)
			if err := r.addCases(doc); err != nil {
				return nil, err
			}
		}
	}
	spec, problems := workflow.Parse(text)
	if spec == nil {
		return nil, usageErrorf("%s", finding(file, problems[0]))
	}
	r.spec = spec
	if caseFile != "" {
		text, err := a.readFile(caseFile)
		if err != nil {
			return nil, err
		}
		doc, err := loadDocument(text)
		if err != nil {
			return nil, usageErrorf("%s: %w", caseFile, err)
		}
		if err := r.addCases(doc); err != nil {
			return nil, usageErrorf("%s: %w", caseFile, err)
		}
	}
	if r.imagined = len(r.cases) == 0; r.imagined {
		r.cases = []*value.Dict{value.DictOf("name", "when every action succeeds")}
	}
	return r, nil
}

// loadDocument reads JSON or YAML.
func loadDocument(text []byte) (any, error) {
	if v, err := value.FromJSON(text); err == nil {
		return v, nil
	}
	return pyyaml.SafeLoad(nil, string(text))
}

func (r *rehearsals) addCases(doc any) error {
	items := []any{doc}
	switch d := doc.(type) {
	case *value.List:
		items = d.Items
	case *value.Dict:
		if l, ok := d.GetStr("cases"); ok {
			list, ok := l.(*value.List)
			if !ok {
				return usageErrorf("cases is not a list")
			}
			items = list.Items
		}
		if d.Has("format") {
			// A recording of the original: its host is followed to the letter,
			// and had Orquesta's own functions only.
			r.host.FreshResults = true
			r.host.Exprs = expr.NewSet(expr.Limits{}, jinja.NewOrquesta(), yaql.New(yaql.Options{Orquesta: true}))
		}
	}
	for i, item := range items {
		d, ok := item.(*value.Dict)
		if !ok {
			return usageErrorf("case %d is not a mapping", i)
		}
		r.cases = append(r.cases, d)
	}
	return nil
}

func (r *rehearsals) run(ctx context.Context, out format, only string, trace bool) error {
	coverage, err := workflow.NewCoverage(r.spec)
	if err != nil {
		return usageErrorf("%w", err)
	}
	failed := 0
	all := value.NewList()
	for _, d := range r.cases {
		c, err := workflow.ReadCase(d)
		if err != nil {
			return usageErrorf("%w", err)
		}
		if only != "" && c.Name != only {
			continue
		}
		run, err := workflow.Rehearse(ctx, r.spec, c, r.host)
		if err != nil {
			return fmt.Errorf("rehearse %s: %w", c.Name, err)
		}
		coverage.Add(run)
		outcome := run.Value()
		differences := compareExpected(d, outcome)
		if status, _ := outcome.GetStr("status"); len(differences) > 0 || r.imagined && status != "succeeded" {
			failed++
		}
		if out.machine() {
			outcome.SetStr("name", c.Name)
			outcome.SetStr("differences", value.FromGo(differences))
			all.Items = append(all.Items, outcome)
			continue
		}
		r.show(c.Name, outcome, differences, trace)
	}
	if out.machine() {
		if err := r.printAll(out, all); err != nil {
			return err
		}
	} else {
		r.showCoverage(coverage)
		if r.imagined && failed > 0 {
			fmt.Fprintln(r.app.io.Stderr, "A case gives inputs, and says what is expected: --cases FILE; see squall workflow rehearse --help")
		}
	}
	if failed > 0 {
		return &ExitError{Code: ExitFailed}
	}
	return nil
}

func (r *rehearsals) printAll(out format, all *value.List) error {
	text, err := value.ToJSON(all)
	if err != nil {
		return err
	}
	if out.yaml {
		return printYAML(r.app.io.Stdout, text)
	}
	_, err = fmt.Fprintf(r.app.io.Stdout, "%s\n", text)
	return err
}

// compareExpected lists where an outcome is not what its case expects.
func compareExpected(c, outcome *value.Dict) []string {
	v, _ := c.GetStr("expect")
	want, ok := v.(*value.Dict)
	if !ok {
		return nil
	}
	var out []string
	for k, w := range want.All() {
		if got, _ := outcome.Get(k); !value.Equal(w, got) {
			out = append(out, fmt.Sprintf("%v: expected %s, got %s", k, oneLineValue(w), oneLineValue(got)))
		}
	}
	return out
}

func oneLineValue(v any) string {
	text, err := value.ToJSON(v)
	if err != nil {
		return value.TypeName(v)
	}
	if len(text) > 400 {
		return string(text[:400]) + "..."
	}
	return string(text)
}

func (r *rehearsals) show(name string, outcome *value.Dict, differences []string, trace bool) {
	w := r.app.io.Stdout
	status, _ := outcome.GetStr("status")
	output, _ := outcome.GetStr("output")
	if name == "" {
		name = "(no name)"
	}
	verdict := ""
	if len(differences) > 0 {
		verdict = "  NOT AS EXPECTED"
	}
	fmt.Fprintf(w, "%s: %v%s\n", name, status, verdict)
	for _, d := range differences {
		fmt.Fprintf(w, "    %s\n", d)
	}
	if trace {
		steps, _ := outcome.GetStr("trace")
		if l, ok := steps.(*value.List); ok {
			for _, s := range l.Items {
				fmt.Fprintf(w, "    %s\n", traceLine(s))
			}
		}
	}
	if errs, _ := outcome.GetStr("errors"); errs != nil {
		if l, ok := errs.(*value.List); ok {
			for _, e := range l.Items {
				fmt.Fprintf(w, "    error: %s\n", errorLine(e))
			}
		}
	}
	fmt.Fprintf(w, "    output: %s\n", oneLineValue(output))
}

// errorLine is an error of a workflow for a person: the message, and in which task.
func errorLine(v any) string {
	d, ok := v.(*value.Dict)
	if !ok {
		return oneLineValue(v)
	}
	message, _ := d.GetStr("message")
	text, ok := message.(string)
	if !ok {
		return oneLineValue(v)
	}
	if task, _ := d.GetStr("task_id"); task != nil {
		return fmt.Sprintf("task %v: %s", task, text)
	}
	return text
}

// traceLine is a step for a person: what, then the rest as name=value.
func traceLine(step any) string {
	d, ok := step.(*value.Dict)
	if !ok {
		return ""
	}
	var b strings.Builder
	kind, _ := d.GetStr("ev")
	fmt.Fprintf(&b, "%-9v", kind)
	for k, v := range d.All() {
		if k == "ev" {
			continue
		}
		if text, isText := v.(string); isText {
			fmt.Fprintf(&b, " %v=%s", k, text)
		} else {
			fmt.Fprintf(&b, " %v=%s", k, oneLineValue(v))
		}
	}
	return b.String()
}

func (r *rehearsals) showCoverage(c *workflow.Coverage) {
	w := r.app.io.Stdout
	tasks, missedTasks := c.Tasks()
	edges, missedEdges := c.Transitions()
	fmt.Fprintf(w, "covered: %d of %d tasks, %d of %d transitions\n", tasks-len(missedTasks), tasks, edges-len(missedEdges), edges)
	for _, t := range missedTasks {
		fmt.Fprintf(w, "    never started: %s\n", t)
	}
	for _, e := range missedEdges {
		fmt.Fprintf(w, "    never taken: %s -> %s (next[%d])\n", e.From.Name, e.To.Name, e.Ref)
	}
}

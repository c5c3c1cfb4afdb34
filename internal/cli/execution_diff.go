package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/spf13/cobra"

	"squall/internal/client"
)

func (a *app) executionDiffCommand() *cobra.Command {
	var out format
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Say in what two executions differ",
		Long: `Compare two executions: action, parameters, state and result; of workflows also which
tasks they came to, in which order and how those ended, and the variables.

The command ends with status 1 when there is a difference, as diff does.`,
		Example: "  squall execution diff 6b0314fc6e31f466e4e4acd2 6b0315266e31f466e4e4acd8",
		Args:    cobra.ExactArgs(2),
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			var sides [2]map[string]any
			for i, id := range args {
				var err error
				if sides[i], err = compared(ctx, c, id); err != nil {
					return err
				}
			}
			list := differences("", sides[0], sides[1], nil)
			if out.machine() {
				if list == nil {
					list = []difference{}
				}
				if err := out.print(a.io.Stdout, list); err != nil {
					return err
				}
			} else {
				a.printDifferences(list)
			}
			if len(list) > 0 {
				return &ExitError{Code: ExitFailed}
			}
			return nil
		}),
	}
	out.addTo(cmd)
	return cmd
}

// compared is what of an execution is compared.
func compared(ctx context.Context, c *client.Client, id string) (map[string]any, error) {
	id, err := outermost(ctx, c, id)
	if err != nil {
		return nil, err
	}
	ex, err := c.Execution(ctx, id)
	if err != nil {
		return nil, err
	}
	doc := map[string]any{"action": ex.ActionRef(), "status": string(ex.Status), "user": ex.User()}
	for name, text := range map[string]json.RawMessage{"parameters": ex.Parameters, "result": ex.Result} {
		var v any
		if len(text) > 0 && json.Unmarshal(text, &v) == nil {
			doc[name] = v
		}
	}
	if ex.LiveAction == nil || !ex.LiveAction.IsWorkflow {
		return doc, nil
	}
	flow, err := c.Flow(ctx, ex.ID)
	if err != nil {
		return nil, err
	}
	visits := make([]any, len(flow.Visits))
	for i, v := range flow.Visits {
		visits[i] = v.Task + " " + v.Status
	}
	doc["tasks"], doc["definition"] = visits, flow.Definition
	vars, err := c.FlowContext(ctx, ex.ID, -1)
	if err != nil {
		return nil, err
	}
	var variables map[string]any
	if err := json.Unmarshal(vars.Variables, &variables); err != nil {
		return nil, fmt.Errorf("read the variables of %s: %w", id, err)
	}
	delete(variables, "st2") // names the execution itself
	doc["variables"] = variables
	return doc, nil
}

// difference is a place where two documents are not alike. A side that lacks it is nil.
type difference struct {
	Path string `json:"path"`
	A    any    `json:"a"`
	B    any    `json:"b"`
}

// differences lists where a and b differ, deepest places first named.
func differences(path string, a, b any, list []difference) []difference {
	if reflect.DeepEqual(a, b) {
		return list
	}
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			break
		}
		names := maps.Clone(x)
		maps.Copy(names, y)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			at := name
			if path != "" {
				at = path + "." + name
			}
			list = differences(at, x[name], y[name], list)
		}
		return list
	case []any:
		y, ok := b.([]any)
		if !ok {
			break
		}
		for i := range max(len(x), len(y)) {
			var p, q any
			if i < len(x) {
				p = x[i]
			}
			if i < len(y) {
				q = y[i]
			}
			list = differences(fmt.Sprintf("%s[%d]", path, i), p, q, list)
		}
		return list
	}
	return append(list, difference{path, a, b})
}

func (a *app) printDifferences(list []difference) {
	st := newStyles(a.io.renderer())
	if len(list) == 0 {
		fmt.Fprintln(a.io.Stdout, "no difference")
		return
	}
	for _, d := range list {
		fmt.Fprintln(a.io.Stdout, st.key.Render(d.Path))
		for _, side := range []struct {
			mark string
			v    any
		}{{"- ", d.A}, {"+ ", d.B}} {
			if side.v != nil {
				fmt.Fprintln(a.io.Stdout, side.mark+compactJSON(side.v))
			}
		}
	}
}

// compactJSON is a value in one line, texts without quotes.
func compactJSON(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

package mistral_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/workflow"
	"squall/internal/workflow/chain"
	"squall/internal/workflow/mistral"
)

var chains = []string{
	`
# what it is for
vars: {n: 0, who: "{{ name }}", nested: [1, {k: "{{ count }}"}]}
chain:
  # the first
  - {name: a, ref: p.a, parameters: {x: "{{ who }} {{ n }}", y: "{{ nested }}"}, publish: {n: "{{ a.stdout }}", seen: [1, "{{ n }}"]}, on-success: b, on-failure: c}
  - {name: b, ref: p.a, params: {x: "{{ __results.a.stdout }}{{ n }}", fail: "{{ count }}"}, on-success: c, on-failure: c}
  - {name: c, ref: p.a, parameters: {x: "{{ b.result.x | upper }}", z: "{% for i in [1, 2] %}{{ i }}{{ count }}{% endfor %}"}, publish: {last: "{{ c.result }}"}}
`,
	`chain: [{name: a, ref: p.a, parameters: {fail: true}, publish: {v: "{{ a.stdout }}"}}, {name: b, ref: p.a}]`,
	`chain: [{name: retry, ref: p.a, on-success: b}, {name: b, ref: p.a, parameters: {x: "{{ retry.stdout }}"}, publish: {v: "{{ b.result.x }}"}}]`,
	`{default: b, chain: [{name: a, ref: p.a, on-success: b}, {name: b, ref: p.a, publish: {v: "{{ count + 1 }}"}}]}`,
	`chain: [{name: a, ref: p.a, publish: {v: "{{ name if count > 1 else 'few' }}", w: "{{ v | default('none') }}", x: 5}}]`,
	`{vars: {v: 1}, chain: [{name: a, ref: p.a, publish: {v: "{{ nosuch }}"}, on-failure: b}, {name: b, ref: p.a}]}`,
	`chain: [{name: a, ref: p.a, parameters: {x: "{{ nosuch }}"}, on-failure: b}, {name: b, ref: p.a}]`,
	`chain: [{name: a, ref: p.a, parameters: {x: "{{ dict(k=name).k }}", y: "{{ name is string }}", fail: "{{ name == 'x' }}"}, publish: {v: "{{ a.result.y }} {{ a.result.x }}"}}]`,
}

// A converted chain runs the same tasks with the same inputs, publishes the same
// and ends the same as the chain itself.
func TestChainsConverted(t *testing.T) {
	input := value.DictOf("name", "bob", "count", int64(2))
	for i, text := range chains {
		res := mistral.Convert([]byte(text), mistral.Options{Pack: "p", Name: "chain", Exprs: exprs, Parameters: []string{"name", "count"}})
		w := res.Workflows[0]
		if strings.Contains(text, "nosuch") {
			if w.Verdict != mistral.NotAtAll {
				t.Errorf("chain %d reads what does not exist, and is %s", i, w.Verdict)
			}
			continue
		}
		if res.Kind != "action-chain" || w.Text == "" {
			t.Errorf("chain %d: %s %+v", i, w.Verdict, w.Notes)
			continue
		}
		want := runChain(t, text, input)
		got := runConverted(t, w, input)
		if want != got {
			t.Errorf("chain %d:\nwant %s\ngot  %s\n%s", i, want, got, w.Text)
		}
	}
}

// runChain tells what a chain does: its actions with their inputs, how it ends,
// and what it published.
func runChain(t *testing.T, text string, input *value.Dict) string {
	t.Helper()
	spec, err := chain.Parse(text, "c", "c")
	if err != nil {
		t.Fatal(err)
	}
	c, _ := chain.New(t.Context(), spec, chain.Start{Parameters: input}, chain.Host{})
	var b strings.Builder
	var queue []workflow.RunAction
	if !c.Status().Final() {
		queue = c.Apply(t.Context(), workflow.Request{Status: squall.Running}).Run
	}
	for len(queue) > 0 && b.Len() < 10_000 {
		run := queue[0]
		status, result := act(run)
		fmt.Fprintf(&b, "%s; ", told(t, run))
		queue = c.Apply(t.Context(), workflow.Report{Task: run.Task, Route: run.Route, Item: workflow.NoItem, Status: status, Result: result,
			Child: workflow.Child{Execution: "e", Created: "t", Updated: "t"}}).Run
	}
	published, _ := c.Result().GetStr("published")
	return b.String() + string(c.Status()) + " " + shown(t, c.Status(), published)
}

func runConverted(t *testing.T, w mistral.Workflow, input *value.Dict) string {
	t.Helper()
	spec, problems := workflow.Parse([]byte(w.Text))
	if spec == nil {
		t.Fatal(problems)
	}
	tasks := &results{last: map[string]any{}}
	host := workflow.Host{Exprs: exprs, Env: expr.Env{Tasks: tasks}}
	c, _, err := workflow.New(t.Context(), spec, workflow.Start{Input: input, Context: value.DictOf("st2", value.DictOf("workflow_execution_id", "w"))}, host)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	var queue []workflow.RunAction
	if !c.Status().Final() {
		queue = c.Apply(context.Background(), workflow.Request{Status: squall.Running}).Run
	}
	for len(queue) > 0 && b.Len() < 10_000 {
		run := queue[0]
		status, result := act(run)
		fmt.Fprintf(&b, "%s; ", told(t, run))
		tasks.put(run, result)
		queue = append(queue[1:], c.Apply(context.Background(), workflow.Report{Task: run.Task, Route: run.Route, Item: run.Item, Status: status, Result: result}).Run...)
	}
	var out any
	if c.Output() != nil {
		out = c.Output()
	}
	return b.String() + string(c.Status()) + " " + shown(t, c.Status(), out)
}

func told(t *testing.T, run workflow.RunAction) string {
	t.Helper()
	input := run.Input
	if input == nil {
		input = value.NewDict(0)
	}
	text, err := value.ToJSON(input)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(run.Task, "_task") + " " + string(text)
}

// act is the stub of all actions: they echo, and fail when they are told to.
func act(run workflow.RunAction) (squall.Status, any) {
	input, _ := run.Input.(*value.Dict)
	if input == nil {
		input = value.NewDict(0)
	}
	result := value.DictOf("result", input, "stdout", strings.TrimSuffix(run.Task, "_task")+" said", "return_code", int64(0))
	if fail, ok := input.GetStr("fail"); ok && (fail == true || fail == "2" || fail == "True") {
		return squall.Failed, result
	}
	return squall.Succeeded, result
}

// shown are the variables of one that ended well, without those that are null.
func shown(t *testing.T, s squall.Status, v any) string {
	t.Helper()
	d, ok := v.(*value.Dict)
	if !ok || s != squall.Succeeded {
		return "{}"
	}
	out := value.NewDict(d.Len())
	var names []string
	for k := range d.All() {
		names = append(names, k.(string))
	}
	slices.Sort(names)
	for _, name := range names {
		if x, _ := d.GetStr(name); x != nil && x != "None" {
			out.SetStr(name, x)
		}
	}
	text, err := value.ToJSON(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every workflow and chain of the real packs is converted; those that are
// converted pass inspection and are not changed by a second conversion's
// formatting. The figures are in the log.
func TestPacksConverted(t *testing.T) {
	dir := os.Getenv("SQUALL_PACKS_METADATA")
	if dir == "" {
		dir = "../../../../shared/compat/packs-metadata"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: no corpus of pack metadata (%v); set SQUALL_PACKS_METADATA", err)
	}
	count := map[string]int{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".yaml") && !strings.HasSuffix(path, ".yml") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		kind := mistral.Kind(text)
		if kind == "" {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		pack, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		res := mistral.Convert(text, mistral.Options{Pack: pack, Name: name, Exprs: exprs})
		for _, w := range res.Workflows {
			count[kind+" "+string(w.Verdict)]++
			if w.Verdict == mistral.NotAtAll {
				t.Logf("%s: %s: %+v", rel, w.Name, w.Notes)
				continue
			}
			again := mistral.Convert(text, mistral.Options{Pack: pack, Name: name, Exprs: exprs})
			if !slices.ContainsFunc(again.Workflows, func(o mistral.Workflow) bool { return o.Text == w.Text }) {
				t.Errorf("%s: a second conversion gives another text", rel)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v", count)
	if count["action-chain complete"]+count["action-chain look here"] == 0 || count["mistral complete"]+count["mistral look here"] == 0 {
		t.Error("nothing was converted")
	}
}

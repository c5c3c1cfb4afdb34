package workflow_test

import (
	"fmt"
	"strings"
	"testing"

	"squall/internal/expr/value"
	"squall/internal/squall"
	"squall/internal/workflow"
)

// chain is a workflow of n tasks in a row; each publishes its result.
func chain(n int) string {
	var b strings.Builder
	b.WriteString("version: 1.0\ninput: [x]\ntasks:\n")
	for i := range n {
		fmt.Fprintf(&b, "  t%d:\n    action: core.echo message=<%% ctx(x) %%>\n", i)
		if i < n-1 {
			fmt.Fprintf(&b, "    next:\n      - when: <%% succeeded() %%>\n        publish: x=<%% result() %%>\n        do: t%d\n", i+1)
		}
	}
	b.WriteString("output: [{x: <% ctx(x) %>}]\n")
	return b.String()
}

// drive runs a workflow to its end, each action succeeding with its message.
func drive(tb testing.TB, spec *workflow.Spec, input *value.Dict) (reports int) {
	c, _, err := workflow.New(tb.Context(), spec, workflow.Start{Input: input}, host())
	if err != nil {
		tb.Fatal(err)
	}
	ch := c.Apply(tb.Context(), workflow.Request{Status: squall.Running})
	queue := ch.Run
	for len(queue) > 0 {
		run := queue[0]
		queue = queue[1:]
		result := any(int64(reports))
		if d, ok := run.Input.(*value.Dict); ok {
			if v, ok := d.GetStr("message"); ok {
				result = v
			}
		}
		ch = c.Apply(tb.Context(), workflow.Report{Task: run.Task, Route: run.Route, Item: run.Item, Status: squall.Succeeded, Result: result})
		queue = append(queue, ch.Run...)
		reports++
	}
	if c.Status() != squall.Succeeded {
		tb.Fatalf("the workflow is %s: %v", c.Status(), c.Errors())
	}
	return reports
}

func benchmarkChain(b *testing.B, n int) {
	spec := parse(b, chain(n))
	input := value.DictOf("x", "start")
	b.ReportAllocs()
	for b.Loop() {
		if got := drive(b, spec, input); got != n {
			b.Fatalf("%d reports", got)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/task")
}

func BenchmarkChain100(b *testing.B)   { benchmarkChain(b, 100) }
func BenchmarkChain1000(b *testing.B)  { benchmarkChain(b, 1000) }
func BenchmarkChain10000(b *testing.B) { benchmarkChain(b, 10_000) }

const itemsWorkflow = `
version: 1.0
input: [hosts]
tasks:
  each:
    with: {items: h in <% ctx(hosts) %>, concurrency: CONCURRENCY}
    action: core.local
    input: {cmd: echo <% item(h) %>}
    next: [{publish: [{out: <% result().len() %>}]}]
output: [{out: <% ctx(out) %>}]
`

func benchmarkItems(b *testing.B, n, concurrency int) {
	spec := parse(b, strings.ReplaceAll(itemsWorkflow, "CONCURRENCY", fmt.Sprint(concurrency)))
	hosts := value.NewList()
	for i := range n {
		hosts.Items = append(hosts.Items, fmt.Sprintf("node%05d", i))
	}
	input := value.DictOf("hosts", hosts)
	b.ReportAllocs()
	for b.Loop() {
		if got := drive(b, spec, input); got != n {
			b.Fatalf("%d reports", got)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/item")
}

func BenchmarkItems250(b *testing.B)   { benchmarkItems(b, 250, 50) }
func BenchmarkItems1000(b *testing.B)  { benchmarkItems(b, 1000, 50) }
func BenchmarkItems10000(b *testing.B) { benchmarkItems(b, 10_000, 50) }

// BenchmarkCarry4MB carries a value of 4 MB through 100 tasks.
func BenchmarkCarry4MB(b *testing.B) {
	spec := parse(b, chain(100))
	list := value.NewList()
	for i := range 40_000 {
		list.Items = append(list.Items, value.DictOf("name", fmt.Sprintf("node%05d", i), "load", float64(i), "tags", value.NewList("a", "b")))
	}
	input := value.DictOf("x", list)
	b.ReportAllocs()
	for b.Loop() {
		drive(b, spec, input)
	}
}

// BenchmarkRestore1000 restores a chain of 1,000 tasks that is over.
func BenchmarkRestore1000(b *testing.B) {
	spec := parse(b, chain(1000))
	rows := finalRows(b, spec)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := workflow.Restore(spec, rows, host()); err != nil {
			b.Fatal(err)
		}
	}
}

// fan is a workflow of n parallel tasks that join.
func fan(n int) string {
	var b, names strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  t%d:\n    action: core.noop\n    next: [{when: <%% succeeded() %%>, publish: [{v%d: %d}], do: join}]\n", i, i, i)
		fmt.Fprintf(&names, "t%d,", i)
	}
	return "version: 1.0\ninput: [x]\ntasks:\n  start:\n    next: [{do: [" + strings.TrimSuffix(names.String(), ",") + "]}]\n" +
		"  join: {join: all, action: core.noop}\n" + b.String()
}

func benchmarkFan(b *testing.B, n int) {
	spec := parse(b, fan(n))
	b.ReportAllocs()
	for b.Loop() {
		if got := drive(b, spec, nil); got != n+1 {
			b.Fatalf("%d reports", got)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/task")
}

func BenchmarkFan10(b *testing.B)   { benchmarkFan(b, 10) }
func BenchmarkFan100(b *testing.B)  { benchmarkFan(b, 100) }
func BenchmarkFan1000(b *testing.B) { benchmarkFan(b, 1000) }

func BenchmarkParse(b *testing.B) {
	src := []byte(chain(100))
	b.ReportAllocs()
	for b.Loop() {
		if spec, problems := workflow.Parse(src); spec == nil {
			b.Fatal(problems)
		}
	}
}

func BenchmarkInspect(b *testing.B) {
	spec := parse(b, chain(100))
	for b.Loop() {
		if found := spec.Inspect(exprs(), nil); len(found) > 0 {
			b.Fatal(found)
		}
	}
}

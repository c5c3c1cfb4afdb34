package workflow_test

import (
	"testing"

	"squall/internal/workflow"
)

// FuzzParse: a definition either loads or says why not, and inspecting what
// loads never panics.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		fanOut, chain(3), "", "tasks: {a: {action: x}}", "version: 1.0\ntasks: {a: {next: [{do: a}]}}",
		"tasks:\n  a: {with: 'i in <% ctx(x) %>', action: 'core.noop a=[1] b=\"x\"', next: [{do: 'retry, fail', publish: 'k=<% result() %>'}]}",
		"vars: [&a {b: *a}]\ntasks: {}", "tasks: {a: {join: all, retry: {count: 1}}}\noutput: [x: '{{ ctx().y }}']",
	} {
		f.Add([]byte(seed))
	}
	set := exprs()
	f.Fuzz(func(t *testing.T, src []byte) {
		spec, problems := workflow.Parse(src)
		if (spec == nil) != (len(problems) > 0) {
			t.Fatalf("spec %v, problems %v", spec != nil, problems)
		}
		if spec == nil {
			return
		}
		for _, p := range spec.Inspect(set, nil) {
			if p.Message == "" || p.Line < 1 {
				t.Errorf("a finding without message or place: %+v", p)
			}
		}
		if g, err := spec.Graph(); (g == nil) == (err == nil) {
			t.Errorf("graph %v, error %v", g, err)
		}
	})
}

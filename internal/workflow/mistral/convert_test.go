package mistral_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/workflow/mistral"
)

// The look of a conversion: order, comments, quotes.
func TestLook(t *testing.T) {
	const source = `version: '2.0'
# what it is for
show:
  input: [host, list, {count: 2}]
  vars: {state: new}
  output:
    said: <% $.said %>
  tasks:
    # look first
    look-up:
      action: core.local cmd="id <% $.host %>" # quick
      publish:
        state: <% task("look-up").result.stdout %>
        before: <% $.state %>
      on-success:
        - many: <% $.state = ok %>
        - stop
      on-error: [fail]
    many:
      with-items: i in <% $.list.where($ > 1) %>
      concurrency: 3
      action: core.local
      input:
        cmd: "<% $.host %> <% $.i %>"
      retry: count=3 delay=5
      publish:
        said: <% task().result.select($.stdout) %>
    stop:
      wait-before: 5
      action: std.noop
`
	const want = `# what it is for
version: 1.0
input:
  - host
  - list
  - count: 2
vars:
  - state: new
tasks:
  # look first
  look_up:
    action: core.local # quick
    input:
      cmd: id <% ctx().host %>
    next:
      - when: <% succeeded() and (result().stdout = ok) %>
        publish:
          - before: <% ctx().state %>
          - state: <% result().stdout %>
        do: many
      - when: <% succeeded() %>
        publish:
          - before: <% ctx().state %>
          - state: <% result().stdout %>
        do: stop
      - when: <% failed() %>
        do: fail
  many:
    with:
      items: i in <% ctx().list.where($ > 1) %>
      concurrency: 3
    action: core.local
    input:
      cmd: "<% ctx().host %> <% item(i) %>"
    retry:
      count: 3
      delay: 5
    next:
      - when: <% succeeded() %>
        publish:
          - said: <% result().select($.stdout) %>
  stop:
    delay: 5
    action: std.noop
output:
  - said: <% ctx().said %>
`
	res := mistral.Convert([]byte(source), mistral.Options{Pack: "p", Name: "show", Exprs: exprs})
	if diff := cmp.Diff(want, res.Workflows[0].Text); diff != "" {
		t.Error(diff)
	}
	var rules []string
	for _, n := range res.Workflows[0].Notes {
		rules = append(rules, string(n.Rule))
	}
	if want := []string{"M115", "M109", "M125"}; !slices.Equal(rules, want) || res.Verdict() != mistral.WithNotes {
		t.Errorf("%s, notes %v, want %v", res.Verdict(), rules, want)
	}
}

// Small things, each with the line that shows it.
func TestDetails(t *testing.T) {
	tests := []struct{ name, task, want string }{
		{"variables inside of a lambda are elements", "publish: {x: <% $.l.where($.a = 1 and $ != null).select($.b) %>}", "x: <% ctx().l.where($.a = 1 and $ != null).select($.b) %>"},
		{"an index with a condition", "publish: {x: '<% $.l[$.a > 1] %>'}", "x: '<% ctx().l[$.a > 1] %>'"},
		{"an index", "publish: {x: '<% $.l[$.n] %>'}", "x: '<% ctx().l[ctx().n] %>'"},
		{"dollars in texts", "publish: {x: \"<% '$.a' + $.s %>\"}", "x: \"<% '$.a' + ctx().s %>\""},
		{"let", "publish: {x: '<% let(a => $.n) -> $a + $.n %>'}", "x: '<% let(a => ctx().n) -> $a + ctx().n %>'"},
		{"Jinja", "publish: {x: \"{{ _.s | upper }}{% if _['n'] %}{{ _.l[0] }}{% endif %}\"}", "x: \"{{ ctx().s | upper }}{% if ctx().n %}{{ ctx().l[0] }}{% endif %}\""},
		{"the datastore", "publish: {x: '{{ st2kv.system.some.key }}'}", "x: '{{ st2kv(''system.some.key'') }}'"},
		{"a state", "on-success: [{t: '<% task(t).state = SUCCESS %>'}]", "when: <% succeeded() and (task_status(t) = 'succeeded') %>"},
		{"functions", "publish: {x: '<% json_pp($.l) %>'}", "x: '<% to_json_string(ctx().l) %>'"},
		{"a retry that goes on", "retry: {count: 3, delay: 1, continue-on: '<% task(t).result < 3 %>', break-on: '<% $.n = 1 %>'}",
			"when: <% (result() < 3) and not (failed() and (ctx().n = 1)) %>"},
		{"an error that runs on", "on-complete: [t]", "- t\n          - fail\n"},
		{"a conditional command", "on-success: [{fail: '<% $.n = 1 %>'}, t]", "when: <% succeeded() and not (ctx().n = 1) %>"},
	}
	for _, tt := range tests {
		src := "version: '2.0'\nw:\n  input: [n, l, s]\n  tasks:\n    begin: {action: p.a, on-success: t}\n    t:\n      action: p.a\n      " + tt.task + "\n"
		w := mistral.Convert([]byte(src), mistral.Options{Exprs: exprs}).Workflows[0]
		if !strings.Contains(w.Text, tt.want) {
			t.Errorf("%s: no %q in\n%s%+v", tt.name, tt.want, w.Text, w.Notes)
		}
	}
}

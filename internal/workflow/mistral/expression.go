package mistral

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// rewriter turns the expressions at one place from Mistral's into Orquesta's.
type rewriter struct {
	book *book
	flow *flow
	task *task // the task the expression stands in; nil for inputs, vars and output
	// own: the task is over, so task() and task(its name) are its result.
	own bool
	// items are the variables of with-items, in the task's own input.
	items []string
	// published replaces variables by what the same task publishes: conditions
	// see that in Mistral, and not in Orquesta.
	published map[string]string // by "yaql:name" or "jinja:name"
	// params replaces variables by the inputs of an ad-hoc action.
	params map[string]string // by "yaql:name" or "jinja:name"
	maybe  map[string]bool   // variables that may not be there
	notes  *notes
	at     place

	used map[string]bool // variables read; "*" for all of them
	bad  bool            // a variable could not be replaced
}

var (
	yaqlForm  = regexp.MustCompile(`<%.*?%>`)
	jinjaForm = regexp.MustCompile(`(?s)\{\{.*?\}\}|\{%.*?%\}`)
)

func hasExpression(text string) bool {
	return yaqlForm.MatchString(text) || jinjaForm.MatchString(text)
}

// node rewrites all texts of a tree, which is a copy.
func (r *rewriter) node(n *yaml.Node) *yaml.Node {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!str" && hasExpression(n.Value) {
			if n.Line > 0 {
				r.at.line, r.at.column = n.Line, n.Column
			}
			n.Value = r.text(n.Value)
		}
	default:
		for _, c := range n.Content {
			r.node(c)
		}
	}
	return n
}

// reading rewrites a tree, and lists the variables it reads.
func (r *rewriter) reading(n *yaml.Node) (*yaml.Node, map[string]bool) {
	r.used = map[string]bool{}
	return r.node(n), r.used
}

// text rewrites the expressions of a text.
func (r *rewriter) text(s string) string {
	if yaqlForm.MatchString(s) {
		return yaqlForm.ReplaceAllStringFunc(s, func(m string) string { return "<%" + r.yaql(m[2:len(m)-2]) + "%>" })
	}
	return jinjaForm.ReplaceAllStringFunc(s, func(m string) string { return m[:2] + r.jinja(m[2:len(m)-2]) + m[len(m)-2:] })
}

// single gives the language and the inside of a text that is exactly one
// expression.
func single(s string) (language, inner string, ok bool) {
	s = strings.TrimSpace(s)
	if loc := yaqlForm.FindStringIndex(s); loc != nil && loc[0] == 0 && loc[1] == len(s) {
		return "yaql", strings.TrimSpace(s[2 : len(s)-2]), true
	}
	if loc := jinjaForm.FindStringIndex(s); loc != nil && loc[0] == 0 && loc[1] == len(s) && strings.HasPrefix(s, "{{") {
		return "jinja", strings.TrimSpace(s[2 : len(s)-2]), true
	}
	return "", "", false
}

func wrap(language, inner string) string {
	if language == "jinja" {
		return "{{ " + inner + " }}"
	}
	return "<% " + inner + " %>"
}

// variable is how a variable is read in Orquesta.
func (r *rewriter) variable(language, name string) string {
	if text, ok := r.params[language+":"+name]; ok {
		return text
	}
	if r.params != nil {
		r.bad = true
		return name
	}
	if slices.Contains(r.items, name) {
		if language == "jinja" {
			return "item('" + name + "')"
		}
		return "item(" + name + ")"
	}
	if text, ok := r.published[language+":"+name]; ok {
		return text
	}
	if _, is := r.published[":"+name]; is {
		r.bad = true
	}
	if r.used != nil {
		r.used[name] = true
	}
	if r.maybe[name] {
		if language == "jinja" {
			return "ctx().get('" + name + "')"
		}
		return "ctx().get(" + name + ")"
	}
	return "ctx()." + name
}

func (r *rewriter) whole() string {
	if r.used != nil {
		r.used["*"] = true
	}
	if r.params != nil {
		r.bad = true
	}
	for k := range r.published {
		if strings.HasPrefix(k, ":") {
			r.bad = true
		}
	}
	return "ctx()"
}

// taskRef is task(name) with what follows it: .result, .state, .published.x.
// rest is what of the following text is left.
func (r *rewriter) taskRef(language, name, rest string) (text, left string) {
	t := r.task
	if name != "" {
		t = r.flow.task(name)
	}
	if t == nil {
		if r.task == nil && name == "" {
			r.notes.add(RuleNoFunction, Impossible, r.at, "task() stands outside of a task")
		}
		return r.call(language, "task", name), rest
	}
	own := r.own && r.task == t
	field, after := fieldOf(rest)
	switch field {
	case "result":
		return r.result(language, t, own), after
	case "published":
		v, after := fieldOf(after)
		if v != "" {
			r.notes.add(RuleTaskState, Look, r.at, "what the task %q published is read as the variable %q", t.name, v)
			return r.variable(language, v), after
		}
	case "state", "status":
		return r.state(language, t, after)
	case "name":
		return quote(t.id()), after
	}
	if field == "id" {
		r.notes.add(RuleSystem, Look, r.at, "ids of tasks have another form")
		return r.call(language, "task", t.id()) + ".id", after
	}
	r.notes.add(RuleNoFunction, Impossible, r.at, "task(%s)%s has no counterpart", t.name, dot(field))
	return r.call(language, "task", t.id()), rest
}

func dot(s string) string {
	if s == "" {
		return ""
	}
	return "." + s
}

// result is the result of a task: of sub-workflows it lies under output, and of
// tasks with items it is a list of them.
func (r *rewriter) result(language string, t *task, own bool) string {
	items := len(t.with) > 0
	text := "result()"
	if !own {
		text = r.call(language, "task", t.id()) + ".result"
		if items && language == "jinja" {
			text += "['items']" // .items is a method there
		} else if items {
			text += ".get(items)"
		}
	}
	if t.workflow == "" {
		return text
	}
	r.notes.add(RuleSubworkflow, Info, r.at, "the result of the sub-workflow of %q lies under output", t.name)
	switch {
	case items && language == "jinja":
		return "(" + text + " | map(attribute='output') | list)"
	case items:
		return text + ".select($.output)"
	}
	return text + ".output"
}

var stateWord = regexp.MustCompile(`^\s*(==|=|!=)\s*(?:'(\w+)'|"(\w+)"|(\w+))`)

var stateWords = map[string]string{"SUCCESS": "succeeded", "ERROR": "failed", "RUNNING": "running", "CANCELLED": "canceled", "PAUSED": "paused"}

// state turns a comparison of a task's state.
func (r *rewriter) state(language string, t *task, rest string) (text, left string) {
	text = r.call(language, "task_status", t.id())
	if m := stateWord.FindStringSubmatch(rest); m != nil {
		if word, ok := stateWords[m[2]+m[3]+m[4]]; ok {
			r.notes.add(RuleTaskState, Info, r.at, "the state %s is called %s", m[2]+m[3]+m[4], word)
			return text + " " + m[1] + " " + quote(word), rest[len(m[0]):]
		}
	}
	r.notes.add(RuleTaskState, Look, r.at, "the state of %q is one of succeeded, failed, running, ...", t.name)
	return text, rest
}

func (r *rewriter) call(language, fn, arg string) string {
	switch {
	case arg == "":
		return fn + "()"
	case language == "yaql" && nameOnly.MatchString(arg):
		return fn + "(" + arg + ")"
	}
	return fn + "(" + quote(arg) + ")"
}

var nameOnly = regexp.MustCompile(`^[A-Za-z_]\w*$`)

func quote(s string) string { return "'" + s + "'" }

var fieldForm = regexp.MustCompile(`^\.(\w+)`)

func fieldOf(rest string) (field, after string) {
	m := fieldForm.FindStringSubmatch(rest)
	if m == nil || strings.HasPrefix(rest[len(m[0]):], "(") {
		return "", rest
	}
	return m[1], rest[len(m[0]):]
}

// envFields are the parts of env() that StackStorm set, and what is in Orquesta's
// context instead.
var envFields = map[string]string{
	"st2_execution_id": "ctx().st2.action_execution_id", "st2_liveaction_id": "ctx().st2.action_execution_id",
	"st2_action_api_url": "ctx().st2.api_url", "__st2_api_url": "ctx().st2.api_url",
}

// system turns env() and execution().
func (r *rewriter) system(fn, rest string) (text, left string) {
	field, after := fieldOf(rest)
	switch {
	case fn == "env" && envFields[field] != "":
		r.notes.add(RuleSystem, Look, r.at, "env().%s is %s", field, envFields[field])
		return envFields[field], after
	case fn == "execution" && field == "id":
		r.notes.add(RuleSystem, Look, r.at, "execution().id is the id of the execution")
		return "ctx().st2.workflow_execution_id", after
	}
	r.notes.add(RuleNoFunction, Impossible, r.at, "%s()%s has no counterpart", fn, dot(field))
	return fn + "()", rest
}

// renamed are functions that have another name.
var renamed = map[string]string{"json_dump": "to_json_string", "json_pp": "to_json_string", "yaml_dump": "to_yaml_string",
	"json_parse": "from_json_string", "yaml_parse": "from_yaml_string"}

// missing are functions of Mistral without counterpart.
var missing = []string{"executions", "tasks", "uuid", "errors", "base64_encode", "base64_decode"}

func (r *rewriter) function(name string) string {
	if to := renamed[name]; to != "" {
		r.notes.add(RuleFunction, Look, r.at, "%s() is called %s(), and lays its text out otherwise", name, to)
		return to
	}
	if slices.Contains(missing, name) {
		r.notes.add(RuleNoFunction, Impossible, r.at, "%s() has no counterpart", name)
	}
	return name
}

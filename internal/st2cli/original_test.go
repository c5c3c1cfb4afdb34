package st2cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/argparse"
)

// The original client of StackStorm, where it is at hand (it is not part of this
// repository), is asked the same as ours:
//
//	SQUALL_ST2CLIENT_DIR     the directory st2client of StackStorm's repository
//	SQUALL_ST2CLIENT_PYTHON  a Python that has what st2client needs; default: python3
type original struct {
	python string
	env    []string
}

func newOriginal(t *testing.T, apiURL string) *original {
	t.Helper()
	dir := os.Getenv("SQUALL_ST2CLIENT_DIR")
	if dir == "" {
		t.Skip("SKIPPED: SQUALL_ST2CLIENT_DIR does not name the directory st2client of StackStorm's repository")
	}
	o := &original{python: first(os.Getenv("SQUALL_ST2CLIENT_PYTHON"), "python3")}
	o.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=C.UTF-8", "COLUMNS=120", "TERM=xterm", "PYTHONWARNINGS=ignore", "PYTHONDONTWRITEBYTECODE=1",
		"PYTHONPATH=" + dir + string(os.PathListSeparator) + os.Getenv("PYTHONPATH"),
		"ST2_API_URL=" + apiURL, "ST2_AUTH_URL=" + apiURL, "ST2_STREAM_URL=" + apiURL, "ST2_AUTH_TOKEN=token",
	}
	return o
}

// run runs Python and returns what it prints, standard error behind standard
// output, and how it ends.
func (o *original) run(t *testing.T, program string, words ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), o.python, append([]string{"-c", program}, words...)...)
	cmd.Env = o.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	exit, ended := errors.AsType[*exec.ExitError](err)
	if err != nil && !ended {
		t.Fatal(err)
	}
	code := 0
	if ended {
		code = exit.ExitCode()
	}
	return stdout.String() + stderr.String(), code
}

const (
	originalMain = `import sys; sys.argv[0] = "st2"
from st2client.shell import main
sys.exit(main(sys.argv[1:]))`

	originalUsages = `import sys, json, argparse; sys.argv[0] = "st2"
from st2client.shell import Shell
out = {}
def walk(p):
    out[p.prog] = p.format_usage()
    for a in p._actions:
        if isinstance(a, argparse._SubParsersAction):
            for c in a.choices.values(): walk(c)
walk(Shell().parser)
print(json.dumps(out))`
)

var brackets = regexp.MustCompile(`[\[\]|\s]+`)

// Every command of the original is there with its options in their order, and no
// other one. The brackets of groups within groups are not compared.
func TestGrammarIsTheOriginals(t *testing.T) {
	o := newOriginal(t, "http://127.0.0.1:1")
	text, code := o.run(t, originalUsages)
	var theirs map[string]string
	if err := json.Unmarshal([]byte(text), &theirs); err != nil || code != 0 {
		t.Fatalf("%v\n%s", err, text)
	}
	ours := map[string]string{}
	var walk func(prog string, c *argparse.Command)
	walk = func(prog string, c *argparse.Command) {
		ours[prog] = c.Usage(prog, 120)
		for _, s := range c.Sub {
			walk(prog+" "+s.Name, s)
		}
	}
	walk("st2", commands())
	for _, m := range []map[string]string{theirs, ours} {
		for k, v := range m {
			m[k] = strings.TrimSpace(brackets.ReplaceAllString(v, " "))
		}
	}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Error(diff)
	}
}

// documents are what the API of the comparison knows.
var documents = map[string]string{
	"/actions": `[{"ref": "p.a", "pack": "p", "description": "One with a description that is too long for its column in the table"}, {"ref": "p.b", "pack": "p", "description": null}]`,
	"/actions/p.a": `{"id": "6b03104fcc75553ba34af02a", "uid": "action:p:a", "ref": "p.a", "pack": "p", "name": "a", "description": "Does\nthings", "enabled": true,
		"entry_point": "", "runner_type": "r", "tags": [], "notify": {}, "output_schema": {},
		"parameters": {"cmd": {"type": "string", "required": true, "description": "What to run, in so many words that they do not fit into one line of help", "position": 1},
		"n": {"type": "integer", "default": 5, "enum": ["1", "5"]}, "fixed": {"immutable": true}, "first": {"type": "array", "position": 0, "default": ["x"]}}}`,
	"/runnertypes":      `[{"name": "r", "id": "1", "description": "R", "runner_parameters": {"timeout": {"type": "integer", "default": 60}, "sudo": {"immutable": true}}}]`,
	"/runnertypes/r":    `{"name": "r", "id": "1", "description": "R", "runner_parameters": {"timeout": {"type": "integer", "default": 60}, "sudo": {"immutable": true}}}`,
	"/keys/k":           `{"name": "k", "value": "a\\nb", "secret": false, "encrypted": false, "scope": "st2kv.system", "expire_timestamp": "2026-11-22T16:14:55.1Z"}`,
	"/keys":             `[{"name": "k", "value": "v", "secret": true, "encrypted": true, "scope": "st2kv.system", "user": "", "expire_timestamp": "2026-11-22T16:14:55.1Z"}]`,
	"/rules":            `[{"ref": "p.r", "pack": "p", "description": "", "enabled": false, "trigger": {"ref": "t"}, "action": {"ref": "p.a"}}]`,
	"/rules/p.r":        `{"id": "2", "ref": "p.r", "pack": "p", "name": "r", "enabled": true, "criteria": {"trigger.x": {"type": "equals", "pattern": "ü"}}, "tags": [{"name": "a", "value": "b"}]}`,
	"/triggerinstances": `[{"id": "i1", "trigger": "t", "occurrence_time": "2026-11-22T16:14:55.000000Z", "status": "processed"}, {"id": "i2", "trigger": "u", "occurrence_time": "2026-11-22T16:14:56.000000Z", "status": "pending"}]`,
	"/ruleenforcements": `[{"id": "e1", "rule": {"ref": "p.r"}, "trigger_instance_id": "i1", "execution_id": null, "enforced_at": "2026-11-22T16:14:55.000000Z"}]`,
	"/webhooks":         `[{"parameters": {"url": "z"}, "type": "w", "description": ""}, {"parameters": {"url": "a"}, "type": "w", "description": "d"}]`,
	"/timers":           `[{"id": "6b03104fcc75553ba34af02a", "uid": "trigger:core:9291a79f-0511-4904-ba6f-594dfbaef127", "pack": "core", "name": "n", "type": "t", "parameters": {"delta": 5, "on": [1, "x"]}}]`,
	"/traces":           `[{"id": "t1", "uid": "u", "trace_tag": "g", "start_timestamp": "2026-11-22T16:14:55.000000Z", "rules": [], "trigger_instances": [{"object_id": "i1", "ref": "t", "updated_at": "2026-11-22T16:14:55Z", "caused_by": {}}], "action_executions": [{"object_id": "x1", "ref": "p.a", "updated_at": "2026-11-22T16:14:54Z", "caused_by": {}}]}]`,
	"/inquiries":        `[]`,
	"/apikeys":          `[{"id": "k1", "user": "ann", "metadata": {"app": "x", "n": null}, "enabled": true}]`,
	"/packs":            `[{"ref": "p", "name": "P", "description": "d", "version": "1.0", "author": "x"}]`,
	"/packs/p":          `{"ref": "p", "name": "P", "description": "d", "version": "1.0", "author": "x", "email": null, "keywords": ["a", "b"]}`,
	"/user":             `{"username": "ann", "authentication": {"method": "api key", "location": "header"}, "rbac": {"enabled": true, "roles": ["a", "b"], "is_admin": false}}`,
	"/executions":       `[{"id": "x2", "action": {"ref": "p.a"}, "context": {"user": "ann"}, "status": "failed", "start_timestamp": "2026-11-22T16:14:55.000000Z", "end_timestamp": "2026-11-22T16:15:55.000000Z"}, {"id": "x1", "action": {"ref": "p.b"}, "context": {}, "status": "paused", "start_timestamp": "2026-11-22T16:14:55.000000Z"}]`,
	"/executions/x1":    `{"id": "x1", "action": {"ref": "p.a", "runner_type": "r"}, "context": {"user": "ann"}, "status": "timeout", "parameters": {"password": "x", "l": [1, {"a": null}], "t": "a: b"}, "start_timestamp": "2026-11-22T16:14:55.000000Z", "end_timestamp": "2026-11-22T16:14:58.000000Z", "log": [{"status": "requested", "timestamp": "2026-11-22T16:14:55.753000Z"}], "result": {"stdout": "one\ntwo", "deep": {"er": [1, 2]}, "text": "{'a': 1}"}}`,
	"/executions/w1":    `{"id": "w1", "action": {"ref": "p.w", "runner_type": "orquesta"}, "status": "failed", "parameters": {}, "start_timestamp": "2026-11-22T16:14:55.000000Z", "end_timestamp": "2026-11-22T16:14:58.000000Z", "log": [], "result": {"errors": [{"message": "no"}], "output": null}}`,
	"/executions/w1/children/": `[{"id": "c1", "parent": "w1", "action": {"ref": "p.s"}, "status": "succeeded", "children": ["c2"], "context": {"orquesta": {"task_name": "one"}}, "start_timestamp": "2026-11-22T16:14:55.000000Z", "end_timestamp": "2026-11-22T16:14:56.000000Z"},
		{"id": "c2", "parent": "c1", "action": {"ref": "p.a"}, "status": "failed", "context": {"orquesta": {"task_name": "in"}}, "start_timestamp": "2026-11-22T16:14:55.000000Z", "end_timestamp": "2026-11-22T16:14:56.000000Z"}]`,
}

// What is printed about the same documents is the same.
func TestOutputIsTheOriginals(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/api/v1")
		doc, ok := documents[path]
		if !ok {
			doc, ok = documents[strings.TrimSuffix(path, "/")]
		}
		if !ok {
			doc, ok = documents[path+"/"]
		}
		w.Header().Set("X-Total-Count", "77")
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			doc = `{"faultstring": "no such thing"}`
		}
		_, _ = w.Write([]byte(doc)) // the client says when it is gone
	}))
	defer srv.Close()
	o := newOriginal(t, srv.URL)
	for _, line := range []string{
		"action list -n", "action list --attr ref", "action list -j", "action list -y", "action list -w 20", "action get p.a", "action get p.a -y", "action get p.a -a ref tags parameters",
		"action get p.x", "run p.a -h", "run p.x", "run p.a cmd=x n=y", "key get k", "key list -n 1", "rule list -n 1", "rule get p.r", "rule get p.r -j", "trigger-instance list -n 2",
		"rule-enforcement list", "webhook list", "timer list", "trace list", "inquiry list", "apikey list", "apikey list -d", "pack list", "pack get p", "whoami", "execution list -n 2",
		"execution list -a id status", "execution list -n 2 -y", "execution get x1", "execution get x1 -d", "execution get x1 -k deep.er", "execution get x1 -j", "execution get w1", "execution get w1 -k errors",
		"execution get x9", "trace get t9", "key set -e --encrypted a b",
	} {
		theirs, theirCode := o.run(t, originalMain, strings.Fields(line)...)
		var stdout, stderr bytes.Buffer
		env := map[string]string{}
		for _, kv := range o.env {
			name, v, _ := strings.Cut(kv, "=")
			env[name] = v
		}
		p := &Program{IO: IO{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Env: func(k string) string { return env[k] }, Home: filepath.Clean(env["HOME"]), Columns: 120}}
		code := p.Main(t.Context(), strings.Fields(line))
		ours := stdout.String() + stderr.String()
		if strings.HasPrefix(theirs, "usage:") { // the help is in other words, and the brackets of groups are
			theirs, ours = theirs[strings.LastIndex(theirs, "error:")+1:], ours[strings.LastIndex(ours, "error:")+1:]
		}
		if diff := cmp.Diff(theirs, ours); diff != "" || code != theirCode {
			t.Errorf("st2 %s: exit codes %d and %d (-original +ours):\n%s", line, theirCode, code, diff)
		}
	}
}

package cli

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const deployWorkflow = `version: 1.0
input: [host]
tasks:
  check:
    action: core.local cmd="ping -c1 <% ctx(host) %>"
    next:
      - {when: <% succeeded() %>, publish: [{up: true}], do: install}
      - {when: <% failed() %>, do: [report, fail]}
  install:
    action: core.local cmd=install
    retry: {count: 2}
  report: {action: core.noop}
output: [{up: <% ctx().get(up) %>}]
`

func runWorkflow(t *testing.T, files map[string]string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, a := range args {
		if _, ok := files[a]; ok {
			args[i] = filepath.Join(dir, a)
		}
	}
	var out, errs bytes.Buffer
	p := &IO{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Env: func(string) string { return "" }}
	code = Main(t.Context(), New(p, "test"), p, append([]string{"workflow"}, args...))
	return strings.ReplaceAll(out.String(), dir+"/", ""), errs.String(), code
}

func TestWorkflowInspect(t *testing.T) {
	out, errs, code := runWorkflow(t, map[string]string{"good.yaml": deployWorkflow}, "inspect", "good.yaml")
	if out != "" || code != ExitOK {
		t.Errorf("a good definition: %q, %q, exit %d", out, errs, code)
	}
	bad := strings.Replace(deployWorkflow, "do: install", "do: instal", 1)
	out, _, code = runWorkflow(t, map[string]string{"bad.yaml": bad, "broken.yaml": "tasks: {a: {}}"}, "inspect", "bad.yaml", "broken.yaml")
	want := "bad.yaml:7:58: semantics: The task \"instal\" is not defined.\n" +
		"broken.yaml:1:12: load: The task \"a\" is not a mapping with content.\n"
	if out != want || code != ExitFailed {
		t.Errorf("exit %d, got %q, want %q", code, out, want)
	}
}

func TestWorkflowRehearse(t *testing.T) {
	files := map[string]string{"deploy.yaml": deployWorkflow, "cases.yaml": `
- name: all is well
  inputs: {host: a}
  expect: {status: succeeded, output: {up: true}}
- name: host down
  actions: [{task: check, status: failed, result: no answer}]
  expect: {status: failed}
`}
	out, errs, code := runWorkflow(t, files, "rehearse", "deploy.yaml", "--cases", "cases.yaml")
	if code != ExitOK {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	for _, want := range []string{"all is well: succeeded\n", "host down: failed\n", "covered: 3 of 3 tasks, 3 of 3 transitions\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in %q", want, out)
		}
	}
	files["cases.yaml"] = "{name: wrong, expect: {status: failed}}"
	out, _, code = runWorkflow(t, files, "rehearse", "deploy.yaml", "--cases", "cases.yaml", "--trace")
	if code != ExitFailed || !strings.Contains(out, "wrong: succeeded  NOT AS EXPECTED\n    status: expected \"failed\", got \"succeeded\"\n") ||
		!strings.Contains(out, "    dispatch  task=check") || !strings.Contains(out, "never taken: check -> fail (next[1])") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestWorkflowGraph(t *testing.T) {
	for form, want := range map[string]string{
		"svg": ">install</text>", "dot": `"check" -> "install" [label="succeeded()"];`, "mermaid": `-->|"succeeded()"|`,
	} {
		out, errs, code := runWorkflow(t, map[string]string{"deploy.yaml": deployWorkflow}, "graph", "deploy.yaml", "--format", form)
		if code != ExitOK || !strings.Contains(out, want) {
			t.Errorf("%s: exit %d, %q is missing in %q %q", form, code, want, out, errs)
		}
		if form != "svg" {
			continue
		}
		for d := xml.NewDecoder(strings.NewReader(out)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("the drawing is not XML: %v", err)
			}
		}
	}
	if _, _, code := runWorkflow(t, map[string]string{"deploy.yaml": deployWorkflow}, "graph", "deploy.yaml", "--format", "gif"); code != ExitUsage {
		t.Errorf("an unknown format: exit %d", code)
	}
}

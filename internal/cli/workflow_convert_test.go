package cli

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// packToConvert is a pack with a workbook, a chain, a workflow that cannot be
// converted, and files that are none of these.
var packToConvert = map[string]string{
	"pack.yaml": "name: old\nversion: 1.0.0\n",
	"actions/deploy.yaml": `# who may deploy: everybody
name: deploy
runner_type: mistral-v2
entry_point: workflows/deploy.yaml
parameters:
  host:
    type: string
  workflow:
    default: deploy.main
    immutable: true
`,
	"actions/workflows/deploy.yaml": `version: '2.0'
name: deploy
workflows:
  helper:
    input: [h]
    tasks:
      one: # the only one
        action: core.local cmd=<% $.h %>
  main:
    input: [host]
    tasks:
      call:
        workflow: helper h=<% $.host %>
`,
	"actions/steps.yaml":        "name: steps\nrunner_type: action-chain\nentry_point: chains/steps.yaml\nparameters: {who: {type: string}}\n",
	"actions/chains/steps.yaml": "chain:\n- name: a\n  ref: core.local\n  parameters: {cmd: 'echo {{ who }}'}\n",
	"actions/stop.yaml":         "name: stop\nrunner_type: mistral-v2\nentry_point: workflows/stop.yaml\n",
	"actions/workflows/stop.yaml": `version: '2.0'
stop:
  tasks:
    one:
      action: std.noop
      on-success: pause
`,
	"rules/some.yaml": "name: some\n",
}

func layPack(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "old")
	for name, text := range packToConvert {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// filesBelow reads all files below a directory.
func filesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func convert(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	p := &IO{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errOut, Env: func(string) string { return "" }}
	code = Main(t.Context(), New(p, "test"), p, append([]string{"workflow", "convert"}, args...))
	return code, out.String(), errOut.String()
}

func TestConvertPack(t *testing.T) {
	dir := layPack(t)
	before, to := filesBelow(t, dir), filepath.Join(t.TempDir(), "new")
	code, stdout, stderr := convert(t, dir, "--to", to, "--report", "json")
	if code != ExitFailed {
		t.Errorf("ended with %d: one workflow cannot be converted\n%s", code, stderr)
	}
	var report struct {
		Files []struct {
			File      string
			Workflows []struct {
				Name, Verdict string
				Notes         []struct {
					Rule string
					Line int
				}
			}
		}
		Verdicts map[string]int
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	if diff := cmp.Diff(map[string]int{"complete": 3, "impossible": 1}, report.Verdicts); diff != "" {
		t.Error(diff)
	}
	for _, f := range report.Files {
		if strings.HasSuffix(f.File, "stop.yaml") && (f.Workflows[0].Notes[0].Rule != "M901" || f.Workflows[0].Notes[0].Line != 6) {
			t.Errorf("pause: %+v", f.Workflows[0].Notes)
		}
	}
	after := filesBelow(t, to)
	var names []string
	for name := range after {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{"actions/chains/steps.yaml", "actions/deploy.yaml", "actions/deploy_helper.yaml", "actions/steps.yaml", "actions/workflows/deploy.yaml", "actions/workflows/deploy_helper.yaml"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files: %s", diff)
	}
	for name, parts := range map[string][]string{
		"actions/deploy.yaml":                  {"# who may deploy: everybody\n", "runner_type: orquesta\n", "host:"},
		"actions/deploy_helper.yaml":           {"name: deploy_helper\n", "pack: old\n", "entry_point: workflows/deploy_helper.yaml\n", "h:"},
		"actions/workflows/deploy.yaml":        {"action: old.deploy_helper\n", "h: <% ctx().host %>\n"},
		"actions/workflows/deploy_helper.yaml": {"one: # the only one\n", "cmd: <% ctx().h %>\n"},
		"actions/chains/steps.yaml":            {"input:\n  - who\n", "echo {{ ctx().who }}"},
	} {
		for _, part := range parts {
			if !strings.Contains(after[name], part) {
				t.Errorf("%s has no %q:\n%s", name, part, after[name])
			}
		}
	}
	if strings.Contains(after["actions/deploy.yaml"], "workflow:") {
		t.Errorf("the parameter of the old runner stays:\n%s", after["actions/deploy.yaml"])
	}
	if _, _, _ = convert(t, dir, "--to", to); cmp.Diff(after, filesBelow(t, to)) != "" {
		t.Error("a second run changes what the first one wrote")
	}
	if diff := cmp.Diff(before, filesBelow(t, dir)); diff != "" {
		t.Errorf("the source was changed: %s", diff)
	}
	if code, _, _ := convert(t, dir, "--to", filepath.Join(dir, "new")); code != ExitUsage {
		t.Errorf("a target inside of the source: ended with %d", code)
	}
}

func TestConvertFile(t *testing.T) {
	dir := layPack(t)
	code, stdout, stderr := convert(t, filepath.Join(dir, "actions/chains/steps.yaml"))
	if code != ExitOK || !strings.HasPrefix(stdout, "version: 1.0\n") || !strings.Contains(stderr, "steps: complete") {
		t.Errorf("ended with %d\n%s\n%s", code, stdout, stderr)
	}
	for _, args := range [][]string{{filepath.Join(dir, "rules/some.yaml")}, {filepath.Join(dir, "actions/workflows/stop.yaml")}} {
		if code, stdout, _ := convert(t, args...); code != ExitFailed || stdout != "" {
			t.Errorf("%v: ended with %d, printed %q", args, code, stdout)
		}
	}
	for _, args := range [][]string{{dir}, {filepath.Join(dir, "nothing.yaml")}, {dir, "--to", t.TempDir(), "--report", "xml"}} {
		if code, _, _ := convert(t, args...); code != ExitUsage {
			t.Errorf("%v: ended with %d", args, code)
		}
	}
}

package python

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"squall/internal/runner"
	"squall/internal/squall"
)

// styles are runs of actions written in the styles that public packs have.
var styles = []struct {
	file   string
	params string
	status squall.Status // "": succeeded
	result string        // JSON; "" : st2's "None"
	stdout string
	stderr string // its end
	code   int
	needs  string // a module; the run is left out where it is not installed
}{
	{file: "lib_package.py", params: `{"path":"p"}`, result: `["http://u/p","clients"]`, stderr: "st2.actions.python.GetAction: INFO     getting p\n"},
	{file: "old_class.py", params: `{"a":1,"b":null}`, result: `{"a":1,"b":null}`},
	{file: "old_module.py", result: `true`},
	{file: "duck.py", params: `{"x":1,"y":null}`, result: `["x","y"]`},
	{file: "config_only.py", result: `["T",null,1,"ActionService"]`},
	{file: "config_missing.py", status: squall.Failed, code: 1, stderr: "config.schema.yaml.\n"},
	{file: "sub/nested.py", result: `"neighbour"`},
	{file: "pair.py", params: `{"how":"ok"}`, result: `{"v":1}`},
	{file: "pair.py", params: `{"how":"failed"}`, status: squall.Failed, result: `"no such thing"`},
	{file: "pair.py", params: `{"how":"computed"}`, status: squall.Failed, result: `1`},
	{file: "pair.py", params: `{"how":"three"}`, result: `[false,1,2]`},
	{file: "pair.py", params: `{"how":"false"}`, result: `false`},
	{file: "pair.py", params: `{"how":"nothing"}`, result: `null`},
	{file: "pair.py", params: `{"how":"object"}`, status: squall.Failed, result: `"{1}"`},
	{file: "ends.py", params: `{"how":"exit"}`, status: squall.Failed, code: 3, stdout: "begun\n"},
	{file: "ends.py", params: `{"how":"exit0"}`, stdout: "begun\n"},
	{file: "ends.py", params: `{"how":"text"}`, status: squall.Failed, code: 1, stdout: "begun\n", stderr: "for this reason\n"},
	{file: "ends.py", params: `{"how":"raise"}`, status: squall.Failed, code: 1, stdout: "begun\n", stderr: "InvalidActionParameterException: not this way\n"},
	{file: "ends.py", params: `{"how":"bytes"}`, stdout: "begun\n", result: `"b'v'"`},
	{file: "everything.py", result: `{"six":["x","a=b+c","/%20"],"pool":[1,4,9],"time":"2020-01-02T03:04:05+00:00","parsed":500000,` +
		`"aware":true,"shell":[0,"'a b'\n",""],"pack":true,"packs":true,"constants":["config.schema.yaml","=","succeeded"],"same":true,` +
		`"client":"http://127.0.0.1:1/v1","models":["Execution","ActionAliasMatch","ActionAliasExecution"],"logger":"st2.actions.python.X"}`},
	{file: "template.py", needs: "jinja2", params: `{"text":"{{ x | to_json_string }}{{ nothing }}"}`, result: `["[3]",{"v":"7","l":["7"]}]`},
	{file: "python2.py", status: squall.Failed, code: 1, stderr: "~SyntaxError: "},
	{file: "logs.py", result: `null`, stderr: "KeyError: 'k'\n"},
	{file: "prints_at_import.py", status: squall.Failed, code: 1, stdout: "at import\n", stderr: "~Found no classes in plugin file"},
	{file: "threads.py", result: `"early"`, stdout: "late\nat exit\n"},
	{file: "missing.py", status: squall.Failed, code: 1, stderr: "~No such file or directory"},
	{file: "pack_lib.py", result: `"shared"`},
	{file: "parallel.py", result: `[[1,4,9],[1,4,9],7,"/bin/sh\n"]`},
	{file: "odd_ends.py", params: `{"how":"input"}`, status: squall.Failed, code: 1, stderr: "EOFError: EOF when reading a line\n"},
	{file: "odd_ends.py", params: `{"how":"thread"}`, result: `"went on"`, stderr: "ZeroDivisionError: division by zero\n"},
	{file: "odd_ends.py", params: `{"how":"root"}`, result: `null`, stderr: "to the last resort\n"},
	{file: "odd_ends.py", params: `{"how":"basic"}`, result: `null`, stderr: "INFO:mine:mine\nst2.actions.python.OddEnds: INFO     own\n"},
	{file: "odd_ends.py", params: `{"how":"warn"}`, result: `null`, stderr: "~UserWarning: careful"},
	{file: "odd_ends.py", params: `{"how":"nan"}`, result: `{"a":[null,null,"NaN"],"b":1000000000000000000000000000000}`},
	{file: "odd_ends.py", params: `{"how":"exit"}`, status: squall.Failed, code: 4},
}

// pythons returns the interpreters to test with: the machine's, and those of
// SQUALL_TEST_PYTHONS (paths with colons between them).
func pythons(t *testing.T) []string {
	t.Helper()
	list := []string{pythonForTests}
	for path := range strings.SplitSeq(os.Getenv("SQUALL_TEST_PYTHONS"), ":") {
		if path != "" {
			list = append(list, path)
		}
	}
	if _, err := exec.LookPath(pythonForTests); err != nil {
		t.Skip("SKIPPED: python3 is not installed")
	}
	return list
}

func TestEveryStyleOfTheCensusRuns(t *testing.T) {
	dir, err := filepath.Abs("testdata/census")
	if err != nil {
		t.Fatal(err)
	}
	dir = copyOf(t, dir)
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			written := filepath.Join(t.TempDir(), "file")
			r := newRunner(t, func(c *Config) {
				c.Python, c.PackLibs = python, true
				c.PackPaths = func() []string { return []string{filepath.Dir(dir)} }
				c.PackConfig = constant(`{"url":"http://u","token":"T","file":` + quoted(written) + `}`)
			})
			for _, s := range styles {
				t.Run(s.file+" "+s.params, func(t *testing.T) {
					if s.needs != "" && exec.CommandContext(t.Context(), python, "-c", "import "+s.needs).Run() != nil {
						t.Skipf("SKIPPED: %s has no module %s", python, s.needs)
					}
					status, got := run(t, r, styleJob(t, dir, s.file, s.params))
					want := s.status
					if want == "" {
						want = squall.Succeeded
					}
					var result any = "None"
					if s.result != "" {
						if err := json.Unmarshal([]byte(s.result), &result); err != nil {
							t.Fatal(err)
						}
					}
					ok := status == want && reflect.DeepEqual(got.Result, result) && got.ExitCode == s.code && got.Stdout == s.stdout
					if part, is := strings.CutPrefix(s.stderr, "~"); is {
						ok = ok && strings.Contains(got.Stderr, part)
					} else {
						ok = ok && strings.HasSuffix(got.Stderr, s.stderr)
					}
					if s.stderr == "" && s.code == 0 && got.Stderr != "" && !strings.Contains(got.Stderr, "Warning") {
						ok = false
					}
					if !ok {
						t.Errorf("%s %+v", status, got)
					}
				})
			}
			if text, err := os.ReadFile(written); err != nil || string(text) != "buffered" {
				t.Errorf("a file the action left open holds %q, %v", text, err)
			}
		})
	}
}

func styleJob(t testing.TB, dir, file, params string) *runner.Job {
	t.Helper()
	given := map[string]any{}
	if params != "" {
		d := json.NewDecoder(strings.NewReader(params))
		d.UseNumber()
		if err := d.Decode(&given); err != nil {
			t.Fatal(err)
		}
	}
	j := newJob(t, "", given)
	j.PackDir, j.Action.EntryPoint = dir, file
	j.Action.Ref.Pack = "census"
	j.Env["ST2_ACTION_API_URL"] = "http://127.0.0.1:1/v1"
	return j
}

func copyOf(t testing.TB, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(dir))
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

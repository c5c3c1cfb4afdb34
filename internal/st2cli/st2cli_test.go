package st2cli

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/argparse"
	"squall/internal/expr/value"
)

// terminal is a program with a server that answers by path.
type terminal struct {
	*Program
	stdout, stderr bytes.Buffer
	env            map[string]string
	requests       []string
}

func newTerminal(t *testing.T, answers map[string]string) *terminal {
	t.Helper()
	tm := &terminal{env: map[string]string{"COLUMNS": "120"}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		line := r.Method + " " + r.URL.Path
		if token := r.Header.Get("X-Auth-Token"); token != "" {
			line += " " + token
		}
		if user, password, ok := r.BasicAuth(); ok {
			line += " " + user + ":" + password
		}
		tm.requests = append(tm.requests, line)
		answer, ok := answers[r.Method+" "+r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"faultstring": "no such thing"}`
		}
		if strings.HasSuffix(r.URL.Path, "/tokens") && ok {
			w.WriteHeader(http.StatusCreated)
		}
		_, _ = w.Write([]byte(answer)) // the client says when it is gone
	}))
	t.Cleanup(srv.Close)
	tm.env["ST2_API_URL"], tm.env["ST2_AUTH_URL"], tm.env["ST2_STREAM_URL"] = srv.URL+"/v1", srv.URL, srv.URL+"/v1"
	tm.Program = &Program{
		IO: IO{
			Stdin: strings.NewReader(""), Stdout: &tm.stdout, Stderr: &tm.stderr, Env: func(k string) string { return tm.env[k] }, Home: t.TempDir(), Columns: 120,
		},
		Version: "1",
	}
	return tm
}

func (tm *terminal) run(t *testing.T, want int, words ...string) string {
	t.Helper()
	tm.stdout.Reset()
	tm.stderr.Reset()
	if code := tm.Main(t.Context(), words); code != want {
		t.Fatalf("st2 %q: exit code %d, want %d\n%s%s", words, code, want, tm.stdout.String(), tm.stderr.String())
	}
	return tm.stdout.String()
}

func TestEveryCommandHasHelp(t *testing.T) {
	tm := newTerminal(t, nil)
	var walk func(path []string, c *argparse.Command)
	walk = func(path []string, c *argparse.Command) {
		if c.Help == "" {
			t.Errorf("%v has no help", path)
		}
		for _, a := range c.Args {
			if a.Help == "" && !a.Hidden {
				t.Errorf("%v: %s has no help", path, a.Name)
			}
		}
		if c.Run == nil && len(c.Sub) == 0 {
			t.Errorf("%v does nothing", path)
		}
		for _, s := range c.Sub {
			walk(append(path[:len(path):len(path)], s.Name), s)
		}
		if !c.NoHelp {
			if out := tm.run(t, exitOK, append(path[:len(path):len(path)], "--help")...); !strings.HasPrefix(out, "usage: st2") {
				t.Errorf("%v --help: %s", path, out)
			}
		}
	}
	walk(nil, commands())
}

func TestATokenIsKeptAndUsed(t *testing.T) {
	tm := newTerminal(t, map[string]string{
		"POST /tokens":    `{"user": "ann", "token": "abc", "expiry": "` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `"}`,
		"GET /v1/actions": `[]`,
	})
	config := filepath.Join(tm.Home, ".st2", "config")
	if err := os.MkdirAll(filepath.Dir(config), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte("# mine\n[general]\nbase_url = http://unused\n[credentials]\nusername = ann\npassword = secret\n[cli]\ncache_token = yes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tm.run(t, exitOK, "--api-url", tm.env["ST2_API_URL"], "--auth-url", tm.env["ST2_AUTH_URL"], "action", "list")
	tm.run(t, exitOK, "--api-url", tm.env["ST2_API_URL"], "--auth-url", tm.env["ST2_AUTH_URL"], "action", "list")
	want := []string{"POST /tokens ann:secret", "GET /v1/actions abc", "GET /v1/actions abc"}
	if diff := cmp.Diff(want, tm.requests); diff != "" {
		t.Error(diff)
	}
	st, err := os.Stat(filepath.Join(tm.Home, ".st2", "token-ann"))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the kept token: %v %v", st, err)
	}
	if out := tm.run(t, exitConfig, "--print-config"); strings.Contains(out, "secret") || !strings.Contains(out, "username = ann") {
		t.Errorf("--print-config:\n%s", out)
	}
}

func TestLoginRemembersTheUserOnly(t *testing.T) {
	tm := newTerminal(t, map[string]string{"POST /tokens": `{"user": "ann", "token": "abc", "expiry": "2030-01-01T00:00:00Z"}`})
	config := filepath.Join(tm.Home, ".st2", "config")
	if err := os.MkdirAll(filepath.Dir(config), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte("[cli]\ntimezone = Europe/Berlin\n[credentials]\nusername = bob\npassword = old\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := tm.run(t, exitOK, "login", "ann", "-p", "new"); !strings.HasPrefix(out, "Logged in as ann\n") {
		t.Errorf("login: %s", out)
	}
	got, err := os.ReadFile(config)
	if want := "[cli]\ntimezone = Europe/Berlin\n[credentials]\nusername = ann\n"; err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
	tm.run(t, exitOK, "login", "ann", "-p", "new", "-w")
	if got, _ = os.ReadFile(config); !strings.Contains(string(got), "password = new\n") {
		t.Errorf("with -w:\n%s", got)
	}
}

func TestWithoutAnyAddressItIsTheServerAsItComes(t *testing.T) {
	p := &Program{IO: IO{Env: func(string) string { return "" }}}
	cfg := &config{values: map[string]string{}}
	if base, s := p.endpoints(cfg, argparse.Values{}); base != "http://127.0.0.1:9101" || s.Auth != "" {
		t.Errorf("%s %+v", base, s)
	}
	cfg.values["general.base_url"] = "https://st2.example.org"
	_, s := p.endpoints(cfg, argparse.Values{"auth_url": "https://auth.example.org/auth"})
	if s.API != "https://st2.example.org:9101/v1" || s.Auth != "https://auth.example.org/auth" || s.Stream != "https://st2.example.org:9102/v1" {
		t.Errorf("%+v", s)
	}
}

func TestParseINI(t *testing.T) {
	got, err := parseINI("; comment\n[a]\nX = 1\ny: two\n  and more\n\n[b]\n# comment\nz=\n")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a.x": "1", "a.y": "two\nand more", "b.z": ""}, got); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"x = 1", "[a", "[a]\nword"} {
		if _, err := parseINI(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestBoxed(t *testing.T) {
	want := `+------+--------+
| name | text   |
+------+--------+
| a    | one    |
|      | two    |
|      | three- |
|      | four   |
| äö   | x      |
|      | y      |
+------+--------+
`
	got := boxed([]string{"name", "text"}, []int{3, 6}, [][]string{{"a", "one two three-four"}, {"äö", "x\ny"}})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWidthsAreSharesOfTheTerminal(t *testing.T) {
	c := &call{Program: &Program{IO: IO{Columns: 120}}}
	for _, tt := range []struct {
		columns []string
		given   []int64
		want    []int
	}{
		{[]string{"ref", "pack", "description"}, nil, []int{40, 40, 40}},
		{[]string{"id", "name"}, nil, []int{26, 47}},
		{[]string{"id", "action.ref", "context.user", "status", "start_timestamp", "end_timestamp"}, nil, []int{26, 15, 15, 24, 15, 6}},
		{[]string{"a", "b"}, []int64{5}, []int{5, 5}},
		{[]string{"a", "b"}, []int64{5, 6}, []int{5, 6}},
		{[]string{"a", "b"}, []int64{5, 6, 7}, []int{28, 28}},
	} {
		if diff := cmp.Diff(tt.want, spread(c.widths(tt.columns, nil, tt.given), len(tt.columns))); diff != "" {
			t.Errorf("%v: %s", tt.columns, diff)
		}
	}
}

func TestParameters(t *testing.T) {
	schema := func(text string) document {
		v, err := value.FromJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return v.(document)
	}
	s := schemas{
		runner: schema(`{"timeout": {"type": "integer"}, "env": {"type": "object"}}`),
		action: schema(`{"l": {"type": "array"}, "b": {"type": "boolean"}, "f": {"type": "number"}, "s": {"type": "string"}, "u": {"type": ["integer", "null"]}, "o": {"type": "object"}}`),
	}
	file := filepath.Join(t.TempDir(), "body.txt")
	if err := os.WriteFile(file, []byte("content\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &call{Program: &Program{IO: IO{Environ: func() []string {
		return []string{"HOME=/h", "A=b=c", "ST2_AUTH_TOKEN=secret", "SQUALL_PASSWORD=x", "Path=kept"}
	}}}, v: argparse.Values{}}
	for _, tt := range []struct {
		ref   string
		flags argparse.Values
		words []string
		want  string
	}{
		{"x.y", nil, []string{"timeout=3", "b=false", "f=1.5", "s=007", "u=null", "new=1"}, `{"timeout":3,"b":false,"f":1.5,"s":"007","u":null,"new":"1"}`},
		{"x.y", nil, []string{"l=1, b"}, `{"l":["1","b"]}`},
		{"x.y", nil, []string{"l=5", "l=6"}, `{"l":[5,6]}`},
		{"x.y", nil, []string{`l=[{"a":1}]`}, `{"l":[{"a":1}]}`},
		{"x.y", argparse.Values{"auto_dict": true}, []string{"l=a:1,b:2"}, `{"l":[{"a":"1","b":"2"}]}`},
		{"x.y", nil, []string{`o={"a": [1]}`, "env=A=1,B=x=y"}, `{"o":{"a":[1]},"env":{"A":"1","B":"x=y"}}`},
		{"x.y", nil, []string{"uname", "-a", "x"}, `{"cmd":"uname -a x"}`},
		{"x.y", nil, []string{"@s=" + file}, `{"s":"content\n"}`},
		{"core.http", nil, []string{"@body=" + file}, `{"file_content":"content\n","method":"POST","file_name":"body.txt"}`},
		{"x.y", argparse.Values{"inherit_env": true}, nil, `{"env":{"A":"b=c","Path":"kept"}}`},
	} {
		c.v = tt.flags
		got, err := c.parameters(tt.ref, s, tt.words)
		if err != nil {
			t.Errorf("%q: %v", tt.words, err)
			continue
		}
		want := schema(tt.want)
		if !value.Equal(want, got) {
			text, _ := value.ToJSON(got)
			t.Errorf("%q: %s\nwant %s", tt.words, text, tt.want)
		}
	}
	for word, want := range map[string]string{
		"timeout=x": "invalid literal for int() with base 10: 'x'", "b=perhaps": "Invalid value for boolean parameter. Valid values are: true, false",
		"f=x": "could not convert string to float: 'x'", "@s=/no/such": `File "/no/such" doesn't exist`,
	} {
		c.v = nil
		if _, err := c.parameters("x.y", s, []string{word}); err == nil || textOf(err) != want {
			t.Errorf("%s: %v, want %s", word, err, want)
		}
	}
}

func TestBlockShowsObjectsAsYAML(t *testing.T) {
	v, err := value.FromJSON([]byte(`{"id": "x", "parameters": {"password": "p", "n": 1}, "status": "failed", "start_timestamp": "2026-11-22T16:14:38.1Z",
		"end_timestamp": null, "log": [{"status": "requested"}], "result": {"stdout": "[1, 2]"}}`))
	if err != nil {
		t.Fatal(err)
	}
	tm := newTerminal(t, nil)
	c := &call{Context: t.Context(), Program: tm.Program, v: argparse.Values{}}
	if err := c.block(v.(document), []string{"id", "context.user", "parameters", "status", "start_timestamp", "end_timestamp", "log", "result"}); err != nil {
		t.Fatal(err)
	}
	want := `id: x
context.user: None
parameters: 
  n: 1
  password: '********'
status: failed
start_timestamp: Sun, 22 Nov 2026 16:14:38 UTC
end_timestamp: 
log: 
  - status: requested
result: 
  stdout: '[1, 2]'
`
	if diff := cmp.Diff(want, tm.stdout.String()); diff != "" {
		t.Error(diff)
	}
}

// What is a task of a workflow is called so, whoever asks for it.
func TestTailNamesTheTask(t *testing.T) {
	for doc, want := range map[string]string{
		`{"id": "1"}`: "Execution 1|\nExecution 1 has completed (status=failed).\n",
		`{"id": "2", "context": {"parent": {"execution_id": "1"}, "orquesta": {"task_name": "t"}}}`: "Child execution (task=t) 2|\nChild execution (task=t) 2 has finished (status=failed).\n",
		`{"id": "3", "context": {"parent": {"execution_id": "1"}, "chain": {"name": "c"}}}`:         "Child execution (task=c) 3|\nChild execution (task=c) 3 has finished (status=failed).\n",
	} {
		v, err := value.FromJSON([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		if got := titleOf(v.(document)) + "|" + endOf(v.(document), "failed"); got != want {
			t.Errorf("%s: %q, want %q", doc, got, want)
		}
	}
}

func TestTraceFollowsCauses(t *testing.T) {
	v, err := value.FromJSON([]byte(`{
		"trigger_instances": [{"object_id": "t1", "caused_by": {}}, {"object_id": "t2", "caused_by": {"id": "e1", "type": "action_execution"}}],
		"rules": [{"object_id": "r", "caused_by": {"id": "t1", "type": "trigger_instance"}}, {"object_id": "r", "caused_by": {"id": "t2", "type": "trigger_instance"}}],
		"action_executions": [{"object_id": "e1", "caused_by": {"id": "r:t1", "type": "rule"}}, {"object_id": "e2", "caused_by": {"id": "r:t2", "type": "rule"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	count := func(v argparse.Values, d document) (out []int) {
		f := filterTrace(v, d)
		for _, k := range components {
			out = append(out, len(list(member(f, k.member))))
		}
		return out
	}
	d := v.(document)
	for _, tt := range []struct {
		v    argparse.Values
		want []int // trigger instances, rules, executions
	}{
		{argparse.Values{}, []int{2, 2, 2}},
		{argparse.Values{"execution": "e1"}, []int{1, 1, 1}},
		{argparse.Values{"execution": "e2"}, []int{2, 2, 2}},
		{argparse.Values{"trigger_instance": "t1"}, []int{1, 0, 0}},
		{argparse.Values{"execution": "none"}, []int{0, 0, 0}},
		{argparse.Values{"show_rules": true}, []int{0, 2, 0}},
	} {
		if diff := cmp.Diff(tt.want, count(tt.v, d)); diff != "" {
			t.Errorf("%v: %s", tt.v, diff)
		}
	}
}

func TestDebugShowsNoSecrets(t *testing.T) {
	tm := newTerminal(t, map[string]string{"GET /v1/actions": `[]`})
	out := tm.run(t, exitOK, "--debug", "action", "list", "-t", "marker-token", "--api-key", "marker-key")
	if !strings.Contains(out, "curl -X GET") || strings.Contains(out, "marker-") {
		t.Errorf("--debug:\n%s", out)
	}
}

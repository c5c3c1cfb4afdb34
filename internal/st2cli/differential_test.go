package st2cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// answers is an API that knows what testdata/original/answers.json says: by
// method and path, lists also by a parameter. It notes what it is asked.
type answers struct {
	known map[string]json.RawMessage
	asked []string
}

func newAnswers(t *testing.T) *answers {
	t.Helper()
	text, err := os.ReadFile("testdata/original/answers.json")
	if err != nil {
		t.Fatal(err)
	}
	a := &answers{}
	if err := json.Unmarshal(text, &a.known); err != nil {
		t.Fatal(err)
	}
	return a
}

// ServeHTTP answers a request.
func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a test server's client is there
	path := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v1"), "/")
	query := r.URL.Query()
	a.asked = append(a.asked, request(r.Method, path, query, r.Header, body))
	answer, ok := a.known[r.Method+" "+path]
	var members map[string]any
	_ = json.Unmarshal(body, &members) // where it has some
	for name := range members {
		query.Set(name, "")
	}
	for name, values := range query {
		for _, key := range []string{name, name + "=" + values[0]} {
			if special, is := a.known[r.Method+" "+path+"?"+key]; is {
				answer, ok = special, true
			}
		}
	}
	var list []json.RawMessage
	var fixed struct {
		Status int    `json:"$status"`
		Text   string `json:"$text"`
	}
	var text string
	_, password, _ := r.BasicAuth()
	switch {
	case r.Header.Get("X-Auth-Token") == "bad" || password == "wrong":
		w.WriteHeader(http.StatusUnauthorized)
		answer = json.RawMessage(`{"faultstring": "Unauthorized"}`)
	case !ok:
		w.WriteHeader(http.StatusNotFound)
		answer = json.RawMessage(`{"faultstring": "no such thing"}`)
	case json.Unmarshal(answer, &list) == nil:
		w.Header().Set("X-Total-Count", strconv.Itoa(len(list)))
		if limit, err := strconv.Atoi(query.Get("limit")); err == nil && limit > 0 {
			list = list[:min(limit, len(list))]
		}
		answer, _ = json.Marshal(list) // it was JSON
	case json.Unmarshal(answer, &text) == nil:
		answer = json.RawMessage(text)
	case json.Unmarshal(answer, &fixed) == nil && fixed.Status != 0:
		w.WriteHeader(fixed.Status)
		answer = regexp.MustCompile(`"\$status": \d+,? ?`).ReplaceAll(answer, nil)
		if fixed.Text != "" {
			answer = json.RawMessage(fixed.Text)
		}
	}
	if fixed.Status != http.StatusNoContent {
		_, _ = w.Write(answer) // the client says when it is gone
	}
}

// request is what a request asks for, whoever asks: without pages, with names in
// order, one word for true.
func request(method, path string, query url.Values, header http.Header, body []byte) string {
	var words []string
	for name, values := range query {
		v := values[0]
		if name == "limit" || name == "offset" || v == "" || v == "None" || name == "decrypt" && v == "false" {
			continue
		}
		if name == "include_attributes" {
			list := strings.Split(v, ",")
			slices.Sort(list)
			v = strings.Join(slices.Compact(list), ",")
		}
		words = append(words, name+"="+strings.ToLower(v))
	}
	slices.Sort(words)
	line := strings.TrimSpace(method + " " + path + " " + strings.Join(words, "&"))
	for _, name := range []string{"X-Auth-Token", "St2-Api-Key", "Authorization"} {
		if v := header.Get(name); v != "" && (name == "Authorization" || path != "/tokens") { // the original sends it there too
			line += " " + name + ":" + v
		}
	}
	var v any
	if json.Unmarshal(body, &v) == nil {
		if m, ok := v.(map[string]any); ok {
			if tasks, ok := m["reset"].([]any); ok { // the original has a set
				slices.SortFunc(tasks, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
		}
		body, _ = json.Marshal(v) // with its members in order
	}
	return strings.TrimSpace(line + " " + string(body))
}

// comparison is a line of commands.txt. What differs on purpose, and
// docs/compatibility.md names it, is marked: what is printed, what is asked for, or
// the exit code.
type comparison struct {
	line string
	commandLine
	output, requests, code bool
}

var shellWord = regexp.MustCompile(`(?:'[^']*'|[^\s'])+`)

// readCommands reads testdata/original/commands.txt.
func readCommands(t *testing.T, apiURL string) (list []comparison) {
	t.Helper()
	text, err := os.ReadFile("testdata/original/commands.txt")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Abs("testdata/original/files")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		c := comparison{commandLine: commandLine{Words: []string{}, Dir: dir, Env: map[string]string{
			"PATH": os.Getenv("PATH"), "COLUMNS": "120", "TERM": "xterm", "LANG": "C.UTF-8",
			"ST2_API_URL": apiURL + "/v1", "ST2_AUTH_URL": apiURL + "/v1", "ST2_STREAM_URL": apiURL + "/v1", "ST2_AUTH_TOKEN": "token",
		}}}
		bare := strings.TrimLeft(line, "~?! ")
		for _, mark := range line[:len(line)-len(bare)] {
			c.output, c.requests, c.code = c.output || mark == '~', c.requests || mark == '?', c.code || mark == '!'
		}
		c.line = bare
		rest, stdin, has := strings.Cut(bare, " <<< ")
		if has {
			c.Stdin = stdin + "\n"
		}
		for _, word := range shellWord.FindAllString(rest, -1) {
			word = strings.ReplaceAll(word, "'", "")
			if name, v, ok := strings.Cut(word, "="); ok && len(c.Words) == 0 && name == strings.ToUpper(name) {
				c.Env[name] = v
				continue
			}
			c.Words = append(c.Words, word)
		}
		list = append(list, c)
	}
	return list
}

// ours runs a command line in this process.
func ours(t *testing.T, c commandLine, home string) outcome {
	t.Helper()
	t.Chdir(c.Dir)
	var stdout, stderr bytes.Buffer
	columns, _ := strconv.Atoi(c.Env["COLUMNS"])
	p := &Program{IO: IO{
		Stdin: strings.NewReader(c.Stdin), Stdout: &stdout, Stderr: &stderr, Home: home, Columns: columns,
		Env: func(k string) string { return c.Env[k] },
		Environ: func() (list []string) {
			for k, v := range c.Env {
				list = append(list, k+"="+v)
			}
			return list
		},
	}}
	code := p.Main(t.Context(), c.Words)
	return outcome{stdout.String(), stderr.String(), code}
}

// What is printed about the same documents, what is asked of the server and how
// the program ends is the same.
func TestOutputIsTheOriginals(t *testing.T) {
	o := newOriginal(t)
	api := newAnswers(t)
	srv := httptest.NewServer(api)
	defer srv.Close()
	homeOf(t, o.home, "")
	home := t.TempDir()
	homeOf(t, home, "")
	for _, c := range readCommands(t, srv.URL) {
		t.Run(c.line, func(t *testing.T) {
			var theirs outcome
			api.asked = nil
			o.ask(t, c.commandLine, &theirs)
			wanted := unique(api.asked)
			api.asked = nil
			got := ours(t, c.commandLine, home)
			theirs, got = theirs.compared(), got.compared()
			if theirs.Code != got.Code && !c.code {
				t.Errorf("exit code %d, original %d", got.Code, theirs.Code)
			}
			if (theirs.Stdout != got.Stdout || theirs.Stderr != got.Stderr) && !c.output {
				t.Errorf("--- the original:\n%s%s--- ours:\n%s%s(-original +ours):\n%s", theirs.Stdout, theirs.Stderr, got.Stdout, got.Stderr, cmp.Diff(theirs, got))
			}
			if diff := cmp.Diff(wanted, unique(api.asked)); diff != "" && !c.requests {
				t.Errorf("requests (-original +ours):\n%s", diff)
			}
		})
	}
}

var update = flag.Bool("update", false, "write the golden file anew, after a comparison with the original")

// What has been compared with the original stays as it is, also where the original
// is not at hand: testdata/original/outcomes.txt has the requests of each command
// line, what it prints and its exit code.
func TestOutputStaysAsItWasCompared(t *testing.T) {
	const file = "testdata/original/outcomes.txt"
	golden, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	api := newAnswers(t)
	srv := httptest.NewServer(api)
	defer srv.Close()
	home := t.TempDir()
	homeOf(t, home, "")
	var got []string
	for _, c := range readCommands(t, srv.URL) {
		api.asked = nil
		out := ours(t, c.commandLine, home).compared()
		var b strings.Builder
		fmt.Fprintf(&b, "$ %s\n", c.line)
		for _, r := range unique(api.asked) {
			fmt.Fprintf(&b, "> %s\n", r)
		}
		fmt.Fprintf(&b, "%s%s[exit %d]\n", out.Stdout, out.Stderr, out.Code)
		text := strings.NewReplacer(srv.URL, "http://server", c.Dir, "DIR").Replace(b.String())
		got = append(got, stillRunning.ReplaceAllString(text, "${1}Ns elapsed)"))
	}
	if *update {
		if err := os.WriteFile(golden, []byte(strings.Join(got, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n\n$ ")
	if len(want) != len(got) {
		t.Fatalf("%d command lines, %s has %d: go test ./internal/st2cli -run AsItWasCompared -update", len(got), file, len(want))
	}
	for i := range got {
		if diff := cmp.Diff(strings.TrimPrefix(want[i], "$ "), strings.TrimPrefix(strings.TrimSuffix(got[i], "\n"), "$ ")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// stillRunning is the only time in the outputs that goes on.
var stillRunning = regexp.MustCompile(`(running(?:\x1b\[0m)? \()\d+s elapsed\)`)

var address = regexp.MustCompile(`for url: \S+`)

// compared is the part of an outcome that is compared: the addresses that errors
// name are spelled in several ways, and help is in other words; its grammar has a
// test of its own.
func (o outcome) compared() outcome {
	o.Stdout = address.ReplaceAllString(o.Stdout, "for url: URL")
	if strings.HasPrefix(o.Stdout, "usage:") {
		o.Stdout = "usage: ...\n"
	}
	if strings.HasPrefix(o.Stderr, "usage:") {
		_, message, _ := strings.Cut(o.Stderr, "error:")
		o.Stderr = "usage: ... error:" + message
	}
	return o
}

func unique(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

package st2cli

import (
	"bytes"
	"encoding/json"
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

// asIntended are differences of a command that are meant and that
// docs/compatibility.md names: of what is printed, asked for, or the exit code.
type asIntended struct{ output, requests, code bool }

var shellWord = regexp.MustCompile(`(?:'[^']*'|[^\s'])+`)

// readCommands reads testdata/original/commands.txt.
func readCommands(t *testing.T, apiURL string) (lines []string, commands []commandLine, marks []asIntended) {
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
		c := commandLine{Dir: dir, Env: map[string]string{
			"PATH": os.Getenv("PATH"), "COLUMNS": "120", "TERM": "xterm", "LANG": "C.UTF-8",
			"ST2_API_URL": apiURL + "/v1", "ST2_AUTH_URL": apiURL + "/v1", "ST2_STREAM_URL": apiURL + "/v1", "ST2_AUTH_TOKEN": "token",
		}}
		mark := asIntended{}
		for strings.ContainsAny(line[:1], "~?!") {
			mark = asIntended{mark.output || line[0] == '~', mark.requests || line[0] == '?', mark.code || line[0] == '!'}
			line = line[1:]
		}
		line = strings.TrimSpace(line)
		rest, stdin, has := strings.Cut(line, " <<< ")
		if has {
			c.Stdin = stdin + "\n"
		}
		c.Words = []string{}
		for _, word := range shellWord.FindAllString(rest, -1) {
			word = strings.ReplaceAll(word, "'", "")
			if name, v, ok := strings.Cut(word, "="); ok && len(c.Words) == 0 && name == strings.ToUpper(name) {
				c.Env[name] = v
				continue
			}
			c.Words = append(c.Words, word)
		}
		lines, commands, marks = append(lines, line), append(commands, c), append(marks, mark)
	}
	return lines, commands, marks
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
	lines, commands, marks := readCommands(t, srv.URL)
	for i, c := range commands {
		t.Run(lines[i], func(t *testing.T) {
			var theirs outcome
			api.asked = nil
			o.ask(t, c, &theirs)
			wanted := api.asked
			api.asked = nil
			got := ours(t, c, home)
			if strings.HasPrefix(theirs.Stdout, "usage:") { // the help is in other words
				theirs.Stdout, got.Stdout = "usage", got.Stdout[:min(5, len(got.Stdout))]
			}
			if strings.HasPrefix(theirs.Stderr, "usage:") { // and the brackets of groups are
				theirs.Stderr, got.Stderr = theirs.Stderr[strings.LastIndex(theirs.Stderr, "error:")+1:], got.Stderr[strings.LastIndex(got.Stderr, "error:")+1:]
			}
			theirs.Stdout, got.Stdout = plainURL(theirs.Stdout), plainURL(got.Stdout)
			if theirs.Code != got.Code && !marks[i].code {
				t.Errorf("exit code %d, original %d", got.Code, theirs.Code)
			}
			if (theirs.Stdout != got.Stdout || theirs.Stderr != got.Stderr) && !marks[i].output {
				t.Errorf("--- the original:\n%s%s--- ours:\n%s%s", theirs.Stdout, theirs.Stderr, got.Stdout, got.Stderr)
			}
			if diff := cmp.Diff(unique(wanted), unique(api.asked)); diff != "" && !marks[i].requests {
				t.Errorf("requests (-original +ours):\n%s", diff)
			}
		})
	}
}

var address = regexp.MustCompile(`for url: \S+`)

func plainURL(s string) string { return address.ReplaceAllString(s, "for url: URL") }

func unique(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

package runner_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"squall/internal/pack"
	"squall/internal/param"
	"squall/internal/runner"
	"squall/internal/runner/announce"
	"squall/internal/runner/http"
	"squall/internal/runner/local"
	"squall/internal/runner/noop"
	"squall/internal/runner/types"
	"squall/internal/squall"
)

// recorded is one recorded run of the original.
type recorded struct {
	Name     string
	Kind     string
	Metadata json.RawMessage
	Files    map[string]string
	FileMode string `json:"file_mode"`
	Varies   bool

	Parameters json.RawMessage
	Extra      json.RawMessage `json:"request_body_extra"`
	Raw        json.RawMessage `json:"raw_request_body"`
	Datastore  json.RawMessage
	Expect     struct {
		HTTPStatus int `json:"http_status"`
		Status     squall.Status
		Result     any
		Steps      []struct {
			Do      string
			Seconds float64
		}
	}
}

// explained are the cases that differ on purpose or cannot be repeated here,
// each with its reason. A case that agrees must not be in it.
var explained = map[string]string{
	// Ours is better: docs/compatibility.md says so.
	"local-shell-cmd/invalid_utf8_stderr":        "output that is not UTF-8 is kept, with the bad bytes replaced; the original fails and loses it",
	"local-shell-cmd/truncated_utf8":             "output that is not UTF-8 is kept, with the bad bytes replaced; the original fails and loses it",
	"local-shell-script/entry_point_with_spaces": "a script with blanks in its path runs; the original cannot find it",
	"local-shell-script/content_version_not_git": "fails as well, but at once and saying why",

	// The JSON library in the recording was a stand-in (caveat json-library).
	"local-shell-cmd/json_nan_stdout":      "NaN is no JSON; the original's own library refuses it too",
	"local-shell-cmd/json_infinity_stdout": "Infinity is no JSON; the original's own library refuses it too",
	"http-request/body_json-nan":           "NaN is no JSON; the original's own library refuses it too",

	// The machine of the recording: user stanley, its sudo, its service.
	"local-shell-cmd/whoami":            "the user of the recording",
	"local-shell-cmd/sudo_false_user":   "the user of the recording",
	"local-shell-cmd/stdout_sudo_env":   "the user of the recording",
	"local-shell-cmd/env_path_override": "the recording's sudo resets PATH; without sudo it has its effect",
}

// TestRecordedRuns replays what the original did, as far as its runners did it:
// parameters are completed by internal/param, templates are left to others.
func TestRecordedRuns(t *testing.T) {
	dir := conformanceDir(t)
	server := startServer(t, dir)
	for _, kind := range []string{"noop", "announcement", "local-shell-cmd", "local-shell-script", "http-request"} {
		t.Run(kind, func(t *testing.T) {
			var file struct{ Cases []recorded }
			load(t, filepath.Join(dir, kind+".json"), &file)
			counts := map[string]int{}
			t.Run("cases", func(t *testing.T) {
				for _, c := range file.Cases {
					t.Run(c.Name, func(t *testing.T) {
						verdict, diff := replay(t, c, server)
						why, known := explained[kind+"/"+c.Name]
						switch {
						case verdict == differs && known && why != "":
							verdict = "explained"
							t.Logf("differs as expected: %s", why)
						case verdict == differs:
							t.Error(diff)
						case verdict == agrees && why != "":
							t.Errorf("agrees, but is listed as a difference: %s", why)
						}
						counts[verdict]++
					})
				}
			})
			t.Logf("%s: %d cases: %v", kind, len(file.Cases), counts)
		})
	}
}

const (
	agrees  = "agree"
	differs = "differ"
	others  = "not the runner's"
)

func replay(t *testing.T, c recorded, server string) (verdict, diff string) {
	switch {
	case c.Expect.HTTPStatus != 201:
		return others, "" // refused before a runner sees it
	case templated(c.Metadata), templated(c.Parameters), c.Raw != nil, c.Datastore != nil:
		return others, "" // needs rendering, or the API
	}
	job := jobOf(t, c, server)
	if job == nil {
		return others, ""
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	go func() { // the recording's own steps, up to the cancel
		for _, step := range c.Expect.Steps {
			switch step.Do {
			case "sleep":
				time.Sleep(time.Duration(step.Seconds * float64(time.Second)))
			case "cancel", "put_status":
				cancel(runner.ErrCanceled)
			}
		}
	}()
	outcome, err := runnerOf(t, c.Kind).Run(ctx, job, runner.Discard)
	if err != nil {
		return differs, err.Error()
	}
	if outcome.Status != c.Expect.Status {
		return differs, fmt.Sprintf("status %s, want %s: %s", outcome.Status, c.Expect.Status, outcome.Result)
	}
	if c.Varies || outcome.Status == squall.Canceled {
		return agrees, "" // the result of a cancelled run is the life cycle's
	}
	text := string(outcome.Result)
	if job.PackDir != "" {
		text = strings.ReplaceAll(text, job.PackDir, "/opt/stackstorm/packs/"+job.Action.Ref.Pack)
	}
	if wd, err := os.Getwd(); err == nil {
		text = strings.ReplaceAll(text, wd, "/opt/stackstorm")
		if strings.HasPrefix(wd, "/tmp/") { // a recorded command shortens directories there itself
			text = strings.ReplaceAll(text, "/tmp/...", "/opt/stackstorm")
		}
	}
	text = strings.ReplaceAll(text, strings.TrimPrefix(server, "http://"), "127.0.0.1:9199")
	var got any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		return differs, err.Error()
	}
	if where := unequal("result", c.Expect.Result, got); where != "" {
		return differs, where
	}
	return agrees, ""
}

func templated(doc json.RawMessage) bool {
	return bytes.Contains(doc, []byte("{{")) || bytes.Contains(doc, []byte("{%"))
}

// jobOf builds the job as the scheduler would, nil when its parameters need
// more than completing.
func jobOf(t *testing.T, c recorded, server string) *runner.Job {
	t.Helper()
	var meta struct{ Pack string }
	if err := json.Unmarshal(c.Metadata, &meta); err != nil {
		t.Fatal(err)
	}
	catalog := types.Builtin()
	content, problems := pack.Reader{Runners: catalog.RunnerType}.Read(fstest.MapFS{
		"pack.yaml":      {Data: []byte("name: corpus\nversion: 1.0.0\n")},
		"actions/a.json": {Data: c.Metadata},
	}, meta.Pack)
	if content == nil || len(content.Actions) != 1 {
		t.Fatalf("metadata: %v", problems)
	}
	action := content.Actions[0]
	rt, ok := catalog.RunnerType(action.Runner)
	if !ok {
		t.Fatalf("no runner type %s", action.Runner)
	}
	given := json.RawMessage(strings.ReplaceAll(string(c.Parameters), "127.0.0.1:9199", strings.TrimPrefix(server, "http://")))
	stored, err := param.Validate(rt, action, given)
	if err != nil {
		t.Logf("parameters are not accepted as they are: %v", err)
		return nil // they need a cast
	}
	job := &runner.Job{
		Execution: &squall.Execution{ID: "68c0ffee0000000000000001", Parameters: stored},
		Action:    action,
		Env: map[string]string{
			"ST2_ACTION_PACK_NAME": "corpus", "ST2_ACTION_EXECUTION_ID": "68c0ffee0000000000000001",
			"ST2_ACTION_API_URL": "http://127.0.0.1:9101/v1", "ST2_ACTION_AUTH_TOKEN": strings.Repeat("0", 32),
			"ST2_ACTION_DEBUG": "False", "ST2_CONFIG_PATH": "/etc/st2/st2.conf",
		},
	}
	if job.RunnerParams, job.ActionParams, err = param.Final(rt, action, stored); err != nil {
		t.Fatalf("final parameters: %v", err)
	}
	if c.Kind == "local-shell-script" || len(c.Files) > 0 {
		job.PackDir = filepath.Join(t.TempDir(), "corpus")
		for name, text := range c.Files {
			mode := uint64(0o644)
			if c.FileMode != "" {
				if mode, err = strconv.ParseUint(c.FileMode, 8, 32); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join(job.PackDir, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), os.FileMode(mode)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return job
}

func runnerOf(t *testing.T, kind string) runner.Runner {
	t.Helper()
	cfg := local.Config{Grace: 200 * time.Millisecond}
	switch kind {
	case "noop":
		return noop.Runner{}
	case "announcement":
		return announce.New(func(context.Context, string, json.RawMessage) error { return nil })
	case "http-request":
		return http.New(http.Config{})
	case "local-shell-script":
		r, err := local.NewScript(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return r
	default:
		r, err := local.NewCmd(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// unequal says where got differs from what was recorded, "" when nowhere.
func unequal(where string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		if long, ok := want["$long_string"].(map[string]any); ok {
			s, ok := got.(string)
			sum := sha256.Sum256([]byte(s))
			if !ok || float64(utf8.RuneCountInString(s)) != long["length"] || hex.EncodeToString(sum[:]) != long["sha256_utf8"] {
				return fmt.Sprintf("%s: %.60v..., want a text of %v characters", where, got, long["length"])
			}
			return ""
		}
		m, ok := got.(map[string]any)
		if !ok {
			break
		}
		for name, value := range want {
			if name == "traceback" {
				continue // frames of the original
			}
			if text, ok := m[name].(string); ok && name == "error" && where == "result" && sameKind(text, value) {
				continue
			}
			if other, ok := m[name]; !ok {
				return fmt.Sprintf("%s has no %q", where, name)
			} else if name == "Content-Length" || name == "accept-encoding" {
				continue // of an echo, they depend on the length of other values
			} else if diff := unequal(where+"."+name, value, other); diff != "" {
				return diff
			}
		}
		for name := range m {
			if _, ok := want[name]; !ok {
				return fmt.Sprintf("%s has %q too", where, name)
			}
		}
		return ""
	case []any:
		l, ok := got.([]any)
		if !ok || len(l) != len(want) {
			break
		}
		for i := range want {
			if diff := unequal(fmt.Sprintf("%s[%d]", where, i), want[i], l[i]); diff != "" {
				return diff
			}
		}
		return ""
	case string:
		if s, ok := got.(string); ok && placeholders(want).MatchString(s) {
			return ""
		}
	default:
		if reflect.DeepEqual(want, got) {
			return ""
		}
	}
	return fmt.Sprintf("%s: %#v, want %#v", where, got, want)
}

// sameKind reports whether two error texts say the same in their own words:
// those of Python's libraries are not imitated beyond their first words.
func sameKind(got string, want any) bool {
	text, _ := want.(string)
	for _, foreign := range []string{"HTTPConnectionPool(", "HTTPSConnectionPool(", "'{' was never closed", "Invalid leading whitespace", "expected str, bytes", "Invalid URL"} {
		if strings.HasPrefix(text, foreign) {
			return got != ""
		}
	}
	return false // compared like any other text
}

var placeholder = regexp.MustCompile(`<(ID|UUID|TIME|ADDR|PID|RANDOM|DB|INDEX|KEY)>`)

// placeholders makes an expression of a recorded text.
func placeholders(text string) *regexp.Regexp {
	quoted := placeholder.ReplaceAllString(regexp.QuoteMeta(text), `\s*\S+`)
	return regexp.MustCompile(`(?s)\A` + quoted + `\z`)
}

func conformanceDir(t *testing.T) string {
	t.Helper()
	root := os.Getenv("SQUALL_CONFORMANCE")
	if root == "" {
		root = "../../../shared/conformance"
	}
	dir := filepath.Join(root, "runners")
	if _, err := os.Stat(filepath.Join(dir, "noop.json")); err != nil {
		t.Skipf("SKIPPED: no recorded runs (%v); set SQUALL_CONFORMANCE", err)
	}
	return dir
}

func load(t *testing.T, file string, into any) {
	t.Helper()
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(doc, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// startServer starts the recording's HTTP server: raw HTTP/1.0 over TCP, because
// the exact bytes of its answers matter.
func startServer(t *testing.T, dir string) (address string) {
	t.Helper()
	var routes struct {
		Static []struct {
			Path, Reason, Body string
			Status             int
			Headers            [][2]string
			Base64             string `json:"body_base64"`
		} `json:"static_routes"`
	}
	load(t, filepath.Join(dir, "http_routes.json"), &routes)
	static := map[string][]byte{}
	for _, r := range routes.Static {
		body := []byte(strings.Repeat("z", 50000))
		if r.Body == "" {
			var err error
			if body, err = base64.StdEncoding.DecodeString(r.Base64); err != nil {
				t.Fatal(err)
			}
		}
		static[r.Path] = answer(r.Status, r.Reason, r.Headers, body)
	}
	// Requests name the port they were sent to, so it has as many digits as the
	// recorded one; lengths are equal then.
	listener := listenFourDigits(t)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(c, static)
		}
	}()
	return "http://" + listener.Addr().String()
}

func listenFourDigits(t *testing.T) net.Listener {
	t.Helper()
	for port := 9199; port < 9999; port++ {
		if l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			return l
		}
	}
	t.Fatal("no port between 9199 and 9999 is free")
	return nil
}

func answer(status int, reason string, headers [][2]string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.0 %d %s\r\n", status, reason)
	for _, h := range headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

func serve(c net.Conn, static map[string][]byte) {
	defer c.Close()
	reader := newHead(c)
	if first, err := reader.r.Peek(1); err != nil || first[0] == 0x16 { // a TLS greeting
		_, _ = c.Write(answer(400, "Bad Request", nil, nil))
		return
	}
	req, raw, err := reader.request()
	if err != nil {
		return
	}
	body, _ := io.ReadAll(req.Body)
	length := func(b []byte) [2]string { return [2]string{"Content-Length", strconv.Itoa(len(b))} }
	target := raw.target
	path, query, _ := strings.Cut(target, "?")
	if u, err := url.Parse(target); err == nil && u.IsAbs() {
		path, query = u.Path, u.RawQuery
	}
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	switch {
	case path == "/reset":
	case static[path] != nil:
		_, _ = c.Write(static[path])
	case path == "/echo":
		pairs := [][2]string{}
		for pair := range strings.SplitSeq(query, "&") {
			if pair == "" {
				continue
			}
			k, v, _ := strings.Cut(pair, "=")
			k, _ = url.QueryUnescape(k)
			v, _ = url.QueryUnescape(v)
			pairs = append(pairs, [2]string{k, v})
		}
		doc, _ := json.Marshal(map[string]any{"method": req.Method, "path": target, "query": pairs, "headers": raw.headers, "body": string(body)})
		_, _ = c.Write(answer(200, "OK", [][2]string{{"Content-Type", "application/json"}, length(doc)}, doc))
	case parts[0] == "status":
		status, _ := strconv.Atoi(parts[1])
		doc := []byte(fmt.Sprintf(`{"code": %d}`, status))
		if status == 204 || status == 304 {
			doc = nil
		}
		headers := [][2]string{{"Content-Type", "application/json"}}
		if doc != nil {
			headers = append(headers, length(doc))
		}
		_, _ = c.Write(answer(status, nethttp.StatusText(status), headers, doc))
	case parts[0] == "redirect":
		status, _ := strconv.Atoi(parts[1])
		left, _ := strconv.Atoi(parts[2])
		next := "/echo"
		if left > 1 {
			next = fmt.Sprintf("/redirect/%d/%d", status, left-1)
		}
		_, _ = c.Write(answer(status, "Moved", [][2]string{{"Location", next}, {"Content-Length", "5"}}, []byte("moved")))
	case path == "/slow":
		seconds, _ := strconv.ParseFloat(query, 64)
		time.Sleep(time.Duration(seconds * float64(time.Second)))
		_, _ = c.Write(answer(200, "OK", [][2]string{{"Content-Length", "4"}}, []byte("slow")))
	case path == "/basic":
		if raw.headers["authorization"] == "Basic "+base64.StdEncoding.EncodeToString([]byte("u:p")) {
			_, _ = c.Write(answer(200, "OK", [][2]string{{"Content-Length", "2"}}, []byte("ok")))
		} else {
			_, _ = c.Write(answer(401, "Unauthorized", [][2]string{{"WWW-Authenticate", `Basic realm="r"`}, {"Content-Length", "6"}}, []byte("denied")))
		}
	default:
		_, _ = c.Write(answer(404, "Not Found", [][2]string{{"Content-Length", "9"}}, []byte("not found")))
	}
}

package http

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"squall/internal/runner"
	"squall/internal/squall"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func job(runnerParams, actionParams map[string]any) *runner.Job {
	return &runner.Job{
		Execution:    &squall.Execution{},
		Action:       &squall.Action{Ref: squall.Ref{Pack: "core", Name: "http"}},
		RunnerParams: runnerParams, ActionParams: actionParams,
	}
}

type result struct {
	StatusCode int               `json:"status_code"`
	Body       any               `json:"body"`
	Parsed     bool              `json:"parsed"`
	Headers    map[string]string `json:"headers"`
	Error      string            `json:"error"`
}

func run(t *testing.T, ctx context.Context, j *runner.Job) (squall.Status, result) {
	t.Helper()
	return runWith(t, ctx, New(Config{}), j)
}

func runWith(t *testing.T, ctx context.Context, r *Runner, j *runner.Job) (squall.Status, result) {
	t.Helper()
	outcome, err := r.Run(ctx, j, runner.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var res result
	if err := json.Unmarshal(outcome.Result, &res); err != nil {
		t.Fatalf("result %s: %v", outcome.Result, err)
	}
	return outcome.Status, res
}

func serve(t *testing.T, handler nethttp.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

// rawServer answers every request with exactly these bytes.
func rawServer(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if req, err := nethttp.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, req.Body)
				_, _ = io.WriteString(c, answer)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "http://" + l.Addr().String()
}

func TestHeaderNamesAreTheServers(t *testing.T) {
	url := rawServer(t, "HTTP/1.1 100 Continue\r\nx-INTERIM: 1\r\n\r\nHTTP/1.1 200 OK\r\nwww-AUTHENTICATE: a\r\nX-multi: 1\r\nx-Multi: 2\r\nX-Latin: caf\xe9\r\nConnection: close\r\n\r\nok")
	status, got := run(t, t.Context(), job(map[string]any{"url": url}, nil))
	want := map[string]string{"www-AUTHENTICATE": "a", "X-multi": "1, 2", "X-Latin": "café", "Connection": "close"}
	if diff := cmp.Diff(want, got.Headers); diff != "" || status != squall.Succeeded {
		t.Errorf("%s, headers (-want +got):\n%s", status, diff)
	}
}

func TestPackedBodiesAreUnpacked(t *testing.T) {
	pack := map[string]func(io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	}
	for name, writer := range pack {
		url := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
			var b bytes.Buffer
			z := writer(&b)
			_, _ = io.WriteString(z, `{"a": 1}`)
			z.Close()
			w.Header().Set("Content-Encoding", name)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(b.Bytes())
		})
		_, got := run(t, t.Context(), job(map[string]any{"url": url}, nil))
		if !got.Parsed || !cmp.Equal(got.Body, map[string]any{"a": 1.0}) || got.Headers["Content-Encoding"] != name {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestHostLists(t *testing.T) {
	for url, host := range map[string]string{
		"http://Example.com":              "Example.com",
		"http://example.com:80/a@b":       "example.com",
		"http://u:p@example.com/":         "example.com",
		"http://a@b@example.com?x":        "example.com",
		"http://[::1]:80/":                "::1",
		"http://example.com#@other":       "example.com",
		"http://other\\@example.com/":     "other",
		"//x":                             "x",
		"example.com/path":                "",
		"http://evil.com:80@example.com/": "example.com",
	} {
		if got := hostOf(url); got != host {
			t.Errorf("%s: host %q, want %q", url, got, host)
		}
	}
	for name, c := range map[string]struct {
		lists hostLists
		url   string
		want  string
	}{
		"black":             {hostLists{black: []string{"a"}}, "http://a:1/x", `URL "http://a:1/x" is blacklisted`},
		"black, with login": {hostLists{black: []string{"a"}}, "http://u@a/", `URL "http://u@a/" is blacklisted`},
		"not black":         {hostLists{black: []string{"a"}}, "http://A/", ""},
		"white":             {hostLists{white: []string{"a"}}, "http://a/", ""},
		"not white":         {hostLists{white: []string{"a"}}, "http://a@b/", `URL "http://a@b/" is not whitelisted`},
	} {
		got := ""
		if err := c.lists.check(c.url); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestRedirects(t *testing.T) {
	type seen struct{ Method, Path, Body, Auth, Type string }
	other := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		fmt.Fprintf(w, "elsewhere %q", r.Header.Get("Authorization"))
	})
	url := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		switch r.URL.Path {
		case "/end":
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(seen{r.Method, r.URL.RequestURI(), string(body), r.Header.Get("Authorization"), r.Header.Get("Content-Type")})
		case "/loop":
			w.Header().Set("Location", "/loop")
			w.WriteHeader(302)
		case "/away":
			w.Header().Set("Location", other)
			w.WriteHeader(307)
		default:
			var code int
			_, _ = fmt.Sscanf(r.URL.Path, "/%d", &code)
			w.Header().Set("Location", "end?q=%C3%A9")
			w.WriteHeader(code)
		}
	})
	send := func(path, method string, more map[string]any) (squall.Status, result) {
		params := map[string]any{"url": url + path, "allow_redirects": true, "username": "u", "password": "p", "headers": map[string]any{"Content-Type": "text/x"}}
		for k, v := range more {
			params[k] = v
		}
		body := ""
		if method == "POST" || method == "PUT" {
			body = "data"
		}
		return run(t, t.Context(), job(params, map[string]any{"method": method, "body": body}))
	}
	for _, c := range []struct {
		code           int
		method, want   string
		keeps, content string
	}{
		{301, "POST", "GET", "", ""}, {302, "POST", "GET", "", ""}, {303, "POST", "GET", "", ""},
		{301, "PUT", "PUT", "", ""}, {302, "PUT", "GET", "", ""}, {303, "HEAD", "HEAD", "", ""},
		{307, "POST", "POST", "data", "text/x"}, {308, "PUT", "PUT", "data", "text/x"},
	} {
		_, got := send(fmt.Sprintf("/%d", c.code), c.method, nil)
		if c.want == "HEAD" {
			if got.StatusCode != 200 {
				t.Errorf("%d %s: %+v", c.code, c.method, got)
			}
			continue
		}
		want := map[string]any{"Method": c.want, "Path": "/end?q=%C3%A9", "Body": c.keeps, "Auth": "Basic dTpw", "Type": c.content}
		if diff := cmp.Diff(want, got.Body); diff != "" {
			t.Errorf("%d %s (-want +got):\n%s", c.code, c.method, diff)
		}
	}
	if status, got := send("/loop", "GET", nil); status != squall.Failed || got.Error != "Exceeded 30 redirects." {
		t.Errorf("loop: %s %+v", status, got)
	}
	if _, got := send("/away", "GET", nil); got.Body != `elsewhere ""` {
		t.Errorf("the login went to another server: %+v", got.Body)
	}
	if _, got := send("/301", "GET", map[string]any{"allow_redirects": false}); got.StatusCode != 301 {
		t.Errorf("followed without being asked to: %+v", got)
	}
	// 127.0.0.1 redirects to itself by another name, which is forbidden.
	named := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		w.Header().Set("Location", strings.Replace(other, "127.0.0.1", "localhost", 1))
		w.WriteHeader(302)
	})
	status, got := run(t, t.Context(), job(map[string]any{"url": named, "allow_redirects": true, "url_hosts_blacklist": []any{"localhost"}}, nil))
	if status != squall.Failed || !strings.HasSuffix(got.Error, "is blacklisted") {
		t.Errorf("a redirect led to a forbidden host: %s %+v", status, got)
	}
}

func TestTimeoutBoundsSilenceNotTheWholeAnswer(t *testing.T) {
	url := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		for range 6 {
			_, _ = io.WriteString(w, "x")
			w.(nethttp.Flusher).Flush()
			time.Sleep(100 * time.Millisecond)
		}
		if r.URL.Path == "/stall" {
			<-r.Context().Done()
		}
	})
	status, got := run(t, t.Context(), job(map[string]any{"url": url}, map[string]any{"timeout": json.Number("0.4")}))
	if status != squall.Succeeded || got.Body != "xxxxxx" {
		t.Errorf("%s, %+v", status, got)
	}
	status, got = run(t, t.Context(), job(map[string]any{"url": url + "/stall"}, map[string]any{"timeout": json.Number("0.4")}))
	if status != squall.Timeout || !strings.HasSuffix(got.Error, "Read timed out. (read timeout=0.4)") {
		t.Errorf("%s, %+v", status, got)
	}
}

func TestCancelEndsAWaitingRequest(t *testing.T) {
	started := make(chan struct{})
	url := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		close(started)
		<-r.Context().Done()
	})
	for cause, want := range map[error]squall.Status{runner.ErrCanceled: squall.Canceled} {
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { <-started; cancel(cause) }()
		if status, got := run(t, ctx, job(map[string]any{"url": url}, nil)); status != want {
			t.Errorf("%v: %s, %+v", cause, status, got)
		}
	}
}

func TestALongBodyIsCutWithAMark(t *testing.T) {
	url := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `["`+strings.Repeat("x", 5000)+`"]`)
	})
	_, got := runWith(t, t.Context(), New(Config{BodyLimit: 1000}), job(map[string]any{"url": url}, nil))
	if want := `["` + strings.Repeat("x", 998) + "\n[body cut here: the limit is 1000 bytes]"; got.Parsed || got.Body != want {
		t.Errorf("parsed %t, %d bytes", got.Parsed, len(got.Body.(string)))
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	s := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) { fmt.Fprint(w, r.Proto) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake below
	s.StartTLS()
	t.Cleanup(s.Close)
	status, got := run(t, t.Context(), job(map[string]any{"url": s.URL, "verify_ssl_cert": true}, nil))
	if status != squall.Failed || !strings.Contains(got.Error, "certificate") {
		t.Errorf("checked: %s, %+v", status, got)
	}
	status, got = run(t, t.Context(), job(map[string]any{"url": s.URL, "verify_ssl_cert": false}, nil))
	if status != squall.Succeeded || got.Body != "HTTP/1.1" {
		t.Errorf("not checked: %s, %+v", status, got)
	}
}

func TestUploadIsAForm(t *testing.T) {
	url := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		f, h, err := r.FormFile("note.txt")
		if err != nil {
			nethttp.Error(w, err.Error(), 400)
			return
		}
		content, _ := io.ReadAll(f)
		fmt.Fprintf(w, "%s %s %s %s", r.Method, h.Filename, h.Header.Get("Content-Type"), content)
	})
	_, got := run(t, t.Context(), job(map[string]any{"url": url}, map[string]any{"file_name": "note.txt", "file_content": "hello", "file_content_type": "text/x"}))
	if got.Body != "POST note.txt text/x hello" {
		t.Errorf("%+v", got)
	}
}

func TestRefusedParameters(t *testing.T) {
	for want, c := range map[string][2]map[string]any{
		"Header part (5) from {'X-N': 5} must be of type str or bytes, not <class 'int'>":                            {{"url": "http://x", "headers": map[string]any{"X-N": json.Number("5")}}, nil},
		`Invalid leading whitespace, reserved character(s), or return character(s) in header value: 'a\r\nX: 1'`:     {{"url": "http://x", "headers": map[string]any{"X-N": "a\r\nX: 1"}}, nil},
		`'latin-1' codec can't encode character '\u2713' in position 1: ordinal not in range(256)`:                   {{"url": "http://x", "headers": map[string]any{"X": "a✓"}}, nil},
		"Attempted to set connect timeout to 0.0, but the timeout cannot be set to a value less than or equal to 0.": {{"url": "http://x"}, {"timeout": json.Number("0")}},
		"'str' object is not callable":                                                                                    {{"url": "http://x"}, {"auth": "x=y"}},
		"expected string or bytes-like object, got 'int'":                                                                 {{"url": "http://x", "cookies": map[string]any{"a": json.Number("1")}}, nil},
		"No connection adapters were found for 'ftp://x/'":                                                                {{"url": "ftp://x/"}, nil},
		"Invalid URL '': No scheme supplied. Perhaps you meant http://?":                                                  {{"url": ""}, nil},
		"Invalid URL 'http:///x': No host supplied":                                                                       {{"url": "http:///x"}, nil},
		"Data must not be a string.":                                                                                      {{"url": "http://x"}, {"body": "b", "file_name": "f", "file_content": "c"}},
		`the body is neither JSON nor a Python literal: invalid syntax at character 2: a string as key expected`:          {{"url": "http://x", "headers": map[string]any{"content-type": "application/json"}}, {"body": "{bad"}},
		`"url_hosts_blacklist" and "url_hosts_whitelist" parameters are mutually exclusive. Only one should be provided.`: {{"url": "http://x", "url_hosts_blacklist": []any{"a"}, "url_hosts_whitelist": []any{"b"}}, nil},
	} {
		status, got := run(t, t.Context(), job(c[0], c[1]))
		if status != squall.Failed || got.Error != want {
			t.Errorf("%s %q\nwant failed %q", status, got.Error, want)
		}
	}
}

func TestBodiesThatAreToBeJSON(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "null",
		`{"b": 1, "a": [ 2 ]}`: `{"b":1,"a":[2]}`,
		`{'b': True, "a": (None, 'it\'s \u00e9' "!"), 'c': (1), 'd': (1,), 'e': [],}`: `{"b":true,"a":[null,"it's é!"],"c":1,"d":[1],"e":[]}`,
		"-1.5": "-1.5",
		"+3":   "3",
		".5":   "0.5",
	} {
		got, err := asJSON(in)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"{bad", "[1 2]", "[1,,2]", "{1: 2}", "{'a' 1}", "'open", "None None", "f()", "__import__('os')", "1_0", `'\x1'`, "[", strings.Repeat("[", 500)} {
		if got, err := asJSON(in); err == nil {
			t.Errorf("%s was read as %s", in, got)
		}
	}
}

func FuzzPythonLiteral(f *testing.F) {
	f.Add(`{'b': True, "a": (None, 'it\'s \u00e9' "!"), 'c': -1.5e3}`)
	f.Fuzz(func(t *testing.T, s string) {
		v, err := pythonLiteral(s)
		if err != nil {
			return
		}
		if doc := runner.CompactJSON(v); !json.Valid([]byte(doc)) {
			t.Errorf("%q became %q, which is not JSON", s, doc)
		}
	})
}

func FuzzNormalize(f *testing.F) {
	f.Add("http://u:p@host:80/pa th?q=é&%41%#f", "a=b")
	f.Fuzz(func(t *testing.T, address, query string) {
		url, _, err := normalize(address, query)
		if err != nil {
			return
		}
		if strings.ContainsAny(url, " \r\n\t") {
			t.Errorf("%q became %q", address, url)
		}
		if again, _, err := normalize(url, ""); err != nil || again != url {
			t.Errorf("%q became %q and then %q (%v)", address, url, again, err)
		}
	})
}

func FuzzDecodeText(f *testing.F) {
	f.Add([]byte("caf\xe9"), "text/plain; charset=iso-8859-1")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		if text := decodeText(body, contentType); !json.Valid([]byte(runner.CompactJSON(string(text)))) {
			t.Errorf("%q as %q is %q", body, contentType, text)
		}
	})
}

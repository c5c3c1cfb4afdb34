package http

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"squall/internal/runner"
)

// request is one request to be sent, in plain terms.
type request struct {
	method  string
	url     string // absolute, without user and password
	headers []header
	body    []byte // nil: none
	timeout time.Duration
	follow  bool
	verify  bool
	proxies map[string]string // scheme -> proxy
	hosts   hostLists
}

// header is one line; value holds Latin-1, as HTTP does.
type header struct{ name, value string }

// requestOf reads the action's parameters. Method, query, body, auth, timeout
// and upload belong to the action, the rest to the runner (st2).
func (r *Runner) requestOf(job *runner.Job) (*request, error) {
	text := func(from map[string]any, name string) string { s, _ := from[name].(string); return s }
	given, own := job.RunnerParams, job.ActionParams

	req := &request{timeout: 60 * time.Second, verify: true, proxies: map[string]string{}}
	if err := req.setTimeout(own["timeout"]); err != nil {
		return nil, err
	}
	req.hosts = hostLists{texts(given["url_hosts_blacklist"]), texts(given["url_hosts_whitelist"])}
	if len(req.hosts.black) > 0 && len(req.hosts.white) > 0 {
		return nil, runner.Complain(`"url_hosts_blacklist" and "url_hosts_whitelist" parameters are mutually exclusive. Only one should be provided.`)
	}
	req.follow, _ = given["allow_redirects"].(bool)
	if verify, ok := given["verify_ssl_cert"].(bool); ok {
		req.verify = verify
	}
	for _, scheme := range []string{"http", "https"} {
		if proxy := text(given, scheme+"_proxy"); proxy != "" {
			req.proxies[scheme] = proxy
		}
	}

	upload := upload{text(own, "file_name"), text(own, "file_content"), text(own, "file_content_type")}
	body := text(own, "body")
	req.method = text(own, "method")
	if req.method == "" {
		req.method = http.MethodGet
		if body != "" || upload.present() {
			req.method = http.MethodPost
		}
	}

	address := strings.TrimLeft(text(given, "url"), " \t\r\n")
	if err := req.hosts.check(address); err != nil {
		return nil, err // before anything else about it is judged, as in st2
	}
	query, err := queryOf(job.Ordered("params"))
	if err != nil {
		return nil, err
	}
	var login *url.Userinfo
	if req.url, login, err = normalize(address, query); err != nil {
		return nil, err
	}

	if err := req.setHeaders(given["headers"]); err != nil {
		return nil, err
	}
	req.set("User-Agent", r.cfg.UserAgent) // overrides the caller's, as does the next (st2)
	req.set("X-Stanley-Action", job.Action.Ref.Name)
	if err := req.setBody(body, upload); err != nil {
		return nil, err
	}
	if err := req.setCookies(job.Ordered("cookies")); err != nil {
		return nil, err
	}
	return req, req.setAuth(own["auth"], given["username"], given["password"], login)
}

func (req *request) setTimeout(v any) error {
	if v == nil {
		return nil
	}
	var seconds float64
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return fmt.Errorf("timeout %s is not a number of seconds", v)
		}
		seconds = f
	case float64:
		seconds = v
	default:
		return runner.Complain("float() argument must be a string or a real number, not '%s'", runner.PythonType(v))
	}
	if seconds <= 0 {
		return runner.Complain("Attempted to set connect timeout to %s, but the timeout cannot be set to a value less than or equal to 0.", runner.PythonText(seconds, true))
	}
	const most = 1e9 // a duration holds no more than 292 years
	req.timeout = time.Duration(min(seconds, most) * float64(time.Second))
	return nil
}

// get returns the value of a header, "" when it is not set.
func (req *request) get(name string) string {
	for _, h := range req.headers {
		if strings.EqualFold(h.name, name) {
			return h.value
		}
	}
	return ""
}

// set sets a header, whatever case it was written in before.
func (req *request) set(name, value string) {
	req.unset(name)
	req.headers = append(req.headers, header{name, value})
}

func (req *request) unset(names ...string) {
	kept := req.headers[:0:0]
	for _, h := range req.headers {
		drop := false
		for _, name := range names {
			drop = drop || strings.EqualFold(h.name, name)
		}
		if !drop {
			kept = append(kept, h)
		}
	}
	req.headers = kept
}

func (req *request) setHeaders(v any) error {
	given, _ := v.(map[string]any)
	for _, m := range sortedMembers(given) {
		if m.Value == nil {
			continue // requests: null takes a header away
		}
		value, ok := m.Value.(string)
		if !ok {
			return runner.Complain("Header part (%s) from {%s: %[1]s} must be of type str or bytes, not <class '%[3]s'>",
				runner.PythonRepr(m.Value), runner.PythonRepr(m.Name), runner.PythonType(m.Value))
		}
		if strings.ContainsAny(value, "\r\n") || strings.HasPrefix(value, " ") || strings.HasPrefix(value, "\t") {
			return runner.Complain("Invalid leading whitespace, reserved character(s), or return character(s) in header value: %s", runner.PythonRepr(value))
		}
		encoded, err := toLatin1(value)
		if err != nil {
			return err
		}
		if m.Name == "" || strings.ContainsAny(m.Name, ": \t\r\n") {
			return runner.Complain("Invalid leading whitespace, reserved character(s), or return character(s) in header name: %s", runner.PythonRepr(m.Name))
		}
		req.set(m.Name, encoded)
	}
	// requests always computes the length itself.
	req.unset("Content-Length", "Transfer-Encoding")
	return nil
}

// upload is a file to be sent as multipart/form-data.
type upload struct{ name, content, contentType string }

func (u upload) present() bool { return u.name != "" && u.content != "" }

// setBody sets the body: as it is; as JSON, when the caller's header says so;
// or as a form with the uploaded file.
func (req *request) setBody(body string, file upload) error {
	if req.get("Content-Type") == "application/json" {
		doc, err := asJSON(body)
		if err != nil {
			return err
		}
		body = doc
	}
	if file.present() {
		if body != "" {
			return runner.Complain("Data must not be a string.") // requests: not beside a file
		}
		return req.setUpload(file)
	}
	if body != "" {
		req.body = []byte(body)
	}
	return nil
}

func (req *request) setUpload(file upload) error {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part := textproto.MIMEHeader{}
	name := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "%0D", "\n", "%0A").Replace(file.name)
	part.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"; filename="%[1]s"`, name))
	if file.contentType != "" {
		part.Set("Content-Type", file.contentType)
	}
	w, err := form.CreatePart(part)
	if err != nil {
		return err
	}
	_, _ = w.Write([]byte(file.content)) // into memory: cannot fail
	if err := form.Close(); err != nil {
		return err
	}
	req.body = b.Bytes()
	if req.get("Content-Type") == "" {
		req.set("Content-Type", form.FormDataContentType())
	}
	return nil
}

// asJSON reads a body that is to be JSON, as JSON or as a Python literal, and
// writes it compactly; no body is null (st2).
func asJSON(body string) (string, error) {
	if body == "" {
		return "null", nil
	}
	var b bytes.Buffer
	if json.Compact(&b, []byte(body)) == nil {
		return b.String(), nil
	}
	v, err := pythonLiteral(body)
	if err != nil {
		return "", fmt.Errorf("the body is neither JSON nor a Python literal: %w", err)
	}
	return runner.CompactJSON(v), nil
}

func (req *request) setCookies(v any) error {
	var pairs []string
	for _, m := range membersOf(v) {
		switch value := m.Value.(type) {
		case nil:
			pairs = append(pairs, m.Name)
		case string:
			if strings.ContainsAny(m.Name+value, "\r\n") {
				return fmt.Errorf("a cookie must not hold line breaks: %s", runner.PythonRepr(m.Name))
			}
			pairs = append(pairs, m.Name+"="+value)
		default:
			return runner.Complain("expected string or bytes-like object, got '%s'", runner.PythonType(value))
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	encoded, err := toLatin1(strings.Join(pairs, "; "))
	if err != nil {
		return err
	}
	req.set("Cookie", encoded)
	return nil
}

// setAuth sets basic authentication: from username and password, else from the
// URL. What is missing of the two is the text "None" (st2, by way of str()).
// An "auth" parameter never worked in the original and is refused with its
// words; core.http declares it, so somebody may set it.
func (req *request) setAuth(auth, username, password any, fromURL *url.Userinfo) error {
	name, _ := username.(string)
	word, _ := password.(string)
	switch {
	case name != "" || word != "":
		if username == nil {
			name = "None"
		}
		if password == nil {
			word = "None"
		}
	case runner.Truthy(auth):
		return runner.Complain("'%s' object is not callable", runner.PythonType(auth))
	case fromURL != nil:
		name = fromURL.Username()
		word, _ = fromURL.Password()
	default:
		return nil
	}
	encoded, err := toLatin1(name + ":" + word)
	if err != nil {
		return err
	}
	req.set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(encoded)))
	return nil
}

// wire returns the request as net/http sends it.
func (req *request) wire(ctx context.Context) (*http.Request, error) {
	out, err := http.NewRequestWithContext(ctx, req.method, req.url, nil)
	if err != nil {
		return nil, err
	}
	out.Header.Set("Accept", "*/*")
	out.Header.Set("Accept-Encoding", "gzip, deflate")
	out.Header.Set("Connection", "keep-alive")
	for _, h := range req.headers {
		if strings.EqualFold(h.name, "Host") {
			out.Host = h.value
			continue
		}
		out.Header.Set(h.name, h.value)
	}
	switch {
	case req.body != nil:
		out.Body = nopCloser{bytes.NewReader(req.body)}
		out.ContentLength = int64(len(req.body))
	case req.method != http.MethodGet && req.method != http.MethodHead:
		// requests says "nothing follows" for all other methods; net/http only
		// for those of forms. A name it does not know as canonical passes it.
		if req.method != http.MethodPost && req.method != http.MethodPut && req.method != http.MethodPatch {
			out.Header["content-length"] = []string{"0"}
		}
	}
	return out, nil
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

// redirect returns the request that an answer asks for, nil when it asks none.
// Methods change as in requests: 303 makes everything but HEAD a GET, 302 too,
// 301 only a POST; 307 and 308 send the same again.
func (req *request) redirect(a *answer) (*request, error) {
	location := a.get("Location")
	switch a.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	if location == "" {
		return nil, nil
	}
	from, err := url.Parse(req.url)
	if err != nil {
		return nil, err
	}
	to, err := from.Parse(latin1(location))
	if err != nil {
		return nil, fmt.Errorf("redirected to %q: %w", location, err)
	}
	next := *req
	if to.Fragment == "" {
		to.Fragment = from.Fragment
	}
	var login *url.Userinfo
	if next.url, login, err = normalize(to.String(), ""); err != nil {
		return nil, err
	}
	if a.status == http.StatusSeeOther && req.method != http.MethodHead ||
		a.status == http.StatusFound && req.method != http.MethodHead ||
		a.status == http.StatusMovedPermanently && req.method == http.MethodPost {
		next.method = http.MethodGet
	}
	if a.status != http.StatusTemporaryRedirect && a.status != http.StatusPermanentRedirect {
		next.body = nil
		next.unset("Content-Type")
	}
	if from.Host != to.Host || from.Scheme == "https" && to.Scheme != "https" {
		next.unset("Authorization", "Cookie") // they were meant for the first server
	}
	if login != nil {
		return &next, next.setAuth(nil, nil, nil, login)
	}
	return &next, nil
}

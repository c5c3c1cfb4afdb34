package st2cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"squall/internal/argparse"
	"squall/internal/client"
	"squall/internal/squall"
)

// endpoints finds the addresses of the services: options, then the configuration,
// then the environment (st2: in this order). With none of them everything is on
// one port, that of a Squall server as it comes.
func (p *Program) endpoints(cfg *config, v argparse.Values) (base string, s client.Services) {
	pick := func(option, setting, env string) string {
		return first(v.String(option), cfg.get(setting), p.Env(env))
	}
	base = strings.TrimRight(pick("base_url", "general.base_url", "ST2_BASE_URL"), "/")
	version := first(v.String("api_version"), cfg.get("general.api_version"), p.Env("ST2_API_VERSION"), "v1")
	s = client.Services{
		API:    pick("api_url", "api.url", "ST2_API_URL"),
		Auth:   pick("auth_url", "auth.url", "ST2_AUTH_URL"),
		Stream: pick("stream_url", "stream.url", "ST2_STREAM_URL"),
	}
	if base == "" && s == (client.Services{}) {
		return strings.TrimRight(first(p.Env("SQUALL_URL"), "http://127.0.0.1:9101"), "/"), s
	}
	base = first(base, "http://127.0.0.1")
	s.API = first(s.API, base+":9101/"+version)
	s.Auth = first(s.Auth, base+":9100")
	s.Stream = first(s.Stream, base+":9102/"+version)
	return s.API, s
}

func first(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

// connect makes a client for the server, logged in where the command needs it.
func (p *Program) connect(ctx context.Context, cfg *config, res *argparse.Result) (*client.Client, error) {
	v := res.Values
	opts := client.Options{UserAgent: "st2/" + p.Version}
	opts.URL, opts.Services = p.endpoints(cfg, v)
	var err error
	if opts.HTTP, err = p.transport(cfg, v); err != nil {
		return nil, err
	}
	if basic := first(v.String("basic_auth"), cfg.get("credentials.basic_auth")); basic != "" {
		user, password, ok := strings.Cut(basic, ":")
		if !ok {
			return nil, invalid("basic_auth config options needs to be in the username:password notation")
		}
		opts.Proxy = url.UserPassword(user, password)
	}
	if opensItself[res.Command().Name] && len(res.Path) == 2 { // auth, login
		return client.New(opts)
	}
	opts.Token = first(v.String("token"), p.Env("ST2_AUTH_TOKEN"))
	opts.APIKey = first(v.String("api_key"), p.Env("ST2_API_KEY"), cfg.get("credentials.api_key"))
	user := cfg.get("credentials.username")
	switch {
	case opts.Token != "" || opts.APIKey != "":
	case user != "":
		bare, err := client.New(opts)
		if err != nil {
			return nil, err
		}
		opts.Token, err = p.token(ctx, bare, cfg, user)
		switch {
		case squall.KindOf(err) == squall.Unavailable:
			fmt.Fprintln(p.Stderr, "Auth API server is not available, skipping authentication.")
		case err != nil:
			fmt.Fprintln(p.Stdout, "Failed to authenticate with credentials provided in the config.")
			return nil, err
		}
	default:
		opts.Token = p.Env("SQUALL_TOKEN")
		if opts.Token == "" && p.Kept != nil {
			opts.Token = p.Kept(opts.URL)
		}
	}
	return client.New(opts)
}

var opensItself = map[string]bool{"auth": true, "login": true}

// transport is how servers are reached. st2: without cacert certificates are not
// checked. Here they are, by the roots of the system; cacert=false switches it off.
func (p *Program) transport(cfg *config, v argparse.Values) (*http.Client, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	switch ca := first(v.String("cacert"), cfg.get("general.cacert"), p.Env("ST2_CACERT")); strings.ToLower(ca) {
	case "", "true", "1", "t", "y", "yes":
	case "false", "0", "f", "no":
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // asked for
	default:
		text, err := os.ReadFile(ca)
		if err != nil {
			return nil, invalid("CA cert file \"%s\" does not exist.", ca)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, invalid("CA cert file \"%s\" holds no certificate.", ca)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	if v.Bool("debug") || cfg.yes("cli.debug") {
		return &http.Client{Transport: &tracer{next: t, w: p.Stdout}}, nil
	}
	return &http.Client{Transport: t}, nil
}

// tracer prints requests as lines of curl, and their answers (--debug). What
// authenticates is not printed.
type tracer struct {
	next http.RoundTripper
	w    io.Writer
	n    int // requests so far; they come one after the other
}

func (t *tracer) RoundTrip(r *http.Request) (*http.Response, error) {
	t.n++
	line := "curl -X " + r.Method
	for _, k := range slices.Sorted(maps.Keys(r.Header)) {
		value := strings.Join(r.Header[k], ", ")
		if k == "X-Auth-Token" || k == "St2-Api-Key" || k == "Authorization" {
			value = "********"
		}
		line += fmt.Sprintf(" -H '%s: %s'", k, value)
	}
	if r.Body != nil && r.ContentLength > 0 {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(text))
		line += " --data-binary '" + strings.ReplaceAll(string(text), "'", `'\''`) + "'"
	}
	fmt.Fprintf(t.w, "# -------- begin %d request ----------\n%s '%s'\n", t.n, line, r.URL)
	resp, err := t.next.RoundTrip(r)
	if err != nil || strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return resp, err
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(text))
	shown := text
	if strings.HasSuffix(r.URL.Path, "/tokens") {
		shown = []byte("(not shown: it holds a token)")
	}
	fmt.Fprintf(t.w, "# -------- begin %[1]d response ----------\n%[2]s\n# -------- end %[1]d response ------------\n\n", t.n, shown)
	return resp, nil
}

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squall/internal/cli"
	"squall/internal/logintest"
)

// site is a whole server whose users come from an outside source.
type site struct {
	url    string
	client *http.Client
	home   string // of the user of the command line
}

// newSite starts a server; set adds the source of users.
func newSite(t *testing.T, set func(c *Config)) *site {
	t.Helper()
	c := DefaultConfig()
	c.Server.Data = filepath.Join(t.TempDir(), "data")
	c.Server.Listen = logintest.FreeAddress(t) // known before the start: the providers send browsers there
	set(c)
	address, _ := serveThere(t, c)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{url: address, home: t.TempDir()}
	s.client = &http.Client{Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

// get makes a request of the browser; the answer is read.
func (s *site) get(t *testing.T, address string) (*http.Response, string) {
	t.Helper()
	resp, err := s.client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	return resp, text(t, resp)
}

func text(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// whoami asks the API whose a token is.
func (s *site) whoami(t *testing.T, token string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/v1/user", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", token)
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	var who struct{ Username string }
	if err := json.Unmarshal([]byte(text(t, resp)), &who); err != nil {
		t.Fatal(err)
	}
	return who.Username
}

// cookieToken is the token that a web page finds after the login.
func (s *site) cookieToken(t *testing.T) string {
	t.Helper()
	u, _ := url.Parse(s.url)
	for _, c := range s.client.Jar.Cookies(u) {
		if c.Name != "st2-auth-token" {
			continue
		}
		doc, err := url.PathUnescape(c.Value)
		var token struct{ Token string }
		if err != nil || json.Unmarshal([]byte(doc), &token) != nil {
			t.Fatalf("the cookie holds %q", c.Value)
		}
		return token.Token
	}
	return ""
}

// squall runs the command line as somebody on the user's machine.
func (s *site) squall(t *testing.T, env map[string]string, browse func(string) error, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errText bytes.Buffer
	p := &cli.IO{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errText, Home: s.home, OpenBrowser: browse, Env: func(name string) string {
		if name == "SQUALL_URL" {
			return s.url
		}
		return env[name]
	}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code = cli.Main(ctx, cli.New(p, "test"), p, args)
	return out.String(), errText.String(), code
}

// loggedIn checks that the command line is known to the server as user.
func (s *site) loggedIn(t *testing.T, user string) {
	t.Helper()
	if out, errText, code := s.squall(t, nil, nil, "whoami"); code != 0 || !strings.Contains(out, user) {
		t.Errorf("whoami = %d, %q, %q; want %s", code, out, errText, user)
	}
}

// OpenID Connect through a whole server: in the browser, from the command line in
// a browser here and elsewhere, and with the provider's own tokens.
func TestSignOnByOIDC(t *testing.T) {
	t.Parallel()
	idp := logintest.NewOIDC(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("client-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, func(c *Config) {
		o := &c.Login.OIDC
		o.Issuer, o.ClientID, o.SecretFile, o.Required, o.APIAudiences = idp.URL, "squall", secret, []string{"hpc"}, []string{"squall-api"}
	})
	follow := func(address string) (*http.Response, string) {
		resp, body := s.get(t, address)
		for resp.StatusCode/100 == 3 {
			resp, body = s.get(t, resp.Header.Get("Location"))
		}
		return resp, body
	}
	if resp, body := follow(s.url + "/auth/v1/sso/request"); resp.StatusCode != http.StatusOK || s.whoami(t, s.cookieToken(t)) != "ann" {
		t.Errorf("in the browser: %s %s", resp.Status, body)
	}
	idp.Set(func() { idp.Claims = map[string]any{"groups": []string{"others"}} })
	if resp, body := follow(s.url + "/auth/v1/sso/request"); resp.StatusCode != http.StatusUnauthorized || strings.Contains(body, "others") {
		t.Errorf("somebody in no required group: %s %s", resp.Status, body)
	}
	idp.Set(func() { idp.Claims = nil })

	browse := func(address string) error {
		go follow(address)
		return nil
	}
	if out, errText, code := s.squall(t, nil, browse, "login", "--sso"); code != 0 || !strings.Contains(out, "as ann until") {
		t.Errorf("login --sso = %d, %q, %q", code, out, errText)
	}
	s.loggedIn(t, "ann")

	s.home = t.TempDir()
	time.AfterFunc(100*time.Millisecond, func() { idp.Set(func() { idp.Approved = true }) })
	if out, errText, code := s.squall(t, nil, nil, "login", "--device"); code != 0 || !strings.Contains(out, "as ann until") || !strings.Contains(errText, "ABCD-EFGH") {
		t.Errorf("login --device = %d, %q, %q", code, out, errText)
	}
	s.loggedIn(t, "ann")

	for token, want := range map[string]int{
		idp.Sign(map[string]any{"aud": "squall-api"}):                                     http.StatusOK,
		idp.Sign(map[string]any{"aud": "somebody"}):                                       http.StatusUnauthorized,
		logintest.NewOIDC(t).Sign(map[string]any{"aud": "squall-api", "iss": idp.URL}):    http.StatusUnauthorized,
		idp.Sign(map[string]any{"aud": "squall-api", "exp": time.Now().Unix() - 60}):      http.StatusUnauthorized,
		idp.Sign(map[string]any{"aud": "squall-api", "groups": []string{"not", "these"}}): http.StatusUnauthorized,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/v1/user", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := s.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if body := text(t, resp); resp.StatusCode != want {
			t.Errorf("a token of the provider: %s %s, want %d", resp.Status, body, want)
		}
	}
}

// SAML through a whole server: signed assertions come back as forms, in the
// browser and for the command line; those of another key do not log in.
func TestSignOnBySAML(t *testing.T) {
	t.Parallel()
	idp, evil := logintest.NewSAML(t, "id.example.org"), logintest.NewSAML(t, "id.example.org")
	metadata := filepath.Join(t.TempDir(), "idp.xml")
	if err := os.WriteFile(metadata, idp.Document(t), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, func(c *Config) { c.Login.SAML.Metadata = metadata })
	_, ours := s.get(t, s.url+"/auth/v1/sso/metadata")
	idp.Knows(t, []byte(ours))
	evil.Knows(t, []byte(ours))
	// sign sends the browser to a provider and posts the form it brings back.
	sign := func(by *logintest.SAML, address string) (*http.Response, string) {
		resp, body := s.get(t, address)
		if resp.StatusCode/100 != 3 {
			return resp, body
		}
		back, err := s.client.PostForm(s.url+"/auth/v1/sso/callback", by.Answer(t, resp.Header.Get("Location"), nil))
		if err != nil {
			t.Fatal(err)
		}
		return back, text(t, back)
	}
	if resp, body := sign(evil, s.url+"/auth/v1/sso/request"); resp.StatusCode != http.StatusUnauthorized || s.cookieToken(t) != "" {
		t.Errorf("signed with another key: %s %s", resp.Status, body)
	}
	if resp, body := sign(idp, s.url+"/auth/v1/sso/request"); resp.StatusCode != http.StatusOK || s.whoami(t, s.cookieToken(t)) != "ann" {
		t.Errorf("in the browser: %s %s", resp.Status, body)
	}
	browse := func(address string) error {
		go func() {
			if resp, _ := sign(idp, address); resp.StatusCode/100 == 3 {
				s.get(t, resp.Header.Get("Location"))
			}
		}()
		return nil
	}
	if out, errText, code := s.squall(t, nil, browse, "login", "--sso"); code != 0 || !strings.Contains(out, "as ann until") {
		t.Errorf("login --sso = %d, %q, %q", code, out, errText)
	}
	s.loggedIn(t, "ann")
}

// A directory (over TLS) and PAM's helper know passwords: at the API and at the
// command line.
func TestSignOnByPassword(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T, c *Config){
		"ldap": func(t *testing.T, c *Config) {
			d := logintest.StartSlapd(t)
			reader := filepath.Join(t.TempDir(), "reader")
			if err := os.WriteFile(reader, []byte("reader-secret\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			l := &c.Login.LDAP
			l.URLs, l.CAFile, l.BindDN, l.BindPasswordFile = []string{d.TLS}, d.CAFile, "cn=reader,dc=example,dc=org", reader
			l.UserBase, l.GroupBase, l.Required, l.Timeout = "ou=people,dc=example,dc=org", "ou=groups,dc=example,dc=org", []string{"hpc-operators"}, 20*time.Second
		},
		"pam": func(t *testing.T, c *Config) {
			helper := filepath.Join(t.TempDir(), "helper")
			script := "#!/bin/sh\nanswer=$(tr '\\000' ' ')\ncase \"$answer\" in\n'ann ann-secret ') echo hpc-operators ;;\n'bob bob-secret ') echo hpc ;;\n*) exit 1 ;;\nesac\n"
			if err := os.WriteFile(helper, []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			c.Login.PAM.Helper, c.Login.PAM.Required, c.Login.PAM.Timeout = []string{helper}, []string{"hpc-operators"}, 20*time.Second
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, func(c *Config) { start(t, c) })
			for _, tt := range []struct {
				user, password string
				status         int
			}{
				{"ann", "ann-secret", http.StatusCreated},
				{"ann", "wrong", http.StatusUnauthorized},
				{"bob", "bob-secret", http.StatusUnauthorized}, // in no required group
			} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/auth/v1/tokens", strings.NewReader("{}"))
				if err != nil {
					t.Fatal(err)
				}
				req.SetBasicAuth(tt.user, tt.password)
				resp, err := s.client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				body := text(t, resp)
				if resp.StatusCode != tt.status {
					t.Errorf("%s with %s: %s %s", tt.user, tt.password, resp.Status, body)
				}
				var token struct{ Token string }
				if _ = json.Unmarshal([]byte(body), &token); tt.status == http.StatusCreated && s.whoami(t, token.Token) != tt.user {
					t.Errorf("the token of %s is not theirs", tt.user)
				}
			}
			if out, errText, code := s.squall(t, map[string]string{"SQUALL_PASSWORD": "ann-secret"}, nil, "login", "ann"); code != 0 {
				t.Errorf("login = %d, %q, %q", code, out, errText)
			}
			s.loggedIn(t, "ann")
			if out, errText, code := s.squall(t, map[string]string{"SQUALL_PASSWORD": "wrong"}, nil, "login", "ann"); code == 0 {
				t.Errorf("login with a wrong password = %d, %q, %q", code, out, errText)
			}
		})
	}
}

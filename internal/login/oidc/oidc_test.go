package oidc

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/login"
	"squall/internal/logintest"
	"squall/internal/squall"
)

func config(p *logintest.OIDC) Config {
	return Config{
		Issuer: p.URL, ClientID: "squall", ClientSecret: func() (string, error) { return "client-secret", nil },
		RedirectURL: "http://127.0.0.1:9101/auth/v1/sso/callback", Scopes: []string{"profile"}, UserClaim: "preferred_username", GroupsClaim: "groups",
		Audiences: []string{"squall-api", "squall"},
	}
}

// browse is a browser that goes where Begin sends it and comes back.
func browse(t *testing.T, to string) *http.Request {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		t.Fatalf("the provider says %s", resp.Status)
	}
	return httptest.NewRequest(http.MethodGet, resp.Header.Get("Location"), nil)
}

func TestBrowser(t *testing.T) {
	t.Parallel()
	idp := logintest.NewOIDC(t)
	other := logintest.NewOIDC(t)
	expired := time.Now().Add(-time.Minute).Unix()
	ann := login.Identity{User: "ann", Groups: []string{"hpc", "staff"}}
	for _, tt := range []struct {
		name     string
		claims   map[string]any
		userinfo map[string]any
		config   func(*Config)
		request  func(url.Values)
		want     login.Identity
		err      string
	}{
		{name: "right", want: ann},
		{name: "one group as a text", claims: map[string]any{"groups": "hpc"}, want: login.Identity{User: "ann", Groups: []string{"hpc"}}},
		{name: "groups inside of an object", claims: map[string]any{"realm_access": map[string]any{"roles": []string{"b", "a", "a"}}},
			config: func(c *Config) { c.GroupsClaim = "realm_access.roles" }, want: login.Identity{User: "ann", Groups: []string{"a", "b"}}},
		{name: "groups from the user info", claims: map[string]any{"groups": nil}, userinfo: map[string]any{"sub": "1", "groups": []string{"x"}},
			want: login.Identity{User: "ann", Groups: []string{"x"}}},
		{name: "user info of somebody else", claims: map[string]any{"groups": nil}, userinfo: map[string]any{"sub": "2", "groups": []string{"x"}},
			err: "somebody else"},
		{name: "user info does not replace the token", claims: map[string]any{"groups": nil}, userinfo: map[string]any{"sub": "1", "preferred_username": "root"},
			want: login.Identity{User: "ann"}},
		{name: "required group", config: func(c *Config) { c.Required = []string{"hpc"} }, want: ann},
		{name: "not in the required group", config: func(c *Config) { c.Required = []string{"admins"} }, err: "none of the groups"},
		{name: "no user", claims: map[string]any{"preferred_username": nil}, err: "no claim preferred_username"},
		{name: "user with a line end", claims: map[string]any{"preferred_username": "ann\nx"}, err: "cannot be used"},
		{name: "address not verified", claims: map[string]any{"email": "ann@example.org"}, config: func(c *Config) { c.UserClaim = "email" }, err: "not verified"},
		{name: "address verified", claims: map[string]any{"email": "ann@example.org", "email_verified": true}, config: func(c *Config) { c.UserClaim = "email" },
			want: login.Identity{User: "ann@example.org", Groups: ann.Groups}},
		{name: "other audience", claims: map[string]any{"aud": "somebody"}, err: "expected audience"},
		{name: "other issuer", claims: map[string]any{"iss": other.URL}, err: "different provider"},
		{name: "expired", claims: map[string]any{"exp": expired}, err: "expired"},
		{name: "other nonce", claims: map[string]any{"nonce": "x"}, err: "another login"},
		{name: "refused by the provider", request: func(q url.Values) { q.Set("error", "access_denied") }, err: `says "access_denied"`},
		{name: "answer of another provider", request: func(q url.Values) { q.Set("iss", "https://evil.example") }, err: "another provider's"},
		{name: "no code", request: func(q url.Values) { q.Del("code") }, err: "no code"},
		{name: "made-up code", request: func(q url.Values) { q.Set("code", "x") }, err: "invalid_grant"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			idp.Set(func() { idp.Claims, idp.Userinfo = tt.claims, tt.userinfo })
			c := config(idp)
			if tt.config != nil {
				tt.config(&c)
			}
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			p := New(c)
			to, keep, err := p.Begin(t.Context(), "state-1")
			if err != nil {
				t.Fatal(err)
			}
			r := browse(t, to)
			q := r.URL.Query()
			if tt.request != nil {
				tt.request(q)
			}
			r.URL.RawQuery = q.Encode()
			if got := p.State(r); got != "state-1" {
				t.Errorf("state %q", got)
			}
			got, err := p.Finish(t.Context(), keep, r)
			if diff := cmp.Diff(tt.want, got); diff != "" && tt.err == "" {
				t.Error(diff, err)
			}
			if tt.err != "" && (squall.KindOf(err) != squall.Unauthentic || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

// A code that was stolen is worth nothing without the verifier, and holds once.
func TestStolenCode(t *testing.T) {
	t.Parallel()
	idp := logintest.NewOIDC(t)
	p := New(config(idp))
	to, keep, err := p.Begin(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	_, thief, err := p.Begin(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(to, string(keep)) || strings.Contains(string(keep), "client-secret") {
		t.Error("a secret is where it must not be")
	}
	r := browse(t, to)
	if _, err := p.Finish(t.Context(), thief, r); squall.KindOf(err) != squall.Unauthentic {
		t.Errorf("with another verifier: %v", err)
	}
	if _, err := p.Finish(t.Context(), keep, r); squall.KindOf(err) != squall.Unauthentic {
		t.Errorf("a code for the second time: %v", err)
	}
}

func TestDevice(t *testing.T) {
	t.Parallel()
	idp := logintest.NewOIDC(t)
	p := New(config(idp))
	code, keep, err := p.BeginDevice(t.Context())
	if err != nil || code.UserCode != "ABCD-EFGH" || code.URL != idp.URL+"/activate" || code.Interval != 2*time.Second || time.Until(code.Expires) > time.Minute {
		t.Fatalf("BeginDevice = %+v, %v", code, err)
	}
	if _, done, err := p.FinishDevice(t.Context(), keep); done || err != nil {
		t.Errorf("before the code was typed in: %v, %v", done, err)
	}
	idp.Set(func() { idp.Approved = true })
	id, done, err := p.FinishDevice(t.Context(), keep)
	if err != nil || !done || id.User != "ann" || !slices.Equal(id.Groups, []string{"hpc", "staff"}) {
		t.Errorf("afterwards: %+v, %v, %v", id, done, err)
	}
	if _, _, err := p.FinishDevice(t.Context(), []byte(`{"code":"x"}`)); squall.KindOf(err) != squall.Unauthentic {
		t.Errorf("a made-up code: %v", err)
	}
}

func TestBearer(t *testing.T) {
	t.Parallel()
	idp, other := logintest.NewOIDC(t), logintest.NewOIDC(t)
	b := Bearers{New(config(idp))}
	good := idp.Sign(map[string]any{"aud": "squall-api"})
	id, until, err := b.Bearer(t.Context(), good)
	if err != nil || id.User != "ann" || time.Until(until) > time.Minute || time.Until(until) < 50*time.Second {
		t.Errorf("Bearer = %+v, %v, %v", id, until, err)
	}
	head, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	for name, bad := range map[string]string{
		"another provider's key":  other.Sign(map[string]any{"iss": idp.URL}),
		"another issuer":          idp.Sign(map[string]any{"iss": other.URL}),
		"another audience":        idp.Sign(map[string]any{"aud": []string{"somebody"}}),
		"no audience":             idp.Sign(map[string]any{"aud": nil}),
		"expired":                 idp.Sign(map[string]any{"exp": time.Now().Add(-time.Second).Unix()}),
		"not yet":                 idp.Sign(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}),
		"no signature":            head + "." + payload + ".",
		"no algorithm":            none + "." + payload + ".",
		"changed":                 head + "." + payload[:len(payload)-4] + "AAAA" + "." + signature,
		"algorithm says one more": logintest.SignRS256(idp.Key, "unknown-key", map[string]any{"iss": other.URL, "aud": "squall"}),
		"garbage":                 "a.b.c",
		"empty":                   "",
	} {
		if id, _, err := b.Bearer(t.Context(), bad); squall.KindOf(err) != squall.Unauthentic || id.User != "" {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
	// Keys are changed now and then; a new one is fetched when it is first seen.
	idp.Set(func() { idp.Key, idp.Kid = other.Key, "k2" })
	if _, _, err := b.Bearer(t.Context(), idp.Sign(nil)); err != nil {
		t.Errorf("after a change of keys: %v", err)
	}
}

func TestProviderDown(t *testing.T) {
	t.Parallel()
	idp := logintest.NewOIDC(t)
	idp.Set(func() { idp.Down = true })
	p := New(config(idp))
	if _, _, err := p.Begin(t.Context(), "s"); squall.KindOf(err) != squall.Unavailable {
		t.Errorf("Begin: %v", err)
	}
	if err := p.Check(t.Context()); err == nil {
		t.Error("Check finds nothing wrong")
	}
	idp.Set(func() { idp.Down = false })
	to, keep, err := p.Begin(t.Context(), "s")
	if err != nil {
		t.Fatalf("when it is back: %v", err)
	}
	r := browse(t, to)
	idp.Set(func() { idp.Down = true })
	if _, err := p.Finish(t.Context(), keep, r); squall.KindOf(err) != squall.Unavailable {
		t.Errorf("Finish: %v", err)
	}
	if _, _, err := (Bearers{p}).Bearer(t.Context(), idp.Sign(nil)); squall.KindOf(err) != squall.Unavailable {
		t.Errorf("Bearer with keys that cannot be fetched: %v", err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]Config{
		`issuer: "id.example.org" is not an address`: {Issuer: "id.example.org", ClientID: "a", UserClaim: "b"},
		"issuer: must be https://":                   {Issuer: "http://id.example.org", ClientID: "a", UserClaim: "b"},
		"client_id: must be set":                     {Issuer: "https://id.example.org", UserClaim: "b"},
		"user_claim: must be set":                    {Issuer: "https://id.example.org", ClientID: "a"},
		"required_groups: needs groups_claim":        {Issuer: "https://id.example.org", ClientID: "a", UserClaim: "b", Required: []string{"c"}},
	} {
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

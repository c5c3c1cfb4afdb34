// Package oidc logs users in at a provider of OpenID Connect.
//
// Three ways: the browser's (authorization code with PKCE and a nonce), that of
// a terminal without one (device authorization, RFC 8628), and tokens of the
// provider that a program shows to the API itself. Out of each comes the claim
// that names the user and the one that lists the groups; the provider's tokens
// are not kept.
//
// The provider is asked for its addresses and keys when they are first needed,
// so a provider that is down does not keep the server from starting.
package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"squall/internal/login"
	"squall/internal/squall"
)

// Config is which provider is trusted, and with what.
type Config struct {
	Issuer       string                 // address, exactly as the provider writes it into its tokens
	ClientID     string                 // what the provider calls us
	ClientSecret func() (string, error) // read for every login; nil: a public client
	RedirectURL  string                 // where the provider sends browsers back to
	Scopes       []string               // beside openid

	UserClaim   string   // such as preferred_username or email; dots lead into objects
	GroupsClaim string   // "": groups do not matter
	Required    []string // the user must be in one of these groups; none: every user may log in

	// Audiences are what tokens that programs show must have been issued for; none:
	// such tokens are not accepted.
	Audiences []string

	HTTP *http.Client // for questions to the provider; nil: a client with a time-out
}

// Validate returns everything that is wrong, each in words that follow the name
// of the setting.
func (c Config) Validate() error {
	var list []error
	u, err := url.Parse(c.Issuer)
	loopback := err == nil && (u.Hostname() == "localhost" || strings.HasPrefix(u.Hostname(), "127.") || u.Hostname() == "::1")
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		list = append(list, fmt.Errorf("issuer: %q is not an address such as https://id.example.org", c.Issuer))
	case u.Scheme == "http" && !loopback:
		list = append(list, errors.New("issuer: must be https://: whoever sits between could log in as anybody"))
	}
	if c.ClientID == "" {
		list = append(list, errors.New("client_id: must be set"))
	}
	if c.UserClaim == "" {
		list = append(list, errors.New("user_claim: must be set, such as preferred_username"))
	}
	if c.GroupsClaim == "" && len(c.Required) > 0 {
		list = append(list, errors.New("required_groups: needs groups_claim: without it nobody is in any group"))
	}
	return errors.Join(list...)
}

// Provider is a provider of identities. It may be used by several goroutines at once.
type Provider struct {
	c  Config
	mu sync.Mutex
	p  *oidc.Provider // nil until it was reached
}

// New returns the provider that c, which Validate has passed, describes. It asks
// nothing yet.
func New(c Config) *Provider {
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: 10 * time.Second}
	}
	return &Provider{c: c}
}

// Name is "oidc".
func (*Provider) Name() string { return "oidc" }

// provider asks for addresses and keys once; several at the same time ask for
// themselves, and the last answer stays.
func (p *Provider) provider() (*oidc.Provider, error) {
	p.mu.Lock()
	known := p.p
	p.mu.Unlock()
	if known != nil {
		return known, nil
	}
	// The provider's keys are fetched with this context as long as we live; the
	// client's own time-out bounds each request.
	found, err := oidc.NewProvider(p.client(context.Background()), p.c.Issuer)
	if err != nil {
		return nil, unavailable(err)
	}
	p.mu.Lock()
	p.p = found
	p.mu.Unlock()
	return found, nil
}

// Check asks the provider whether it is there.
func (p *Provider) Check(context.Context) error {
	_, err := p.provider()
	if cause := errors.Unwrap(err); cause != nil {
		return cause
	}
	return err
}

func (p *Provider) client(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.c.HTTP)
}

func unavailable(err error) error {
	return &squall.Error{Kind: squall.Unavailable, Msg: "the identity provider does not answer", Err: err}
}

func refused(format string, args ...any) error {
	return squall.Errorf(squall.Unauthentic, format, args...)
}

func (p *Provider) oauth(found *oidc.Provider) (*oauth2.Config, error) {
	conf := &oauth2.Config{
		ClientID: p.c.ClientID, Endpoint: found.Endpoint(), RedirectURL: p.c.RedirectURL,
		Scopes: append([]string{oidc.ScopeOpenID}, slices.DeleteFunc(slices.Clone(p.c.Scopes), func(s string) bool { return s == oidc.ScopeOpenID })...),
	}
	if p.c.ClientSecret != nil {
		secret, err := p.c.ClientSecret()
		if err != nil {
			return nil, unavailable(fmt.Errorf("secret of the client: %w", err))
		}
		conf.ClientSecret = secret
	}
	conf.Endpoint.AuthStyle = p.style(found)
	return conf, nil
}

// style is how we show who we are. Trying both ways, as x/oauth2 would, spends
// the code on the first.
func (p *Provider) style(found *oidc.Provider) oauth2.AuthStyle {
	var meta struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if p.c.ClientSecret == nil || found.Claims(&meta) == nil && len(meta.Methods) > 0 && !slices.Contains(meta.Methods, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader // what a provider that says nothing understands (OpenID Connect Discovery)
}

// kept is what Finish has to know of Begin.
type kept struct {
	Verifier string `json:"verifier"`
	Nonce    string `json:"nonce"`
}

// Begin sends the browser to the provider.
func (p *Provider) Begin(_ context.Context, state string) (to string, keep []byte, err error) {
	found, err := p.provider()
	if err != nil {
		return "", nil, err
	}
	conf, err := p.oauth(found)
	if err != nil {
		return "", nil, err
	}
	k := kept{Verifier: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier()}
	if keep, err = json.Marshal(k); err != nil {
		return "", nil, err
	}
	return conf.AuthCodeURL(state, oauth2.S256ChallengeOption(k.Verifier), oidc.Nonce(k.Nonce)), keep, nil
}

// State is the parameter of that name.
func (*Provider) State(r *http.Request) string { return r.FormValue("state") }

// Finish exchanges the code that the browser brought for the user's token.
func (p *Provider) Finish(ctx context.Context, keep []byte, r *http.Request) (login.Identity, error) {
	var k kept
	if err := json.Unmarshal(keep, &k); err != nil {
		return login.Identity{}, err
	}
	if code := r.FormValue("error"); code != "" {
		return login.Identity{}, refused("the identity provider says %q", code)
	}
	if iss := r.FormValue("iss"); iss != "" && iss != p.c.Issuer { // RFC 9207
		return login.Identity{}, refused("the answer is another provider's: %q", iss)
	}
	code := r.FormValue("code")
	if code == "" {
		return login.Identity{}, refused("the answer holds no code")
	}
	found, err := p.provider()
	if err != nil {
		return login.Identity{}, err
	}
	conf, err := p.oauth(found)
	if err != nil {
		return login.Identity{}, err
	}
	token, err := conf.Exchange(p.client(ctx), code, oauth2.VerifierOption(k.Verifier))
	if err != nil {
		return login.Identity{}, exchangeError(err)
	}
	return p.identity(ctx, found, token, k.Nonce)
}

// exchangeError tells a code that the provider does not take from a provider
// that does not answer. The provider's text may quote what we sent; it is left out.
func exchangeError(err error) error {
	e, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || e.Response == nil || e.Response.StatusCode >= 500 {
		return unavailable(err)
	}
	return refused("the identity provider does not give a token: %s %s", e.Response.Status, e.ErrorCode)
}

// identity verifies the user's token and reads it.
func (p *Provider) identity(ctx context.Context, found *oidc.Provider, token *oauth2.Token, nonce string) (login.Identity, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return login.Identity{}, refused("the identity provider gave no token about the user")
	}
	verified, err := found.Verifier(&oidc.Config{ClientID: p.c.ClientID}).Verify(p.client(ctx), raw)
	if err != nil {
		return login.Identity{}, refused("the provider's token does not hold: %v", err)
	}
	if verified.Nonce != nonce {
		return login.Identity{}, refused("the provider's token belongs to another login")
	}
	claims := map[string]any{}
	if err := verified.Claims(&claims); err != nil {
		return login.Identity{}, refused("the provider's token cannot be read")
	}
	// Some providers tell groups only when they are asked once more.
	if missing(claims, p.c.UserClaim) || p.c.GroupsClaim != "" && missing(claims, p.c.GroupsClaim) {
		if err := p.more(ctx, found, token, verified.Subject, claims); err != nil {
			return login.Identity{}, err
		}
	}
	return p.read(claims)
}

// more adds what the provider's user info says to claims.
func (p *Provider) more(ctx context.Context, found *oidc.Provider, token *oauth2.Token, subject string, claims map[string]any) error {
	if found.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := found.UserInfo(p.client(ctx), oauth2.StaticTokenSource(token))
	if err != nil {
		return unavailable(fmt.Errorf("user info: %w", err))
	}
	if info.Subject != subject {
		return refused("the provider's user info is about somebody else")
	}
	extra := map[string]any{}
	if err := info.Claims(&extra); err != nil {
		return refused("the provider's user info cannot be read")
	}
	for name, v := range extra {
		if _, known := claims[name]; !known {
			claims[name] = v
		}
	}
	return nil
}

// read takes user and groups out of verified claims.
func (p *Provider) read(claims map[string]any) (login.Identity, error) {
	user, _ := claim(claims, p.c.UserClaim).(string)
	switch {
	case user == "":
		return login.Identity{}, refused("the provider's token has no claim %s", p.c.UserClaim)
	case p.c.UserClaim == "email" && claims["email_verified"] != true:
		return login.Identity{}, refused("the provider has not verified the address of the user")
	}
	var groups []string
	if p.c.GroupsClaim != "" {
		groups = texts(claim(claims, p.c.GroupsClaim))
	}
	if !login.Member(groups, p.c.Required) {
		return login.Identity{}, login.ErrGroup
	}
	return login.NewIdentity(user, groups)
}

func missing(claims map[string]any, name string) bool { return claim(claims, name) == nil }

// claim finds a claim by its name, or by the way to it: "realm_access.roles".
func claim(claims map[string]any, name string) any {
	if v, ok := claims[name]; ok {
		return v
	}
	first, rest, ok := strings.Cut(name, ".")
	inner, isObject := claims[first].(map[string]any)
	if !ok || !isObject {
		return nil
	}
	return claim(inner, rest)
}

// texts reads a claim that is one text or a list of them.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var list []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}

var (
	_ login.SignOn  = (*Provider)(nil)
	_ login.Devices = (*Provider)(nil)
	_ login.Bearers = Bearers{}
)

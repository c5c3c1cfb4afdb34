package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"squall/internal/auth"
	"squall/internal/login"
	"squall/internal/squall"
	"squall/internal/store"
)

// Single sign-on in a browser: /sso/request sends it to the provider, who sends
// it to /sso/callback. A web page then finds a token in a cookie (st2); a
// program that listens on the user's own machine gets a code, which it exchanges
// at /sso/token with the secret it began with (RFC 8252, 7636).

// The life of what is kept between the steps.
const (
	signOnTime   = 10 * time.Minute // for the user to log in at the provider
	codeTime     = time.Minute      // for a program to fetch its token
	cookieTime   = time.Minute      // for a web page to take its token (st2)
	signOnCookie = "squall-login-"  // and the beginning of the state
	tokenCookie  = "st2-auth-token" // st2's name, st2's content
)

var errSignOn = squall.Errorf(squall.Unauthentic, "The login was refused. The log of the server says why.")

// pending is a login under way. It lies in the database, sealed, so that any
// node can go on with it, and it is taken out when it is used.
type pending struct {
	Source  string          `json:"source"`
	Keep    json.RawMessage `json:"keep,omitempty"` // for the provider's driver
	Browser string          `json:"browser,omitempty"`
	Return  string          `json:"return,omitempty"` // where the browser goes in the end
	// Challenge is the hash of the secret of a program that waits at Return.
	Challenge string    `json:"challenge,omitempty"`
	User      string    `json:"user,omitempty"` // once it is known
	Groups    []string  `json:"groups,omitempty"`
	Ends      time.Time `json:"ends"`
}

func pendingRef(secret string) squall.KeyRef {
	return squall.KeyRef{Scope: squall.InternalScope, Name: "login/" + auth.Digest(secret)}
}

// keep stores a login under way, to be found again by secret.
func (s *Server) keep(ctx context.Context, secret string, p *pending, life time.Duration) error {
	return s.Store.Update(ctx, func(tx store.Tx) error {
		p.Ends = tx.Now().Add(life)
		doc, err := json.Marshal(p)
		if err != nil {
			return err
		}
		return tx.PutKey(ctx, &squall.KeyValue{
			ID: s.IDs.Next(tx.Now()), KeyRef: pendingRef(secret), Secret: true, ExpiresAt: p.Ends, Value: s.Keyring.Seal(auth.ForSignOn, string(doc)),
		})
	})
}

// find reads a login under way; take ends it, so that nobody finds it again.
// Error kind: Unauthentic when there is none.
func (s *Server) find(ctx context.Context, secret string, take bool) (*pending, error) {
	var p *pending
	read := func(tx store.Tx) error {
		p = &pending{}
		kv, err := tx.Key(ctx, pendingRef(secret))
		if err != nil {
			return err
		}
		if take {
			if _, err := tx.DeleteKey(ctx, kv.KeyRef); err != nil {
				return err
			}
		}
		doc, err := s.Keyring.Open(auth.ForSignOn, kv.Value)
		if err != nil {
			return err
		}
		return json.Unmarshal([]byte(doc), p)
	}
	var err error
	if take {
		err = s.Store.Update(ctx, read)
	} else {
		err = s.Store.View(ctx, read)
	}
	if squall.KindOf(err) == squall.NotFound {
		return nil, errSignOn
	}
	return p, err
}

// ssoGet answers which single sign-on there is.
func (s *Server) ssoGet(w http.ResponseWriter, _ *request) error {
	doc := struct {
		Enabled bool     `json:"enabled"`
		Sources []string `json:"sources,omitempty"` // names for /sso/request; st2 knows one only
		Device  bool     `json:"device,omitempty"`  // /sso/device works
	}{Enabled: len(s.SignOns) > 0}
	for _, source := range s.SignOns {
		doc.Sources = append(doc.Sources, source.Name())
		_, device := source.(login.Devices)
		doc.Device = doc.Device || device
	}
	return respondJSON(w, http.StatusOK, doc)
}

// signOn returns the provider of that name, the first when there is no name.
func (s *Server) signOn(name string) (login.SignOn, error) {
	i := slices.IndexFunc(s.SignOns, func(p login.SignOn) bool { return name == "" || p.Name() == name })
	switch {
	case len(s.SignOns) == 0:
		return nil, squall.Errorf(squall.NotFound, "There is no single sign-on.")
	case i < 0:
		return nil, squall.Errorf(squall.NotFound, "There is no single sign-on %q.", name)
	}
	return s.SignOns[i], nil
}

// mayStart bounds how many logins one address begins: each is a row until it ends.
func (s *Server) mayStart(r *request) error {
	now, from := time.Now(), limitKey(s.clientAddress(r))
	if wait := s.limits.starts.Wait(from, now); wait > 0 {
		return &tooMany{wait}
	}
	s.limits.starts.Fail(from, now)
	return nil
}

// ssoRequest sends the browser to the provider. referer is the page it goes to
// in the end (st2); return and challenge are those of a program on the user's
// own machine.
func (s *Server) ssoRequest(w http.ResponseWriter, r *request) error {
	source, err := s.signOn(r.query.Get("source"))
	if err != nil {
		return err
	}
	p := &pending{Source: source.Name(), Return: r.query.Get("referer"), Challenge: r.query.Get("challenge")}
	switch back := r.query.Get("return"); {
	case back != "":
		if !loopbackURL(back) || len(p.Challenge) != 43 {
			return squall.Errorf(squall.Invalid, "return must be an address of this machine such as http://127.0.0.1:5000/, with a challenge (the SHA-256 of a secret, in base64url).")
		}
		p.Return = back
	case !s.ownPage(p.Return):
		return squall.Errorf(squall.Invalid, "referer %q is not an address of this server.", p.Return)
	default:
		p.Challenge = ""
	}
	if err := s.mayStart(r); err != nil {
		return err
	}
	state, browser := rand.Text(), rand.Text()
	to, keep, err := source.Begin(r.Context(), state)
	if err != nil {
		return err
	}
	p.Keep, p.Browser = keep, auth.Digest(browser)
	if err := s.keep(r.Context(), state, p, signOnTime); err != nil {
		return err
	}
	http.SetCookie(w, s.cookie(signOnCookie+state[:8], browser, signOnTime))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusTemporaryRedirect)
	return nil
}

// cookie binds a login to the browser that began it. The provider of SAML comes
// back with a form from its own page, so the cookie must come along from there;
// browsers allow that over TLS only.
func (s *Server) cookie(name, value string, life time.Duration) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(life / time.Second), HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if s.overTLS() {
		c.Secure, c.SameSite = true, http.SameSiteNoneMode
	}
	return c
}

// overTLS reports whether browsers reach us over TLS, ours or that of a proxy.
func (s *Server) overTLS() bool { return s.TLS || strings.HasPrefix(s.WebURL, "https://") }

// loopbackURL reports whether an address is of the user's own machine, by
// number: a name could lead elsewhere.
func loopbackURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "http" && (u.Hostname() == "127.0.0.1" || u.Hostname() == "::1") && u.User == nil
}

// ownPage reports whether the browser may be sent to an address with a fresh
// token in its cookies: a page of ours, or of an origin that may call us.
func (s *Server) ownPage(text string) bool {
	if text == "" {
		return true
	}
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Scheme != "http" && u.Scheme != "https" || strings.ContainsAny(text, "\\\r\n\t") {
		return false
	}
	own, err := url.Parse(s.WebURL)
	origin := u.Scheme + "://" + u.Host
	return err == nil && u.Scheme == own.Scheme && u.Host == own.Host || slices.Contains(s.Origins, origin)
}

// ssoCallback ends a login at a provider.
func (s *Server) ssoCallback(w http.ResponseWriter, r *request) error {
	if _, err := s.signOn(""); err != nil {
		return err
	}
	p, who, err := s.finishSignOn(r)
	if err != nil {
		if squall.KindOf(err) == squall.Unauthentic {
			s.Log.WarnContext(r.Context(), "single sign-on refused", "remote", s.clientAddress(r), "request_id", r.id, "reason", err)
			return errSignOn
		}
		return err
	}
	r.caller, r.claimed = who, who.User
	w.Header().Set("Cache-Control", "no-store")
	if p.Challenge != "" {
		code := rand.Text()
		p.User, p.Groups, p.Keep = who.User, who.Groups, nil
		if err := s.keep(r.Context(), code, p, codeTime); err != nil {
			return err
		}
		back, err := url.Parse(p.Return)
		if err != nil {
			return err
		}
		q := back.Query()
		q.Set("code", code)
		back.RawQuery = q.Encode()
		w.Header().Set("Location", back.String())
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	token, err := s.newToken(r, s.TTL.Default)
	if err != nil {
		return err
	}
	doc, err := json.Marshal(token)
	if err != nil {
		return err
	}
	// st2: the page reads the cookie, so scripts must see it.
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // see above
		Name: tokenCookie, Value: url.PathEscape(string(doc)), Path: "/", MaxAge: int(cookieTime / time.Second),
		Secure: s.overTLS(), SameSite: http.SameSiteStrictMode,
	})
	if p.Return != "" {
		w.Header().Set("Location", p.Return)
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	return loggedInPage.Execute(w, who.User)
}

var loggedInPage = template.Must(template.New("").Parse(
	"<!DOCTYPE html>\n<html lang=\"en\"><title>Logged in</title><p>You are logged in as {{.}}. This page can be closed.</p></html>\n"))

// finishSignOn finds the login that a browser comes back from and lets the
// provider's driver check it. Whatever comes of it, the login is over.
func (s *Server) finishSignOn(r *request) (*pending, caller, error) {
	_ = r.rc.SetReadDeadline(time.Now().Add(s.BodyTimeout))
	defer r.rc.SetReadDeadline(time.Time{}) //nolint:errcheck // not every connection has deadlines
	for _, source := range s.SignOns {
		state := source.State(r.Request)
		if state == "" {
			continue
		}
		p, err := s.find(r.Context(), state, true)
		if err != nil {
			return nil, caller{}, err
		}
		if p.Source != source.Name() {
			return nil, caller{}, squall.Errorf(squall.Unauthentic, "the login was begun at %s", p.Source)
		}
		c, err := r.Cookie(signOnCookie + state[:min(8, len(state))])
		bound := err == nil && subtle.ConstantTimeCompare([]byte(auth.Digest(c.Value)), []byte(p.Browser)) == 1
		if !bound && (r.Method == http.MethodGet || s.overTLS()) {
			return nil, caller{}, squall.Errorf(squall.Unauthentic, "another browser has begun the login")
		}
		id, err := source.Finish(r.Context(), p.Keep, r.Request)
		if err != nil {
			return nil, caller{}, err
		}
		return p, vouched(id, source.Name()), nil
	}
	return nil, caller{}, squall.Errorf(squall.Unauthentic, "the browser brings no login that is under way")
}

// ssoToken gives a program the token of the login that its code stands for.
func (s *Server) ssoToken(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, false)
	if err != nil {
		return err
	}
	body.only("code", "verifier", "ttl")
	code, verifier, seconds := body.str("code"), body.str("verifier"), body.int("ttl")
	if body.err != nil {
		return body.err
	}
	ttl, err := s.TTL.For(seconds)
	if err != nil {
		return err
	}
	p, err := s.find(r.Context(), code, true)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(verifier))
	if p.User == "" || subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(p.Challenge)) != 1 {
		return errSignOn
	}
	r.caller = vouched(login.Identity{User: p.User, Groups: p.Groups}, p.Source)
	return s.issue(w, r, ttl)
}

// ssoMetadata answers with what a provider has to know about us.
func (s *Server) ssoMetadata(w http.ResponseWriter, _ *request) error {
	for _, source := range s.SignOns {
		described, ok := source.(interface{ Metadata() ([]byte, error) })
		if !ok {
			continue
		}
		doc, err := described.Metadata()
		if err != nil {
			return err
		}
		return respondRaw(w, "application/samlmetadata+xml", doc)
	}
	return errNoRoute
}

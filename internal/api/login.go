package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"squall/internal/auth"
	"squall/internal/login"
	"squall/internal/squall"
	"squall/internal/store"
)

// Proxy is an HTTP server in front of this one that authenticates users.
type Proxy struct {
	Header  string         // names the user; "": there is no such proxy
	Groups  string         // header with the user's groups, separated by commas; "": none
	Trusted []netip.Prefix // addresses the proxy may have; from others the headers say nothing
}

func (p Proxy) trusts(addr netip.Addr) bool {
	for _, t := range p.Trusted {
		if t.Contains(addr) {
			return true
		}
	}
	return false
}

// loginLimits slow down who guesses passwords: for one user from everywhere, and
// from one address for all users.
type loginLimits struct {
	user, address *auth.Limiter
	starts        *auth.Limiter // single sign-ons begun from one address: each is a row until it ends
}

func newLoginLimits() loginLimits {
	return loginLimits{
		user:    &auth.Limiter{Burst: 10, Every: 30 * time.Second},
		address: &auth.Limiter{Burst: 30, Every: 10 * time.Second},
		starts:  &auth.Limiter{Burst: 30, Every: 2 * time.Second},
	}
}

// tooMany refuses a login without looking at the password.
type tooMany struct{ wait time.Duration }

func (e *tooMany) seconds() int { return int(math.Ceil(e.wait.Seconds())) }

// Error says how long to wait.
func (e *tooMany) Error() string {
	return fmt.Sprintf("Too many failed logins. Try again in %d seconds.", e.seconds())
}

// login says who asks for a token: by the word of a trusted proxy, or by name
// and password.
func (s *Server) login(r *request) (caller, error) {
	if who, ok, err := s.proxied(r); ok || err != nil {
		return who, err
	}
	name, password, ok := r.BasicAuth()
	if !ok {
		return caller{}, errLogin
	}
	r.claimed = name
	now, from := time.Now(), limitKey(s.clientAddress(r))
	free, err := s.takeTurn(r.Context())
	if err != nil {
		return caller{}, err
	}
	defer free()
	if wait := max(s.limits.user.Wait(name, now), s.limits.address.Wait(from, now)); wait > 0 {
		return caller{}, &tooMany{wait}
	}
	who, err := s.identify(r.Context(), name, password)
	if kind := squall.KindOf(err); kind == squall.Unauthentic || kind == squall.NotFound {
		s.limits.user.Fail(name, now)
		s.limits.address.Fail(from, now)
		s.Log.WarnContext(r.Context(), "login refused", "user", name, "remote", s.clientAddress(r), "request_id", r.id, "reason", err)
		return caller{}, errLogin
	}
	if err != nil {
		return caller{}, err
	}
	s.limits.user.Forget(name)
	return who, nil
}

// takeTurn waits until a password may be checked. Without outside sources that
// is a processor's work, and not more than a few are checked at once; outside
// ones are mostly waited for.
func (s *Server) takeTurn(ctx context.Context) (free func(), err error) {
	turns := s.logins
	if len(s.Passwords) > 0 {
		turns = s.asking
	}
	select {
	case turns <- struct{}{}:
		return func() { <-turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// identify checks a name and a password: against the database where the user
// has a password there, then against the file of users, then outside. Error
// kinds: Unauthentic and NotFound when the login is refused, Unavailable.
func (s *Server) identify(ctx context.Context, name, password string) (caller, error) {
	var u *squall.User
	err := s.Store.View(ctx, func(tx store.Tx) (err error) {
		u, err = tx.User(ctx, name)
		return err
	})
	switch {
	case squall.KindOf(err) == squall.NotFound:
		u = &squall.User{Name: name}
	case err != nil:
		return caller{}, err
	}
	switch {
	case u.PasswordHash != "" || u.Source == squall.ServiceAccount || u.Disabled:
		if !auth.CheckPassword(u.PasswordHash, password) || u.Disabled {
			return caller{}, login.ErrPassword
		}
		return caller{Subject: auth.Subject{User: u.Name, Admin: u.Admin}, method: "password"}, nil
	case s.Htpasswd()[name] != "":
		if !s.Htpasswd().Check(name, password) {
			return caller{}, login.ErrPassword
		}
		return caller{Subject: auth.Subject{User: name, Admin: u.Admin}, method: "password"}, nil
	}
	for _, source := range s.Passwords {
		id, err := source.Login(ctx, name, password)
		if squall.KindOf(err) == squall.NotFound {
			continue
		}
		if err != nil {
			return caller{}, fmt.Errorf("%s: %w", source.Name(), err)
		}
		return vouched(id, source.Name()), nil
	}
	auth.CheckPassword("", password) // takes its time when nobody knows the user
	return caller{}, login.ErrUnknown
}

// vouched is somebody an outside source has identified.
func vouched(id login.Identity, source string) caller {
	return caller{Subject: auth.Subject{User: id.User, Groups: id.Groups}, method: source, outside: true}
}

// admitUser writes down whom an outside source vouched for, in the transaction
// that gives them a credential.
func (s *Server) admitUser(ctx context.Context, tx store.Tx, who caller) error {
	if !who.outside {
		return s.ensureUser(ctx, tx, who.User, squall.LocalUser)
	}
	u, err := s.admission(ctx, tx, who)
	if err != nil || u == nil {
		return err
	}
	if u.CreatedAt.IsZero() {
		u.CreatedAt = tx.Now()
	}
	return tx.PutUser(ctx, u)
}

// admission returns the user's row as it must become, nil when it is right as it
// is. A name of our own is not an outside source's to give away: whoever runs a
// directory must not become our administrator by calling somebody admin. Error
// kind: Unauthentic.
func (s *Server) admission(ctx context.Context, tx store.Tx, who caller) (*squall.User, error) {
	u, err := tx.User(ctx, who.User)
	switch {
	case squall.KindOf(err) == squall.NotFound:
		u = &squall.User{Name: who.User}
	case err != nil:
		return nil, err
	}
	own := u.PasswordHash != "" || u.Source == squall.ServiceAccount || s.Htpasswd()[who.User] != ""
	switch {
	case u.Disabled:
		return nil, errLogin
	case own && who.method != byProxy: // the proxy's configuration says that it is believed
		s.Log.WarnContext(ctx, "login refused: the name is that of a user of our own", "user", who.User, "source", who.method)
		return nil, errLogin
	case own || u.Source == squall.UserSource(who.method) && slices.Equal(u.Groups, who.Groups):
		return nil, nil
	}
	u.Source, u.Groups = squall.UserSource(who.method), who.Groups
	return u, nil
}

// byProxy is the method of logins by a proxy's word.
const byProxy = "proxy"

// proxied takes a proxy's word for who the user is; ok is false when there is
// none.
func (s *Server) proxied(r *request) (who caller, ok bool, err error) {
	if s.Proxy.Header == "" || !s.Proxy.trusts(remoteAddress(r)) {
		return caller{}, false, nil
	}
	values := r.Header.Values(s.Proxy.Header)
	if len(values) == 0 {
		return caller{}, false, nil
	}
	name := strings.TrimSpace(values[0])
	r.claimed = name
	// Two values mean that the proxy let the client's own header pass.
	if len(values) > 1 || !login.ValidName(name) {
		return caller{}, false, errLogin
	}
	who = caller{Subject: auth.Subject{User: name}, method: byProxy, outside: true}
	if s.Proxy.Groups != "" {
		for g := range strings.SplitSeq(strings.Join(r.Header.Values(s.Proxy.Groups), ","), ",") {
			if g = strings.TrimSpace(g); g != "" {
				who.Groups = append(who.Groups, g)
			}
		}
	}
	return who, true, nil
}

// tokenMetadata is what we keep with a token.
type tokenMetadata struct {
	Groups []string `json:"groups,omitempty"`
}

// groupsText keeps groups with a token: they hold as long as it does.
func groupsText(groups []string) string {
	if len(groups) == 0 {
		return ""
	}
	b, err := json.Marshal(tokenMetadata{groups})
	if err != nil {
		panic(fmt.Sprintf("api: marshal strings: %v", err)) // cannot happen
	}
	return string(b)
}

func groupsOf(t *squall.Token) []string {
	var m tokenMetadata
	if t.Metadata == "" || json.Unmarshal([]byte(t.Metadata), &m) != nil {
		return nil
	}
	return m.Groups
}

// remoteAddress is the other end of the connection.
func remoteAddress(r *request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// clientAddress is where a request comes from: what a trusted proxy says, and
// otherwise the other end of the connection.
func (s *Server) clientAddress(r *request) string {
	addr := remoteAddress(r)
	if s.Proxy.trusts(addr) {
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if last, err := netip.ParseAddr(strings.TrimSpace(hops[len(hops)-1])); err == nil { // what is in front of it anybody can write
			addr = last.Unmap()
		}
	}
	if !addr.IsValid() {
		return r.RemoteAddr
	}
	return addr.String()
}

// limitKey is what counts as one address: an IPv6 user has a whole network.
func limitKey(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Is4() {
		return address
	}
	p, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}

// secure sets the headers that keep browsers from doing with our answers what
// they are not for.
func (s *Server) secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if s.TLS {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

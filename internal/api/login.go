package api

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"squall/internal/auth"
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
type loginLimits struct{ user, address *auth.Limiter }

func newLoginLimits() loginLimits {
	return loginLimits{
		user:    &auth.Limiter{Burst: 10, Every: 30 * time.Second},
		address: &auth.Limiter{Burst: 30, Every: 10 * time.Second},
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
// and password. Not more than a few passwords are checked at once: each costs a
// processor for a good part of a tenth of a second.
func (s *Server) login(r *request) (caller, error) {
	if who, ok, err := s.proxied(r); ok || err != nil {
		return who, err
	}
	name, password, ok := r.BasicAuth()
	if !ok {
		return caller{}, errLogin
	}
	r.claimed = name
	var u *squall.User
	err := s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		u, err = tx.User(r.Context(), name)
		return err
	})
	unknown := squall.KindOf(err) == squall.NotFound
	if err != nil && !unknown {
		return caller{}, err
	}
	select {
	case s.logins <- struct{}{}:
		defer func() { <-s.logins }()
	case <-r.Context().Done():
		return caller{}, r.Context().Err()
	}
	now, from := time.Now(), limitKey(s.clientAddress(r))
	if wait := max(s.limits.user.Wait(name, now), s.limits.address.Wait(from, now)); wait > 0 {
		return caller{}, &tooMany{wait}
	}
	if unknown {
		ok = s.Htpasswd().Check(name, password) // takes its time when nobody knows the user
		u = &squall.User{Name: name}
	} else {
		ok = auth.CheckPassword(u.PasswordHash, password)
	}
	if !ok {
		s.limits.user.Fail(name, now)
		s.limits.address.Fail(from, now)
		s.Log.WarnContext(r.Context(), "login refused", "user", name, "remote", s.clientAddress(r), "request_id", r.id)
		return caller{}, errLogin
	}
	s.limits.user.Forget(name)
	return caller{Subject: auth.Subject{User: u.Name, Admin: u.Admin}, method: "password"}, nil
}

// maxUserName bounds the name a proxy may give, in bytes.
const maxUserName = 255

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
	if len(values) > 1 || name == "" || len(name) > maxUserName || strings.ContainsFunc(name, unicode.IsControl) || strings.ContainsAny(name, ":,") {
		return caller{}, false, errLogin
	}
	who = caller{Subject: auth.Subject{User: name}, method: "proxy"}
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

package api

import (
	"context"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

// caller is who made a request, and how they showed it.
type caller struct {
	auth.Subject
	method   string    // as the audit log names it: "token", "api_key", "ldap"
	outside  bool      // an outside source vouches for them, and nothing of ours does
	location string    // "header" or "query"
	digest   string    // what is stored of the secret
	expires  time.Time // zero: API keys do not expire
}

// cacheTTL is how long a token that was found valid is believed without asking
// the store. So long, at most, lives a token that another node revoked.
const cacheTTL = 5 * time.Second

// cacheSize bounds the tokens remembered; beyond it the cache starts anew.
const cacheSize = 10_000

// tokenCache remembers tokens that were valid moments ago, by digest: it makes
// the check of a token cost a hash and a lookup.
type tokenCache struct {
	mu sync.RWMutex
	m  map[string]cached
}

type cached struct {
	caller caller
	until  time.Time
}

func (c *tokenCache) get(digest string, now time.Time) (caller, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.m[digest]
	if !ok || !now.Before(e.until) || !e.caller.expires.IsZero() && !now.Before(e.caller.expires) {
		return caller{}, false
	}
	return e.caller, true
}

func (c *tokenCache) put(who caller, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= cacheSize {
		c.m = map[string]cached{}
	}
	c.m[who.digest] = cached{who, now.Add(cacheTTL)}
}

func (c *tokenCache) drop(digest string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.m, digest)
}

// dropUser forgets all that a user has shown.
func (c *tokenCache) dropUser(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.m, func(_ string, e cached) bool { return e.caller.User == name })
}

// authenticate says who made the request. Errors are of kind Unauthentic, or
// what the store says.
func (s *Server) authenticate(r *request) (who caller, err error) {
	c, err := credentials(r)
	switch {
	case err != nil:
		return caller{}, err
	case c.apiKey:
		who, err = s.apiKeyCaller(r.Context(), c.secret)
	case auth.IsRunToken(c.secret):
		who, err = s.runCaller(r.Context(), c.secret)
	case s.Bearers != nil && strings.Count(c.secret, ".") == 2: // ours have no dots
		who, err = s.bearerCaller(r.Context(), c.secret)
	default:
		who, err = s.tokenCaller(r.Context(), c.secret)
	}
	who.location = c.location
	return who, err
}

// credential is what a request shows.
type credential struct {
	secret   string
	location string
	apiKey   bool // not a token
}

// credentials finds the token of a request: in the header X-Auth-Token, as a
// bearer token, or in the query (st2, for clients that cannot set headers); or,
// where there is none, an API key. Cookies are not looked at, so a foreign page
// cannot act in a user's name.
func credentials(r *request) (credential, error) {
	if v := r.Header.Get("X-Auth-Token"); v != "" {
		return credential{v, "header", false}, nil
	}
	if scheme, v, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") && v != "" {
		return credential{strings.TrimSpace(v), "header", false}, nil
	}
	if v := r.query.Get("x-auth-token"); v != "" {
		return credential{v, "query", false}, nil
	}
	if v := r.Header.Get("St2-Api-Key"); v != "" {
		return credential{v, "header", true}, nil
	}
	if v := r.query.Get("st2-api-key"); v != "" {
		return credential{v, "query", true}, nil
	}
	return credential{}, errNoToken
}

// tokenCaller says whose token secret is.
func (s *Server) tokenCaller(ctx context.Context, secret string) (caller, error) {
	digest := auth.Digest(secret)
	now := time.Now()
	if who, ok := s.tokens.get(digest, now); ok {
		return who, nil
	}
	var who caller
	err := s.Store.View(ctx, func(tx store.Tx) error {
		t, err := tx.TokenByDigest(ctx, digest)
		if err != nil {
			return err
		}
		if !auth.TokenValid(t, secret, now) {
			return errExpired // it has the digest
		}
		if u, err := tx.User(ctx, t.User); err == nil && t.CreatedAt.Before(u.CreatedAt) {
			return errToken // of somebody who had the name before
		}
		who = caller{method: "token", digest: digest, expires: t.ExpiresAt}
		if who.Subject, err = s.subject(ctx, tx, t.User); err != nil {
			return err
		}
		if who.Service = t.Service; !t.Service {
			who.Groups = groupsOf(t) // as they were at the login; the run of an action has its user's
		}
		who.Subject = s.withRoles(ctx, tx, who.Subject)
		return nil
	})
	return s.remember(who, now, err, errToken)
}

// apiKeyCaller says whose API key secret is.
func (s *Server) apiKeyCaller(ctx context.Context, secret string) (caller, error) {
	hash := auth.HashAPIKey(secret)
	now := time.Now()
	if who, ok := s.tokens.get(hash, now); ok {
		return who, nil
	}
	var who caller
	err := s.Store.View(ctx, func(tx store.Tx) error {
		k, err := tx.APIKeyByHash(ctx, hash)
		if err != nil {
			return err
		}
		if !k.Enabled {
			return squall.Errorf(squall.Unauthentic, "Unauthorized - API key is disabled.")
		}
		who = caller{method: "api_key", digest: hash}
		who.Subject, err = s.subject(ctx, tx, k.User)
		who.Subject = s.withRoles(ctx, tx, who.Subject)
		return err
	})
	return s.remember(who, now, err, squall.Errorf(squall.Unauthentic, "Unauthorized - ApiKey with key_hash=%s not found.", hash))
}

// runCaller says for whom a running action acts. Its token ends with the run.
func (s *Server) runCaller(ctx context.Context, secret string) (caller, error) {
	digest, now := auth.Digest(secret), time.Now()
	if who, ok := s.tokens.get(digest, now); ok {
		return who, nil
	}
	t, err := auth.OpenRunToken(s.Keyring, secret, now)
	if err != nil {
		return caller{}, err
	}
	who := caller{method: "token", digest: digest, expires: t.Ends}
	err = s.Store.View(ctx, func(tx store.Tx) error {
		ex, err := tx.Execution(ctx, t.Execution, 0)
		if err != nil {
			return err
		}
		if ex.Status.Final() {
			return errToken
		}
		who.Subject, err = s.subject(ctx, tx, t.User)
		if squall.KindOf(err) == squall.NotFound { // rules run actions for users who never came in
			who.Subject, err = auth.Subject{User: t.User}, nil
		}
		who.Service = true
		who.Subject = s.withRoles(ctx, tx, who.Subject)
		return err
	})
	return s.remember(who, now, err, errToken)
}

// bearerCaller says whose an outside provider's token is.
func (s *Server) bearerCaller(ctx context.Context, secret string) (caller, error) {
	digest, now := auth.Digest(secret), time.Now()
	if who, ok := s.tokens.get(digest, now); ok {
		return who, nil
	}
	id, expires, err := s.Bearers.Bearer(ctx, secret)
	if err != nil {
		if squall.KindOf(err) == squall.Unauthentic {
			s.Log.DebugContext(ctx, "token refused", "source", s.Bearers.Name(), "reason", err)
			return caller{}, errToken
		}
		return caller{}, err
	}
	who := vouched(id, s.Bearers.Name())
	var missing *squall.User
	err = s.Store.View(ctx, func(tx store.Tx) (err error) {
		missing, err = s.admission(ctx, tx, who)
		return err
	})
	if err == nil && missing != nil {
		err = s.Store.Update(ctx, func(tx store.Tx) error { return s.admitUser(ctx, tx, who) })
	}
	if err == nil {
		err = s.Store.View(ctx, func(tx store.Tx) error {
			known, err := s.subject(ctx, tx, id.User)
			known.Groups = id.Groups
			who.Subject = s.withRoles(ctx, tx, known)
			return err
		})
	}
	if squall.KindOf(err) == squall.Unauthentic {
		err = errToken
	}
	who.digest, who.expires = digest, expires
	return s.remember(who, now, err, errToken)
}

// remember keeps who in the cache when err is nil. What was not found (the
// credential, or its user) is the error unknown.
func (s *Server) remember(who caller, now time.Time, err, unknown error) (caller, error) {
	switch {
	case squall.KindOf(err) == squall.NotFound:
		return caller{}, unknown
	case err != nil:
		return caller{}, err
	}
	s.tokens.put(who, now)
	return who, nil
}

// subject reads what a user may do. Error kind: NotFound.
func (s *Server) subject(ctx context.Context, tx store.Tx, name string) (auth.Subject, error) {
	u, err := tx.User(ctx, name)
	if squall.KindOf(err) == squall.NotFound && s.Htpasswd()[name] != "" {
		u, err = &squall.User{Name: name}, nil
	}
	switch {
	case err != nil:
		return auth.Subject{}, err
	case u.Disabled:
		return auth.Subject{}, squall.Errorf(squall.Unauthentic, "Unauthorized - the user is disabled.")
	}
	return auth.Subject{User: u.Name, Admin: u.Admin || slices.Contains(s.Admins, u.Name), Groups: u.Groups}, nil
}

// withRoles completes a subject by what its roles permit, where roles count. When
// the packs' keywords cannot be read, grants by tag are missing: a no is safe.
func (s *Server) withRoles(ctx context.Context, tx store.Tx, who auth.Subject) auth.Subject {
	p := s.Policy()
	if p == nil {
		return who
	}
	var keywords map[string][]string
	if p.UsesTags() {
		packs, err := tx.Packs(ctx)
		if err != nil {
			s.Log.ErrorContext(ctx, "the packs' keywords cannot be read; grants by tag do not count", "error", err)
		}
		keywords = map[string][]string{}
		for _, pack := range packs {
			keywords[pack.Ref] = pack.Keywords
		}
	}
	who.Roles = p.RolesOf(who.User, who.Admin, who.Groups)
	who.Rights = p.Rights(who.Roles, keywords)
	return who
}

// toAll lets everybody in.
func toAll(*Server, *request) bool { return true }

// toLoopback lets in who is on this machine, where the configuration says so.
func toLoopback(s *Server, r *request) bool {
	if !s.OpenMetrics {
		return false
	}
	addr, err := netip.ParseAddr(s.clientAddress(r)) // not that of a proxy on this machine
	return err == nil && addr.IsLoopback()
}

var _ http.Handler = (*Server)(nil)

package ldap

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"squall/internal/login"
	"squall/internal/squall"
)

// session is a connection to one server, and what is asked over it. Errors that
// are no *squall.Error are about the server.
type session struct {
	conn *ldap.Conn
	c    *Config
}

// bind makes the connection our own again.
func (s *session) bind() error {
	if s.c.BindDN == "" {
		return nil // a new connection is nobody's
	}
	password, err := s.c.BindPassword()
	switch {
	case err != nil:
		return fmt.Errorf("password of %s: %w", s.c.BindDN, err)
	case password == "":
		return fmt.Errorf("password of %s: it is empty", s.c.BindDN)
	}
	if err := s.conn.Bind(s.c.BindDN, password); err != nil {
		return fmt.Errorf("bind as %s: %w", s.c.BindDN, err)
	}
	return nil
}

// login does the whole of it on a connection that is bound.
func (s *session) login(user, password string) (login.Identity, error) {
	entry, err := s.find(user)
	if err != nil {
		return login.Identity{}, err
	}
	name := entry.GetEqualFoldAttributeValue(s.c.UserAttr)
	if name == "" {
		return login.Identity{}, squall.Errorf(squall.Unauthentic, "the entry %s has no attribute %s", entry.DN, s.c.UserAttr)
	}
	if err := s.conn.Bind(entry.DN, password); err != nil {
		if refused(err) {
			return login.Identity{}, login.ErrPassword
		}
		return login.Identity{}, fmt.Errorf("bind as %s: %w", entry.DN, err)
	}
	groups, err := s.groups(entry.DN, name)
	if err != nil {
		return login.Identity{}, err
	}
	if !login.Member(groups, s.c.Required) {
		return login.Identity{}, login.ErrGroup
	}
	return login.NewIdentity(name, groups)
}

// refused reports whether a bind failed because of who wanted to bind: a wrong
// password, or an account that is locked, has expired, or may not log in.
func refused(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInsufficientAccessRights,
		ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultConstraintViolation,
		ldap.LDAPResultNoSuchObject)
}

// find looks for the entry of a user; two of them are as bad as none, because
// nobody could say whose password counts.
func (s *session) find(user string) (*ldap.Entry, error) {
	result, err := s.search(s.c.UserBase, strings.ReplaceAll(s.c.UserFilter, "{user}", ldap.EscapeFilter(user)), 2, s.c.UserAttr)
	if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return nil, fmt.Errorf("there is no %s", s.c.UserBase)
	}
	if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
		return nil, fmt.Errorf("look for the user: %w", err)
	}
	switch {
	case len(result.Entries) == 0:
		return nil, login.ErrUnknown
	case len(result.Entries) > 1:
		return nil, squall.Errorf(squall.Unauthentic, "the directory has several entries for the user: make ldap.user_filter narrower")
	}
	return result.Entries[0], nil
}

// maxGroups bounds the groups of one user.
const maxGroups = 2000

// groups returns the names of the groups that the entry is in, directly or
// through other groups.
func (s *session) groups(dn, user string) ([]string, error) {
	if s.c.GroupBase == "" {
		return nil, nil
	}
	if err := s.bind(); err != nil { // the connection is the user's now, who may see less than we
		return nil, err
	}
	var names []string
	seen := map[string]bool{}
	members := []string{dn}
	for level := 0; level <= s.c.Nested && len(members) > 0; level++ {
		var next []string
		for _, member := range members {
			filter := strings.ReplaceAll(s.c.GroupFilter, "{dn}", ldap.EscapeFilter(member))
			if level > 0 && !strings.Contains(s.c.GroupFilter, "{dn}") {
				return names, nil // groups that list users by name cannot list groups
			}
			result, err := s.search(s.c.GroupBase, strings.ReplaceAll(filter, "{user}", ldap.EscapeFilter(user)), 0, s.c.GroupAttr)
			if err != nil {
				return nil, fmt.Errorf("look for groups: %w", err)
			}
			for _, entry := range result.Entries {
				key := strings.ToLower(entry.DN)
				if seen[key] {
					continue // also where groups hold each other
				}
				seen[key] = true
				if len(seen) > maxGroups {
					return nil, squall.Errorf(squall.Unauthentic, "the user is in more than %d groups: make ldap.group_filter narrower", maxGroups)
				}
				names = append(names, entry.GetEqualFoldAttributeValues(s.c.GroupAttr)...)
				next = append(next, entry.DN)
			}
		}
		members = next
	}
	return names, nil
}

// probe looks at the entry below which users are.
func (s *session) probe() error {
	request := ldap.NewSearchRequest(s.c.UserBase, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, s.seconds(), false, "(objectClass=*)", []string{"1.1"}, nil)
	if _, err := s.conn.Search(request); err != nil {
		return fmt.Errorf("look at %s: %w", s.c.UserBase, err)
	}
	return nil
}

func (s *session) seconds() int { return max(1, int(s.c.Timeout/time.Second)) }

func (s *session) search(base, filter string, limit int, attribute string) (*ldap.SearchResult, error) {
	return s.conn.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, limit, s.seconds(), false, filter, []string{attribute}, nil))
}

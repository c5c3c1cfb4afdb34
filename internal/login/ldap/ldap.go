// Package ldap logs users in with the password they have in a directory.
//
// In flow a name and a password; out flows the name as the directory writes it
// and the groups the user is in, through groups of groups where that is asked
// for. Of several servers the next one is tried when one does not answer.
//
// The password is checked by binding with it: the package never reads one out
// of the directory, and never sends one over a connection that is not
// encrypted, except to this machine.
package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"

	"squall/internal/login"
	"squall/internal/squall"
)

// Config is which directory is asked, and how. Nothing is read from it that is
// not in here.
type Config struct {
	URLs     []string    // ldaps://host[:port] or ldap://host[:port], in the order in which they are tried
	StartTLS bool        // encrypt connections to ldap:// addresses
	TLS      *tls.Config // roots of the servers' certificates; nil: the system's

	BindDN       string                 // whose account looks for users; "": nobody's
	BindPassword func() (string, error) // read for every login, so that it may change

	UserBase   string // below it are the users
	UserFilter string // {user} stands for the name that was typed in
	UserAttr   string // attribute with the user's name as it is known here

	GroupBase   string // below it are the groups; "": groups do not matter
	GroupFilter string // {dn} stands for the member's name in the directory, {user} for the user's name
	GroupAttr   string // attribute with the group's name
	Nested      int    // how many levels of groups in groups are followed

	Required []string      // the user must be in one of these groups; none: every user may log in
	Timeout  time.Duration // for each question to a server
}

// Validate returns everything that is wrong, each in words that follow the name
// of the setting.
func (c Config) Validate() error {
	var list []error
	wrong := func(setting, format string, args ...any) {
		list = append(list, fmt.Errorf(setting+": "+format, args...))
	}
	if len(c.URLs) == 0 {
		wrong("urls", "names no server")
	}
	for _, u := range c.URLs {
		if err := checkURL(u, c.StartTLS); err != nil {
			wrong("urls", "%w", err)
		}
	}
	if c.UserBase == "" {
		wrong("user_base", "must be set, such as ou=people,dc=example,dc=org")
	} else if _, err := ldap.ParseDN(c.UserBase); err != nil {
		wrong("user_base", "%q is not the name of an entry", c.UserBase)
	}
	if err := checkFilter(c.UserFilter, "{user}"); err != nil {
		wrong("user_filter", "%w", err)
	}
	if c.UserAttr == "" {
		wrong("user_attribute", "must be set, such as uid")
	}
	if c.GroupBase != "" {
		if _, err := ldap.ParseDN(c.GroupBase); err != nil {
			wrong("group_base", "%q is not the name of an entry", c.GroupBase)
		}
		if err := checkFilter(c.GroupFilter, "{dn}", "{user}"); err != nil {
			wrong("group_filter", "%w", err)
		}
		if c.GroupAttr == "" {
			wrong("group_attribute", "must be set, such as cn")
		}
	} else if len(c.Required) > 0 {
		wrong("required_groups", "needs group_base: without it nobody is in any group")
	}
	return errors.Join(list...)
}

func checkURL(text string, startTLS bool) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "ldap" && u.Scheme != "ldaps" || strings.Trim(u.Path, "/") != "" {
		return fmt.Errorf("%q is not an address such as ldaps://ldap.example.org", text)
	}
	if u.Scheme == "ldap" && !startTLS && !onLoopback(u.Hostname()) {
		return fmt.Errorf("%s would send passwords in clear: use ldaps://, or set start_tls", text)
	}
	return nil
}

func onLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// checkFilter tries a filter with a harmless value in the place of the names.
func checkFilter(filter string, places ...string) error {
	found := false
	for _, p := range places {
		found = found || strings.Contains(filter, p)
		filter = strings.ReplaceAll(filter, p, "x")
	}
	if !found {
		return fmt.Errorf("must contain %s", strings.Join(places, " or "))
	}
	if _, err := ldap.CompileFilter(filter); err != nil {
		return fmt.Errorf("is not a filter such as (uid={user}): %w", err)
	}
	return nil
}

// Directory is a source of users. It may be used by several goroutines at once.
type Directory struct {
	c    Config
	last atomic.Int64 // the server that answered last: an index into c.URLs
}

// New returns the directory that c, which Validate has passed, describes. It
// asks no server yet.
func New(c Config) *Directory {
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	return &Directory{c: c}
}

// Name is "ldap".
func (*Directory) Name() string { return "ldap" }

// Login finds the user, binds with the password, and reads the groups.
func (d *Directory) Login(ctx context.Context, user, password string) (login.Identity, error) {
	switch {
	case !login.ValidName(user):
		return login.Identity{}, login.ErrUnknown
	case password == "":
		// Servers take a bind without password for an anonymous one, and say yes.
		return login.Identity{}, login.ErrPassword
	}
	var id login.Identity
	err := d.ask(ctx, func(s *session) (err error) {
		id, err = s.login(user, password)
		return err
	})
	if err != nil {
		return login.Identity{}, err
	}
	return id, nil
}

// ask calls fn with a connection to the first server that answers, beginning
// with the one that did the last time.
func (d *Directory) ask(ctx context.Context, fn func(*session) error) error {
	var failed []error
	first := int(d.last.Load())
	for i := range d.c.URLs {
		n := (first + i) % len(d.c.URLs)
		err := d.askOne(ctx, d.c.URLs[n], fn)
		if !down(err) {
			d.last.Store(int64(n))
			return err
		}
		failed = append(failed, fmt.Errorf("%s: %w", d.c.URLs[n], err))
		if ctx.Err() != nil {
			break
		}
	}
	return &squall.Error{Kind: squall.Unavailable, Msg: "no server of the directory answers", Err: errors.Join(failed...)}
}

func (d *Directory) askOne(ctx context.Context, address string, fn func(*session) error) error {
	s, err := d.connect(ctx, address)
	if err != nil {
		return err
	}
	defer s.conn.Close()                                          //nolint:errcheck // nothing was written
	defer context.AfterFunc(ctx, func() { _ = s.conn.Close() })() // who gives up need not wait for the server
	if err := s.bind(); err != nil {
		return err
	}
	return fn(s)
}

// down reports whether an error says something about the server and not about
// the user: then another server may know better.
func down(err error) bool {
	if err == nil {
		return false
	}
	if _, own := errors.AsType[*squall.Error](err); own {
		return false
	}
	return true
}

// connect dials a server and encrypts the connection.
func (d *Directory) connect(ctx context.Context, address string) (*session, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if d.c.TLS != nil {
		conf = d.c.TLS.Clone()
	}
	conf.ServerName = u.Hostname()
	dialer := &net.Dialer{Timeout: d.c.Timeout}
	if end, ok := ctx.Deadline(); ok {
		dialer.Deadline = end
	}
	conn, err := ldap.DialURL(address, ldap.DialWithDialer(dialer), ldap.DialWithTLSConfig(conf))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	conn.SetTimeout(d.c.Timeout)
	if u.Scheme == "ldap" && d.c.StartTLS {
		if err := conn.StartTLS(conf); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("StartTLS: %w", err)
		}
	}
	return &session{conn: conn, c: &d.c}, nil
}

// Check says of every server whether a login could work: it connects, binds and
// looks for the entry below which users are. The result is as long as the list
// of servers; nil means that all is well.
func (d *Directory) Check(ctx context.Context) []error {
	found := make([]error, len(d.c.URLs))
	for i, address := range d.c.URLs {
		found[i] = d.askOne(ctx, address, (*session).probe)
	}
	return found
}

var _ login.Passwords = (*Directory)(nil)

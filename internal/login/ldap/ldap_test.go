package ldap

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squall/internal/login"
	"squall/internal/logintest"
	"squall/internal/squall"
)

func config(urls ...string) Config {
	return Config{
		URLs: urls, BindDN: "cn=reader,dc=example,dc=org", BindPassword: func() (string, error) { return "reader-secret", nil },
		UserBase: "ou=people,dc=example,dc=org", UserFilter: "(&(objectClass=inetOrgPerson)(|(uid={user})(mail={user})))", UserAttr: "uid",
		GroupBase: "ou=groups,dc=example,dc=org", GroupFilter: "(member={dn})", GroupAttr: "cn", Nested: 5,
		Timeout: 20 * time.Second,
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	s := logintest.StartSlapd(t)
	secure := config(s.TLS)
	secure.TLS = s.Roots
	starttls := config(s.Plain)
	starttls.TLS, starttls.StartTLS = s.Roots, true
	for name, c := range map[string]Config{"ldap": config(s.Plain), "ldaps": secure, "StartTLS": starttls} {
		t.Run(name, func(t *testing.T) {
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			d := New(c)
			for _, tt := range []struct {
				user, password string
				want           login.Identity
				err            error
			}{
				{"ann", "ann-secret", login.Identity{User: "ann", Groups: []string{"everybody", "hpc", "hpc-operators"}}, nil},
				{"ANN", "ann-secret", login.Identity{User: "ann", Groups: []string{"everybody", "hpc", "hpc-operators"}}, nil},
				{"ann@example.org", "ann-secret", login.Identity{User: "ann", Groups: []string{"everybody", "hpc", "hpc-operators"}}, nil},
				{"bob", "bob-secret", login.Identity{User: "bob", Groups: []string{"everybody", "hpc"}}, nil},
				{"ann", "bob-secret", login.Identity{}, login.ErrPassword},
				{"ann", "", login.Identity{}, login.ErrPassword},
				{"eve", "anything", login.Identity{}, login.ErrPassword}, // has no password
				{"nobody", "x", login.Identity{}, login.ErrUnknown},
				{"*", "ann-secret", login.Identity{}, login.ErrUnknown},
				{"ann)(uid=*", "ann-secret", login.Identity{}, login.ErrUnknown},
				{"ann\x00", "ann-secret", login.Identity{}, login.ErrUnknown},
				{"", "", login.Identity{}, login.ErrUnknown},
			} {
				got, err := d.Login(t.Context(), tt.user, tt.password)
				if diff := cmp.Diff(tt.want, got); diff != "" || !errors.Is(err, tt.err) {
					t.Errorf("Login(%q, %q) = %+v, %v; want %+v, %v", tt.user, tt.password, got, err, tt.want, tt.err)
				}
			}
			if _, err := d.Login(t.Context(), "shared@example.org", "bob-secret"); squall.KindOf(err) != squall.Unauthentic || !strings.Contains(err.Error(), "several entries") {
				t.Errorf("a name two entries have: %v", err)
			}
		})
	}

	t.Run("levels of groups", func(t *testing.T) {
		for nested, want := range []string{"hpc-operators", "hpc,hpc-operators", "everybody,hpc,hpc-operators", "everybody,hpc,hpc-operators"} {
			c := config(s.Plain)
			c.Nested = nested
			id, err := New(c).Login(t.Context(), "ann", "ann-secret")
			if got := strings.Join(id.Groups, ","); err != nil || got != want {
				t.Errorf("nested %d: %s, %v; want %s", nested, got, err, want)
			}
		}
	})
	t.Run("required groups", func(t *testing.T) {
		c := config(s.Plain)
		c.Required = []string{"hpc-operators"}
		if _, err := New(c).Login(t.Context(), "ann", "ann-secret"); err != nil {
			t.Errorf("a member: %v", err)
		}
		if _, err := New(c).Login(t.Context(), "bob", "bob-secret"); !errors.Is(err, login.ErrGroup) {
			t.Errorf("not a member: %v", err)
		}
		if _, err := New(c).Login(t.Context(), "bob", "wrong"); !errors.Is(err, login.ErrPassword) {
			t.Errorf("not a member, wrong password: %v", err)
		}
	})
	t.Run("certificate nobody trusts", func(t *testing.T) {
		for _, c := range []Config{config(s.TLS), func() Config { c := config(s.Plain); c.StartTLS = true; return c }()} {
			_, err := New(c).Login(t.Context(), "ann", "ann-secret")
			if squall.KindOf(err) != squall.Unavailable || !strings.Contains(errors.Unwrap(err).Error(), "certificate") {
				t.Errorf("%v: %v, %v", c.URLs, err, errors.Unwrap(err))
			}
		}
	})
	t.Run("our own password is wrong", func(t *testing.T) {
		c := config(s.Plain)
		c.BindPassword = func() (string, error) { return "other", nil }
		_, err := New(c).Login(t.Context(), "ann", "ann-secret")
		if squall.KindOf(err) != squall.Unavailable || strings.Contains(errors.Unwrap(err).Error(), "other") {
			t.Errorf("%v, %v", err, errors.Unwrap(err))
		}
		if found := New(c).Check(t.Context()); len(found) != 1 || found[0] == nil || !strings.Contains(found[0].Error(), "bind as cn=reader") {
			t.Errorf("Check = %v", found)
		}
	})
	t.Run("no such base", func(t *testing.T) {
		c := config(s.Plain)
		c.UserBase = "ou=nobody,dc=example,dc=org"
		if _, err := New(c).Login(t.Context(), "ann", "ann-secret"); squall.KindOf(err) != squall.Unavailable {
			t.Errorf("login: %v", err)
		}
		if found := New(c).Check(t.Context()); found[0] == nil {
			t.Error("Check finds nothing wrong")
		}
	})
}

func TestFailover(t *testing.T) {
	t.Parallel()
	first, second := logintest.StartSlapd(t), logintest.StartSlapd(t)
	c := config("ldap://"+logintest.FreeAddress(t), first.Plain, second.Plain)
	d := New(c)
	login := func() error {
		_, err := d.Login(t.Context(), "ann", "ann-secret")
		return err
	}
	if err := login(); err != nil || d.last.Load() != 1 {
		t.Fatalf("with the first server down: %v, asked last: %d", err, d.last.Load())
	}
	first.Stop()
	if err := login(); err != nil || d.last.Load() != 2 {
		t.Fatalf("after the second went down: %v, asked last: %d", err, d.last.Load())
	}
	if found := d.Check(t.Context()); found[0] == nil || found[1] == nil || found[2] != nil {
		t.Errorf("Check = %v", found)
	}
	second.Stop()
	err := login()
	if squall.KindOf(err) != squall.Unavailable || strings.Count(errors.Unwrap(err).Error(), "refused") != 3 {
		t.Errorf("with all servers down: %v, %v", err, errors.Unwrap(err))
	}
}

// Who gives up does not wait for a server that is silent.
func TestCanceled(t *testing.T) {
	t.Parallel()
	silent := freeListener(t)
	d := New(config("ldap://" + silent))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := d.Login(ctx, "ann", "ann-secret"); squall.KindOf(err) != squall.Unavailable || time.Since(began) > 2*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"urls: names no server":                   func(c *Config) { c.URLs = nil },
		`urls: "ldap.example.org" is not an addr`: func(c *Config) { c.URLs = []string{"ldap.example.org"} },
		"would send passwords in clear":           func(c *Config) { c.URLs = []string{"ldap://ldap.example.org"} },
		"user_base: must be set":                  func(c *Config) { c.UserBase = "" },
		`user_base: "people" is not the name`:     func(c *Config) { c.UserBase = "people" },
		"user_filter: must contain {user}":        func(c *Config) { c.UserFilter = "(uid=ann)" },
		"user_filter: is not a filter":            func(c *Config) { c.UserFilter = "(uid={user}" },
		"user_attribute: must be set":             func(c *Config) { c.UserAttr = "" },
		"group_filter: must contain {dn} or":      func(c *Config) { c.GroupFilter = "(objectClass=*)" },
		"group_attribute: must be set":            func(c *Config) { c.GroupAttr = "" },
		"required_groups: needs group_base":       func(c *Config) { c.GroupBase, c.Required = "", []string{"a"} },
	} {
		c := config("ldaps://ldap.example.org")
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	both := config()
	both.UserBase = ""
	if err := both.Validate(); strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("not all problems at once: %v", err)
	}
	c := config("ldap://ldap.example.org", "ldaps://ldap2.example.org:1636")
	c.StartTLS = true
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// freeListener takes connections and says nothing.
func freeListener(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

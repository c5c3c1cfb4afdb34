package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	outside "squall/internal/login"
	"squall/internal/login/ldap"
	"squall/internal/login/oidc"
	"squall/internal/login/pam"
	"squall/internal/login/saml"
	"squall/internal/squall"
)

// sources are the outside sources of users, as they are configured.
type sources struct {
	directory *ldap.Directory
	provider  *oidc.Provider
	saml      *saml.Provider
	program   *pam.Program
	bearers   bool
}

// openSources makes the sources. None of them is asked anything yet: one that is
// down must not keep the server from starting. Errors are of kind Invalid.
func openSources(c *Config) (*sources, error) {
	l := &c.Login
	s := &sources{}
	var list []error
	if len(l.LDAP.URLs) > 0 {
		roots, err := rootsOf("ldap.ca_file", l.LDAP.CAFile)
		list = append(list, err)
		s.directory = ldap.New(l.ldapConfig(roots))
	}
	if l.OIDC.Issuer != "" {
		roots, err := rootsOf("oidc.ca_file", l.OIDC.CAFile)
		list = append(list, err)
		s.provider = oidc.New(l.oidcConfig(c.PublicURL(), roots))
		s.bearers = len(l.OIDC.APIAudiences) > 0
	}
	if l.SAML.Metadata != "" {
		p, err := openSAML(c)
		if err != nil {
			list = append(list, fmt.Errorf("saml: %w", err))
		}
		s.saml = p
	}
	if len(l.PAM.Helper) > 0 {
		s.program = pam.New(pam.Config{Helper: l.PAM.Helper, Required: l.PAM.Required, Timeout: l.PAM.Timeout})
	}
	if err := errors.Join(list...); err != nil {
		return nil, squall.Errorf(squall.Invalid, "%w", err)
	}
	return s, nil
}

func (l *LoginConfig) ldapConfig(roots *tls.Config) ldap.Config {
	c := &l.LDAP
	return ldap.Config{
		URLs: c.URLs, StartTLS: c.StartTLS, TLS: roots, BindDN: c.BindDN, BindPassword: secretFile(c.BindPasswordFile),
		UserBase: c.UserBase, UserFilter: c.UserFilter, UserAttr: c.UserAttr,
		GroupBase: c.GroupBase, GroupFilter: c.GroupFilter, GroupAttr: c.GroupAttr, Nested: c.Nested,
		Required: c.Required, Timeout: c.Timeout,
	}
}

func (l *LoginConfig) oidcConfig(public string, roots *tls.Config) oidc.Config {
	c := &l.OIDC
	conf := oidc.Config{
		Issuer: c.Issuer, ClientID: c.ClientID, RedirectURL: public + saml.CallbackPath, Scopes: c.Scopes,
		UserClaim: c.UserClaim, GroupsClaim: c.GroupsClaim, Required: c.Required, Audiences: c.APIAudiences,
		HTTP: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: roots, TLSHandshakeTimeout: 5 * time.Second, IdleConnTimeout: 30 * time.Second,
		}},
	}
	if c.SecretFile != "" {
		conf.ClientSecret = secretFile(c.SecretFile)
	}
	return conf
}

func openSAML(c *Config) (*saml.Provider, error) {
	l := &c.Login.SAML
	text, err := os.ReadFile(l.Metadata)
	if err != nil {
		return nil, fmt.Errorf("idp_metadata: %w", err)
	}
	conf := saml.Config{Metadata: text, EntityID: l.EntityID, BaseURL: c.PublicURL(), UserAttr: l.UserAttr, GroupAttr: l.GroupAttr, Required: l.Required}
	if l.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(l.CertFile, l.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("cert_file, key_file: %w", err)
		}
		conf.Pair = &pair
	}
	return saml.New(conf)
}

// secretFile reads a secret whenever it is needed, without the line's end.
func secretFile(path string) func() (string, error) {
	return func() (string, error) {
		text, err := os.ReadFile(path)
		return strings.TrimRight(string(text), "\r\n"), err
	}
}

// rootsOf reads certificates; nil stands for those of the system.
func rootsOf(key, path string) (*tls.Config, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: %s holds no certificate (PEM)", key, path)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// passwords are the sources that check passwords, in the order they are asked.
func (s *sources) passwords() (list []outside.Passwords) {
	if s.directory != nil {
		list = append(list, s.directory)
	}
	if s.program != nil {
		list = append(list, s.program)
	}
	return list
}

// signOns are the providers for browsers.
func (s *sources) signOns() (list []outside.SignOn) {
	if s.provider != nil {
		list = append(list, s.provider)
	}
	if s.saml != nil {
		list = append(list, s.saml)
	}
	return list
}

// accepted is the source whose own tokens are credentials, nil when none is.
func (s *sources) accepted() outside.Bearers {
	if !s.bearers {
		return nil
	}
	return oidc.Bearers{Provider: s.provider}
}

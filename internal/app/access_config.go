package app

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"time"
)

// AccessConfig is who may come in, by which way, and what they may do.
type AccessConfig struct {
	TLSCert, TLSKey string

	Htpasswd     string
	Admins       []string
	ProxyHeader  string
	ProxyGroups  string
	ProxyTrusted []string

	RBAC     bool
	RBACDir  string
	Isolated bool

	AuditRetention time.Duration
}

// defaultAccess is the configuration of a server that only its own users reach,
// from its own machine.
func defaultAccess() AccessConfig { return AccessConfig{AuditRetention: 365 * 24 * time.Hour} }

func (a *AccessConfig) options() []option {
	together := func(one, other *string, key string) func() error {
		return func() error {
			if *one == "" && *other != "" {
				return fmt.Errorf("must be set too, because %s is", key)
			}
			return nil
		}
	}
	return []option{
		{key: "server.tls_cert", value: (*textValue)(&a.TLSCert), help: "PEM file with the certificate and those between it and its root; empty: no TLS", check: together(&a.TLSCert, &a.TLSKey, "server.tls_key")},
		{key: "server.tls_key", value: (*textValue)(&a.TLSKey), help: "PEM file with the key of server.tls_cert", check: together(&a.TLSKey, &a.TLSCert, "server.tls_cert")},
		{key: "auth.htpasswd", value: (*textValue)(&a.Htpasswd), help: "file of users made by Apache's htpasswd (bcrypt, apr1 or SHA), beside the users of the database"},
		{key: "auth.admins", value: (*listValue)(&a.Admins), help: "users that are administrators, wherever they come from"},
		{key: "auth.proxy_header", value: (*textValue)(&a.ProxyHeader), help: "header in which a trusted proxy names the user who asks for a token, such as X-Remote-User; empty: none", check: func() error {
			if a.ProxyHeader == "" && len(a.ProxyTrusted) > 0 {
				return errors.New("must be set too, because auth.proxy_trusted is")
			}
			return nil
		}},
		{key: "auth.proxy_groups_header", value: (*textValue)(&a.ProxyGroups), help: "header in which that proxy names the user's groups, separated by commas", check: func() error {
			if a.ProxyGroups != "" && a.ProxyHeader == "" {
				return errors.New("has no meaning without auth.proxy_header")
			}
			return nil
		}},
		{key: "auth.proxy_trusted", value: (*listValue)(&a.ProxyTrusted), help: "addresses or networks of that proxy, such as 127.0.0.1 or 10.1.0.0/24", check: func() error {
			if a.ProxyHeader != "" && len(a.ProxyTrusted) == 0 {
				return errors.New("must be set too, because auth.proxy_header is: otherwise anybody could name any user")
			}
			_, err := networks(a.ProxyTrusted)
			return err
		}},
		{key: "rbac.enabled", value: (*boolValue)(&a.RBAC), help: "let roles decide who may do what; false: every user may do everything that is not for administrators"},
		{key: "rbac.dir", value: (*textValue)(&a.RBACDir), help: "directory with roles/, assignments/ and mappings/; empty: rbac in server.data"},
		{key: "rbac.permission_isolation", value: (*boolValue)(&a.Isolated), help: "users that are no administrators see their own executions only"},
		{key: "retention.audit", value: (*durationValue)(&a.AuditRetention), help: "how long the audit log is kept; 0s: for ever"},
	}
}

// networks reads addresses and networks.
func networks(texts []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range texts {
		if addr, err := netip.ParseAddr(text); err == nil {
			addr = addr.Unmap()
			list = append(list, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network such as 10.1.0.0/24", text)
		}
		list = append(list, p)
	}
	return list, nil
}

// RBACPath is the directory of roles.
func (c *Config) RBACPath() string {
	if c.Access.RBACDir != "" {
		return c.Access.RBACDir
	}
	return filepath.Join(c.Server.Data, "rbac")
}

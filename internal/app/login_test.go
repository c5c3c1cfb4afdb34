package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"squall/internal/squall"
)

func TestLoginOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		flags map[string]string
		want  []string // nil: all is well
	}{
		{map[string]string{"ldap.urls": "ldap://ldap.example.org", "ldap.bind_dn": "cn=x", "ldap.user_filter": "uid={user}"}, []string{
			"ldap.urls: ldap://ldap.example.org would send passwords in clear: use ldaps://, or set start_tls",
			"ldap.bind_dn: needs ldap.bind_password_file", "ldap.user_base: must be set, such as", "ldap.user_filter: is not a filter",
		}},
		{map[string]string{"ldap.urls": "ldaps://a,ldaps://b", "ldap.user_base": "ou=people,dc=example,dc=org"}, nil},
		{map[string]string{"ldap.user_filter": "x"}, nil}, // not used
		{map[string]string{"oidc.issuer": "http://id.example.org"}, []string{"oidc.issuer: must be https://", "oidc.client_id: must be set"}},
		{map[string]string{"saml.cert_file": "c"}, []string{"saml.key_file: must be set too, because saml.cert_file is"}},
		{map[string]string{"pam.timeout": "0s"}, []string{"pam.timeout: must be longer than 0s"}},
	} {
		_, _, err := LoadConfig(Sources{File: os.DevNull, Flags: tt.flags})
		if (err == nil) != (tt.want == nil) {
			t.Errorf("%v: %v", tt.flags, err)
		}
		for _, want := range tt.want {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %q is missing in\n%v", tt.flags, want, err)
			}
		}
	}
}

// Names of entries hold commas, commands hold blanks: both come through.
func TestLoginSettingsFromFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "squall.yaml")
	writeFile(t, path, `
ldap:
  urls: [ldaps://a.example.org, ldaps://b.example.org]
  user_base: ou=people,dc=example,dc=org
pam:
  helper: [sudo, -n, /usr/local/lib/squall/squall-pam]
`)
	c, _, err := LoadConfig(Sources{File: path})
	if err != nil || c.Login.LDAP.UserBase != "ou=people,dc=example,dc=org" || len(c.Login.LDAP.URLs) != 2 || strings.Join(c.Login.PAM.Helper, " ") != "sudo -n /usr/local/lib/squall/squall-pam" {
		t.Errorf("%+v, %v", c.Login, err)
	}
	s, err := openSources(c)
	if err != nil || len(s.passwords()) != 2 || len(s.signOns()) != 0 || s.accepted() != nil {
		t.Errorf("sources: %+v, %v", s, err)
	}
}

func TestSourcesRefuseMistakes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "garbage"), "garbage")
	for want, set := range map[string]func(*Config){
		"ldap.ca_file: ": func(c *Config) { c.Login.LDAP.URLs, c.Login.LDAP.CAFile = []string{"ldaps://a"}, dir+"/none" },
		"oidc.ca_file: " + dir + "/garbage holds no certificate": func(c *Config) {
			c.Login.OIDC.Issuer, c.Login.OIDC.CAFile = "https://a", dir+"/garbage"
		},
		"saml: idp_metadata: is not the metadata": func(c *Config) { c.Login.SAML.Metadata = dir + "/garbage" },
		"saml: cert_file, key_file: ": func(c *Config) {
			c.Login.SAML.Metadata, c.Login.SAML.KeyFile, c.Login.SAML.CertFile = dir+"/garbage", dir+"/garbage", dir+"/garbage"
		},
	} {
		c := DefaultConfig()
		set(c)
		if _, err := openSources(c); squall.KindOf(err) != squall.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

package app

import (
	"context"
	"fmt"
	"time"
)

// checkSources asks the outside sources of users whether they are there.
func checkSources(ctx context.Context, c *Config) []Finding {
	s, err := openSources(c)
	if err != nil {
		return []Finding{{Check: "outside users", Verdict: Fail, Detail: err.Error(), Fix: "correct the settings; the server does not start with them"}}
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var list []Finding
	if s.directory != nil {
		up := 0
		found := s.directory.Check(ctx)
		for i, err := range found {
			f := Finding{Check: "ldap", Verdict: OK, Detail: c.Login.LDAP.URLs[i] + " answers and knows " + c.Login.LDAP.UserBase}
			if err != nil {
				f.Verdict, f.Detail, f.Fix = Warn, fmt.Sprintf("%s: %v", c.Login.LDAP.URLs[i], err), "the other servers are asked instead; look at this one, or at the ldap settings"
			} else {
				up++
			}
			list = append(list, f)
		}
		if up == 0 {
			for i := range list {
				list[i].Verdict, list[i].Fix = Fail, "nobody of the directory can log in: look at the server, or at the ldap settings"
			}
		}
		list = append(list, checkPrivate("ldap password", c.Login.LDAP.BindPasswordFile))
	}
	if s.provider != nil {
		f := Finding{Check: "oidc", Verdict: OK, Detail: c.Login.OIDC.Issuer + " answers; it must let us have " + c.PublicURL() + "/auth/v1/sso/callback"}
		if err := s.provider.Check(ctx); err != nil {
			f.Verdict, f.Detail, f.Fix = Fail, fmt.Sprintf("%s: %v", c.Login.OIDC.Issuer, err), "nobody of the provider can log in: look at oidc.issuer and oidc.ca_file"
		}
		list = append(list, f, checkPrivate("oidc secret", c.Login.OIDC.SecretFile))
	}
	if s.saml != nil {
		f := Finding{Check: "saml", Verdict: OK, Detail: "the provider needs our metadata: " + c.PublicURL() + "/auth/v1/sso/metadata"}
		if c.Access.TLSCert == "" && !isHTTPS(c.PublicURL()) {
			f.Verdict, f.Fix = Warn, "set server.url to an https:// address: without TLS browsers do not keep a login to themselves"
		}
		list = append(list, f, checkPrivate("saml key", c.Login.SAML.KeyFile))
	}
	if s.program != nil {
		f := Finding{Check: "pam", Verdict: OK, Detail: c.Login.PAM.Helper[0]}
		if err := s.program.Check(); err != nil {
			f.Verdict, f.Detail, f.Fix = Fail, err.Error(), "install contrib/pam/squall-pam, and name it with pam.helper"
		}
		list = append(list, f)
	}
	return list
}

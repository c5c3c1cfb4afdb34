package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// LoginConfig is the outside sources of users. A source is used when its first
// setting is set: ldap.urls, oidc.issuer, saml.idp_metadata, pam.helper.
type LoginConfig struct {
	LDAP struct {
		URLs             []string
		StartTLS         bool
		CAFile           string
		BindDN           string
		BindPasswordFile string
		UserBase         string
		UserFilter       string
		UserAttr         string
		GroupBase        string
		GroupFilter      string
		GroupAttr        string
		Nested           int
		Required         []string
		Timeout          time.Duration
	}
	OIDC struct {
		Issuer       string
		ClientID     string
		SecretFile   string
		CAFile       string
		Scopes       []string
		UserClaim    string
		GroupsClaim  string
		Required     []string
		APIAudiences []string
	}
	SAML struct {
		Metadata  string
		EntityID  string
		CertFile  string
		KeyFile   string
		UserAttr  string
		GroupAttr string
		Required  []string
	}
	PAM struct {
		Helper   []string
		Required []string
		Timeout  time.Duration
	}
}

func defaultLogin() LoginConfig {
	var c LoginConfig
	c.LDAP.UserFilter, c.LDAP.UserAttr = "(uid={user})", "uid"
	c.LDAP.GroupFilter, c.LDAP.GroupAttr, c.LDAP.Nested = "(member={dn})", "cn", 5
	c.LDAP.Timeout = 5 * time.Second
	c.OIDC.Scopes, c.OIDC.UserClaim, c.OIDC.GroupsClaim = []string{"profile"}, "preferred_username", "groups"
	c.PAM.Timeout = 10 * time.Second
	return c
}

// options are the settings. What the drivers find wrong is shown at the setting
// it is about.
func (l *LoginConfig) options() []option {
	ldap, oidc, saml, pam := &l.LDAP, &l.OIDC, &l.SAML, &l.PAM
	positive := func(d *time.Duration) func() error {
		return func() error {
			if *d <= 0 {
				return errors.New("must be longer than 0s")
			}
			return nil
		}
	}
	return []option{
		{key: "ldap.urls", value: (*listValue)(&ldap.URLs), help: "servers of the directory whose users may log in, such as ldaps://ldap.example.org; the next is asked when one does not answer; empty: none", check: l.checkLDAP("urls")},
		{key: "ldap.start_tls", value: (*boolValue)(&ldap.StartTLS), help: "encrypt connections to ldap:// addresses"},
		{key: "ldap.ca_file", value: (*textValue)(&ldap.CAFile), help: "certificates (PEM) that the servers' are checked against; empty: the system's"},
		{key: "ldap.bind_dn", value: (*textValue)(&ldap.BindDN), help: "entry as which users are looked for; empty: nobody's", check: func() error {
			if ldap.BindDN != "" && ldap.BindPasswordFile == "" {
				return errors.New("needs ldap.bind_password_file")
			}
			return nil
		}},
		{key: "ldap.bind_password_file", value: (*textValue)(&ldap.BindPasswordFile), help: "file with the password of ldap.bind_dn, read anew for every login"},
		{key: "ldap.user_base", value: (*textValue)(&ldap.UserBase), help: "entry below which users are", check: l.checkLDAP("user_base")},
		{key: "ldap.user_filter", value: (*textValue)(&ldap.UserFilter), help: "how a user is found; {user} is the name that was typed in", check: l.checkLDAP("user_filter")},
		{key: "ldap.user_attribute", value: (*textValue)(&ldap.UserAttr), help: "attribute with the user's name as it is known here", check: l.checkLDAP("user_attribute")},
		{key: "ldap.group_base", value: (*textValue)(&ldap.GroupBase), help: "entry below which groups are; empty: groups do not matter", check: l.checkLDAP("group_base")},
		{key: "ldap.group_filter", value: (*textValue)(&ldap.GroupFilter), help: "how the groups of a member are found; {dn} is the member's entry, {user} the user's name", check: l.checkLDAP("group_filter")},
		{key: "ldap.group_attribute", value: (*textValue)(&ldap.GroupAttr), help: "attribute with the group's name", check: l.checkLDAP("group_attribute")},
		{key: "ldap.nested_groups", value: (*intValue)(&ldap.Nested), help: "how many levels of groups in groups are followed", check: atLeast(&ldap.Nested, 0)},
		{key: "ldap.required_groups", value: (*listValue)(&ldap.Required), help: "only members of one of these groups may log in; empty: all", check: l.checkLDAP("required_groups")},
		{key: "ldap.timeout", value: (*durationValue)(&ldap.Timeout), help: "for each question to a server", check: positive(&ldap.Timeout)},

		{key: "oidc.issuer", value: (*textValue)(&oidc.Issuer), help: "address of the OpenID Connect provider whose users may log in; empty: none", check: l.checkOIDC("issuer")},
		{key: "oidc.client_id", value: (*textValue)(&oidc.ClientID), help: "what the provider calls this server", check: l.checkOIDC("client_id")},
		{key: "oidc.client_secret_file", value: (*textValue)(&oidc.SecretFile), help: "file with the secret of oidc.client_id; empty: a public client"},
		{key: "oidc.ca_file", value: (*textValue)(&oidc.CAFile), help: "certificates (PEM) that the provider's is checked against; empty: the system's"},
		{key: "oidc.scopes", value: (*listValue)(&oidc.Scopes), help: "what is asked for beside openid"},
		{key: "oidc.user_claim", value: (*textValue)(&oidc.UserClaim), help: "claim with the user's name", check: l.checkOIDC("user_claim")},
		{key: "oidc.groups_claim", value: (*textValue)(&oidc.GroupsClaim), help: "claim with the user's groups, such as groups or realm_access.roles; empty: groups do not matter"},
		{key: "oidc.required_groups", value: (*listValue)(&oidc.Required), help: "only members of one of these groups may log in; empty: all", check: l.checkOIDC("required_groups")},
		{key: "oidc.api_audiences", value: (*listValue)(&oidc.APIAudiences), help: "tokens of the provider (JWT) that were issued for one of these are credentials for the API; empty: none are"},

		{key: "saml.idp_metadata", value: (*textValue)(&saml.Metadata), help: "file with the metadata of the SAML identity provider whose users may log in; empty: none"},
		{key: "saml.entity_id", value: (*textValue)(&saml.EntityID), help: "our name there; empty: the address of our metadata, server.url/auth/v1/sso/metadata"},
		{key: "saml.cert_file", value: (*textValue)(&saml.CertFile), help: "PEM file with the certificate of saml.key_file", check: func() error { return bothOrNone(saml.CertFile, saml.KeyFile, "saml.key_file") }},
		{key: "saml.key_file", value: (*textValue)(&saml.KeyFile), help: "PEM file with the key that signs our requests and opens encrypted answers; empty: neither", check: func() error { return bothOrNone(saml.KeyFile, saml.CertFile, "saml.cert_file") }},
		{key: "saml.user_attribute", value: (*textValue)(&saml.UserAttr), help: "attribute with the user's name; empty: the subject"},
		{key: "saml.group_attribute", value: (*textValue)(&saml.GroupAttr), help: "attribute with the user's groups; empty: groups do not matter"},
		{key: "saml.required_groups", value: (*listValue)(&saml.Required), help: "only members of one of these groups may log in; empty: all"},

		{key: "pam.helper", value: (*listValue)(&pam.Helper), help: "program that checks passwords with PAM, and its arguments, as a list (docs/access.md); empty: none"},
		{key: "pam.required_groups", value: (*listValue)(&pam.Required), help: "only members of one of these groups may log in; empty: all"},
		{key: "pam.timeout", value: (*durationValue)(&pam.Timeout), help: "for one question to the program", check: positive(&pam.Timeout)},
	}
}

func bothOrNone(one, other, key string) error {
	if one == "" && other != "" {
		return fmt.Errorf("must be set too, because %s is", key)
	}
	return nil
}

// checkLDAP picks from what the driver says of all settings what is about one.
func (l *LoginConfig) checkLDAP(setting string) func() error {
	return func() error {
		if len(l.LDAP.URLs) == 0 {
			return nil
		}
		return aboutSetting(setting, l.ldapConfig(nil).Validate())
	}
}

func (l *LoginConfig) checkOIDC(setting string) func() error {
	return func() error {
		if l.OIDC.Issuer == "" {
			return nil
		}
		return aboutSetting(setting, l.oidcConfig("", nil).Validate())
	}
}

// aboutSetting returns those errors out of joined ones that begin with the
// setting's name, without it.
func aboutSetting(setting string, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var list []error
	for _, e := range joined.Unwrap() {
		if text, ok := strings.CutPrefix(e.Error(), setting+": "); ok && !slices.ContainsFunc(list, func(o error) bool { return o.Error() == text }) {
			list = append(list, errors.New(text))
		}
	}
	return errors.Join(list...)
}

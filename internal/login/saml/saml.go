// Package saml logs users in at an identity provider that speaks SAML 2.0, as
// its service provider.
//
// The browser is sent there with a request (redirect binding) and comes back
// with a signed answer to it (POST binding). An answer that nobody asked for,
// that is for another service, or that was used already, is refused: the last
// of these by the caller, who calls Finish once for each Begin.
package saml

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"

	"squall/internal/login"
	"squall/internal/squall"
)

// Config is which provider is trusted, and who we are to it.
type Config struct {
	Metadata []byte // the provider's, XML
	EntityID string // our name; "": the address of our metadata
	BaseURL  string // our address, without the paths below /auth
	// Pair signs our requests and opens answers that are encrypted; nil: requests
	// are not signed, and encrypted answers are refused.
	Pair *tls.Certificate

	UserAttr  string   // attribute with the user's name; "": the subject of the answer
	GroupAttr string   // attribute with the groups; "": groups do not matter
	Required  []string // the user must be in one of these groups; none: every user may log in
}

// Provider is a provider of identities. It may be used by several goroutines at once.
type Provider struct {
	c  Config
	sp saml.ServiceProvider
}

// CallbackPath is where browsers come back to, MetadataPath where the provider
// finds out about us, both below BaseURL.
const (
	CallbackPath = "/auth/v1/sso/callback"
	MetadataPath = "/auth/v1/sso/metadata"
)

// New reads the provider's metadata. The error joins everything that is wrong,
// each in words that follow the name of the setting.
func New(c Config) (*Provider, error) {
	var list []error
	base, err := url.Parse(c.BaseURL)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("server.url: %q is not an address such as https://squall.example.org", c.BaseURL)
	}
	idp, err := parseMetadata(c.Metadata)
	if err != nil {
		list = append(list, fmt.Errorf("idp_metadata: %w", err))
	}
	if c.GroupAttr == "" && len(c.Required) > 0 {
		list = append(list, errors.New("required_groups: needs group_attribute: without it nobody is in any group"))
	}
	p := &Provider{c: c, sp: saml.ServiceProvider{
		EntityID: c.EntityID, AcsURL: *base.JoinPath(CallbackPath), MetadataURL: *base.JoinPath(MetadataPath), IDPMetadata: idp,
		AuthnNameIDFormat: saml.UnspecifiedNameIDFormat,
	}}
	if c.Pair != nil {
		key, ok := c.Pair.PrivateKey.(crypto.Signer)
		if !ok || c.Pair.Leaf == nil {
			list = append(list, errors.New("key: cannot sign"))
		} else {
			p.sp.Key, p.sp.Certificate, p.sp.SignatureMethod = key, c.Pair.Leaf, dsig.RSASHA256SignatureMethod
			if _, isRSA := key.Public().(*rsa.PublicKey); !isRSA {
				p.sp.SignatureMethod = dsig.ECDSASHA256SignatureMethod
			}
		}
	}
	return p, errors.Join(list...)
}

// parseMetadata reads what a provider says about itself.
func parseMetadata(text []byte) (*saml.EntityDescriptor, error) {
	var idp saml.EntityDescriptor
	if err := xml.Unmarshal(text, &idp); err != nil {
		var many saml.EntitiesDescriptor
		if xml.Unmarshal(text, &many) != nil {
			return nil, fmt.Errorf("is not the metadata of an identity provider: %w", err)
		}
		i := slices.IndexFunc(many.EntityDescriptors, func(e saml.EntityDescriptor) bool { return len(e.IDPSSODescriptors) > 0 })
		if i < 0 {
			return nil, errors.New("holds no identity provider")
		}
		idp = many.EntityDescriptors[i]
	}
	switch sp := (&saml.ServiceProvider{IDPMetadata: &idp}); {
	case len(idp.IDPSSODescriptors) == 0:
		return nil, errors.New("holds no identity provider")
	case sp.GetSSOBindingLocation(saml.HTTPRedirectBinding) == "":
		return nil, errors.New("has no address for the redirect binding")
	case !signs(&idp):
		return nil, errors.New("has no certificate to check signatures with")
	}
	return &idp, nil
}

func signs(idp *saml.EntityDescriptor) bool {
	for _, d := range idp.IDPSSODescriptors {
		for _, k := range d.KeyDescriptors {
			if (k.Use == "signing" || k.Use == "") && len(k.KeyInfo.X509Data.X509Certificates) > 0 {
				return true
			}
		}
	}
	return false
}

// Name is "saml".
func (*Provider) Name() string { return "saml" }

// Metadata is what the provider has to know about us, as XML.
func (p *Provider) Metadata() ([]byte, error) {
	return xml.MarshalIndent(p.sp.Metadata(), "", "  ")
}

// kept is what Finish has to know of Begin.
type kept struct {
	Request string `json:"request"` // the identifier of our request
}

// Begin sends the browser to the provider.
func (p *Provider) Begin(_ context.Context, state string) (to string, keep []byte, err error) {
	req, err := p.sp.MakeAuthenticationRequest(p.sp.GetSSOBindingLocation(saml.HTTPRedirectBinding), saml.HTTPRedirectBinding, saml.HTTPPostBinding)
	if err != nil {
		return "", nil, err
	}
	u, err := req.Redirect(url.QueryEscape(state), &p.sp)
	if err != nil {
		return "", nil, err
	}
	keep, err = json.Marshal(kept{req.ID})
	return u.String(), keep, err
}

// State is the parameter RelayState.
func (*Provider) State(r *http.Request) string { return r.PostFormValue("RelayState") }

// Finish verifies the provider's answer.
func (p *Provider) Finish(_ context.Context, keep []byte, r *http.Request) (login.Identity, error) {
	var k kept
	if err := json.Unmarshal(keep, &k); err != nil {
		return login.Identity{}, err
	}
	if err := r.ParseForm(); err != nil {
		return login.Identity{}, squall.Errorf(squall.Unauthentic, "the answer cannot be read")
	}
	if r.Form.Has("SAMLart") { // we would have to call the provider, at an address of the browser's choice
		return login.Identity{}, squall.Errorf(squall.Unauthentic, "the answer is by reference, which is not taken")
	}
	assertion, err := p.sp.ParseResponse(r, []string{k.Request})
	if err != nil {
		if e, ok := errors.AsType[*saml.InvalidResponseError](err); ok {
			err = e.PrivateErr
		}
		return login.Identity{}, squall.Errorf(squall.Unauthentic, "the provider's answer does not hold: %v", err)
	}
	return p.read(assertion)
}

// read takes user and groups out of a verified answer.
func (p *Provider) read(a *saml.Assertion) (login.Identity, error) {
	switch {
	case a.Subject == nil || len(a.Subject.SubjectConfirmations) == 0: // it would be bound to no request of ours
		return login.Identity{}, squall.Errorf(squall.Unauthentic, "the provider's answer confirms no subject")
	case a.Conditions == nil || len(a.Conditions.AudienceRestrictions) == 0: // and this one to no service
		return login.Identity{}, squall.Errorf(squall.Unauthentic, "the provider's answer does not say whom it is for")
	}
	user := ""
	if p.c.UserAttr != "" {
		if values := attribute(a, p.c.UserAttr); len(values) == 1 {
			user = values[0]
		}
	} else if a.Subject.NameID != nil {
		user = a.Subject.NameID.Value
	}
	if user == "" {
		return login.Identity{}, squall.Errorf(squall.Unauthentic, "the provider's answer does not name the user")
	}
	var groups []string
	if p.c.GroupAttr != "" {
		groups = attribute(a, p.c.GroupAttr)
	}
	if !login.Member(groups, p.c.Required) {
		return login.Identity{}, login.ErrGroup
	}
	return login.NewIdentity(user, groups)
}

// attribute returns the values of the attribute of that name, formal or friendly.
func attribute(a *saml.Assertion, name string) []string {
	var values []string
	for _, s := range a.AttributeStatements {
		for _, attr := range s.Attributes {
			if attr.Name != name && attr.FriendlyName != name {
				continue
			}
			for _, v := range attr.Values {
				values = append(values, v.Value)
			}
		}
	}
	return values
}

var _ login.SignOn = (*Provider)(nil)

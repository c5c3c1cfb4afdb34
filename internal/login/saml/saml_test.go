package saml

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/xml"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/crewjam/saml"
	"github.com/google/go-cmp/cmp"

	"squall/internal/login"
	"squall/internal/squall"
)

const base = "https://squall.example.org"

func pair(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// idp is an identity provider with real signing keys: it answers the request in
// an address as if the user had logged in.
type idp struct {
	saml.IdentityProvider
	sp *saml.EntityDescriptor // what it knows of us
}

func newIDP(t *testing.T, host string) *idp {
	t.Helper()
	p := pair(t, host)
	i := &idp{}
	i.IdentityProvider = saml.IdentityProvider{
		Key: p.PrivateKey, Certificate: p.Leaf,
		MetadataURL: url.URL{Scheme: "https", Host: host, Path: "/metadata"}, SSOURL: url.URL{Scheme: "https", Host: host, Path: "/sso"},
		ServiceProviderProvider: i,
	}
	return i
}

func (i *idp) GetServiceProvider(_ *http.Request, id string) (*saml.EntityDescriptor, error) {
	if i.sp == nil || i.sp.EntityID != id {
		return nil, os.ErrNotExist
	}
	return i.sp, nil
}

func (i *idp) metadata(t *testing.T) []byte {
	t.Helper()
	text, err := xml.Marshal(i.Metadata())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// knows makes the provider read our metadata.
func (i *idp) knows(t *testing.T, p *Provider) {
	t.Helper()
	text, err := p.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	i.sp = &saml.EntityDescriptor{}
	if err := xml.Unmarshal(text, i.sp); err != nil {
		t.Fatal(err)
	}
}

// answer is the form that a browser sent to the address would bring back.
func (i *idp) answer(t *testing.T, to string, change func(*saml.Assertion)) url.Values {
	t.Helper()
	req, err := saml.NewIdpAuthnRequest(&i.IdentityProvider, httptest.NewRequest(http.MethodGet, to, nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := req.Validate(); err != nil {
		t.Fatal(err)
	}
	session := &saml.Session{
		ID: "1", NameID: "ann", CreateTime: time.Now(), ExpireTime: time.Now().Add(time.Hour), UserName: "ann", Groups: []string{"staff", "hpc"},
		CustomAttributes: []saml.Attribute{{FriendlyName: "login", Name: "urn:login", Values: []saml.AttributeValue{{Value: "ann.e"}}}},
	}
	if err := (saml.DefaultAssertionMaker{}).MakeAssertion(req, session); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(req.Assertion)
	}
	form, err := req.PostBinding()
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{"SAMLResponse": {form.SAMLResponse}, "RelayState": {form.RelayState}}
}

func post(form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, CallbackPath, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func TestBrowser(t *testing.T) {
	t.Parallel()
	i := newIDP(t, "id.example.org")
	for _, tt := range []struct {
		name   string
		config Config
		change func(*saml.Assertion)
		want   login.Identity
		err    string
	}{
		{name: "subject", want: login.Identity{User: "ann"}},
		{name: "signed and encrypted", config: Config{Pair: pair(t, "squall")}, want: login.Identity{User: "ann"}},
		{name: "attributes", config: Config{UserAttr: "login", GroupAttr: "eduPersonAffiliation"}, want: login.Identity{User: "ann.e", Groups: []string{"hpc", "staff"}}},
		{name: "attribute by its formal name", config: Config{UserAttr: "urn:login"}, want: login.Identity{User: "ann.e"}},
		{name: "own entity id", config: Config{EntityID: "urn:squall"}, want: login.Identity{User: "ann"}},
		{name: "in a required group", config: Config{GroupAttr: "eduPersonAffiliation", Required: []string{"hpc"}}, want: login.Identity{User: "ann", Groups: []string{"hpc", "staff"}}},
		{name: "in no required group", config: Config{GroupAttr: "eduPersonAffiliation", Required: []string{"admins"}}, err: "none of the groups"},
		{name: "no such attribute", config: Config{UserAttr: "mail"}, err: "does not name the user"},
		{name: "expired", change: func(a *saml.Assertion) { a.Conditions.NotOnOrAfter = time.Now().Add(-time.Hour) }, err: "expired"},
		{name: "for another service", change: func(a *saml.Assertion) {
			a.Conditions.AudienceRestrictions[0].Audience.Value = "https://other.example.org"
		}, err: "AudienceRestriction"},
		{name: "for no service", change: func(a *saml.Assertion) { a.Conditions.AudienceRestrictions = nil }, err: "whom it is for"},
		{name: "answer to another request", change: func(a *saml.Assertion) {
			a.Subject.SubjectConfirmations[0].SubjectConfirmationData.InResponseTo = "id-other"
		}, err: "request IDs"},
		{name: "bound to no request", change: func(a *saml.Assertion) { a.Subject.SubjectConfirmations = nil }, err: "confirms no subject"},
		{name: "sent to another address", change: func(a *saml.Assertion) {
			a.Subject.SubjectConfirmations[0].SubjectConfirmationData.Recipient = "https://other.example.org/acs"
		}, err: "Recipient"},
		{name: "user with a line end", change: func(a *saml.Assertion) { a.Subject.NameID.Value = "ann\nroot" }, err: "cannot be used"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.config.Metadata, tt.config.BaseURL = i.metadata(t), base
			p, err := New(tt.config)
			if err != nil {
				t.Fatal(err)
			}
			i.knows(t, p)
			to, keep, err := p.Begin(t.Context(), "state/1+")
			if err != nil {
				t.Fatal(err)
			}
			r := post(i.answer(t, to, tt.change))
			if got := p.State(r); got != "state/1+" {
				t.Errorf("state %q", got)
			}
			got, err := p.Finish(t.Context(), keep, r)
			if diff := cmp.Diff(tt.want, got); diff != "" && tt.err == "" {
				t.Error(diff, err)
			}
			if tt.err != "" && (squall.KindOf(err) != squall.Unauthentic || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestForged(t *testing.T) {
	t.Parallel()
	i, evil := newIDP(t, "id.example.org"), newIDP(t, "id.example.org")
	p, err := New(Config{Metadata: i.metadata(t), BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	i.knows(t, p)
	evil.knows(t, p)
	to, keep, err := p.Begin(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	good := i.answer(t, to, nil)
	decoded, err := base64.StdEncoding.DecodeString(good.Get("SAMLResponse"))
	if err != nil {
		t.Fatal(err)
	}
	encode := func(b []byte) url.Values {
		return url.Values{"SAMLResponse": {base64.StdEncoding.EncodeToString(b)}, "RelayState": {"s"}}
	}
	unsigned := bytes.Clone(decoded)
	for {
		from, to := bytes.Index(unsigned, []byte("<ds:Signature")), bytes.Index(unsigned, []byte("</ds:Signature>"))
		if from < 0 {
			break
		}
		unsigned = append(unsigned[:from:from], unsigned[to+len("</ds:Signature>"):]...)
	}
	other, otherKeep, err := p.Begin(t.Context(), "s2")
	if err != nil {
		t.Fatal(err)
	}
	for name, form := range map[string]url.Values{
		"another key":           evil.answer(t, to, nil),
		"no signature":          encode(unsigned),
		"another user":          encode(bytes.ReplaceAll(decoded, []byte(">ann<"), []byte(">root<"))),
		"comment in the name":   encode(bytes.ReplaceAll(decoded, []byte(">ann<"), []byte(">root<!-- -->ann<"))),
		"outside entity":        encode(append([]byte(`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>`), bytes.ReplaceAll(decoded, []byte(">ann<"), []byte(">&e;<"))...)),
		"not base64":            {"SAMLResponse": {"%%%"}},
		"not XML":               encode([]byte("hello")),
		"empty":                 {},
		"by reference":          {"SAMLart": {"AAQAA"}},
		"answer to another one": i.answer(t, other, nil),
	} {
		if id, err := p.Finish(t.Context(), keep, post(form)); squall.KindOf(err) != squall.Unauthentic || id.User != "" {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
	if _, err := p.Finish(t.Context(), otherKeep, post(good)); squall.KindOf(err) != squall.Unauthentic {
		t.Errorf("an answer to another browser's request: %v", err)
	}
	if _, err := p.Finish(context.Background(), keep, post(good)); err != nil {
		t.Errorf("the right one, after all: %v", err)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	i := newIDP(t, "id.example.org")
	for want, c := range map[string]Config{
		"server.url: ":                     {Metadata: i.metadata(t)},
		"idp_metadata: is not the meta":    {BaseURL: base, Metadata: []byte("hello")},
		"idp_metadata: holds no identity":  {BaseURL: base, Metadata: []byte(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"></EntityDescriptor>`)},
		"required_groups: needs group_att": {BaseURL: base, Metadata: i.metadata(t), Required: []string{"a"}},
	} {
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

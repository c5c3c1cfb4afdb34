package logintest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/xml"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/crewjam/saml"
)

// Pair makes a key and its own certificate.
func Pair(t *testing.T, name string) *tls.Certificate {
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

// SAML is an identity provider with real signing keys: it answers the request in
// an address as if the user had logged in.
type SAML struct {
	saml.IdentityProvider
	sp *saml.EntityDescriptor // what it knows of us
}

// NewSAML makes the provider of a host.
func NewSAML(t *testing.T, host string) *SAML {
	t.Helper()
	p := Pair(t, host)
	i := &SAML{}
	i.IdentityProvider = saml.IdentityProvider{
		Key: p.PrivateKey, Certificate: p.Leaf,
		MetadataURL: url.URL{Scheme: "https", Host: host, Path: "/metadata"}, SSOURL: url.URL{Scheme: "https", Host: host, Path: "/sso"},
		ServiceProviderProvider: i,
	}
	return i
}

// GetServiceProvider implements saml.ServiceProviderProvider.
func (i *SAML) GetServiceProvider(_ *http.Request, id string) (*saml.EntityDescriptor, error) {
	if i.sp == nil || i.sp.EntityID != id {
		return nil, os.ErrNotExist
	}
	return i.sp, nil
}

// Document is the provider's metadata.
func (i *SAML) Document(t *testing.T) []byte {
	t.Helper()
	text, err := xml.Marshal(i.Metadata())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Knows makes the provider read a service's metadata.
func (i *SAML) Knows(t *testing.T, text []byte) {
	t.Helper()
	i.sp = &saml.EntityDescriptor{}
	if err := xml.Unmarshal(text, i.sp); err != nil {
		t.Fatal(err)
	}
}

// Answer is the form that a browser sent to the address would bring back.
func (i *SAML) Answer(t *testing.T, to string, change func(*saml.Assertion)) url.Values {
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

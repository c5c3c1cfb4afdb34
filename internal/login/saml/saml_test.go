package saml

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/crewjam/saml"
	"github.com/google/go-cmp/cmp"

	"squall/internal/login"
	"squall/internal/logintest"
	"squall/internal/squall"
)

const base = "https://squall.example.org"

func metadata(t *testing.T, p *Provider) []byte {
	t.Helper()
	text, err := p.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func post(form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, CallbackPath, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func TestBrowser(t *testing.T) {
	t.Parallel()
	i := logintest.NewSAML(t, "id.example.org")
	for _, tt := range []struct {
		name   string
		config Config
		change func(*saml.Assertion)
		want   login.Identity
		err    string
	}{
		{name: "subject", want: login.Identity{User: "ann"}},
		{name: "signed and encrypted", config: Config{Pair: logintest.Pair(t, "squall")}, want: login.Identity{User: "ann"}},
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
			tt.config.Metadata, tt.config.BaseURL = i.Document(t), base
			p, err := New(tt.config)
			if err != nil {
				t.Fatal(err)
			}
			i.Knows(t, metadata(t, p))
			to, keep, err := p.Begin(t.Context(), "state/1+")
			if err != nil {
				t.Fatal(err)
			}
			r := post(i.Answer(t, to, tt.change))
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
	i, evil := logintest.NewSAML(t, "id.example.org"), logintest.NewSAML(t, "id.example.org")
	p, err := New(Config{Metadata: i.Document(t), BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	i.Knows(t, metadata(t, p))
	evil.Knows(t, metadata(t, p))
	to, keep, err := p.Begin(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	good := i.Answer(t, to, nil)
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
		"another key":           evil.Answer(t, to, nil),
		"no signature":          encode(unsigned),
		"another user":          encode(bytes.ReplaceAll(decoded, []byte(">ann<"), []byte(">root<"))),
		"comment in the name":   encode(bytes.ReplaceAll(decoded, []byte(">ann<"), []byte(">root<!-- -->ann<"))),
		"outside entity":        encode(append([]byte(`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>`), bytes.ReplaceAll(decoded, []byte(">ann<"), []byte(">&e;<"))...)),
		"not base64":            {"SAMLResponse": {"%%%"}},
		"not XML":               encode([]byte("hello")),
		"empty":                 {},
		"by reference":          {"SAMLart": {"AAQAA"}},
		"answer to another one": i.Answer(t, other, nil),
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
	i := logintest.NewSAML(t, "id.example.org")
	for want, c := range map[string]Config{
		"server.url: ":                     {Metadata: i.Document(t)},
		"idp_metadata: is not the meta":    {BaseURL: base, Metadata: []byte("hello")},
		"idp_metadata: holds no identity":  {BaseURL: base, Metadata: []byte(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x"></EntityDescriptor>`)},
		"required_groups: needs group_att": {BaseURL: base, Metadata: i.Document(t), Required: []string{"a"}},
	} {
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

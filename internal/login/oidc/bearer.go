package oidc

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"squall/internal/login"
	"squall/internal/squall"
)

// Bearers accepts tokens of a provider as credentials for the API.
type Bearers struct{ *Provider }

// Name is "jwt".
func (Bearers) Name() string { return "jwt" }

// Bearer verifies a token that was issued for one of the audiences.
func (b Bearers) Bearer(ctx context.Context, token string) (login.Identity, time.Time, error) {
	found, err := b.provider()
	if err != nil {
		return login.Identity{}, time.Time{}, err
	}
	// Whom it was issued for is checked below, against more than one name.
	verified, err := found.Verifier(&oidc.Config{SkipClientIDCheck: true}).Verify(b.client(ctx), token)
	switch {
	case err != nil && strings.Contains(err.Error(), "fetching keys"):
		return login.Identity{}, time.Time{}, &squall.Error{Kind: squall.Unavailable, Msg: "the identity provider does not answer", Err: err}
	case err != nil:
		return login.Identity{}, time.Time{}, refused("the token does not hold: %v", err)
	case !slices.ContainsFunc(verified.Audience, func(a string) bool { return slices.Contains(b.c.Audiences, a) }):
		return login.Identity{}, time.Time{}, refused("the token was issued for %v, not for us", verified.Audience)
	}
	claims := map[string]any{}
	if err := verified.Claims(&claims); err != nil {
		return login.Identity{}, time.Time{}, refused("the token cannot be read")
	}
	id, err := b.read(claims)
	return id, verified.Expiry, err
}

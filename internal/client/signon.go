package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"squall/internal/api/wire"
	"squall/internal/squall"
)

// SignOnURL is where a browser begins a login at the identity provider that ends
// at back, an address of this machine, with a code for SignOnToken. challenge is
// the SHA-256 of the verifier, in base64url.
func (c *Client) SignOnURL(back, challenge string) string {
	return c.address("/auth/v1/sso/request") + "?" + url.Values{"return": {back}, "challenge": {challenge}}.Encode()
}

// SignOnToken exchanges the code of such a login for a token. A ttl of zero asks
// for the server's default.
func (c *Client) SignOnToken(ctx context.Context, code, verifier string, ttl time.Duration) (*wire.Token, error) {
	t := &wire.Token{}
	_, err := c.stranger(ctx, "/auth/v1/sso/token", withTTL(map[string]any{"code": code, "verifier": verifier}, ttl), t)
	return t, err
}

// DeviceLogin begins a login without a browser on this machine.
func (c *Client) DeviceLogin(ctx context.Context) (*wire.DeviceLogin, error) {
	d := &wire.DeviceLogin{}
	_, err := c.stranger(ctx, "/auth/v1/sso/device", nil, d)
	return d, err
}

// DeviceToken returns the token of such a login, nil while it is not done.
func (c *Client) DeviceToken(ctx context.Context, handle string, ttl time.Duration) (*wire.Token, error) {
	t := &wire.Token{}
	status, err := c.stranger(ctx, "/auth/v1/sso/device/token", withTTL(map[string]any{"handle": handle}, ttl), t)
	if err != nil || status == http.StatusAccepted {
		return nil, err
	}
	return t, nil
}

func withTTL(body map[string]any, ttl time.Duration) map[string]any {
	if ttl > 0 {
		body["ttl"] = int64(ttl / time.Second)
	}
	return body
}

// stranger posts without showing who we are, and returns the status.
func (c *Client) stranger(ctx context.Context, path string, body, out any) (int, error) {
	payload, err := json.Marshal(body)
	if err != nil {
		return 0, squall.Errorf(squall.Invalid, "the request cannot be encoded: %w", err)
	}
	if body == nil {
		payload = nil
	}
	resp, err := c.send(ctx, http.MethodPost, c.address(path), payload, func(*http.Request) {})
	if err != nil {
		return 0, err
	}
	if resp.StatusCode >= 300 {
		return resp.StatusCode, faultOf(resp)
	}
	defer drain(resp)
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return resp.StatusCode, connectionError(ctx, c.base, err)
	}
	return resp.StatusCode, nil
}

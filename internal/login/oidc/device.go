package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"squall/internal/login"
	"squall/internal/squall"
)

// keptDevice is what FinishDevice has to know of BeginDevice.
type keptDevice struct {
	Code string `json:"code"`
}

// BeginDevice asks the provider for a code to type in elsewhere.
func (p *Provider) BeginDevice(ctx context.Context) (login.DeviceCode, []byte, error) {
	found, err := p.provider()
	if err != nil {
		return login.DeviceCode{}, nil, err
	}
	conf, err := p.oauth(found)
	if err != nil {
		return login.DeviceCode{}, nil, err
	}
	if conf.Endpoint.DeviceAuthURL == "" {
		return login.DeviceCode{}, nil, squall.Errorf(squall.Invalid, "the identity provider has no login without a browser on this machine")
	}
	answer, err := conf.DeviceAuth(p.client(ctx))
	if err != nil {
		return login.DeviceCode{}, nil, exchangeError(err)
	}
	keep, err := json.Marshal(keptDevice{answer.DeviceCode})
	if err != nil {
		return login.DeviceCode{}, nil, err
	}
	return login.DeviceCode{
		UserCode: answer.UserCode, URL: answer.VerificationURI, FullURL: answer.VerificationURIComplete,
		Expires: answer.Expiry, Interval: time.Duration(max(answer.Interval, 1)) * time.Second,
	}, keep, nil
}

// FinishDevice asks once whether the code was typed in.
func (p *Provider) FinishDevice(ctx context.Context, keep []byte) (id login.Identity, done bool, err error) {
	var k keptDevice
	if err := json.Unmarshal(keep, &k); err != nil {
		return login.Identity{}, false, err
	}
	found, err := p.provider()
	if err != nil {
		return login.Identity{}, false, err
	}
	conf, err := p.oauth(found)
	if err != nil {
		return login.Identity{}, false, err
	}
	token, waiting, err := p.deviceToken(ctx, k.Code, conf)
	if err != nil || waiting {
		return login.Identity{}, false, err
	}
	id, err = p.identity(ctx, found, token, "") // this way knows no nonce
	return id, err == nil, err
}

// deviceToken is one question of the loop that x/oauth2 would make of it: ours
// is the client's, who asks again.
func (p *Provider) deviceToken(ctx context.Context, code string, conf *oauth2.Config) (token *oauth2.Token, waiting bool, err error) {
	form := url.Values{
		"grant_type":  {"urn:ietf:params:oauth:grant-type:device_code"},
		"device_code": {code}, "client_id": {conf.ClientID},
	}
	header := conf.Endpoint.AuthStyle == oauth2.AuthStyleInHeader
	if !header && conf.ClientSecret != "" {
		form.Set("client_secret", conf.ClientSecret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, conf.Endpoint.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, false, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if header {
		req.SetBasicAuth(url.QueryEscape(conf.ClientID), url.QueryEscape(conf.ClientSecret))
	}
	resp, err := p.c.HTTP.Do(req)
	if err != nil {
		return nil, false, unavailable(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Error   string `json:"error"`
		Access  string `json:"access_token"`
		Type    string `json:"token_type"`
		IDToken string `json:"id_token"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, resp.Body, 1<<20)).Decode(&answer); err != nil {
		return nil, false, unavailable(errors.New("the answer is not JSON"))
	}
	switch {
	case answer.Error == "authorization_pending" || answer.Error == "slow_down":
		return nil, true, nil
	case resp.StatusCode >= http.StatusInternalServerError:
		return nil, false, unavailable(errors.New(resp.Status))
	case resp.StatusCode != http.StatusOK:
		return nil, false, refused("the identity provider does not give a token: %s", answer.Error)
	}
	token = &oauth2.Token{AccessToken: answer.Access, TokenType: answer.Type}
	return token.WithExtra(map[string]any{"id_token": answer.IDToken}), false, nil
}

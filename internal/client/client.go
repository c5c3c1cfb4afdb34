package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"squall/internal/api/wire"
	"squall/internal/squall"
)

// Options says which server to talk to, and as whom: with a token, or with user
// and password, for which a token is fetched when the first call needs it.
type Options struct {
	URL       string // "http://127.0.0.1:9101"
	Services  Services
	Token     string
	APIKey    string
	User      string
	Password  string
	Proxy     *url.Userinfo // credentials for a proxy in front of the server
	UserAgent string
	HTTP      *http.Client // default: one without time limit, for streams
}

// Services are the addresses of a server's services with their version, where
// they are not below one URL: "http://127.0.0.1:9101/v1". An empty one is.
type Services struct{ API, Auth, Stream string }

// address is the URL of a path as the server with one port knows it.
func (c *Client) address(path string) string {
	for prefix, base := range map[string]string{"/api/v1": c.opts.Services.API, "/auth/v1": c.opts.Services.Auth, "/stream/v1": c.opts.Services.Stream} {
		if rest, ok := strings.CutPrefix(path, prefix); ok && base != "" {
			return strings.TrimRight(base, "/") + rest
		}
	}
	return c.base + path
}

// Client talks to one server. It may be used by several goroutines at once.
type Client struct {
	base  string
	opts  Options
	http  *http.Client
	mu    sync.Mutex // held while logging in, so that it happens once
	token string
}

// New returns a client. The error is of kind Invalid when the URL is none.
func New(opts Options) (*Client, error) {
	u, err := url.Parse(opts.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, squall.Errorf(squall.Invalid, "%q is not the address of a server, such as http://127.0.0.1:9101", opts.URL)
	}
	if opts.HTTP == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 64
		opts.HTTP = &http.Client{Transport: t}
	}
	return &Client{base: strings.TrimRight(opts.URL, "/"), opts: opts, http: opts.HTTP, token: opts.Token}, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// attempts is how often a reading call is made when connections are lost.
const attempts = 3

// call makes one call and decodes the answer into out, if that is not nil.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, body, out any) error {
	resp, err := c.do(ctx, method, path, query, nil, body)
	if err != nil {
		return err
	}
	defer drain(resp)
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return connectionError(ctx, c.base, fmt.Errorf("read answer: %w", err))
	}
	return nil
}

// drain ends an answer so that its connection can be used again.
func drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}

// do makes a call and returns the answer when it is a success. A token that the
// server does not know any more is fetched anew once, if there is a password.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, header http.Header, body any) (*http.Response, error) {
	var payload []byte
	if text, ok := body.(Text); ok {
		payload = []byte(text)
	} else if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return nil, squall.Errorf(squall.Invalid, "the request cannot be encoded: %w", err)
		}
	}
	address := c.address(path)
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	for stale := ""; ; {
		token, err := c.bearer(ctx, stale)
		if err != nil {
			return nil, err
		}
		resp, err := c.send(ctx, method, address, payload, func(r *http.Request) {
			for k, v := range header {
				r.Header[k] = v
			}
			if token != "" {
				r.Header.Set("X-Auth-Token", token)
			}
			if c.opts.APIKey != "" {
				r.Header.Set("St2-Api-Key", c.opts.APIKey)
			}
			if c.opts.Proxy != nil {
				password, _ := c.opts.Proxy.Password()
				r.SetBasicAuth(c.opts.Proxy.Username(), password)
			}
		})
		if err != nil {
			return nil, err
		}
		if resp.StatusCode < 300 {
			return resp, nil
		}
		err = faultOf(resp)
		if squall.KindOf(err) == squall.Unauthentic && c.opts.User != "" && stale == "" && token != "" {
			stale = token
			continue
		}
		return nil, err
	}
}

// send makes a request, several times if it only reads and connections are lost.
func (c *Client) send(ctx context.Context, method, address string, payload []byte, prepare func(*http.Request)) (*http.Response, error) {
	tries := 1
	if method == http.MethodGet {
		tries = attempts
	}
	for try := 1; ; try++ {
		req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(payload))
		if err != nil {
			return nil, squall.Errorf(squall.Invalid, "the request cannot be made: %w", err)
		}
		if payload != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		if c.opts.UserAgent != "" {
			req.Header.Set("User-Agent", c.opts.UserAgent)
		}
		prepare(req)
		resp, err := c.http.Do(req)
		if err == nil {
			return resp, nil
		}
		if try == tries || ctx.Err() != nil {
			return nil, connectionError(ctx, c.base, err)
		}
		if err := pause(ctx, time.Duration(try)*100*time.Millisecond); err != nil {
			return nil, connectionError(ctx, c.base, err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// bearer returns the token to call with, another one than stale, which the
// server does not know; "" when there is none to be had.
func (c *Client) bearer(ctx context.Context, stale string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" && c.token != stale || c.opts.User == "" {
		return c.token, nil
	}
	t, err := c.Login(ctx, c.opts.User, c.opts.Password, 0)
	if err != nil {
		return "", err
	}
	c.token = t.Token
	return c.token, nil
}

// kindOf is the table of the server, read backwards.
func kindOf(status int) squall.Kind {
	switch status {
	case http.StatusUnauthorized:
		return squall.Unauthentic
	case http.StatusForbidden:
		return squall.Denied
	case http.StatusNotFound:
		return squall.NotFound
	case http.StatusConflict:
		return squall.Conflict
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		return squall.Unavailable
	}
	if status >= 400 && status < 500 {
		return squall.Invalid
	}
	return squall.Internal
}

// faultOf turns an answer that is no success into an error.
func faultOf(resp *http.Response) error {
	defer drain(resp)
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var f wire.Fault
	silent := err != nil || json.Unmarshal(text, &f) != nil || f.Text == ""
	if silent {
		f.Text = fmt.Sprintf("the server answered %s", resp.Status)
	}
	cause := &StatusError{Status: resp.StatusCode, Fault: f.Text, Silent: silent, URL: resp.Request.URL.Redacted()}
	return &squall.Error{Kind: kindOf(resp.StatusCode), Msg: f.Text, Err: cause}
}

// StatusError is the cause of an error that a server has answered with.
type StatusError struct {
	Status int
	Fault  string // the server's words
	Silent bool   // it had none, so that they are ours
	URL    string // that was asked
}

// Error returns the status and the server's words.
func (e *StatusError) Error() string { return fmt.Sprintf("%d: %s", e.Status, e.Fault) }

// connectionError says that a server could not be reached, unless the caller
// has given up.
func connectionError(ctx context.Context, base string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the address, which may hold a token
	}
	return squall.Errorf(squall.Unavailable, "cannot reach the server at %s: %w", base, err)
}

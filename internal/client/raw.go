package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Answer is what a server answered.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do makes one call and returns the answer as it came, for who shows documents
// without knowing their members. path is that of a server with one port, such as
// "/api/v1/rules"; body is encoded as JSON unless it is Text. The error of an
// answer that is no success has a *StatusError as its cause.
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, body any) (*Answer, error) {
	var header http.Header
	if _, ok := body.(Text); ok {
		header = http.Header{"Content-Type": {"text/plain"}}
	}
	resp, err := c.do(ctx, method, path, query, header, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end below, or broken
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, connectionError(ctx, c.base, err)
	}
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: text}, nil
}

// Text is a body that is sent as it stands.
type Text string

// Base is the address of the server, or of its API where services have their own.
func (c *Client) Base() string {
	if c.opts.Services.API != "" {
		return strings.TrimRight(c.opts.Services.API, "/")
	}
	return c.base
}

package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"squall/internal/api/wire"
)

// Inquiries lists the inquiries that wait for an answer, the newest first. A
// limit of zero asks for the server's default.
func (c *Client) Inquiries(ctx context.Context, limit int) ([]wire.Inquiry, error) {
	query := url.Values{}
	if limit != 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	list, err := get[[]wire.Inquiry](ctx, c, "/api/v1/inquiries", query)
	if err != nil {
		return nil, err
	}
	return *list, nil
}

// Inquiry returns what is asked. Error kinds: NotFound, and Invalid when the
// execution is no inquiry.
func (c *Client) Inquiry(ctx context.Context, id string) (*wire.Inquiry, error) {
	return get[wire.Inquiry](ctx, c, "/api/v1/inquiries/"+url.PathEscape(id), nil)
}

// Respond answers an inquiry with a JSON object. Error kinds: NotFound, Denied,
// and Invalid for an answer that the schema does not take.
func (c *Client) Respond(ctx context.Context, id string, answer json.RawMessage) error {
	return c.call(ctx, http.MethodPut, "/api/v1/inquiries/"+url.PathEscape(id), nil, wire.InquiryResponse{ID: id, Response: answer}, nil)
}

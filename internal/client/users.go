package client

import (
	"context"
	"net/http"
	"net/url"

	"squall/internal/api/wire"
)

// Users lists the users of the database by name; an empty source stands for all.
func (c *Client) Users(ctx context.Context, source string) ([]wire.Account, error) {
	q := url.Values{}
	if source != "" {
		q.Set("source", source)
	}
	list := []wire.Account{}
	err := c.call(ctx, http.MethodGet, "/api/v1/users", q, nil, &list)
	return list, err
}

// User reads one.
func (c *Client) User(ctx context.Context, name string) (*wire.Account, error) {
	return get[wire.Account](ctx, c, "/api/v1/users/"+url.PathEscape(name), nil)
}

// CreateUser makes one, with a password or as a service account.
func (c *Client) CreateUser(ctx context.Context, req wire.AccountRequest) (*wire.Account, error) {
	u := &wire.Account{}
	return u, c.call(ctx, http.MethodPost, "/api/v1/users", nil, req, u)
}

// ChangeUser changes what req names.
func (c *Client) ChangeUser(ctx context.Context, name string, req wire.AccountRequest) (*wire.Account, error) {
	u := &wire.Account{}
	return u, c.call(ctx, http.MethodPut, "/api/v1/users/"+url.PathEscape(name), nil, req, u)
}

// DeleteUser removes one, and the API keys with it.
func (c *Client) DeleteUser(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/api/v1/users/"+url.PathEscape(name), nil, nil, nil)
}

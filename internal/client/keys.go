package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"squall/internal/api/wire"
)

// KeyQuery says which keys of the datastore are meant; zero fields mean scope
// system and the caller.
type KeyQuery struct {
	Scope   string // "system", "user"; of lists also "all"
	User    string // owner of keys of scope user
	Prefix  string // of lists: of the name
	Decrypt bool   // secrets in plain text
	Limit   int    // of lists; 0: no limit
}

func (q KeyQuery) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"scope": q.Scope, "user": q.User, "prefix": q.Prefix} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Decrypt {
		v.Set("decrypt", "true")
	}
	return v
}

// Keys lists keys by scope, owner and name, page by page.
func (c *Client) Keys(ctx context.Context, q KeyQuery) ([]wire.Key, error) {
	all := []wire.Key{}
	for {
		size := pageSize
		if q.Limit > 0 {
			size = min(size, q.Limit-len(all))
		}
		v := q.values()
		v.Set("limit", strconv.Itoa(size))
		v.Set("offset", strconv.Itoa(len(all)))
		var list []wire.Key
		if err := c.call(ctx, http.MethodGet, "/api/v1/keys", v, nil, &list); err != nil {
			return nil, err
		}
		if all = append(all, list...); len(list) < size || len(all) == q.Limit {
			return all, nil
		}
	}
}

// Key returns one key. Error kind: NotFound.
func (c *Client) Key(ctx context.Context, name string, q KeyQuery) (*wire.Key, error) {
	return get[wire.Key](ctx, c, keyPath(name), q.values())
}

// SetKey creates or replaces a key.
func (c *Client) SetKey(ctx context.Context, k wire.KeyRequest) (*wire.Key, error) {
	out := &wire.Key{}
	return out, c.call(ctx, http.MethodPut, keyPath(k.Name), nil, k, out)
}

// DeleteKey removes a key. Error kind: NotFound.
func (c *Client) DeleteKey(ctx context.Context, name string, q KeyQuery) error {
	return c.call(ctx, http.MethodDelete, keyPath(name), q.values(), nil, nil)
}

func keyPath(name string) string { return "/api/v1/keys/" + url.PathEscape(name) }

package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"squall/internal/api/wire"
)

// Pack returns one pack.
func (c *Client) Pack(ctx context.Context, ref string) (*wire.Pack, error) {
	return get[wire.Pack](ctx, c, "/api/v1/packs/"+url.PathEscape(ref), nil)
}

// PackRegistration says what to register from files; see POST /packs/register.
type PackRegistration struct {
	Packs  []string `json:"packs,omitempty"`
	Types  []string `json:"types,omitempty"`
	Strict bool     `json:"fail_on_failure"`
}

// RegisterPacks registers packs from their files and returns how many files of
// each kind there are.
func (c *Client) RegisterPacks(ctx context.Context, r PackRegistration) (map[string]int, error) {
	var counts map[string]int
	return counts, c.call(ctx, http.MethodPost, "/api/v1/packs/register", nil, r, &counts)
}

// InstallPacks starts the installation of packs and returns its execution.
func (c *Client) InstallPacks(ctx context.Context, packs []string, force, skipDependencies bool) (string, error) {
	return c.packAction(ctx, "install", map[string]any{"packs": packs, "force": force, "skip_dependencies": skipDependencies})
}

// UninstallPacks starts the removal of packs and returns its execution.
func (c *Client) UninstallPacks(ctx context.Context, packs []string) (string, error) {
	return c.packAction(ctx, "uninstall", map[string]any{"packs": packs})
}

func (c *Client) packAction(ctx context.Context, name string, body any) (string, error) {
	var answer struct {
		ID string `json:"execution_id"`
	}
	err := c.call(ctx, http.MethodPost, "/api/v1/packs/"+name, nil, body, &answer)
	return answer.ID, err
}

// SearchPacks looks for packs in the server's index.
func (c *Client) SearchPacks(ctx context.Context, query string) ([]json.RawMessage, error) {
	var found []json.RawMessage
	return found, c.call(ctx, http.MethodPost, "/api/v1/packs/index/search", nil, map[string]string{"query": query}, &found)
}

// IndexedPack returns what the server's index says of a pack, "{}" when nothing.
func (c *Client) IndexedPack(ctx context.Context, name string) (json.RawMessage, error) {
	var found json.RawMessage
	return found, c.call(ctx, http.MethodPost, "/api/v1/packs/index/search", nil, map[string]string{"pack": name}, &found)
}

// ConfigSchema returns what a pack says of its configuration.
func (c *Client) ConfigSchema(ctx context.Context, pack string) (json.RawMessage, error) {
	var schema json.RawMessage
	return schema, c.call(ctx, http.MethodGet, "/api/v1/config_schemas/"+url.PathEscape(pack), nil, nil, &schema)
}

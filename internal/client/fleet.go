package client

import (
	"context"
	"net/http"
	"net/url"

	"squall/internal/api/wire"
)

// FleetNodes lists the machines that target means; empty: all.
func (c *Client) FleetNodes(ctx context.Context, target string) ([]wire.FleetNode, error) {
	q := url.Values{}
	if target != "" {
		q.Set("target", target)
	}
	list := []wire.FleetNode{}
	err := c.call(ctx, http.MethodGet, "/api/v1/fleet/nodes", q, nil, &list)
	return list, err
}

// ImportFleet brings machines into the inventory.
func (c *Client) ImportFleet(ctx context.Context, in wire.FleetImport) (out wire.FleetImported, err error) {
	err = c.call(ctx, http.MethodPost, "/api/v1/fleet/nodes", nil, in, &out)
	return out, err
}

// DeleteFleetNode removes a machine from the inventory.
func (c *Client) DeleteFleetNode(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/api/v1/fleet/nodes/"+url.PathEscape(name), nil, nil, nil)
}

// HostKey asks a machine for its key or, with the key's fingerprint, accepts it.
func (c *Client) HostKey(ctx context.Context, req wire.HostKeyRequest) (key wire.HostKey, err error) {
	err = c.call(ctx, http.MethodPost, "/api/v1/fleet/hostkeys", nil, req, &key)
	return key, err
}

// CreateRollout begins an action on many machines.
func (c *Client) CreateRollout(ctx context.Context, r wire.Rollout) (*wire.Rollout, error) {
	doc := map[string]any{"action": r.Action, "target": r.Target, "canary": r.Canary, "shared": r.Shared}
	for name, value := range map[string]string{"param": r.Param, "batches": r.Batches, "pause": r.Pause, "max_fail": r.MaxFail} {
		if value != "" {
			doc[name] = value
		}
	}
	if len(r.Parameters) > 0 {
		doc["parameters"] = r.Parameters
	}
	var made wire.Rollout
	err := c.call(ctx, http.MethodPost, "/api/v1/fleet/rollouts", nil, doc, &made)
	return &made, err
}

// Rollouts lists the newest rollouts.
func (c *Client) Rollouts(ctx context.Context) ([]wire.Rollout, error) {
	list := []wire.Rollout{}
	err := c.call(ctx, http.MethodGet, "/api/v1/fleet/rollouts", nil, nil, &list)
	return list, err
}

// Rollout reads one.
func (c *Client) Rollout(ctx context.Context, id string) (*wire.Rollout, error) {
	var r wire.Rollout
	err := c.call(ctx, http.MethodGet, "/api/v1/fleet/rollouts/"+url.PathEscape(id), nil, nil, &r)
	return &r, err
}

// ChangeRollout pauses, resumes or cancels one.
func (c *Client) ChangeRollout(ctx context.Context, id string, change wire.RolloutChange) (*wire.Rollout, error) {
	var r wire.Rollout
	err := c.call(ctx, http.MethodPut, "/api/v1/fleet/rollouts/"+url.PathEscape(id), nil, change, &r)
	return &r, err
}

package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"squall/internal/api/wire"
)

// Children lists the executions below one with their results, oldest first, down
// to a depth; -1 is to the bottom. Secrets are masked.
func (c *Client) Children(ctx context.Context, id string, depth int) ([]wire.Execution, error) {
	var list []wire.Execution
	return list, c.call(ctx, http.MethodGet, executionPath(id)+"/children", url.Values{"depth": {strconv.Itoa(depth)}}, nil, &list)
}

// Pause asks a workflow to pause, Resume to go on. Error kind: Conflict or Invalid
// when its state does not allow it.
func (c *Client) Pause(ctx context.Context, id string) (*wire.Execution, error) {
	return c.setStatus(ctx, id, "pausing")
}

// Resume lets a workflow that pauses go on.
func (c *Client) Resume(ctx context.Context, id string) (*wire.Execution, error) {
	return c.setStatus(ctx, id, "resuming")
}

func (c *Client) setStatus(ctx context.Context, id, status string) (*wire.Execution, error) {
	out := &wire.Execution{}
	return out, c.call(ctx, http.MethodPut, executionPath(id), nil, map[string]string{"status": status}, out)
}

// History lists the transitions of a workflow in the order of time.
func (c *Client) History(ctx context.Context, id string) ([]wire.FlowEvent, error) {
	var list []wire.FlowEvent
	return list, c.call(ctx, http.MethodGet, executionPath(id)+"/history", nil, nil, &list)
}

// FlowContext returns the variables of a workflow: the newest with a negative
// visit, else those that this visit of a task began with.
func (c *Client) FlowContext(ctx context.Context, id string, visit int) (*wire.FlowContext, error) {
	q := url.Values{}
	if visit >= 0 {
		q.Set("at", strconv.Itoa(visit))
	}
	return get[wire.FlowContext](ctx, c, executionPath(id)+"/context", q)
}

// Flow returns the definition that a workflow follows, and its visits of tasks.
func (c *Client) Flow(ctx context.Context, id string) (*wire.Flow, error) {
	return get[wire.Flow](ctx, c, executionPath(id)+"/workflow", nil)
}

// RawExecution returns an execution as it came.
func (c *Client) RawExecution(ctx context.Context, id string) (json.RawMessage, error) {
	var doc json.RawMessage
	return doc, c.call(ctx, http.MethodGet, executionPath(id), nil, nil, &doc)
}

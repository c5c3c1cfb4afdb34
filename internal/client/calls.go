package client

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"squall/internal/api/wire"
	"squall/internal/squall"
)

// Login fetches a token. A ttl of zero asks for the server's default.
func (c *Client) Login(ctx context.Context, user, password string, ttl time.Duration) (*wire.Token, error) {
	req := wire.TokenRequest{}
	if ttl > 0 {
		seconds := int64(ttl / time.Second)
		req.TTL = &seconds
	}
	payload, err := json.Marshal(req)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "the request cannot be encoded: %w", err)
	}
	resp, err := c.send(ctx, http.MethodPost, c.address("/auth/v1/tokens"), payload, func(r *http.Request) { r.SetBasicAuth(user, password) })
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusCreated {
		return nil, faultOf(resp)
	}
	defer drain(resp)
	t := &wire.Token{}
	if err := json.NewDecoder(resp.Body).Decode(t); err != nil {
		return nil, connectionError(ctx, c.base, err)
	}
	return t, nil
}

// Logout ends the token the client calls with.
func (c *Client) Logout(ctx context.Context) error {
	return c.call(ctx, http.MethodDelete, "/auth/v1/tokens", nil, nil, nil)
}

// Whoami returns who the server takes the caller for.
func (c *Client) Whoami(ctx context.Context) (*wire.User, error) {
	return get[wire.User](ctx, c, "/api/v1/user", nil)
}

// Ready returns nil when the server accepts work. The error is of kind
// Unavailable and says why not.
func (c *Client) Ready(ctx context.Context) error {
	resp, err := c.send(ctx, http.MethodGet, c.base+"/readyz", nil, func(*http.Request) {})
	if err != nil {
		return err
	}
	defer drain(resp)
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	var answer struct {
		Reasons []string `json:"reasons"`
	}
	_ = json.NewDecoder(resp.Body).Decode(&answer) // without reasons the status has to do
	return squall.Errorf(squall.Unavailable, "the server is not ready: %s %v", resp.Status, answer.Reasons)
}

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (*T, error) {
	out := new(T)
	if err := c.call(ctx, http.MethodGet, path, query, nil, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Run asks for a run of an action.
func (c *Client) Run(ctx context.Context, req wire.ExecutionRequest) (*wire.Execution, error) {
	out := &wire.Execution{}
	return out, c.call(ctx, http.MethodPost, "/api/v1/executions", nil, req, out)
}

// Rerun asks for another run of what execution id ran.
func (c *Client) Rerun(ctx context.Context, id string, req wire.ReRunRequest) (*wire.Execution, error) {
	out := &wire.Execution{}
	return out, c.call(ctx, http.MethodPost, executionPath(id)+"/re_run", nil, req, out)
}

// Cancel asks an execution to stop. The error is of kind Conflict when it has
// ended already.
func (c *Client) Cancel(ctx context.Context, id string) (*wire.Execution, error) {
	var out struct {
		wire.Execution
		wire.Fault
	}
	if err := c.call(ctx, http.MethodDelete, executionPath(id), nil, nil, &out); err != nil {
		return nil, err
	}
	if out.Text != "" { // st2: refusing is a success with a fault in it
		return nil, &squall.Error{Kind: squall.Conflict, Msg: out.Text}
	}
	return &out.Execution, nil
}

// Execution returns one execution with its result; "last" is the newest.
func (c *Client) Execution(ctx context.Context, id string) (*wire.Execution, error) {
	return get[wire.Execution](ctx, c, executionPath(id), nil)
}

// Result returns the result of an execution as it is stored. The caller closes it.
func (c *Client) Result(ctx context.Context, id string) (io.ReadCloser, error) {
	resp, err := c.do(ctx, http.MethodGet, executionPath(id)+"/result", nil, nil, nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

func executionPath(id string) string { return "/api/v1/executions/" + url.PathEscape(id) }

// ExecutionQuery selects executions; zero fields do not restrict.
type ExecutionQuery struct {
	Action    string
	Status    string
	User      string
	Parent    string // an id, or "null" for those without parent
	After     string // an execution's id: what follows it in the list
	Ascending bool   // oldest first
	Limit     int    // 0: as many as the server gives; of All: no limit
}

// listed are the members of executions that lists hold.
const listed = "id,status,action.ref,context.user,start_timestamp,end_timestamp,elapsed_seconds,parent,parameters"

func (q ExecutionQuery) values(limit int) url.Values {
	v := url.Values{"include_attributes": {listed}}
	for name, value := range map[string]string{
		"action": q.Action, "status": q.Status, "user": q.User, "parent": q.Parent, "after": q.After,
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Ascending {
		v.Set("sort_asc", "true")
	}
	if limit > 0 {
		v.Set("limit", strconv.Itoa(limit))
	}
	return v
}

// Executions lists executions, newest first: without results and logs. Lists
// longer than a page of the server are fetched page by page.
func (c *Client) Executions(ctx context.Context, q ExecutionQuery) ([]wire.Execution, error) {
	list := []wire.Execution{}
	for ex, err := range c.All(ctx, q) {
		if err != nil {
			return nil, err
		}
		list = append(list, ex)
	}
	return list, nil
}

// pageSize is a page every user may ask for.
const pageSize = 100

// All goes through executions, newest first, page by page; each page costs the
// server the same. It ends behind an error.
func (c *Client) All(ctx context.Context, q ExecutionQuery) iter.Seq2[wire.Execution, error] {
	return func(yield func(wire.Execution, error) bool) {
		for left := q.Limit; ; {
			size := pageSize
			if q.Limit > 0 {
				size = min(size, left)
			}
			var list []wire.Execution
			if err := c.call(ctx, http.MethodGet, "/api/v1/executions", q.values(size), nil, &list); err != nil {
				yield(wire.Execution{}, err)
				return
			}
			for _, ex := range list {
				if !yield(ex, nil) {
					return
				}
			}
			if left -= len(list); len(list) < size || q.Limit > 0 && left <= 0 {
				return
			}
			q.After = list[len(list)-1].ID
		}
	}
}

// ActionQuery selects actions; zero fields do not restrict.
type ActionQuery struct {
	Pack   string
	Search string // part of reference or description
}

// Actions lists actions by reference.
func (c *Client) Actions(ctx context.Context, q ActionQuery) ([]wire.Action, error) {
	all := []wire.Action{}
	for {
		v := url.Values{"limit": {strconv.Itoa(pageSize)}}
		if q.Pack != "" {
			v.Set("pack", q.Pack)
		}
		if q.Search != "" {
			v.Set("search", q.Search)
		}
		if len(all) > 0 {
			v.Set("after", all[len(all)-1].Ref)
		}
		var list []wire.Action
		if err := c.call(ctx, http.MethodGet, "/api/v1/actions", v, nil, &list); err != nil {
			return nil, err
		}
		if all = append(all, list...); len(list) < pageSize {
			return all, nil
		}
	}
}

// Action returns one action by its reference.
func (c *Client) Action(ctx context.Context, ref string) (*wire.Action, error) {
	return get[wire.Action](ctx, c, "/api/v1/actions/"+url.PathEscape(ref), nil)
}

// RunnerType returns one runner type by its name.
func (c *Client) RunnerType(ctx context.Context, name string) (*wire.RunnerType, error) {
	return get[wire.RunnerType](ctx, c, "/api/v1/runnertypes/"+url.PathEscape(name), nil)
}

// Packs lists the packs by reference.
func (c *Client) Packs(ctx context.Context) ([]wire.Pack, error) {
	all := []wire.Pack{}
	for {
		v := url.Values{"limit": {strconv.Itoa(pageSize)}, "offset": {strconv.Itoa(len(all))}}
		var list []wire.Pack
		if err := c.call(ctx, http.MethodGet, "/api/v1/packs", v, nil, &list); err != nil {
			return nil, err
		}
		if all = append(all, list...); len(list) < pageSize {
			return all, nil
		}
	}
}

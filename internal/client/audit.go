package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"squall/internal/api/wire"
)

// AuditQuery selects entries of the audit log; zero fields do not restrict.
type AuditQuery struct {
	User, Action, Target, From, Outcome string
	Since                               time.Time
	Limit                               int // 0: all
}

// Audit lists entries of the audit log, the newest first.
func (c *Client) Audit(ctx context.Context, q AuditQuery) ([]wire.AuditEntry, error) {
	v := url.Values{"limit": {"-1"}}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	for name, value := range map[string]string{"user": q.User, "action": q.Action, "target": q.Target, "from": q.From, "outcome": q.Outcome} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if !q.Since.IsZero() {
		v.Set("timestamp_gt", q.Since.UTC().Format(time.RFC3339Nano))
	}
	list := []wire.AuditEntry{}
	err := c.call(ctx, http.MethodGet, "/api/v1/audit", v, nil, &list)
	return list, err
}

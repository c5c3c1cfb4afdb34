package native

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"squall/internal/sensor"
)

type alertmanagerConfig struct {
	access
	Interval seconds `json:"interval"` // 30 s
	Filter   string  `json:"filter"`   // a matcher of Alertmanager's, such as severity="critical"
}

// alert is what Alertmanager's API version 2 says of one.
type alert struct {
	Fingerprint string            `json:"fingerprint"`
	StartsAt    string            `json:"startsAt"`
	EndsAt      string            `json:"endsAt"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Status      struct {
		State string `json:"state"`
	} `json:"status"`
	GeneratorURL string `json:"generatorURL"`
}

// pollAlertmanager reports alerts that begin, change their state (active,
// suppressed) and end: {"state": "active", "alert": {...}}. An alert that ended
// is "resolved". The address is Alertmanager's own, without /api.
func pollAlertmanager(ctx context.Context, job *sensor.NativeJob) error {
	var c alertmanagerConfig
	if err := configure(job, &c); err != nil {
		return err
	}
	client, err := c.client(c.Timeout.or(30 * time.Second))
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	p := &place{job: job}
	seen := map[string]alert{}
	if _, err := p.read(ctx, &seen); err != nil {
		return err
	}
	job.Ready()
	for {
		alerts, err := c.alerts(ctx, client)
		if err != nil {
			return err
		}
		now := map[string]alert{}
		for _, a := range alerts {
			id := a.Fingerprint + " " + a.StartsAt
			now[id] = a
			if old, known := seen[id]; known && old.Status.State == a.Status.State {
				continue
			}
			if err := refused(ctx, job.Log, job.Emit(ctx, "", "", map[string]any{"state": a.Status.State, "alert": a})); err != nil {
				return err
			}
		}
		for id, a := range seen {
			if _, there := now[id]; there {
				continue
			}
			if err := refused(ctx, job.Log, job.Emit(ctx, "", id+" resolved", map[string]any{"state": "resolved", "alert": a})); err != nil {
				return err
			}
		}
		seen = now
		if err := p.save(ctx, seen, true); err != nil {
			return err
		}
		if !pause(ctx, c.Interval.or(30*time.Second)) {
			return nil
		}
	}
}

func (c *alertmanagerConfig) alerts(ctx context.Context, client *http.Client) ([]alert, error) {
	address := strings.TrimRight(c.URL, "/") + "/api/v2/alerts"
	req, err := c.request(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	if c.Filter != "" {
		q := req.URL.Query()
		q.Set("filter", c.Filter)
		req.URL.RawQuery = q.Encode()
	}
	status, body, err := c.get(ctx, client, req.URL.String())
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d: %.200s", address, status, body)
	}
	var alerts []alert
	if err := json.Unmarshal(body, &alerts); err != nil {
		return nil, fmt.Errorf("the answer of %s: %w", address, err)
	}
	return alerts, nil
}

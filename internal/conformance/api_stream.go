package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

var triggerName = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// sse is a server-sent event.
type sse struct{ name, data string }

// playStream opens a recorded stream, does what was done while it was recorded,
// and compares the events.
func (r *replay) playStream(ctx context.Context, p *pair) string {
	text, _ := p.Response.Body.(string)
	want := parseEvents(text)
	path, id := p.Request.Path, hexID.FindString(p.Request.Path)
	action := `{"action":"core.noop"}`
	switch {
	case strings.Contains(path, "/output"):
		if err := r.makeExecution(ctx, id, map[string]any{"liveaction": map[string]any{
			"action": "core.local", "parameters": map[string]any{"cmd": "for i in 1 2 3; do echo line$i; sleep 0.2; done"},
		}}); err != nil {
			return err.Error()
		}
		path = "/stream" + strings.Replace(path, id, r.ids[id], 1)
	case p.Name == "stream_workflow":
		return r.playWorkflowStream(ctx, p, want)
	case p.Name == "stream_all_during_local":
		action = `{"action":"core.local","parameters":{"cmd":"echo hi"}}`
	}
	if id == "" {
		r.idle(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	events, err := r.open(ctx, path, p)
	if err != nil {
		return err.Error()
	}
	if id == "" {
		if a, err := r.request(ctx, "POST", "/v1/executions", action, nil); err != nil || a.status != 201 {
			return fmt.Sprintf("the run cannot be asked for: %v %v", a, err)
		}
	}
	var got []sse
	for e := range events {
		got = append(got, e)
		if e.name == "EOF" || id == "" && ended(e) {
			break
		}
	}
	cancel()
	return r.compareEvents(want, got)
}

// playWorkflowStream follows a workflow until it has ended. How many states a
// listener sees of it is chance: the names must be those that were recorded, and
// the end must come.
func (r *replay) playWorkflowStream(ctx context.Context, p *pair, want []sse) string {
	id := hexID.FindString(p.Request.Path)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := r.makeExecution(ctx, id, map[string]any{"liveaction": map[string]any{
		"action": "examples.orquesta-sequential", "parameters": map[string]any{"name": "Ann"},
	}}); err != nil {
		return err.Error()
	}
	events, err := r.open(ctx, strings.Replace(p.Request.Path, id, r.ids[id], 1), p)
	if err != nil {
		return err.Error()
	}
	known := map[string]bool{"EOF": true}
	for _, e := range want {
		known[e.name] = true
	}
	for e := range events {
		if !known[e.name] {
			return fmt.Sprintf("event %s was not recorded", e.name)
		}
		if e.name == "EOF" || strings.Contains(e.data, r.ids[id]) && ended(e) {
			return ""
		}
	}
	return "the end of the workflow does not show"
}

// ended reports whether an event tells the end of an execution.
func ended(e sse) bool {
	var doc struct {
		Status string
		End    string `json:"end_timestamp"`
	}
	return e.name == "st2.execution__update" && json.Unmarshal([]byte(e.data), &doc) == nil && doc.End != ""
}

// open opens a stream; the channel is closed at its end.
func (r *replay) open(ctx context.Context, path string, p *pair) (<-chan sse, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", p.Request.Headers["Accept"])
	req.Header.Set("X-Auth-Token", r.token)
	resp, err := http.DefaultTransport.RoundTrip(req) //nolint:bodyclose // the reader of the events does
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != p.Response.Status || resp.Header.Get("Content-Type") != p.Response.Headers["Content-Type"] {
		resp.Body.Close() //nolint:errcheck // nothing was written
		return nil, fmt.Errorf("status %d %s, recorded %d %s", resp.StatusCode, resp.Header.Get("Content-Type"), p.Response.Status, p.Response.Headers["Content-Type"])
	}
	events := make(chan sse)
	go func() {
		defer close(events)
		defer resp.Body.Close() //nolint:errcheck // nothing was written
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 16<<20)
		var e sse
		for lines.Scan() {
			name, v, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case name == "event":
				e.name = v
			case name == "data":
				e.data = v
			case lines.Text() == "" && e != (sse{}):
				select {
				case events <- e:
				case <-ctx.Done():
					return
				}
				e = sse{}
			}
		}
	}()
	return events, nil
}

func parseEvents(body string) (events []sse) {
	for block := range strings.SplitSeq(body, "\n\n") {
		var e sse
		for line := range strings.SplitSeq(block, "\n") {
			name, v, _ := strings.Cut(line, ": ")
			switch name {
			case "event":
				e.name = v
			case "data":
				e.data = v
			}
		}
		if e != (sse{}) {
			events = append(events, e)
		}
	}
	return events
}

func (r *replay) compareEvents(want, got []sse) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d events, recorded %d", len(got), len(want))
	}
	var diffs []string
	for i := range want {
		if got[i].name != want[i].name {
			diffs = append(diffs, fmt.Sprintf("event %d is %s, recorded %s", i, got[i].name, want[i].name))
			continue
		}
		var w, g any
		if json.Unmarshal([]byte(want[i].data), &w) != nil || json.Unmarshal([]byte(got[i].data), &g) != nil {
			if want[i].data != got[i].data {
				diffs = append(diffs, fmt.Sprintf("event %d is %s, recorded %s", i, got[i].data, want[i].data))
			}
			continue
		}
		if doc, ok := g.(map[string]any); ok && doc["seq"] != nil {
			delete(doc, "seq") // ours: the number to go on from
		}
		diffs = append(diffs, r.compare(fmt.Sprintf("event %d", i), w, g)...)
	}
	return strings.Join(diffs, "\n    ")
}

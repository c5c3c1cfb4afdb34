package native

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"squall/internal/sensor"
)

type icingaConfig struct {
	access
	Types  []string `json:"types"`  // of the event stream: StateChange, Notification...; StateChange
	Queue  string   `json:"queue"`  // the name of the queue in Icinga; squall
	Filter string   `json:"filter"` // an expression of Icinga's, such as event.state != 0
}

// streamIcinga reports what the event stream of Icinga 2 tells, as it tells it:
// {"type": "StateChange", "host": ..., "service": ..., "state": 2, "check_result": {...}, ...}.
// The stream keeps nothing for those who are not there: what happens between a
// lost connection and the next one is not reported.
func streamIcinga(ctx context.Context, job *sensor.NativeJob) error {
	c := icingaConfig{Types: []string{"StateChange"}, Queue: "squall"}
	if err := configure(job, &c); err != nil {
		return err
	}
	client, err := c.client(0) // the answer never ends
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	wish := map[string]any{"types": c.Types, "queue": c.Queue}
	if c.Filter != "" {
		wish["filter"] = c.Filter
	}
	body, err := json.Marshal(wish)
	if err != nil {
		return err
	}
	req, err := c.request(ctx, http.MethodPost, strings.TrimRight(c.URL, "/")+"/v1/events", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		return fmt.Errorf("icinga answers %s: %s", resp.Status, text)
	}
	job.Ready()
	r := bufio.NewReaderSize(resp.Body, 64<<10)
	for {
		line, err := r.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 && json.Valid(line) {
			if err := refused(ctx, job.Log, job.Emit(ctx, "", "", json.RawMessage(line))); err != nil {
				return err
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, io.EOF):
			return errors.New("icinga has ended the stream")
		case err != nil:
			return err
		}
	}
}

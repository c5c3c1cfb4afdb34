package reactor

import (
	"context"
	"encoding/json"
	"time"

	"squall/internal/lifecycle"
	"squall/internal/squall"
)

// noticePayload is st2's payload of the notify trigger. The result is a text
// there, JSON in JSON, so that rules do not look into it.
func (r *Reactor) noticePayload(ctx context.Context, ex *squall.Execution, n lifecycle.Notice, route string) map[string]any {
	data := map[string]any{}
	if len(n.Data) > 0 && json.Unmarshal(n.Data, &data) != nil {
		data = map[string]any{}
	}
	if _, result := r.svc.Masked(ctx, ex); len(result) > 0 {
		data["result"] = string(result)
	} else {
		data["result"] = "{}"
	}
	return map[string]any{
		"message": n.Message, "data": data, "route": route, "channel": route,
		"execution_id": ex.ID, "status": ex.Status, "action_ref": ex.Action.String(), "runner_ref": ex.Runner,
		"start_timestamp": isoTime(ex.CreatedAt), "end_timestamp": isoTime(ex.EndedAt),
	}
}

func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

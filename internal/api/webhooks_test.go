package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"squall/internal/auth"
	"squall/internal/squall"
	"squall/internal/store"
)

// hookServer is a server with a rule on the webhook gold.
func hookServer(t *testing.T, opts ...serverOption) *testServer {
	t.Helper()
	ts := newTestServer(t, opts...)
	update(t, ts, func(ctx context.Context, tx store.Tx) error {
		for _, name := range []string{"st2.webhook", "st2.key_value_pair.create", "st2.key_value_pair.value_change"} {
			if err := store.Put(ctx, tx, &squall.TriggerType{Ref: squall.Ref{Pack: "core", Name: name}}); err != nil {
				return err
			}
		}
		return store.PutRule(ctx, tx, &squall.Rule{
			Ref: squall.Ref{Pack: "default", Name: "gold"}, Enabled: true, Type: squall.RuleStandard, Action: squall.RuleAction{Ref: "core.noop"},
			Trigger:  squall.RuleTrigger{Type: squall.Ref{Pack: "core", Name: "st2.webhook"}, Parameters: json.RawMessage(`{"url":"/gold"}`)},
			Criteria: json.RawMessage(`{"trigger.body.a":{"type":"equals","pattern":"b"}}`),
		}, "")
	})
	return ts
}

func update(t *testing.T, ts *testServer, fn func(ctx context.Context, tx store.Tx) error) {
	t.Helper()
	if err := ts.store.Update(t.Context(), func(tx store.Tx) error { return fn(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	ts := hookServer(t)
	for _, tt := range []struct {
		path, body, contentType string
		status                  int
		answer                  string
	}{
		{"gold", `{"a":"b"}`, "application/json", 202, `{"a":"b"}`},
		{"gold/", `{"a":"b"}`, "application/json", 202, `{"a":"b"}`},
		{"gold", `[1]`, "application/json", 202, `[1]`},
		{"gold", ``, "application/json", 202, `{}`},
		{"gold", `{"a":"b"}`, "application/vnd.api+json; charset=utf-8", 202, `{"a":"b"}`},
		{"gold", `a=b&c=d`, "application/x-www-form-urlencoded", 202, `{"a":["b"],"c":["d"]}`},
		{"gold", `hello`, "text/plain", 400, `'hello' is not of type 'object', 'array'`},
		{"gold", `7`, "application/json", 400, `7 is not of type 'object', 'array'`},
		{"gold", `{x`, "application/json", 400, `Failed to parse request body: `},
		{"gold", `{}`, "image/png", 400, `Failed to parse request body: Unsupported Content-Type: "image/png"`},
		{"nope", `{}`, "application/json", 404, `Webhook nope not registered with st2`},
		{"st2", `{"trigger":"core.st2.webhook","payload":{"x":1}}`, "application/json", 202, `{"trigger":"core.st2.webhook","payload":{"x":1}}`},
		{"st2", `{}`, "application/json", 400, `Trigger not specified.`},
		{"st2", `{"trigger":"no.such","payload":{}}`, "application/json", 400, `Trigger payload validation failed and validation is enabled, not dispatching a trigger "no.such" ({}): Trigger type with reference "no.such" doesn't exist in the database`},
	} {
		a := ts.do(t, ts.user, "POST", "/v1/webhooks/"+tt.path, tt.body, "Content-Type", tt.contentType)
		if a.status != tt.status {
			t.Errorf("%s %q: status %d, %s", tt.path, tt.body, a.status, a.body)
			continue
		}
		got := a.body
		if tt.status >= 400 {
			got, _ = a.object(t)["faultstring"].(string)
		}
		if !strings.HasPrefix(got, tt.answer) {
			t.Errorf("%s %q: %s, want %s", tt.path, tt.body, got, tt.answer)
		}
	}
	wantFault(t, ts.do(t, "", "POST", "/v1/webhooks/gold", `{}`), http.StatusUnauthorized, "Unauthorized - One of Token or API key required.")
	if a := ts.do(t, ts.user, "GET", "/v1/webhooks/gold", ""); a.status != 200 || a.object(t)["type"] != "core.st2.webhook" {
		t.Errorf("get: %d %s", a.status, a.body)
	}
	if a := ts.do(t, ts.user, "GET", "/v1/webhooks", ""); len(a.list(t)) != 1 {
		t.Errorf("list: %s", a.body)
	}
}

// TestWebhookGoes: a webhook is gone with its last rule.
func TestWebhookGoes(t *testing.T) {
	t.Parallel()
	ts := hookServer(t)
	if a := ts.do(t, ts.user, "POST", "/v1/webhooks/gold", `{}`); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	update(t, ts, func(ctx context.Context, tx store.Tx) error {
		return store.DeleteRule(ctx, tx, squall.Ref{Pack: "default", Name: "gold"})
	})
	wantFault(t, ts.do(t, ts.user, "POST", "/v1/webhooks/gold", `{}`), 404, "Webhook gold not registered with st2")
}

func TestWebhookBodyLimit(t *testing.T) {
	t.Parallel()
	ts := hookServer(t, func(d *Deps) { d.BodyLimit = 1000 })
	a := ts.do(t, ts.user, "POST", "/v1/webhooks/gold", `{"a":"`+strings.Repeat("x", 2000)+`"}`)
	if a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestWebhookWaits: the answer tells what rules made of the event, and the event
// is there with all that follows from it.
func TestWebhookWaits(t *testing.T) {
	t.Parallel()
	ts := hookServer(t)
	a := ts.do(t, ts.user, "POST", "/v1/webhooks/gold?wait=true", `{"a":"b"}`, "Content-Type", "application/json", "St2-Trace-Tag", "goldtrace", "X-Custom", "é")
	var answer struct {
		Event        string `json:"trigger_instance"`
		Enforcements []struct {
			ID        string `json:"id"`
			Execution string `json:"execution_id"`
			Status    string `json:"status"`
		} `json:"enforcements"`
	}
	if err := json.Unmarshal([]byte(a.body), &answer); err != nil || len(answer.Enforcements) != 1 || answer.Enforcements[0].Status != "succeeded" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	execution := answer.Enforcements[0].Execution
	ts.end(t, execution)
	ev := ts.do(t, ts.user, "GET", "/v1/triggerinstances/"+answer.Event, "").object(t)
	payload, _ := ev["payload"].(map[string]any)
	lower, _ := payload["headers_lower"].(map[string]any)
	if ev["status"] != "processed" || lower["x-custom"] == nil || lower["x-auth-token"] != nil {
		t.Errorf("event %v", ev)
	}
	view := ts.do(t, ts.user, "GET", "/v1/ruleenforcements/views/"+answer.Enforcements[0].ID, "").object(t)
	run, _ := view["execution"].(map[string]any)
	if run["id"] != execution || run["action"].(map[string]any)["ref"] != "core.noop" {
		t.Errorf("view %v", view)
	}
	list := ts.do(t, ts.user, "GET", "/v1/traces?trace_tag=goldtrace", "").list(t)
	if len(list) != 1 {
		t.Fatalf("traces %v", list)
	}
	for _, part := range []string{"trigger_instances", "rules", "action_executions"} {
		if parts, _ := list[0][part].([]any); len(parts) != 1 {
			t.Errorf("%s: %v", part, list[0][part])
		}
	}
	for _, query := range []string{"execution=" + execution, "trigger_instance=" + answer.Event, "rule=default.gold"} {
		if found := ts.do(t, ts.user, "GET", "/v1/traces?"+query, "").list(t); len(found) != 1 || found[0]["id"] != list[0]["id"] {
			t.Errorf("traces by %s: %v", query, found)
		}
	}
	for query, want := range map[string]int{
		"": 1, "rule_ref=default.gold": 1, "rule_ref=a.b": 0, "execution=" + execution: 1, "trigger_instance=" + answer.Event: 1, "rule_id=" + strings.Repeat("5f", 12): 0,
	} {
		if found := ts.do(t, ts.user, "GET", "/v1/ruleenforcements?"+query, "").list(t); len(found) != want {
			t.Errorf("enforcements by %s: %v", query, found)
		}
	}
	for query, want := range map[string]int{
		"rule=default.gold": 1, "rule=a.b": 0, "trigger_instance=" + answer.Event: 1, "trigger_instance=" + execution: 0, "enforcement=" + answer.Enforcements[0].ID: 1,
		"rule=default.gold&id=" + answer.Event: 0, "rule=gold": 1, "rule=silver": 0, "trigger_type=st2.webhook": 1, "trigger_type=core.st2.webhook&rule=gold": 1,
		"trigger_type=st2.CronTimer": 0, "trigger=" + fmt.Sprint(ev["trigger"]): 1, "trigger=a.b": 0,
	} {
		if found := ts.do(t, ts.user, "GET", "/v1/executions?"+query, "").list(t); len(found) != want {
			t.Errorf("executions by %s: %v", query, found)
		}
	}
	started := ts.do(t, ts.user, "GET", "/v1/executions/"+execution, "").object(t)
	for name, want := range map[string]string{"rule": `"ref":"default.gold"`, "trigger": `"url":"/gold"`, "trigger_type": `"ref":"core.st2.webhook"`, "trigger_instance": answer.Event} {
		if doc, _ := json.Marshal(started[name]); !strings.Contains(string(doc), want) {
			t.Errorf("%s of the execution: %s", name, doc)
		}
	}
	if few := ts.do(t, ts.user, "GET", "/v1/executions?include_attributes=rule.ref,trigger_instance.id", "").body; few != `[{"rule":{"ref":"default.gold"},"trigger_instance":{"id":"`+answer.Event+`"},"id":"`+execution+`"}]` {
		t.Errorf("chosen members: %s", few)
	}
	if got := ts.do(t, ts.user, "GET", "/v1/executions/views/filters?types=rule,trigger,trigger_type", "").body; !strings.Contains(got, `"rule":["gold"]`) || !strings.Contains(got, `"trigger_type":["st2.webhook"]`) || strings.Contains(got, `"trigger":[]`) {
		t.Errorf("filters: %s", got)
	}
	for query, want := range map[string]int{
		"": 1, "trigger_type=core.st2.webhook": 1, "trigger=" + fmt.Sprint(ev["trigger"]): 1, "trigger=a.b": 0, "status=pending": 0,
		"timestamp_gt=2020-01-01T00:00:00.000Z": 1, "timestamp_lt=2020-01-01T00:00:00.000Z": 0,
	} {
		if found := ts.do(t, ts.user, "GET", "/v1/triggerinstances?"+query, "").list(t); len(found) != want {
			t.Errorf("events by %s: %v", query, found)
		}
	}
	wantFault(t, ts.do(t, ts.user, "GET", "/v1/triggerinstances/5f5f5f5f5f5f5f5f5f5f5f5f", ""), 404, `Unable to identify resource with id "5f5f5f5f5f5f5f5f5f5f5f5f".`)
	re := ts.do(t, ts.admin, "POST", "/v1/triggerinstances/"+answer.Event+"/re_emit", `{}`).object(t)
	if re["message"] != "Trigger instance "+answer.Event+" succesfully re-sent." {
		t.Errorf("re-emit: %v", re)
	}
	if found := ts.do(t, ts.user, "GET", "/v1/ruleenforcements", "").list(t); len(found) != 2 {
		t.Errorf("after it: %v", found)
	}
}

func TestWebhookKey(t *testing.T) {
	t.Parallel()
	ts := hookServer(t)
	send := func() answer {
		return ts.do(t, ts.user, "POST", "/v1/webhooks/gold?wait=1", `{"a":"b"}`, "Content-Type", "application/json", "Idempotency-Key", "incident 7")
	}
	first, second := send(), send()
	if first.status != 202 || second.status != 200 || first.object(t)["trigger_instance"] != second.object(t)["trigger_instance"] || second.object(t)["duplicate"] != true {
		t.Errorf("%d %s, then %d %s", first.status, first.body, second.status, second.body)
	}
}

// TestSignedWebhook: a signature is enough, once.
func TestSignedWebhook(t *testing.T) {
	t.Parallel()
	ts := hookServer(t)
	body := `{"a":"b"}`
	sign := func(secret string, at time.Time) []string {
		stamp := strconv.FormatInt(at.Unix(), 10)
		return []string{"Content-Type", "application/json", auth.TimestampHeader, stamp, auth.SignatureHeader, auth.Sign(secret, stamp, []byte(body))}
	}
	wantFault(t, ts.do(t, "", "POST", "/v1/webhooks/gold", body, sign("s", time.Now())...), 401, "Unauthorized - The signature of the webhook is not right.")
	ts.do(t, ts.admin, "PUT", "/v1/keys/webhook.gold.secret", `{"name":"k","value":"s","secret":true}`)
	headers := sign("s", time.Now())
	if a := ts.do(t, "", "POST", "/v1/webhooks/gold", body, headers...); a.status != 202 {
		t.Errorf("signed: %d %s", a.status, a.body)
	}
	if a := ts.do(t, "", "POST", "/v1/webhooks/gold", body, headers...); a.status != 200 {
		t.Errorf("the same again: %d %s", a.status, a.body)
	}
	for _, h := range [][]string{sign("other", time.Now()), sign("", time.Now()), sign("s", time.Now().Add(-10*time.Minute))} {
		if a := ts.do(t, "", "POST", "/v1/webhooks/gold", body, h...); a.status != 401 {
			t.Errorf("%v: %d %s", h, a.status, a.body)
		}
	}
	if a := ts.do(t, "", "POST", "/v1/webhooks/st2", body, sign("s", time.Now())...); a.status != 401 {
		t.Errorf("another webhook: %d %s", a.status, a.body)
	}
}

func TestKeyEvents(t *testing.T) {
	t.Parallel()
	ts := hookServer(t)
	update(t, ts, func(ctx context.Context, tx store.Tx) error {
		for _, what := range []string{"create", "value_change"} {
			if err := store.PutRule(ctx, tx, &squall.Rule{
				Ref: squall.Ref{Pack: "default", Name: what}, Enabled: true, Type: squall.RuleStandard, Action: squall.RuleAction{Ref: "core.noop"},
				Trigger: squall.RuleTrigger{Type: squall.Ref{Pack: "core", Name: "st2.key_value_pair." + what}},
			}, ""); err != nil {
				return err
			}
		}
		return nil
	})
	for _, v := range []string{"1", "1", "2"} {
		ts.do(t, ts.admin, "PUT", "/v1/keys/k", `{"name":"k","value":"`+v+`"}`)
	}
	ts.do(t, ts.admin, "PUT", "/v1/keys/s", `{"name":"k","value":"hidden","secret":true}`)
	var events []*squall.Event
	if err := ts.store.View(t.Context(), func(tx store.Tx) (err error) {
		events, err = tx.FindEvents(t.Context(), store.EventFilter{Oldest: true})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, ev := range events {
		got = append(got, strings.TrimPrefix(ev.Trigger.Name, "st2.key_value_pair."))
		if strings.Contains(string(ev.Payload), "hidden") {
			t.Errorf("a secret: %s", ev.Payload)
		}
	}
	// The first change comes before the reactor knows who listens: it stores all.
	if text := strings.Join(got, " "); !strings.HasSuffix(text, "create") || strings.Count(text, "value_change") != 1 || strings.Count(text, "create") != 2 {
		t.Errorf("events %s", text)
	}
}

func TestRuleTestExplains(t *testing.T) {
	t.Parallel()
	ts := hookServer(t)
	a := ts.do(t, ts.user, "POST", "/v1/rules/test", `{"rule_ref":"default.gold","payload":{"body":{"a":"c"}}}`).object(t)
	if text, _ := a["explanation"].(string); a["matched"] != false || !strings.Contains(text, "trigger.body.a equals: false: value 'c', pattern 'b'") {
		t.Errorf("%v", a)
	}
	a = ts.do(t, ts.user, "POST", "/v1/rules/test", `{"rule":{"trigger":{"type":"core.st2.webhook","parameters":{"url":"x"}},"action":{"ref":"core.noop","parameters":{}}},"payload":{"a":1}}`).object(t)
	if a["matched"] != true || a["action"] != "core.noop" {
		t.Errorf("%v", a)
	}
	ts.do(t, ts.user, "POST", "/v1/webhooks/gold", `{"a":"b"}`)
	ts.do(t, ts.user, "POST", "/v1/webhooks/gold", `{"a":"c"}`)
	a = ts.do(t, ts.user, "POST", "/v1/rules/replay", `{"rule_ref":"default.gold"}`).object(t)
	if matches, _ := a["matches"].([]any); a["events"] != 2.0 || len(matches) != 1 {
		t.Errorf("%v", a)
	}
}

func TestNotifications(t *testing.T) {
	t.Parallel()
	ts := newTestServer(t)
	update(t, ts, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.InsertDelivery(ctx, &store.Delivery{
			ID: squall.NewIDSource().Next(tx.Now()), Sink: "mail", Group: "ops", State: store.DeliveryLost, EndedAt: tx.Now(), Fault: "refused", Doc: []byte(`{"message":"it is done"}`),
		})
		return err
	})
	if list := ts.do(t, ts.admin, "GET", "/v1/notifications?state=lost", "").list(t); len(list) != 1 || list[0]["message"] != "it is done" || list[0]["fault"] != "refused" {
		t.Errorf("%v", list)
	}
	if list := ts.do(t, ts.admin, "GET", "/v1/notifications?state=open", "").list(t); len(list) != 0 {
		t.Errorf("%v", list)
	}
	wantFault(t, ts.do(t, ts.admin, "GET", "/v1/notifications?state=x", ""), 400, `"x" is no state of a notification: open, done or lost`)
	wantFault(t, ts.do(t, ts.user, "GET", "/v1/notifications", ""), 403, `User "ann" doesn't have required permission "audit_view"`)
}

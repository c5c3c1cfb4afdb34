package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"squall/internal/api/wire"
	"squall/internal/auth"
	"squall/internal/reactor"
	"squall/internal/squall"
)

// webhookList lists the triggers of webhooks.
func (s *Server) webhookList(w http.ResponseWriter, r *request) error {
	if s.Events == nil {
		return errNoEvents
	}
	list, err := s.Events.Webhooks(r.Context())
	if err != nil {
		return err
	}
	docs := make([]wire.Trigger, len(list))
	for i, t := range list {
		docs[i] = wire.TriggerOf(t)
	}
	return respondJSON(w, http.StatusOK, docs)
}

func (s *Server) hook(r *request, now bool) ([]*squall.Trigger, error) {
	if s.Events == nil {
		return nil, errNoEvents
	}
	list, err := s.Events.Hook(r.Context(), r.params["url"], now)
	if err == nil && len(list) == 0 {
		err = squall.Errorf(squall.NotFound, "Webhook %s not registered with st2", strings.Trim(r.params["url"], "/"))
	}
	return list, err
}

// webhookGet answers with the trigger of a webhook.
func (s *Server) webhookGet(w http.ResponseWriter, r *request) error {
	list, err := s.hook(r, true)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.TriggerOf(list[0]))
}

// webhookInPath: st2 names a webhook's resource by its path.
func webhookInPath(_ *Server, r *request) ([]string, error) {
	return []string{"webhook:" + strings.Trim(r.params["url"], "/")}, nil
}

// systemHook is the webhook that fires any trigger.
const systemHook = "st2"

// webhookPost takes an event. It is durable, and so is what rules make of it,
// before the answer: 202, or 200 when there is one with its key already.
func (s *Server) webhookPost(w http.ResponseWriter, r *request) error {
	body, err := s.readAll(r)
	if err != nil {
		return err
	}
	name := strings.Trim(r.params["url"], "/")
	key, err := s.checkSignature(r, name, body)
	if err != nil {
		return err
	}
	doc, err := webhookBody(r, body)
	if err != nil {
		return err
	}
	wait, err := flag(r.query, "wait")
	if err != nil {
		return err
	}
	if key == "" {
		key = r.Header.Get("Idempotency-Key")
	}
	if name == systemHook {
		return s.systemWebhook(w, r, doc, key, wait)
	}
	triggers, err := s.hook(r, false)
	if err != nil {
		return err
	}
	payload, err := webhookPayload(r, doc)
	if err != nil {
		return err
	}
	var events []squall.Event
	for _, t := range triggers {
		ev := squall.Event{Trigger: t.Ref, Payload: payload, TraceTag: r.Header.Get("St2-Trace-Tag")}
		if key != "" {
			ev.Key = "webhook:" + t.Ref.String() + ":" + key
		}
		events = append(events, ev)
	}
	err = s.emit(w, r, events, doc, wait)
	if squall.KindOf(err) == squall.Invalid { // its rule may have been removed a moment ago
		if _, gone := s.hook(r, true); gone != nil {
			return gone
		}
	}
	return err
}

// emit stores events and answers.
func (s *Server) emit(w http.ResponseWriter, r *request, events []squall.Event, doc jsonRaw, wait bool) error {
	accepted, err := s.Events.Emit(r.Context(), events...)
	if err != nil {
		return err
	}
	known := !slices.ContainsFunc(accepted, func(a reactor.Accepted) bool { return a.New })
	w.Header().Set("X-Trigger-Instance-Id", string(accepted[0].Event))
	status := http.StatusAccepted
	if known {
		status = http.StatusOK
	}
	if !wait {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, err = w.Write(doc)
		return err
	}
	answer := wire.WebhookResult{Event: accepted[0].Event, Duplicate: known, Enforcements: []wire.RuleEnforcement{}}
	for _, a := range accepted {
		for _, e := range a.Enforcements {
			answer.Enforcements = append(answer.Enforcements, wire.RuleEnforcementOf(e))
		}
	}
	return respondJSON(w, status, answer)
}

// systemWebhook fires the trigger that the body names.
func (s *Server) systemWebhook(w http.ResponseWriter, r *request, doc jsonRaw, key string, wait bool) error {
	if s.Events == nil {
		return errNoEvents
	}
	var body struct {
		Trigger  string  `json:"trigger"`
		Payload  jsonRaw `json:"payload"`
		TraceTag string  `json:"trace_tag"`
	}
	if doc[0] == '[' {
		return squall.Errorf(squall.Invalid, "Webhook body needs to be an object, got: array")
	}
	if err := json.Unmarshal(doc, &body); err != nil || body.Trigger == "" {
		return squall.Errorf(squall.Invalid, "Trigger not specified.")
	}
	ref, err := squall.ParseRef(body.Trigger)
	if err != nil {
		return squall.Errorf(squall.Invalid, "Trigger %q is no reference.", body.Trigger)
	}
	if string(body.Payload) == "null" {
		body.Payload = nil
	}
	ev := squall.Event{Trigger: ref, Payload: body.Payload, TraceTag: orDefault(body.TraceTag, r.Header.Get("St2-Trace-Tag"))}
	if key != "" {
		ev.Key = "st2:" + ref.String() + ":" + key
	}
	return s.emit(w, r, []squall.Event{ev}, doc, wait)
}

// readAll reads the body, within the time for it.
func (s *Server) readAll(r *request) ([]byte, error) {
	_ = r.rc.SetReadDeadline(time.Now().Add(s.BodyTimeout)) // a body that trickles in must not hold us forever
	var buf bytes.Buffer
	if n := r.ContentLength; n > 0 {
		buf.Grow(int(n) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(r.Body)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, squall.Errorf(squall.Invalid, "The request body ended early.")
	case err != nil:
		return nil, err
	}
	_ = r.rc.SetReadDeadline(time.Time{})
	return buf.Bytes(), nil
}

// webhookBody is the body as a JSON object or list. st2: a form becomes an
// object of lists.
func webhookBody(r *request, body []byte) (jsonRaw, error) {
	media := mediaOf(r.Header.Get("Content-Type"))
	switch {
	case media == formMedia:
		form, err := formMembers(body)
		if err != nil {
			return nil, err
		}
		return marshal(form)
	case media == "text/plain":
		text, err := marshal(string(body))
		if err != nil {
			return nil, err
		}
		return nil, squall.Errorf(squall.Invalid, "%s is not of type 'object', 'array'", pyValue(text))
	case media != jsonMedia && !strings.HasSuffix(media, "+json"):
		return nil, squall.Errorf(squall.Invalid, "Failed to parse request body: Unsupported Content-Type: %q", media)
	}
	text := bytes.TrimSpace(body)
	if len(text) == 0 {
		return jsonRaw("{}"), nil
	}
	if text[0] == '{' || !json.Valid(text) {
		if _, err := parseObject(body, false); err != nil {
			return nil, err
		}
		return text, nil
	}
	if text[0] != '[' {
		return nil, squall.Errorf(squall.Invalid, "%s is not of type 'object', 'array'", pyValue(text))
	}
	return text, nil
}

// ownHeaders are not told to rules: they let somebody in.
var ownHeaders = []string{"X-Auth-Token", "St2-Api-Key", "Cookie", "Authorization", "X-Gitlab-Token"}

// webhookPayload is what rules see of a request.
func webhookPayload(r *request, body jsonRaw) (jsonRaw, error) {
	headers, lower := map[string]string{"Host": r.Host}, map[string]string{"host": r.Host}
	for name, values := range r.Header {
		if slices.Contains(ownHeaders, name) {
			continue
		}
		text := strings.ToValidUTF8(strings.Join(values, ","), "\uFFFD")
		headers[name], lower[strings.ToLower(name)] = text, text
	}
	headers["X-Request-Id"], lower["x-request-id"] = r.id, r.id
	return marshal(map[string]any{"headers": headers, "headers_lower": lower, "body": body})
}

// signedWebhook lets a request without credentials come as far as its handler,
// which checks the signature, when it has one.
func signedWebhook(_ *Server, r *request) bool {
	if _, err := credentials(r); err == nil {
		return false
	}
	return auth.SignatureOf(r.Header) != ""
}

package api

import (
	"encoding/json"
	"net/http"

	"squall/internal/api/wire"
	"squall/internal/squall"
	"squall/internal/store"
)

// notificationList lists what was told to the world, or is still to be, newest
// first. Filter: state (open, done, lost).
func (s *Server) notificationList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, s.MaxPageSize)
	if err != nil {
		return err
	}
	state := store.DeliveryState(r.query.Get("state"))
	switch state {
	case "", store.DeliveryOpen, store.DeliveryDone, store.DeliveryLost:
	default:
		return squall.Errorf(squall.Invalid, "%q is no state of a notification: open, done or lost", state)
	}
	var list []*store.Delivery
	err = s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		list, err = tx.FindDeliveries(r.Context(), state, p.limit)
		return err
	})
	if err != nil {
		return err
	}
	docs := make([]wire.Notification, len(list))
	for i, d := range list {
		docs[i] = notificationOf(d)
	}
	return respondJSON(w, http.StatusOK, docs)
}

func notificationOf(d *store.Delivery) wire.Notification {
	doc := wire.Notification{
		ID: d.ID, Sink: d.Sink, Route: d.Group, State: string(d.State), Attempt: d.Attempt, CreatedAt: wire.Time{Time: d.At}, Fault: d.Fault,
	}
	if !d.EndedAt.IsZero() {
		doc.EndedAt = &wire.Time{Time: d.EndedAt}
	} else {
		doc.Due = &wire.Time{Time: d.Due}
	}
	var m struct {
		Message   string    `json:"message"`
		Execution squall.ID `json:"execution_id"`
	}
	if json.Unmarshal(d.Doc, &m) == nil {
		doc.Message, doc.Execution = m.Message, m.Execution
	}
	return doc
}

package api

import (
	"context"
	"net/http"

	"squall/internal/api/wire"
	"squall/internal/squall"
	"squall/internal/store"
)

// triggerTypeShape is open: StackStorm reads no more than it needs of it.
var triggerTypeShape = openShape("TriggerTypeRequest", `{
	`+derivedMembers+`, `+tagMember+`,
	"name": {"type": "string"}, "pack": {"type": "string"}, "description": {"type": "string"},
	"payload_schema": {"type": "object", "default": {}}, "parameters_schema": {"type": "object", "default": {}}
}`)

// triggerShape is open for the same reason.
var triggerShape = openShape("TriggerRequest", `{
	"id": {"type": "string"}, "ref": {"type": "string"}, "uid": {"type": "string"},
	"name": {"type": "string"}, "pack": {"type": "string"}, "description": {"type": "string"},
	"type": {"type": "string", "required": true}, "parameters": {"type": "object", "default": {}}
}`)

var triggerTypeFields = membersWith([]string{"tags", "payload_schema", "parameters_schema"}, "id", "uid", "metadata_file", "name", "ref", "description", "pack")

// triggerTypeList lists trigger types. Filters: id, name (several), pack.
func (s *Server) triggerTypeList(w http.ResponseWriter, r *request) error {
	return listContent(s, w, r, listing[squall.TriggerType]{
		kind: store.TriggerTypes, fields: triggerTypeFields, limit: s.MaxPageSize, names: true, sorts: true,
		show: func(t *squall.TriggerType) any { return wire.TriggerTypeOf(t) },
	})
}

// triggerTypeGet answers with one trigger type.
func (s *Server) triggerTypeGet(w http.ResponseWriter, r *request) error {
	t, err := nounNamed[squall.TriggerType](s, r, store.TriggerTypes, r.params["ref"])
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.TriggerTypeOf(t))
}

// triggerTypeCreate makes a trigger type, and the trigger that stands for it
// when it takes no parameters.
func (s *Server) triggerTypeCreate(w http.ResponseWriter, r *request) error {
	body, err := s.readShape(r, triggerTypeShape)
	if err != nil {
		return err
	}
	t, err := triggerTypeOf(body)
	if err != nil {
		return err
	}
	if err := s.newContent(r, t, func(tx store.Tx) error { return putTriggerType(r.Context(), tx, t) }); err != nil {
		return err
	}
	return respondJSON(w, http.StatusCreated, wire.TriggerTypeOf(t))
}

// triggerTypePut replaces a trigger type.
func (s *Server) triggerTypePut(w http.ResponseWriter, r *request) error {
	body, err := s.readShape(r, triggerTypeShape)
	if err != nil {
		return err
	}
	old, err := nounNamed[squall.TriggerType](s, r, store.TriggerTypes, r.params["ref"])
	if err != nil {
		return err
	}
	if err := checkNotSystem(old.Ref.Pack); err != nil {
		return err
	}
	t, err := triggerTypeOf(body)
	if err != nil {
		return err
	}
	if err := s.changeContent(r, r.params["ref"], t, func(tx store.Tx) error { return putTriggerType(r.Context(), tx, t) }); err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.TriggerTypeOf(t))
}

// triggerTypeDelete removes a trigger type with the trigger that stands for it.
func (s *Server) triggerTypeDelete(w http.ResponseWriter, r *request) error {
	return s.dropContent(w, r, store.TriggerTypes, notSystem, func(tx store.Tx, c *store.Content) error {
		return tx.DeleteContent(r.Context(), store.Triggers, c.Ref)
	})
}

// triggerTypeOf makes a trigger type of a body that has its shape.
func triggerTypeOf(body *object) (t *squall.TriggerType, err error) {
	t = &squall.TriggerType{
		Description: body.str("description"), PayloadSchema: body.doc("payload_schema"), ParametersSchema: body.doc("parameters_schema"),
		Tags: body.tags(), MetadataFile: body.str("metadata_file"),
	}
	if body.err != nil {
		return nil, body.err
	}
	t.Ref, err = refOf(body.str("pack"), body.str("name"))
	return t, err
}

func putTriggerType(ctx context.Context, tx store.Tx, t *squall.TriggerType) error {
	if err := store.Put(ctx, tx, t); err != nil || t.ParametersSchema != nil {
		return err
	}
	return store.Put(ctx, tx, squall.TriggerFor(t.Ref, nil))
}

// triggerList lists all triggers (st2: without pages).
func (s *Server) triggerList(w http.ResponseWriter, r *request) error {
	docs := []wire.Trigger{}
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		found, err := store.Find[squall.Trigger](r.Context(), tx, store.ContentFilter{Kind: store.Triggers})
		docs = docs[:0]
		for _, t := range found {
			docs = append(docs, wire.TriggerOf(t))
		}
		return err
	})
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, docs)
}

// trigger finds the trigger in the path, by its identifier only (st2).
func (s *Server) trigger(ctx context.Context, tx store.Tx, r *request) (*squall.Trigger, error) {
	id := r.params["id"]
	c, err := contentByID(ctx, tx, store.Triggers, id)
	if err != nil {
		return nil, notFoundAs(err, squall.Errorf(squall.NotFound, "Unable to find the TriggerDB instance. {'id': '%s'}", id))
	}
	return store.Decode[squall.Trigger](c)
}

// triggerGet answers with one trigger.
func (s *Server) triggerGet(w http.ResponseWriter, r *request) error {
	var t *squall.Trigger
	err := s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		t, err = s.trigger(r.Context(), tx, r)
		return err
	})
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.TriggerOf(t))
}

// triggerCreate makes a trigger. st2: where one of that name is there already,
// it is the answer.
func (s *Server) triggerCreate(w http.ResponseWriter, r *request) error {
	t, err := s.readTrigger(r)
	if err != nil {
		return err
	}
	err = s.Store.Update(r.Context(), func(tx store.Tx) error {
		c, err := tx.Content(r.Context(), store.Triggers, t.Ref.String())
		switch {
		case err == nil:
			t, err = store.Decode[squall.Trigger](c)
			return err
		case squall.KindOf(err) != squall.NotFound:
			return err
		}
		if err := store.Put(r.Context(), tx, t); err != nil {
			return err
		}
		return s.note(tx, r, wire.TriggerUID(t))
	})
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusCreated, wire.TriggerOf(t))
}

// triggerPut replaces a trigger.
func (s *Server) triggerPut(w http.ResponseWriter, r *request) error {
	t, err := s.readTrigger(r)
	if err != nil {
		return err
	}
	err = s.Store.Update(r.Context(), func(tx store.Tx) error {
		old, err := s.trigger(r.Context(), tx, r)
		if err != nil {
			return err
		}
		if old.Ref != t.Ref {
			if err := refuseTaken(r.Context(), tx, store.Triggers, t.Ref.String()); err != nil {
				return err
			}
			if err := tx.DeleteContent(r.Context(), store.Triggers, old.Ref.String()); err != nil {
				return err
			}
		}
		if err := store.Put(r.Context(), tx, t); err != nil {
			return err
		}
		return s.note(tx, r, wire.TriggerUID(t))
	})
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.TriggerOf(t))
}

// triggerDelete removes a trigger.
func (s *Server) triggerDelete(w http.ResponseWriter, r *request) error {
	err := s.Store.Update(r.Context(), func(tx store.Tx) error {
		t, err := s.trigger(r.Context(), tx, r)
		if err != nil {
			return err
		}
		if err := tx.DeleteContent(r.Context(), store.Triggers, t.Ref.String()); err != nil {
			return err
		}
		return s.note(tx, r, wire.TriggerUID(t))
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) readTrigger(r *request) (*squall.Trigger, error) {
	body, err := s.readShape(r, triggerShape)
	if err != nil {
		return nil, err
	}
	t := &squall.Trigger{Description: body.str("description"), Parameters: body.doc("parameters")}
	if t.Type, err = squall.ParseRef(body.str("type")); err != nil {
		return nil, squall.Errorf(squall.Invalid, "Invalid resource reference: %s", body.str("type"))
	}
	t.Ref, err = refOf(body.str("pack"), body.str("name"))
	return t, err
}

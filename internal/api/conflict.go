package api

import (
	"net/http"
	"strconv"

	"squall/internal/api/wire"
	"squall/internal/squall"
	"squall/internal/store"
)

// conflict is the error of a request for something that is there already. The
// answer names it by its identifier (st2: conflict-id).
type conflict struct {
	error
	id squall.ID
}

// newConflict says that an object of the kind bears the reference already.
func newConflict(kind, ref string) error {
	c := &conflict{squall.Errorf(squall.Conflict, "There is already a %s %q.", kind, ref), squall.ObjectID(kind, ref)}
	if kind == string(store.Aliases) {
		c.id = "" // st2 does not say
	}
	return c
}

// Unwrap gives the error of kind Conflict.
func (c *conflict) Unwrap() error { return c.error }

// write answers with 409.
func (c *conflict) write(w http.ResponseWriter) {
	body := []byte(`{"conflict-id":null,"faultstring":`)
	if c.id != "" {
		body = append(wire.AppendString([]byte(`{"conflict-id":`), string(c.id)), `,"faultstring":`...)
	}
	body = append(wire.AppendString(body, c.Error()), '}')
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusConflict)
	_, _ = w.Write(body) // the client has gone: nobody to tell
}

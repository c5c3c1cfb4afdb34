package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"squall/internal/api/wire"
)

// respond writes a document through an encoder.
func respond(w http.ResponseWriter, status int, write func(*wire.Encoder)) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := wire.NewEncoder(w)
	write(e)
	return e.Close()
}

// respondJSON writes a small document.
func respondJSON(w http.ResponseWriter, status int, doc any) error {
	b, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, err = w.Write(b)
	return err
}

// jsonRaw is JSON as it came.
type jsonRaw = json.RawMessage

// marshal is json.Marshal for values that come out of JSON.
func marshal(v any) (jsonRaw, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return b, nil
}

// respondRaw writes a stored document as it is, an empty object when there is
// none.
func respondRaw(w http.ResponseWriter, contentType string, doc jsonRaw) error {
	if len(doc) == 0 {
		doc = jsonRaw("{}")
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(doc)))
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(doc)
	return err
}

package api

import (
	"errors"
	"io"
	"net/http"
	"time"

	"squall/internal/squall"
)

// workflowInspect answers with what is wrong with the text of a workflow. It
// runs nothing. The body is the text as it is; JSON is YAML as well.
func (s *Server) workflowInspect(w http.ResponseWriter, r *request) error {
	_ = r.rc.SetReadDeadline(time.Now().Add(s.BodyTimeout)) // a body that trickles in must not hold us forever
	text, err := io.ReadAll(r.Body)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return squall.Errorf(squall.Invalid, "The request body ended early.")
	}
	if err != nil {
		return err
	}
	_ = r.rc.SetReadDeadline(time.Time{}) // the connection may live long after this
	found, err := s.Lifecycle.InspectJSON(r.Context(), string(text))
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, found)
}

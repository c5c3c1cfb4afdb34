package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"squall/internal/api/wire"
	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
)

// defaultInquiries is how many inquiries a list shows when the client does not
// say (st2).
const defaultInquiries = 20

// inquiryInPath is the target of requests about one inquiry. Rights on it are
// rights on its execution.
func inquiryInPath(s *Server, r *request) ([]string, error) {
	uids, err := executionInPath(s, r)
	if err != nil {
		return nil, noInquiry(err)
	}
	return append([]string{"inquiry:" + r.params["id"]}, uids...), nil
}

// noInquiry is st2's text for what does not exist.
func noInquiry(err error) error {
	if squall.KindOf(err) == squall.NotFound {
		return errNoRoute
	}
	return err
}

// inquiryList lists the inquiries that wait for an answer, the newest first.
func (s *Server) inquiryList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, defaultInquiries)
	if err != nil {
		return err
	}
	fields, err := fields(r.query, inquiryFields, nil)
	if err != nil {
		return err
	}
	f := store.ExecutionFilter{Runner: lifecycle.InquiryRunner, Statuses: []squall.Status{squall.Pending}}
	if r.caller.Isolated() {
		f.User = r.caller.User
	}
	var pending []*squall.Execution
	total := 0
	err = s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		if total, err = tx.CountExecutions(r.Context(), f, 0); err != nil || total == 0 {
			return err
		}
		f.Offset, f.Limit, f.Parts = p.offset, p.limit, store.WithResult
		if f.Limit == 0 {
			f.Limit = total
		}
		pending, err = tx.FindExecutions(r.Context(), f)
		return err
	})
	if err != nil {
		return err
	}
	list := make([]wire.Inquiry, 0, len(pending))
	for _, ex := range pending {
		q, err := readInquiry(ex)
		if err != nil {
			return err
		}
		list = append(list, q)
	}
	h := w.Header()
	h.Set("X-Total-Count", strconv.Itoa(total))
	h.Set("X-Limit", strconv.Itoa(orDefault(p.limit, -1))) // st2: as it was asked for
	return respond(w, http.StatusOK, func(e *wire.Encoder) {
		e.Array(func() {
			for _, q := range list {
				e.Document(q, fields)
			}
		})
	})
}

// inquiryFields are the members of an inquiry. st2: those of other names are not
// refused, there are none.
func inquiryFields(string) (exists, parts bool) { return true, true }

func readInquiry(ex *squall.Execution) (wire.Inquiry, error) {
	var q squall.Inquiry
	if len(ex.Result) == 0 { // it has not been asked yet
		return wire.InquiryOf(ex.ID, &q), nil
	}
	if err := json.Unmarshal(ex.Result, &q); err != nil {
		return wire.Inquiry{}, fmt.Errorf("read inquiry %s: %w", ex.ID, err)
	}
	return wire.InquiryOf(ex.ID, &q), nil
}

// inquiry reads the execution of an inquiry with what it asks.
func (s *Server) inquiry(r *request) (*squall.Execution, error) {
	ex, err := s.execution(r, r.params["id"], store.WithResult, maxResultSize)
	switch {
	case err != nil:
		return nil, noInquiry(err)
	case ex.Runner != lifecycle.InquiryRunner:
		return nil, lifecycle.NotInquiry(ex.ID)
	}
	return ex, nil
}

// inquiryGet shows what is asked, as long as there is no answer (st2).
func (s *Server) inquiryGet(w http.ResponseWriter, r *request) error {
	ex, err := s.inquiry(r)
	if err != nil {
		return err
	}
	if err := lifecycle.Unanswered(ex); err != nil {
		return err
	}
	q, err := readInquiry(ex)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, q)
}

// inquiryRespond gives an inquiry its answer.
func (s *Server) inquiryRespond(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, true)
	if err != nil {
		return err
	}
	body.only("id", "response", "route", "ttl", "users", "roles", "schema") // st2: the whole document is accepted
	body.required("id")
	body.required("response")
	body.str("id")
	answer := body.raw("response", "object")
	if body.err == nil && answer == nil {
		body.fail("None is not of type 'object'")
	}
	if body.err != nil {
		return body.err
	}
	ex, err := s.inquiry(r)
	if err != nil {
		return err
	}
	by := lifecycle.Respondent{User: r.caller.User, Audit: s.inTransaction(r, "")}
	by.Audit.Target = "inquiry:" + string(ex.ID)
	if r.caller.Rights != nil {
		by.Roles = append([]string{}, r.caller.Roles...)
	}
	if _, err := s.Lifecycle.Respond(r.Context(), ex.ID, by, answer); err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.InquiryResponse{ID: string(ex.ID), Response: answer})
}

package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"squall/internal/param"
	"squall/internal/squall"
	"squall/internal/store"
)

// InquiryRunner is the runner whose executions wait, pending, for the answer of
// people. Nobody holds them meanwhile. The message about the move to pending is
// what the trigger core.st2.generic.inquiry is made of.
const InquiryRunner = "inquirer"

// Respondent is who answers an inquiry.
type Respondent struct {
	User  string
	Roles []string // nil: roles do not count
	Audit *squall.AuditEntry
}

// NotInquiry is the refusal to treat an execution as an inquiry.
func NotInquiry(id squall.ID) error {
	return squall.Errorf(squall.Invalid, "Action execution %q is not an inquiry.", id)
}

// Respond gives an inquiry its answer, a JSON object: it succeeds with it, and
// the workflow it belongs to goes on. It is one transaction. It returns the
// execution as it then is. Error kinds: NotFound, Denied for who may not answer,
// and Invalid with st2's texts for an answer the schema does not take, and for
// what is no inquiry or waits no more.
func (s *Service) Respond(ctx context.Context, id squall.ID, by Respondent, answer json.RawMessage) (*squall.Execution, error) {
	for range 3 {
		var told []squall.ID
		var ended bool
		err := s.st.Update(ctx, func(tx store.Tx) (err error) {
			ex, err := tx.Execution(ctx, id, store.WithResult)
			if err != nil {
				return err
			}
			asked, err := answerable(ex, by, answer)
			if err != nil {
				return err
			}
			asked.Response = answer
			doc, err := json.Marshal(asked)
			if err != nil {
				return err
			}
			doc = param.SealAnswer(doc, s.sealFor(ex.ID))
			told, ended, err = s.endInquiry(ctx, tx, ex, step{to: squall.Succeeded, result: doc, reason: doneBy("answered", by.User)}, by.User)
			if err != nil || !ended || by.Audit == nil {
				return err
			}
			return tx.AppendAudit(ctx, by.Audit)
		})
		if err != nil {
			return nil, fmt.Errorf("respond to inquiry %s: %w", id, err)
		}
		if !ended {
			continue
		}
		s.advanceAll(ctx, told)
		var ex *squall.Execution
		err = s.st.View(ctx, func(tx store.Tx) (err error) {
			ex, err = tx.Execution(ctx, id, store.WithAll)
			return err
		})
		return ex, err
	}
	return nil, squall.Errorf(squall.Conflict, "inquiry %s changes too fast; try again", id)
}

// answerable decides whether an execution waits for this answer of that person.
func answerable(ex *squall.Execution, by Respondent, answer json.RawMessage) (*squall.Inquiry, error) {
	if ex.Runner != InquiryRunner {
		return nil, NotInquiry(ex.ID)
	}
	if err := Unanswered(ex); err != nil {
		return nil, err
	}
	var asked squall.Inquiry
	if err := json.Unmarshal(ex.Result, &asked); err != nil {
		return nil, fmt.Errorf("read what was asked: %w", err)
	}
	if !asked.MayAnswer(by.User, by.Roles) {
		return nil, squall.Errorf(squall.Denied, "User %q does not have permission to respond to inquiry %q.", by.User, ex.ID)
	}
	if err := param.CheckAnswer(asked.Schema, answer); err != nil {
		return nil, squall.Errorf(squall.Invalid, "Response for inquiry %q did not pass schema validation. %s", ex.ID, squall.MessageOf(err))
	}
	return &asked, nil
}

// Unanswered says why an inquiry takes no answer; nil when it waits for one. The
// error is of kind Invalid.
func Unanswered(ex *squall.Execution) error {
	switch ex.Status {
	case squall.Pending:
		return nil
	case squall.Succeeded:
		return squall.Errorf(squall.Invalid, "Inquiry %q has already been responded to.", ex.ID)
	case squall.Timeout:
		return squall.Errorf(squall.Invalid, "Inquiry %q timed out and cannot be responded to.", ex.ID)
	default:
		return squall.Errorf(squall.Invalid, "Inquiry %q is %s and cannot be responded to.", ex.ID, ex.Status)
	}
}

// endInquiry ends an inquiry that is pending in tx. ok is false when it was moved
// by another transaction meanwhile, in which case this one writes nothing.
func (s *Service) endInquiry(ctx context.Context, tx store.Tx, ex *squall.Execution, st step, by string) (told []squall.ID, ok bool, err error) {
	now := tx.Now()
	ok, err = tx.MoveExecution(ctx, store.Move{
		ID: ex.ID, From: []squall.Status{squall.Pending}, Version: ex.Version,
		To: st.to, Result: st.result, EndedAt: &now,
		Log: []squall.Change{{Status: st.to, At: now, Reason: st.reason}},
	})
	if err != nil || !ok {
		return nil, false, err
	}
	if told, err = s.moved(ctx, tx, ex, st.to); err != nil {
		return nil, false, err
	}
	more, err := s.resumeChain(ctx, tx, ex, by)
	return append(told, more...), err == nil, err
}

// goesOn reports whether the end of a child lets its workflow go on that is
// paused for it: the child is an inquiry. Workflows in it that are paused go on
// with it (st2); those around it are told by their part that it runs again. A chain
// is resumed from its root instead, see resumeChain.
func goesOn(c conductor, child *squall.Execution, now squall.Status) bool {
	if a, ok := c.(mistralFlow); ok {
		c = a.orquesta
	}
	_, flow := c.(orquesta)
	return flow && child.Runner == InquiryRunner && now.Final() && (c.Status() == squall.Paused || c.Status() == squall.Pausing)
}

// resumedBy says who let the workflow of an inquiry go on: who answered it.
func resumedBy(inquiry *squall.Execution) string {
	if len(inquiry.Log) == 0 {
		return ""
	}
	user, ok := strings.CutPrefix(inquiry.Log[len(inquiry.Log)-1].Reason, "answered by ")
	if !ok {
		return ""
	}
	return doneBy("resumed", user)
}

// resumeChain resumes what is paused for an inquiry of a chain: the whole tree
// it belongs to (st2) or, when that is not paused, the chain.
func (s *Service) resumeChain(ctx context.Context, tx store.Tx, ex *squall.Execution, by string) (told []squall.ID, err error) {
	if ex.Parent == nil {
		return nil, nil
	}
	chain, err := tx.Execution(ctx, ex.Parent.Execution, 0)
	if err != nil || chain.Runner != ChainRunner {
		return nil, err
	}
	root, err := tx.Execution(ctx, ex.Root, 0)
	if err != nil {
		return nil, err
	}
	for _, flow := range []*squall.Execution{root, chain} {
		if flow.Status != squall.Paused {
			continue
		}
		st, err := signalStep(flow, squall.Resuming, by)
		if err != nil {
			return nil, err
		}
		told, _, err = s.signal(ctx, tx, flow, st, squall.Resuming, by)
		return told, err // moved meanwhile: somebody resumes or cancels it
	}
	return nil, nil
}

// answerBy is the time after which an execution that becomes pending with this
// result waits no more; nil for ever.
func answerBy(result json.RawMessage, now time.Time) *time.Time {
	var asked squall.Inquiry
	if json.Unmarshal(result, &asked) != nil {
		return nil
	}
	at := asked.Expires(now)
	if at.IsZero() {
		return nil
	}
	at = at.Truncate(time.Microsecond)
	return &at
}

// ExpireInquiries ends the inquiries whose time is over: timeout, with the
// question as their result (st2). It returns how many. One node of the cluster
// calls it; a second one would do no harm.
func (s *Service) ExpireInquiries(ctx context.Context) (int, error) {
	n := 0
	for f := (store.ExecutionFilter{Runner: InquiryRunner, Statuses: []squall.Status{squall.Pending}, Ascending: true, Limit: rescueBatch}); ; {
		var page, late []*squall.Execution
		err := s.st.View(ctx, func(tx store.Tx) (err error) {
			late = nil
			page, err = tx.FindExecutions(ctx, f)
			for _, ex := range page {
				if !ex.Deadline.IsZero() && !tx.Now().Before(ex.Deadline) {
					late = append(late, ex)
				}
			}
			return err
		})
		if err != nil {
			return n, fmt.Errorf("find inquiries: %w", err)
		}
		for _, ex := range late {
			ok, err := s.expire(ctx, ex)
			if err != nil {
				return n, fmt.Errorf("end inquiry %s: %w", ex.ID, err)
			}
			if ok {
				n++
			}
		}
		if len(page) < f.Limit {
			return n, nil
		}
		f.After = page[len(page)-1].ID
	}
}

func (s *Service) expire(ctx context.Context, ex *squall.Execution) (bool, error) {
	var told []squall.ID
	var ended bool
	err := s.st.Update(ctx, func(tx store.Tx) (err error) {
		told, ended, err = s.endInquiry(ctx, tx, ex, step{to: squall.Timeout, reason: "nobody answered in time"}, "")
		return err
	})
	if err != nil || !ended { // answered, or canceled, at the last moment
		return false, err
	}
	s.advanceAll(ctx, told)
	s.log.Info("inquiry timed out", "execution_id", ex.ID, "action", ex.Action.String())
	return true, nil
}

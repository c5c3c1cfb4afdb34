package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"squall/internal/api/wire"
	"squall/internal/auth"
	"squall/internal/lifecycle"
	"squall/internal/squall"
	"squall/internal/store"
)

// maxDelay bounds how far ahead a run may be asked for, in milliseconds.
const maxDelay = int64(365 * 24 * time.Hour / time.Millisecond)

// executionCreate asks for a run. The answer shows the execution as it was
// requested, also when it is running already.
func (s *Server) executionCreate(w http.ResponseWriter, r *request) error {
	open, err := s.showSecrets(r)
	if err != nil {
		return err
	}
	body, err := s.readObject(r, true)
	if err != nil {
		return err
	}
	req, err := executionRequest(body)
	if err != nil {
		return err
	}
	if req.Context, err = withHeaderContext(r, req.Context); err != nil {
		return err
	}
	if err := r.caller.CheckOn(r.route.need, actionUIDs(req.Action)...); err != nil {
		return err
	}
	if err := r.checkInner(req.Action, req.Parameters); err != nil {
		return err
	}
	if req.User, err = s.onBehalf(r, req.User); err != nil {
		return err
	}
	req.Audit = s.inTransaction(r, "action "+req.Action.String())
	req.NoSecrets = !r.caller.May(auth.ShowSecrets)
	ex, err := s.Lifecycle.Request(r.Context(), req)
	if err != nil {
		return err
	}
	return s.respondRequested(w, r, ex, open)
}

// executionRequest reads the body of a request for a run. st2: all other members
// are accepted and have no effect.
func executionRequest(o *object) (squall.Request, error) {
	// The first mistake is shown: these are in the order in which st2 looks at them.
	o.notNull("string", "status", "action")
	checkStatus(o)
	ref := o.str("action")
	o.notNull("object", "parameters", "result", "context", "callback", "runner_info", "notify")
	req := squall.Request{Parameters: o.raw("parameters", "object")}
	o.raw("result", "object")
	req.Context = o.raw("context", "object")
	extra := wire.Extra{Callback: o.raw("callback", "object"), Notify: o.raw("notify", "object")}
	o.notNull("integer", "delay")
	req.NotBefore, extra.Delay = dueTime(o)
	o.required("action")
	req.User = o.str("user")
	o.raw("tags", "array")
	if o.err != nil {
		return req, o.err
	}
	var err error
	if req.Action, err = squall.ParseRef(ref); err != nil {
		return req, squall.Errorf(squall.Invalid, "Action %q cannot be found.", ref)
	}
	if extra.Notify, err = cleanNotify(extra.Notify); err != nil {
		return req, err
	}
	req.Context, err = extra.WithContext(req.Context)
	return req, err
}

// dueTime reads the delay of a request, in milliseconds, and when it is over.
func dueTime(o *object) (time.Time, int64) {
	delay := o.int("delay")
	switch {
	case delay == nil || *delay == 0:
		return time.Time{}, 0
	case *delay < 0 || *delay > maxDelay:
		o.fail("%d is not a delay between 0 and %d milliseconds", *delay, maxDelay)
		return time.Time{}, 0
	}
	return time.Now().UTC().Add(time.Duration(*delay) * time.Millisecond), *delay
}

// cleanNotify checks who is to be told of the end. st2: "channels" is the old
// name of "routes" and is dropped where routes are given.
func cleanNotify(doc jsonRaw) (jsonRaw, error) {
	if doc == nil {
		return nil, nil
	}
	o, err := parseObject(doc, false)
	if err != nil {
		return nil, err
	}
	o.only("on-complete", "on-success", "on-failure")
	out := map[string]map[string]jsonRaw{}
	for name := range o.members {
		section := o.raw(name, "object")
		if o.err != nil {
			return nil, o.err
		}
		if section == nil {
			continue
		}
		so, err := parseObject(section, false)
		if err != nil {
			return nil, err
		}
		so.only("message", "data", "routes", "channels")
		so.str("message")
		so.strs("routes")
		so.strs("channels")
		if so.err != nil {
			return nil, so.err
		}
		if _, ok := so.members["routes"]; !ok && so.members["channels"] != nil {
			so.members["routes"] = so.members["channels"]
		}
		delete(so.members, "channels")
		out[name] = so.members
	}
	return marshal(out)
}

// onBehalf returns in whose name a request is made.
func (s *Server) onBehalf(r *request, user string) (string, error) {
	if user == "" || user == r.caller.User {
		return r.caller.User, nil
	}
	return user, r.caller.Check(auth.Impersonate)
}

// respondRequested answers with an execution as it was when it was requested.
func (s *Server) respondRequested(w http.ResponseWriter, r *request, ex *squall.Execution, open bool) error {
	if wait := preferredWait(r.Request); wait > 0 {
		if err := s.awaitEnd(w, r, ex.ID, wait); err != nil {
			return err
		}
		now, err := s.execution(r, string(ex.ID), store.WithAll, maxResultSize)
		if err != nil {
			return err
		}
		v, err := s.view(r.Context(), now, open)
		if err != nil {
			return err
		}
		return respond(w, http.StatusCreated, func(e *wire.Encoder) { e.Execution(v, wire.Fields{}) })
	}
	v, err := s.view(r.Context(), ex, open)
	if err != nil {
		return err
	}
	return respond(w, http.StatusCreated, func(e *wire.Encoder) { e.Execution(at(v, squall.Requested), wire.Fields{}) })
}

// executionReRun asks for another run of an execution's action with its
// parameters, overridden by those given; ?no_merge=true takes only those given.
func (s *Server) executionReRun(w http.ResponseWriter, r *request) error {
	open, err := s.showSecrets(r)
	if err != nil {
		return err
	}
	body, err := s.readObject(r, true)
	if err != nil {
		return err
	}
	body.notNull("object", "parameters")
	body.notNull("array", "tasks", "reset")
	req := squall.Request{Parameters: body.raw("parameters", "object"), User: body.str("user")}
	var extra wire.Extra
	req.NotBefore, extra.Delay = dueTime(body)
	tasks, reset := body.strs("tasks"), body.strs("reset")
	if body.err != nil {
		return body.err
	}
	noMerge, err := flag(r.query, "no_merge")
	if err != nil {
		return err
	}
	old, err := s.execution(r, r.params["id"], 0, 0)
	if err != nil {
		return err
	}
	if err := lifecycle.CheckRerun(old.Runner, !isEmpty(req.Parameters), tasks, reset); err != nil {
		return err
	}
	if !isEmpty(req.Parameters) {
		if err := r.checkInner(old.Action, req.Parameters); err != nil {
			return err
		}
	}
	if req.User, err = s.onBehalf(r, req.User); err != nil {
		return err
	}
	if req.Context, err = rerunContext(tasks, reset); err != nil {
		return err
	}
	if req.Context, err = extra.WithContext(req.Context); err != nil {
		return err
	}
	req.NoSecrets = !r.caller.May(auth.ShowSecrets)
	req.Audit = s.inTransaction(r, "action "+old.Action.String()+", run again from "+string(old.ID))
	if noMerge {
		req.Action, req.RerunOf = old.Action, old.ID
		ex, err := s.Lifecycle.Request(r.Context(), req)
		if err != nil {
			return err
		}
		return s.respondRequested(w, r, ex, open)
	}
	var ex *squall.Execution
	if len(tasks) > 0 {
		ex, err = s.Lifecycle.RerunTasks(r.Context(), old.ID, req, tasks, reset)
	} else {
		ex, err = s.Lifecycle.Rerun(r.Context(), old.ID, req)
	}
	if err != nil {
		return err
	}
	return s.respondRequested(w, r, ex, open)
}

// rerunContext notes in the context of a run which tasks it repeats; nil for a
// run of everything.
func rerunContext(tasks, reset []string) (jsonRaw, error) {
	rerun := map[string][]string{}
	if len(tasks) > 0 {
		rerun["tasks"] = tasks
	}
	if len(reset) > 0 {
		rerun["reset"] = reset
	}
	if len(rerun) == 0 {
		return nil, nil
	}
	return marshal(map[string]any{"re-run": rerun})
}

// isEmpty reports whether doc is no object or one without members.
func isEmpty(doc jsonRaw) bool {
	inner := bytes.Trim(bytes.TrimSpace(doc), "{}")
	return len(bytes.TrimSpace(inner)) == 0
}

// executionCancel asks an execution to stop.
func (s *Server) executionCancel(w http.ResponseWriter, r *request) error {
	open, err := s.showSecrets(r)
	if err != nil {
		return err
	}
	ex, err := s.execution(r, r.params["id"], 0, 0)
	if err != nil {
		return err
	}
	return s.cancel(w, r, ex, open)
}

// cancel asks an execution to stop and answers with it as the order left it: it may
// be over by then.
func (s *Server) cancel(w http.ResponseWriter, r *request, before *squall.Execution, open bool) error {
	ex, err := s.Lifecycle.Cancel(r.Context(), before.ID, r.caller.User)
	if refused, ok := errors.AsType[*squall.Error](err); ok && refused.Kind == squall.Conflict {
		writeFault(w, http.StatusOK, refused.Msg) // st2: refusing to cancel what has ended is no error
		return nil
	}
	if err != nil {
		return err
	}
	v, err := s.view(r.Context(), ex, open)
	if err != nil {
		return err
	}
	if before.Status != squall.Canceled && ex.Status == squall.Canceled && slices.ContainsFunc(ex.Log, func(c squall.Change) bool { return c.Status == squall.Canceling }) {
		result := v.Result // it says who canceled, from the order on
		v = at(v, squall.Canceling)
		v.Result = result
	}
	return respond(w, http.StatusOK, func(e *wire.Encoder) { e.Execution(v, wire.Fields{}) })
}

// settable are the states StackStorm's schema lets a client name.
var settable = []squall.Status{
	squall.Requested, squall.Scheduled, squall.Delayed, squall.Running, squall.Succeeded, squall.Failed, squall.Timeout,
	squall.Abandoned, squall.Canceling, squall.Canceled, squall.Pending, squall.Pausing, squall.Paused, squall.Resuming,
}

// checkStatus reads the member of that name; it must be a state.
func checkStatus(o *object) squall.Status {
	status := squall.Status(o.str("status"))
	if _, given := o.members["status"]; given && o.err == nil && !slices.Contains(settable, status) {
		o.fail("%s is not one of %s", pyString(string(status)), pyList(settable))
	}
	return status
}

// withHeaderContext adds what a client that runs inside an action says of where it
// is (st2: the header st2-context) to the context of a request.
func withHeaderContext(r *request, doc jsonRaw) (jsonRaw, error) {
	text := r.Header.Get("St2-Context")
	if text == "" {
		return doc, nil
	}
	var given, members map[string]jsonRaw
	if json.Unmarshal([]byte(text), &given) != nil || given == nil {
		return nil, squall.Errorf(squall.Invalid, "Unable to convert st2-context from the headers into JSON (it is no object).")
	}
	delete(given, wire.ExtraKey)
	if doc != nil {
		if err := json.Unmarshal(doc, &members); err != nil {
			return nil, fmt.Errorf("read context: %w", err)
		}
	}
	if members == nil {
		members = map[string]jsonRaw{}
	}
	maps.Copy(members, given)
	return marshal(members)
}

// executionPut moves an execution on request: canceling; pausing and resuming
// are for workflows.
func (s *Server) executionPut(w http.ResponseWriter, r *request) error {
	open, err := s.showSecrets(r)
	if err != nil {
		return err
	}
	body, err := s.readObject(r, true)
	if err != nil {
		return err
	}
	body.only("status", "result")
	body.required("status")
	status := checkStatus(body)
	if body.err != nil {
		return body.err
	}
	ex, err := s.execution(r, r.params["id"], 0, 0)
	switch {
	case err != nil:
		return err
	case ex.Status.Final():
		return squall.Errorf(squall.Invalid, "Execution is already in completed state.")
	}
	switch status {
	case squall.Canceling, squall.Canceled:
		if err := r.caller.CheckOn(auth.ExecutionStop, executionUIDs(ex)...); err != nil {
			return err
		}
		return s.cancel(w, r, ex, open)
	case squall.Pausing, squall.Paused:
		return s.control(w, r, ex, open, "pause", s.Lifecycle.Pause)
	case squall.Resuming, squall.Running:
		return s.control(w, r, ex, open, "resume", s.Lifecycle.Resume)
	default:
		return squall.Errorf(squall.Invalid, "Failed updating execution. An execution becomes %s by itself; a client can ask for canceling, pausing or resuming.", status)
	}
}

// control pauses or resumes a workflow and answers with it as the order left it.
func (s *Server) control(w http.ResponseWriter, r *request, ex *squall.Execution, open bool, verb string,
	do func(ctx context.Context, id squall.ID, by string) (*squall.Execution, error)) error {
	if !lifecycle.IsFlow(ex.Runner) {
		return errNotSupported(verb, ex)
	}
	children, err := s.childIDs(r.Context(), ex.ID) // a moment later there may be more
	if err != nil {
		return err
	}
	changed, err := do(r.Context(), ex.ID, r.caller.User)
	if err != nil {
		return err
	}
	v, err := s.view(r.Context(), changed, open)
	if err != nil {
		return err
	}
	v.Children = children
	return respond(w, http.StatusOK, func(e *wire.Encoder) { e.Execution(v, wire.Fields{}) })
}

func errNotSupported(verb string, ex *squall.Execution) error {
	return squall.Errorf(squall.Invalid, "Failed updating execution. Unable to %s liveaction %q because it is not supported by the %q runner.", verb, ex.ID, ex.Runner)
}

// pyList shows names as Python shows a list of them.
func pyList(names []squall.Status) string {
	b := []byte{'['}
	for i, n := range names {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, pyString(string(n))...)
	}
	return string(append(b, ']'))
}

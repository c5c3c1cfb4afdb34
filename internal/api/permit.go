package api

import (
	"squall/internal/squall"
	"squall/internal/store"
)

// target finds what a request is about: the UIDs of a resource and of what
// contains it. An error ends the request.
type target func(*Server, *request) (uids []string, err error)

// inHandler is the target of routes whose handler asks by itself, because what
// the request is about stands in its body.
func inHandler(*Server, *request) ([]string, error) { return nil, nil }

// inBody is the same for content: who may make it nowhere is refused before the
// body is looked at.
func inBody(_ *Server, r *request) ([]string, error) {
	if !r.caller.MaySome(r.route.need) {
		return nil, r.caller.Check(r.route.need)
	}
	return nil, nil
}

// permit checks whether the caller holds the route's permission, on what the
// request is about where that matters. Without roles nothing is read for it.
func (s *Server) permit(r *request) error {
	need, on := r.route.need, r.route.on
	if r.caller.Rights == nil || on == nil {
		return r.caller.Check(need)
	}
	if r.caller.May(need) && !r.caller.Isolated() {
		return nil
	}
	uids, err := on(s, r)
	if err != nil || uids == nil {
		if err != nil && !r.caller.MaySome(need) {
			return r.caller.Check(need) // who may do it nowhere need not know whether it exists
		}
		return err
	}
	return r.caller.CheckOn(need, uids...)
}

func packUID(ref string) string { return "pack:" + ref }

func actionUIDs(ref squall.Ref) []string {
	return []string{"action:" + ref.Pack + ":" + ref.Name, packUID(ref.Pack)}
}

// executionUIDs are the UIDs of an execution: rights on an action are rights on
// its executions (st2).
func executionUIDs(ex *squall.Execution) []string {
	return append([]string{"execution:" + string(ex.ID)}, actionUIDs(ex.Action)...)
}

func executionInPath(s *Server, r *request) ([]string, error) {
	ex, err := s.execution(r, r.params["id"], 0, 0)
	switch {
	case err != nil:
		return nil, err
	case r.caller.Isolated() && ex.User != r.caller.User:
		return nil, squall.Errorf(squall.Denied, "User %q doesn't have access to resource %q due to resource permission isolation.", r.caller.User, "execution:"+string(ex.ID))
	}
	return executionUIDs(ex), nil
}

func actionInPath(s *Server, r *request) ([]string, error) {
	a, err := s.action(r, r.params["ref"])
	if err != nil {
		return nil, err
	}
	return actionUIDs(a.Ref), nil
}

// packInPath takes names only: who has no right on all packs cannot ask by identifier.
func packInPath(_ *Server, r *request) ([]string, error) {
	return []string{packUID(r.params["ref"])}, nil
}

func runnerInPath(_ *Server, r *request) ([]string, error) {
	return []string{"runner_type:" + r.params["name"]}, nil
}

// apiKeyInPath: one's own keys need no grant on each of them.
func apiKeyInPath(s *Server, r *request) (uids []string, err error) {
	err = s.Store.View(r.Context(), func(tx store.Tx) error {
		k, err := s.apiKey(r.Context(), tx, r)
		if err == nil {
			uids = []string{k.UID()}
		}
		return err
	})
	return uids, err
}

// checkKey checks the route's permission on a key of the datastore. Everybody
// may do everything with their own (st2).
func (r *request) checkKey(ref squall.KeyRef) error {
	if r.caller.Rights == nil || ref.Scope == squall.UserScope && ref.User == r.caller.User {
		return nil
	}
	return r.caller.CheckOn(r.route.need, ref.UID())
}

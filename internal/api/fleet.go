package api

import (
	"context"
	"net/http"
	"strconv"

	"squall/internal/api/wire"
	"squall/internal/auth"
	"squall/internal/param"
	"squall/internal/squall"
	"squall/internal/store"
)

// Hosts reaches machines, as far as the API needs it.
type Hosts interface {
	// HostKey asks a machine, given as "host" or "host:port", for its key. With
	// the fingerprint it shows, the key is written down as known; replace drops
	// older keys of the machine. Error kinds: Invalid, Conflict (another
	// fingerprint), Unavailable.
	HostKey(ctx context.Context, host, fingerprint string, replace bool) (kind, shown string, trusted bool, err error)
}

func (s *Server) fleetNodeList(w http.ResponseWriter, r *request) error {
	nodes, err := s.Rollouts.Nodes(r.Context(), r.query.Get("target"))
	if err != nil {
		return err
	}
	list := make([]wire.FleetNode, len(nodes))
	for i, n := range nodes {
		list[i] = wire.FleetNodeOf(n)
	}
	w.Header().Set("X-Total-Count", strconv.Itoa(len(list)))
	return respondJSON(w, http.StatusOK, list)
}

func (s *Server) fleetImport(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, false)
	if err != nil {
		return err
	}
	body.only("nodes", "source", "prune")
	body.required("nodes")
	in := wire.FleetImport{Source: body.str("source"), Prune: body.bool("prune")}
	if v := body.raw("nodes", "array"); v != nil {
		body.decode(v, &in.Nodes)
	}
	if body.err != nil {
		return body.err
	}
	if in.Prune && in.Source == "" {
		return squall.Errorf(squall.Invalid, "Only an import with a source can prune: it must not remove what others brought.")
	}
	out := wire.FleetImported{Removed: []string{}}
	err = s.Store.Update(r.Context(), func(tx store.Tx) error {
		out = wire.FleetImported{Removed: []string{}}
		named := map[string]bool{}
		for _, doc := range in.Nodes {
			n := doc.Node()
			n.Source = in.Source
			if err := tx.PutFleetNode(r.Context(), n); err != nil {
				return err
			}
			named[n.Name] = true
			out.Stored++
		}
		if in.Prune {
			all, err := tx.FleetNodes(r.Context())
			if err != nil {
				return err
			}
			for _, n := range all {
				if n.Source == in.Source && !named[n.Name] {
					if _, err := tx.DeleteFleetNode(r.Context(), n.Name); err != nil {
						return err
					}
					out.Removed = append(out.Removed, n.Name)
				}
			}
		}
		return s.note(tx, r, "fleet:"+in.Source)
	})
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, out)
}

func (s *Server) fleetNodeDelete(w http.ResponseWriter, r *request) error {
	err := s.Store.Update(r.Context(), func(tx store.Tx) error {
		ok, err := tx.DeleteFleetNode(r.Context(), r.params["name"])
		if err == nil && !ok {
			err = squall.Errorf(squall.NotFound, "There is no machine %q.", r.params["name"])
		}
		if err != nil {
			return err
		}
		return s.note(tx, r, "fleet:"+r.params["name"])
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) rolloutCreate(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, false)
	if err != nil {
		return err
	}
	body.only("action", "parameters", "param", "target", "batches", "pause", "canary", "max_fail", "shared")
	body.required("action")
	body.required("target")
	in := squall.Rollout{
		Parameters: body.raw("parameters", "object"), Param: body.str("param"), Target: body.str("target"),
		Batches: body.str("batches"), Canary: body.bool("canary"), MaxFail: body.str("max_fail"), Shared: body.bool("shared"),
		User: r.caller.User, NoSecrets: !r.caller.May(auth.ShowSecrets),
	}
	action, pause := body.str("action"), body.str("pause")
	if body.err != nil {
		return body.err
	}
	if in.Action, err = squall.ParseRef(action); err != nil {
		return squall.Errorf(squall.Invalid, "Action %q cannot be found.", action)
	}
	if in.Pause, err = wire.ParsePause(pause); err != nil {
		return squall.Errorf(squall.Invalid, "The pause %q is no duration such as 30s.", pause)
	}
	if err := r.caller.CheckOn(r.route.need, actionUIDs(in.Action)...); err != nil {
		return err
	}
	made, err := s.Rollouts.Create(r.Context(), in)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusCreated, rolloutOf(made))
}

func (s *Server) rolloutList(w http.ResponseWriter, r *request) error {
	limit := 50
	if text := r.query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return squall.Errorf(squall.Invalid, `Parameter "limit" must be a number from 1 to 1000.`)
		}
		limit = n
	}
	rollouts, err := s.Rollouts.Rollouts(r.Context(), limit)
	if err != nil {
		return err
	}
	list := make([]wire.Rollout, len(rollouts))
	for i, ro := range rollouts {
		list[i] = rolloutOf(ro)
		list[i].Parameters = nil // they are shown with the executions, masked
	}
	return respondJSON(w, http.StatusOK, list)
}

func (s *Server) rolloutInPath(r *request) (*squall.Rollout, error) {
	return s.Rollouts.Rollout(r.Context(), squall.ID(r.params["id"]))
}

func (s *Server) rolloutGet(w http.ResponseWriter, r *request) error {
	ro, err := s.rolloutInPath(r)
	if err != nil {
		return err
	}
	doc := rolloutOf(ro)
	doc.Parameters = nil
	return respondJSON(w, http.StatusOK, doc)
}

func (s *Server) rolloutChange(w http.ResponseWriter, r *request) error {
	ro, err := s.rolloutInPath(r)
	if err != nil {
		return err
	}
	body, err := s.readObject(r, false)
	if err != nil {
		return err
	}
	body.only("state", "again")
	body.required("state")
	state, again := body.str("state"), body.bool("again")
	if body.err != nil {
		return body.err
	}
	switch state {
	case "paused":
		ro, err = s.Rollouts.Pause(r.Context(), ro.ID, r.caller.User)
	case "running":
		ro, err = s.Rollouts.Resume(r.Context(), ro.ID, again)
	case "canceled":
		ro, err = s.Rollouts.Cancel(r.Context(), ro.ID, r.caller.User)
	default:
		return squall.Errorf(squall.Invalid, "A rollout can be made paused, running or canceled, not %q.", state)
	}
	if err != nil {
		return err
	}
	doc := rolloutOf(ro)
	doc.Parameters = nil
	return respondJSON(w, http.StatusOK, doc)
}

func (s *Server) hostKey(w http.ResponseWriter, r *request) error {
	body, err := s.readObject(r, false)
	if err != nil {
		return err
	}
	body.only("host", "fingerprint", "replace")
	body.required("host")
	host, fingerprint, replace := body.str("host"), body.str("fingerprint"), body.bool("replace")
	if body.err != nil {
		return body.err
	}
	if s.Hosts == nil {
		return squall.Errorf(squall.Unavailable, "This server reaches no machines.")
	}
	kind, shown, trusted, err := s.Hosts.HostKey(r.Context(), host, fingerprint, replace)
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, wire.HostKey{Host: host, Type: kind, Fingerprint: shown, Trusted: trusted})
}

// rolloutOf is what is shown of a rollout: its secret parameters are masked.
func rolloutOf(r *squall.Rollout) wire.Rollout {
	shown := *r
	shown.Parameters = auth.MaskSealed(r.Parameters, param.Masked)
	return wire.RolloutOf(&shown)
}

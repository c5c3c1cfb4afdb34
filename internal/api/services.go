package api

import (
	"net/http"
	"strconv"
	"time"

	"squall/internal/api/wire"
	"squall/internal/squall"
	"squall/internal/store"
)

// nodeGroup is the one group of services: each node is all of them. st2 has a
// group per kind of process.
const nodeGroup = "squall"

// nodesAlive returns the nodes whose lease has not run out.
func (s *Server) nodesAlive(r *request) (alive []store.Node, err error) {
	err = s.Store.View(r.Context(), func(tx store.Tx) error {
		nodes, err := tx.Nodes(r.Context())
		alive = nil
		for _, n := range nodes {
			if n.LeaseUntil.After(tx.Now()) {
				alive = append(alive, n)
			}
		}
		return err
	})
	return alive, err
}

// serviceGroups lists the groups that have members.
func (s *Server) serviceGroups(w http.ResponseWriter, r *request) error {
	nodes, err := s.nodesAlive(r)
	if err != nil {
		return err
	}
	groups := wire.ServiceGroups{Groups: []string{}}
	if len(nodes) > 0 {
		groups.Groups = []string{nodeGroup}
	}
	return respondJSON(w, http.StatusOK, groups)
}

// serviceMembers lists the nodes.
func (s *Server) serviceMembers(w http.ResponseWriter, r *request) error {
	name := r.params["name"]
	nodes, err := s.nodesAlive(r)
	switch {
	case err != nil:
		return err
	case name != nodeGroup || len(nodes) == 0:
		return squall.Errorf(squall.NotFound, "Group with ID %q not found.", name)
	}
	members := wire.ServiceMembers{Members: []wire.ServiceMember{}}
	for _, n := range nodes {
		members.Members = append(members.Members, wire.ServiceMember{GroupID: nodeGroup, MemberID: n.Name, Capabilities: map[string]string{
			"hostname": n.Host, "pid": strconv.Itoa(n.PID), "version": n.Version, "url": n.URL, "slots": strconv.Itoa(n.Slots),
			"started_at": n.StartedAt.Format(time.RFC3339),
		}})
	}
	return respondJSON(w, http.StatusOK, members)
}

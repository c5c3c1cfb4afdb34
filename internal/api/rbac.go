package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"squall/internal/api/wire"
	"squall/internal/auth"
	"squall/internal/squall"
)

// policy returns the roles to show: where they do not count there are those of
// the system, which nobody has (st2).
func (s *Server) policy() *auth.Policy {
	if p := s.Policy(); p != nil {
		return p
	}
	p := &auth.Policy{}
	for _, name := range auth.SystemRoles {
		p.Roles = append(p.Roles, auth.Role{Name: name, Description: name, System: true})
	}
	return p
}

// roleList lists the roles by name.
func (s *Server) roleList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, 0)
	if err != nil {
		return err
	}
	system, err := flag(r.query, "system")
	if err != nil {
		return err
	}
	var roles []wire.Role
	for _, role := range s.policy().Roles {
		if !differs(r.query.Get("name"), role.Name) && (role.System || !system) { // st2: false is not looked at
			roles = append(roles, showRole(role))
		}
	}
	return respondPage(w, p, roles)
}

// respondPage writes a page of a list that is in memory.
func respondPage[T any](w http.ResponseWriter, p page, all []T) error {
	p.headers(w.Header(), len(all))
	return respondJSON(w, http.StatusOK, append([]T{}, slice(p, all)...)) // a list, also when it is empty
}

func showRole(role auth.Role) wire.Role {
	shown := wire.Role{
		Name: role.Name, Description: role.Description, System: role.System, ID: string(wire.ObjectID("role", role.Name)),
		Grants: []string{}, GrantIDs: []string{}, GrantObjects: []wire.PermissionGrant{},
	}
	for i, g := range role.Grants {
		id := string(wire.ObjectID("permission_grant", fmt.Sprint(role.Name, ":", i)))
		shown.Grants, shown.GrantIDs = append(shown.Grants, id), append(shown.GrantIDs, id)
		shown.GrantObjects = append(shown.GrantObjects, wire.PermissionGrant{ID: id, ResourceUID: g.ResourceUID, Permissions: permissionNames(g.Permissions)})
	}
	return shown
}

func permissionNames(list []auth.Permission) []string {
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = string(p)
	}
	return names
}

// roleGet answers with one role, named by name or identifier.
func (s *Server) roleGet(w http.ResponseWriter, r *request) error {
	name := r.params["ref"]
	for _, role := range s.policy().Roles {
		if shown := showRole(role); role.Name == name || shown.ID == name {
			return respondJSON(w, http.StatusOK, shown)
		}
	}
	return squall.Errorf(squall.NotFound, "Resource with a name or id %q not found", name)
}

// assignments lists who has which role; filters: user, role.
func (s *Server) assignments() []wire.RoleAssignment {
	var list []wire.RoleAssignment
	for _, a := range s.policy().Assignments {
		list = append(list, wire.RoleAssignment{
			User: a.User, Group: a.Group, Role: a.Role, Source: a.Source, Description: a.Description, Remote: a.Group != "",
			ID: string(wire.ObjectID("role_assignment", a.Source+":"+a.Role)),
		})
	}
	return list
}

func (s *Server) assignmentList(w http.ResponseWriter, r *request) error {
	p, err := s.page(r, 0)
	if err != nil {
		return err
	}
	remote, err := flag(r.query, "remote")
	if err != nil {
		return err
	}
	list := slices.DeleteFunc(s.assignments(), func(a wire.RoleAssignment) bool {
		return remote && !a.Remote || differs(r.query.Get("user"), a.User) || differs(r.query.Get("role"), a.Role) || differs(r.query.Get("source"), a.Source)
	})
	return respondPage(w, p, list)
}

// assignmentGet answers with one assignment.
func (s *Server) assignmentGet(w http.ResponseWriter, r *request) error {
	id := r.params["id"]
	list := s.assignments()
	i := slices.IndexFunc(list, func(a wire.RoleAssignment) bool { return a.ID == id })
	if i < 0 {
		return squall.Errorf(squall.NotFound, "Unable to identify resource with id %q.", id)
	}
	return respondJSON(w, http.StatusOK, list[i])
}

// permissionTypeList answers with what roles can grant, by type of resource.
func (s *Server) permissionTypeList(w http.ResponseWriter, _ *request) error {
	doc := map[string]map[string]string{}
	for resource := range maps.Keys(auth.PermissionTypes) {
		doc[resource] = permissionTypes(resource)
	}
	return respondJSON(w, http.StatusOK, doc)
}

func permissionTypes(resource string) map[string]string {
	doc := map[string]string{}
	for _, t := range auth.PermissionTypes[resource] {
		doc[string(t.Permission)] = t.Meaning
	}
	return doc
}

// permissionTypeGet answers with what roles can grant on resources of one type.
func (s *Server) permissionTypeGet(w http.ResponseWriter, r *request) error {
	name := r.params["name"]
	if auth.PermissionTypes[name] == nil {
		return squall.Errorf(squall.NotFound, "Invalid resource type: %s", name)
	}
	return respondJSON(w, http.StatusOK, permissionTypes(name))
}

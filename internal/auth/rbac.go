package auth

import (
	"maps"
	"slices"
	"strings"
)

// The roles that always exist.
const (
	SystemAdmin = "system_admin" // everything
	AdminRole   = "admin"        // everything
	Observer    = "observer"     // to look at everything but secrets
)

// SystemRoles are the roles that files cannot define.
var SystemRoles = []string{AdminRole, Observer, SystemAdmin}

// Grant is permissions on one resource, or on none in particular.
type Grant struct {
	ResourceUID string // "pack:core", "action:core:local"; "*" at its end stands for any rest; "": global
	Permissions []Permission
}

// Role is a named set of grants.
type Role struct {
	Name        string
	Description string
	System      bool
	Disabled    bool // grants nothing
	Grants      []Grant
}

// Assignment gives a role to a user, or to everybody in a group of a directory.
type Assignment struct {
	User, Group string // one of them
	Role        string
	Source      string // the file it is from
	Description string
}

// Policy is all roles and who has them. It is not changed after it was made.
type Policy struct {
	Roles       []Role       // by name, the system roles among them
	Assignments []Assignment // by source
	// Isolated says that who is no administrator sees no executions but their
	// own, whatever is granted (st2: permission_isolation).
	Isolated bool
}

// RolesOf returns the roles of a user who is in the groups, sorted. An
// administrator by account has the role system_admin.
func (p *Policy) RolesOf(user string, admin bool, groups []string) []string {
	var names []string
	if admin {
		names = append(names, SystemAdmin)
	}
	for _, a := range p.Assignments {
		if a.User != "" && a.User == user || a.Group != "" && slices.Contains(groups, a.Group) {
			names = append(names, a.Role)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// tagPrefix begins a UID that stands for all packs with a keyword:
// "pack_tag:hpc". StackStorm has no such thing.
const tagPrefix = "pack_tag:"

// UsesTags reports whether a role grants something on packs by their keywords.
func (p *Policy) UsesTags() bool {
	return slices.ContainsFunc(p.Roles, func(role Role) bool {
		return slices.ContainsFunc(role.Grants, func(g Grant) bool { return strings.HasPrefix(g.ResourceUID, tagPrefix) })
	})
}

// Rights returns what the holder of the roles may do. keywords are those of
// each pack, for grants by tag.
func (p *Policy) Rights(roles []string, keywords map[string][]string) *Rights {
	r := &Rights{isolated: p.Isolated, on: map[string]permissions{}, global: permissions{}}
	for _, role := range p.Roles {
		if !slices.Contains(roles, role.Name) || role.Disabled {
			continue
		}
		switch {
		case role.System && role.Name == Observer:
			r.observer = true
		case role.System:
			r.admin = true
		}
		for _, g := range role.Grants {
			if tag, ok := strings.CutPrefix(g.ResourceUID, tagPrefix); ok {
				for pack, words := range keywords {
					if slices.ContainsFunc(words, func(word string) bool { return tagged(word, tag) }) {
						r.grant(Grant{ResourceUID: "pack:" + pack, Permissions: g.Permissions})
					}
				}
				continue
			}
			r.grant(g)
		}
	}
	return r
}

// tagged reports whether a keyword is the tag, or one that a tag with "*" at its
// end stands for.
func tagged(word, tag string) bool {
	prefix, open := strings.CutSuffix(tag, "*")
	return word == tag || open && strings.HasPrefix(word, prefix)
}

type permissions map[Permission]bool

// Rights is what somebody may do by their roles. It is not changed after it was made.
type Rights struct {
	admin, observer bool
	isolated        bool
	global          permissions
	on              map[string]permissions // by resource UID
	prefixes        []string               // UIDs of on that end in "*", without it
}

func (r *Rights) grant(g Grant) {
	into := r.global
	if g.ResourceUID != "" {
		if r.on[g.ResourceUID] == nil {
			r.on[g.ResourceUID] = permissions{}
			if prefix, ok := strings.CutSuffix(g.ResourceUID, "*"); ok {
				r.prefixes = append(r.prefixes, prefix)
			}
		}
		into = r.on[g.ResourceUID]
	}
	for _, p := range g.Permissions {
		for _, implied := range implies(p) {
			into[implied] = true
		}
	}
}

// everywhere reports whether p is held without regard to a resource.
func (r *Rights) everywhere(p Permission) bool {
	return r.admin || r.observer && observes(p) || r.global[p]
}

// somewhere reports whether there can be a resource on which p is held.
func (r *Rights) somewhere(p Permission) bool {
	if r.everywhere(p) {
		return true
	}
	for _, held := range r.on {
		if held[p] {
			return true
		}
	}
	return false
}

// at reports whether p is held on one of the UIDs.
func (r *Rights) at(p Permission, uids []string) bool {
	for _, uid := range uids {
		if r.on[uid][p] {
			return true
		}
		for _, prefix := range r.prefixes {
			if strings.HasPrefix(uid, prefix) && r.on[prefix+"*"][p] {
				return true
			}
		}
	}
	return false
}

// observes reports whether the role observer holds p (st2: all that is list or view).
func observes(p Permission) bool {
	if p == ShowSecrets || p == AuditView || p == MetricsView || p == RoleView || p == ServiceView || p == UserView {
		return false
	}
	return strings.HasSuffix(string(p), "_view") || strings.HasSuffix(string(p), "_list")
}

// implications are what a permission brings with it, beside what implies says
// about names. st2: who may run an action may repeat and stop its executions.
var implications = map[Permission][]Permission{
	ActionView:        {ExecutionView},
	ActionExecute:     {ExecutionReRun, ExecutionStop},
	ExecutionStop:     {ExecutionModify},
	"inquiry_view":    {"inquiry_respond"},
	"inquiry_respond": {"inquiry_view"},
}

// changing are the suffixes of permissions that bring that to view with them.
var changing = []string{"_create", "_modify", "_delete", "_execute", "_set"}

// implies returns p and everything that it brings with it.
func implies(p Permission) []Permission {
	found := map[Permission]bool{}
	for todo := []Permission{p}; len(todo) > 0; todo = todo[1:] {
		p := todo[0]
		if found[p] {
			continue
		}
		found[p] = true
		todo = append(todo, implications[p]...)
		resource := p.Resource()
		for _, suffix := range changing {
			if string(p) == resource+suffix {
				todo = append(todo, Permission(resource+"_view"))
			}
		}
		if string(p) == resource+"_all" {
			for _, t := range PermissionTypes[resource] {
				if t.Permission.Resource() == resource {
					todo = append(todo, t.Permission)
				}
			}
			if p == "action_all" {
				todo = append(todo, "execution_all")
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// global are the permissions that are about no resource in particular, beside
// all those to list (st2).
var global = permissions{
	"pack_create": true, "pack_install": true, "pack_uninstall": true, "pack_register": true, "pack_config": true,
	"pack_search": true, "pack_views_index_health": true, "action_alias_match": true, "action_alias_help": true,
	"execution_views_filters_list": true, "api_key_create": true,
}

// withUID are the types of resources that grants must name.
var withUID = map[string]bool{
	"pack": true, "sensor_type": true, "action": true, "action_alias": true, "rule": true, "execution": true,
	"key_value_pair": true, "webhook": true, "api_key": true, "runner_type": true,
}

// needsResource reports whether a grant of p must name a resource.
func needsResource(p Permission) bool {
	return withUID[p.Resource()] && !global[p] && !strings.HasSuffix(string(p), "_list")
}

// grantable reports whether p can be granted on a resource of the type; "" means
// on none in particular.
func grantable(p Permission, resource string) bool {
	if resource == "" {
		return known(p) && !needsResource(p)
	}
	if resource == "pack" || resource == "action" || resource+":" == tagPrefix { // what is run belongs to what it runs
		if p.Resource() == "execution" && known(p) {
			return true
		}
	}
	return slices.ContainsFunc(permissionsOn(resource), func(t PermissionType) bool { return t.Permission == p })
}

// permissionsOn lists what can be granted on resources of a type.
func permissionsOn(resource string) []PermissionType {
	if resource+":" == tagPrefix {
		resource = "pack"
	}
	return PermissionTypes[resource]
}

// known reports whether p exists.
func known(p Permission) bool {
	return slices.Contains(Permissions, p) || slices.ContainsFunc(PermissionTypes[p.Resource()], func(t PermissionType) bool { return t.Permission == p })
}

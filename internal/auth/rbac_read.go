package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
)

// Problem is something wrong with a file of roles or assignments.
type Problem struct {
	File         string
	Line, Column int    // from 1; 0: the file as a whole
	What         string // what is wrong and what to do
}

// Error is the problem on one line, as "file:line:column: what".
func (p Problem) Error() string {
	if p.Line == 0 {
		return p.File + ": " + p.What
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.What)
}

// maxRBACFile bounds a file, in bytes.
const maxRBACFile = 1 << 20

// ReadPolicy reads roles/*.yaml, assignments/*.yaml and mappings/*.yaml, in
// StackStorm's formats. A directory that is not there holds no files. The
// policy must not be used when there are problems: a role that is half read
// could mean the opposite.
func ReadPolicy(dir fs.FS) (*Policy, []Problem) {
	r := &policyReader{dir: dir, policy: &Policy{}, roleAt: map[string]string{}}
	for _, name := range SystemRoles {
		r.policy.Roles = append(r.policy.Roles, Role{Name: name, Description: name, System: true})
	}
	r.files("roles", r.role)
	slices.SortFunc(r.policy.Roles, func(a, b Role) int { return cmp.Compare(a.Name, b.Name) })
	r.files("assignments", func(f *rbacFile) { r.assignment(f, "username") })
	r.files("mappings", func(f *rbacFile) { r.assignment(f, "group") })
	return r.policy, r.problems
}

type policyReader struct {
	dir      fs.FS
	policy   *Policy
	roleAt   map[string]string // file of a role
	problems []Problem
}

// rbacFile is one file while it is read.
type rbacFile struct {
	name string
	root *pyyaml.Node
	r    *policyReader
}

func (r *policyReader) files(sub string, read func(*rbacFile)) {
	entries, err := fs.ReadDir(r.dir, sub)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.problems = append(r.problems, Problem{File: sub, What: err.Error()})
	}
	for _, e := range entries {
		if ext := path.Ext(e.Name()); e.IsDir() || ext != ".yaml" && ext != ".yml" {
			continue
		}
		f := &rbacFile{name: path.Join(sub, e.Name()), r: r}
		text, err := fs.ReadFile(r.dir, f.name)
		switch {
		case err != nil:
			f.fault(nil, "%v", err)
			continue
		case len(text) > maxRBACFile:
			f.fault(nil, "the file is larger than %d bytes", maxRBACFile)
			continue
		}
		root, problems := pyyaml.Parse(value.NewBudget(context.Background(), 10_000_000, 64<<20, 0), string(text))
		for _, p := range problems { // a key given twice as well: which one counts must not be a guess
			r.problems = append(r.problems, Problem{File: f.name, Line: p.Line, Column: p.Column, What: p.Message})
		}
		switch {
		case len(problems) > 0:
		case root == nil || root.Kind != pyyaml.Mapping:
			f.fault(root, "the file must hold a mapping")
		default:
			f.root = root
			read(f)
		}
	}
}

func (f *rbacFile) fault(n *pyyaml.Node, format string, args ...any) {
	p := Problem{File: f.name, What: fmt.Sprintf(format, args...)}
	if n != nil {
		p.Line, p.Column = n.Line, n.Column
	}
	f.r.problems = append(f.r.problems, p)
}

// only refuses keys of a mapping that are not named.
func (f *rbacFile) only(n *pyyaml.Node, keys ...string) {
	for _, p := range n.Pairs {
		if !slices.Contains(keys, p.Key.Text) || p.Key.Kind != pyyaml.Scalar {
			f.fault(p.Key, "there is no key %q here; there are %s", p.Key.Text, strings.Join(keys, ", "))
		}
	}
}

// text reads a text that must be there when required.
func (f *rbacFile) text(n *pyyaml.Node, key string, required bool) string {
	v := n.Get(key)
	s, ok := "", true
	if v != nil && v.Value != nil {
		if s, ok = v.Value.(string); !ok {
			f.fault(v, "%s must be a text: put it in quotes", key)
		}
	}
	if required && s == "" && ok {
		f.fault(n, "%s is missing", key)
	}
	return s
}

// enabled reads the key of that name; a file without it is enabled (st2).
func (f *rbacFile) enabled() bool {
	v := f.root.Get("enabled")
	if v == nil {
		return true
	}
	on, ok := v.Value.(bool)
	if !ok {
		f.fault(v, "enabled must be true or false")
	}
	return on
}

// list reads a list; nil when it is not there.
func (f *rbacFile) list(n *pyyaml.Node, key string, required bool) []*pyyaml.Node {
	v := n.Get(key)
	switch {
	case v == nil || v.Value == nil && v.Kind == pyyaml.Scalar:
		if required {
			f.fault(n, "%s is missing", key)
		}
		return nil
	case v.Kind != pyyaml.Sequence:
		f.fault(v, "%s must be a list", key)
		return nil
	}
	return v.Items
}

func (r *policyReader) role(f *rbacFile) {
	f.only(f.root, "name", "description", "enabled", "permission_grants")
	role := Role{Name: f.text(f.root, "name", true), Description: f.text(f.root, "description", false), Disabled: !f.enabled()}
	if slices.Contains(SystemRoles, role.Name) {
		f.fault(f.root.Get("name"), "%q is a role of the system; give yours another name", role.Name)
	}
	if other, twice := r.roleAt[role.Name]; twice && role.Name != "" {
		f.fault(f.root.Get("name"), "the role %q is defined in %s already", role.Name, other)
	}
	r.roleAt[role.Name] = f.name
	for _, n := range f.list(f.root, "permission_grants", false) {
		if n.Kind != pyyaml.Mapping {
			f.fault(n, "a grant must be a mapping with permission_types")
			continue
		}
		role.Grants = append(role.Grants, f.grant(n))
	}
	r.policy.Roles = append(r.policy.Roles, role)
}

func (f *rbacFile) grant(n *pyyaml.Node) Grant {
	f.only(n, "resource_uid", "permission_types")
	g := Grant{ResourceUID: f.text(n, "resource_uid", false)}
	resource, rest, ok := strings.Cut(g.ResourceUID, ":")
	if g.ResourceUID != "" && (!ok || rest == "" || permissionsOn(resource) == nil) {
		f.fault(n.Get("resource_uid"), "%q is not the UID of a resource, such as pack:core or action:core:local", g.ResourceUID)
		return g
	}
	for _, item := range f.list(n, "permission_types", true) {
		text, _ := item.Value.(string)
		p := Permission(text)
		switch {
		case grantable(p, resource):
			g.Permissions = append(g.Permissions, p)
		case !known(p):
			f.fault(item, "there is no permission type %q", item.Text)
		case resource == "":
			f.fault(item, "%s is about one resource: name it with resource_uid", p)
		default:
			f.fault(item, "%s cannot be granted on a resource of type %s", p, resource)
		}
	}
	return g
}

// assignment reads a file that gives roles to a user or to a group.
func (r *policyReader) assignment(f *rbacFile, who string) {
	f.only(f.root, who, "description", "enabled", "roles")
	a := Assignment{Source: f.name, Description: f.text(f.root, "description", false)}
	switch name := f.text(f.root, who, true); who {
	case "username":
		a.User = name
	default:
		a.Group = name
	}
	enabled := f.enabled()
	for _, n := range f.list(f.root, "roles", true) {
		a.Role, _ = n.Value.(string)
		if !slices.ContainsFunc(r.policy.Roles, func(role Role) bool { return role.Name == a.Role }) {
			f.fault(n, "there is no role %q", n.Text)
			continue
		}
		if enabled {
			r.policy.Assignments = append(r.policy.Assignments, a)
		}
	}
}

package auth

import (
	"slices"
	"strings"

	"squall/internal/squall"
)

// Permission is a right to do one thing to resources of one type, written as
// in StackStorm: the resource type, an underscore, the action.
type Permission string

// The permissions of the resources that exist.
const (
	ActionList    Permission = "action_list"
	ActionView    Permission = "action_view"
	ActionExecute Permission = "action_execute"

	ExecutionList   Permission = "execution_list"
	ExecutionView   Permission = "execution_view"
	ExecutionReRun  Permission = "execution_rerun"
	ExecutionStop   Permission = "execution_stop"
	ExecutionModify Permission = "execution_modify" // pause and resume

	PackList Permission = "pack_list"
	PackView Permission = "pack_view"
	// PackConfig is to set the configuration of a pack.
	PackConfig Permission = "pack_config"

	RunnerList Permission = "runner_type_list"
	RunnerView Permission = "runner_type_view"

	KeyList   Permission = "key_value_pair_list"
	KeyView   Permission = "key_value_pair_view"
	KeySet    Permission = "key_value_pair_set"
	KeyDelete Permission = "key_value_pair_delete"

	StreamView Permission = "stream_view"

	APIKeyList   Permission = "api_key_list"
	APIKeyView   Permission = "api_key_view"
	APIKeyCreate Permission = "api_key_create"
	APIKeyModify Permission = "api_key_modify"
	APIKeyDelete Permission = "api_key_delete"
	APIKeyAll    Permission = "api_key_all" // also the keys of other users

	RoleView  Permission = "role_view"  // roles and who has them
	AuditView Permission = "audit_view" // the audit log

	InquiryList    Permission = "inquiry_list"
	InquiryView    Permission = "inquiry_view"
	InquiryRespond Permission = "inquiry_respond"

	ServiceView Permission = "service_view" // the processes of the cluster

	UserView   Permission = "user_view"   // who there is
	UserModify Permission = "user_modify" // to make, change and remove users

	// ShowSecrets is to read values that are masked for everybody else.
	ShowSecrets Permission = "secret_view"
	// Impersonate is to ask for something in another user's name.
	Impersonate Permission = "user_impersonate"
	// ListAll is to read a list without a bound (st2: limit=-1 and limits above
	// max_page_size are for administrators).
	ListAll Permission = "list_all"
	// MetricsView is to read /metrics.
	MetricsView Permission = "metrics_view"
)

// Permissions lists every permission once.
var Permissions = append([]Permission{
	ActionList, ActionView, ActionExecute,
	ExecutionList, ExecutionView, ExecutionReRun, ExecutionStop, ExecutionModify,
	PackList, PackView, PackConfig, PackRegister, PackInstall, PackUninstall, PackSearch, RunnerList, RunnerView, StreamView,
	APIKeyList, APIKeyView, APIKeyCreate, APIKeyModify, APIKeyDelete, APIKeyAll, RoleView, AuditView, ServiceView, UserView, UserModify,
	KeyList, KeyView, KeySet, KeyDelete,
	InquiryList, InquiryView, InquiryRespond,
	ShowSecrets, Impersonate, ListAll, MetricsView,
}, append(contentPermissions, eventPermissions...)...)

// forAdmins are the permissions an ordinary user does not have. Everything else
// is open to every authenticated user, as in a StackStorm without RBAC.
var forAdmins = []Permission{ShowSecrets, Impersonate, ListAll, MetricsView, PackConfig, APIKeyAll, RoleView, AuditView, ServiceView, UserView, UserModify}

// Resource returns the type of resource p is about: "execution" of
// "execution_rerun".
func (p Permission) Resource() string {
	// The types that hold an underscore themselves.
	for _, r := range []string{"runner_type", "key_value_pair", "action_alias", "sensor_type", "policy_type", "rule_enforcement", "api_key"} {
		if strings.HasPrefix(string(p), r+"_") {
			return r
		}
	}
	r, _, _ := strings.Cut(string(p), "_")
	return r
}

// Subject is somebody authenticated.
type Subject struct {
	User    string
	Admin   bool
	Service bool     // came with a token that the server issued for the run of an action
	Groups  []string // of a directory, as far as the way they came in tells
	Roles   []string
	Rights  *Rights // nil: roles do not count, the table of this file does
}

// May reports whether s holds p, whatever it is done to. A permission that is
// not in the table is held by nobody, not even by administrators: a misspelt one
// must show up.
func (s Subject) May(p Permission) bool {
	switch {
	case s.User == "" || !known(p):
		return false
	case s.Rights != nil:
		return s.Rights.everywhere(p)
	}
	return s.Admin || !slices.Contains(forAdmins, p)
}

// MaySome reports whether there can be something on which s holds p.
func (s Subject) MaySome(p Permission) bool {
	return s.May(p) || s.Rights != nil && s.User != "" && known(p) && s.Rights.somewhere(p)
}

// MayOn reports whether s holds p on a resource. st2: what is granted on a pack
// holds for what is in it, so the UIDs are those of the resource and of all that
// contains it.
func (s Subject) MayOn(p Permission, uids ...string) bool {
	return s.May(p) || s.Rights != nil && s.User != "" && known(p) && s.Rights.at(p, uids)
}

// Administers reports whether s may do everything.
func (s Subject) Administers() bool {
	if s.Rights != nil {
		return s.User != "" && s.Rights.admin
	}
	return s.User != "" && s.Admin
}

// Isolated reports whether s sees no executions but their own.
func (s Subject) Isolated() bool { return s.Rights != nil && s.Rights.isolated && !s.Rights.admin }

// Check returns nil when s holds p, and otherwise an error of kind Denied that
// names what is missing (st2's words).
func (s Subject) Check(p Permission) error {
	if s.May(p) {
		return nil
	}
	return squall.Errorf(squall.Denied, "User %q doesn't have required permission %q", s.User, p)
}

// CheckOn is Check for a resource, whose UID comes first.
func (s Subject) CheckOn(p Permission, uids ...string) error {
	if s.MayOn(p, uids...) {
		return nil
	}
	return squall.Errorf(squall.Denied, "User %q doesn't have required permission %q on resource %q", s.User, p, uids[0])
}

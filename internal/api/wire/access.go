package wire

import "encoding/json"

// Masked stands for what is not shown (st2).
const Masked = "********"

// APIKey is an API key. Key, the secret, is in the answer to its creation only;
// UID and KeyHash are masked in most others.
type APIKey struct {
	UID       string          `json:"uid"`
	User      string          `json:"user"`
	KeyHash   string          `json:"key_hash,omitempty"`
	Metadata  json.RawMessage `json:"metadata"`
	CreatedAt Time            `json:"created_at"`
	Enabled   bool            `json:"enabled"`
	ID        string          `json:"id"`
	Key       string          `json:"key,omitempty"`
}

// AuditEntry is an entry of the audit log.
type AuditEntry struct {
	ID        string `json:"id"`
	Timestamp Time   `json:"timestamp"`
	User      string `json:"user"`
	Method    string `json:"method"` // how the user was authenticated
	Action    string `json:"action"` // a permission, or method and path
	Target    string `json:"target"` // a UID, or the path asked for
	From      string `json:"from"`   // the client's address
	RequestID string `json:"request_id"`
	Outcome   string `json:"outcome"` // "done", "denied", "refused", "failed"
	Detail    string `json:"detail"`
}

// Role is a role with what it grants.
type Role struct {
	Name         string            `json:"name"`
	Description  string            `json:"description"`
	System       bool              `json:"system"`
	Grants       []string          `json:"permission_grants"` // st2: the identifiers, twice
	ID           string            `json:"id"`
	GrantIDs     []string          `json:"permission_grant_ids"`
	GrantObjects []PermissionGrant `json:"permission_grant_objects"`
}

// PermissionGrant is permissions on a resource, or on none in particular.
type PermissionGrant struct {
	ID          string   `json:"id"`
	ResourceUID string   `json:"resource_uid,omitempty"`
	Permissions []string `json:"permission_types"`
}

// RoleAssignment gives a role to a user, or to the members of a group.
type RoleAssignment struct {
	User        string `json:"user"`
	Group       string `json:"group,omitempty"` // ours
	Role        string `json:"role"`
	Source      string `json:"source"` // the file that says so
	Remote      bool   `json:"is_remote"`
	Description string `json:"description"`
	ID          string `json:"id"`
}

// ServiceGroups is the answer of GET /api/v1/service_registry/groups.
type ServiceGroups struct {
	Groups []string `json:"groups"`
}

// ServiceMembers is the members of a group of services.
type ServiceMembers struct {
	Members []ServiceMember `json:"members"`
}

// ServiceMember is one process of the cluster.
type ServiceMember struct {
	GroupID      string            `json:"group_id"`
	MemberID     string            `json:"member_id"`
	Capabilities map[string]string `json:"capabilities"`
}

// Account is a user of the database.
type Account struct {
	Name        string   `json:"name"`
	Source      string   `json:"source"` // "local", "service", or the outside source that vouches for the user
	Admin       bool     `json:"admin"`
	Disabled    bool     `json:"disabled"`
	Password    bool     `json:"password"` // there is one here
	Groups      []string `json:"groups"`   // as the source said at the last login
	Description string   `json:"description"`
	CreatedAt   Time     `json:"created_at"`
}

// AccountRequest makes or changes a user; nil changes nothing.
type AccountRequest struct {
	Name        string  `json:"name,omitempty"` // only to make one
	Password    string  `json:"password,omitempty"`
	Service     bool    `json:"service,omitempty"` // only to make one
	Admin       *bool   `json:"admin,omitempty"`
	Disabled    *bool   `json:"disabled,omitempty"` // only to change one
	Description *string `json:"description,omitempty"`
}

// DeviceLogin begins a single sign-on without a browser on the user's machine:
// the user types UserCode in at URL, the client asks with Handle until it is done.
type DeviceLogin struct {
	Handle   string `json:"handle"`
	UserCode string `json:"user_code"`
	URL      string `json:"verification_uri"`
	FullURL  string `json:"verification_uri_complete,omitempty"` // with the code in it
	Expires  int    `json:"expires_in"`                          // seconds
	Interval int    `json:"interval"`                            // seconds between two questions
}

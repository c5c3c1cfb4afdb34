package squall

import (
	"encoding/json"
	"slices"
	"time"
)

// Inquiry is a question to people: the result of an execution that is pending
// for the answer.
type Inquiry struct {
	Schema   json.RawMessage `json:"schema"` // of the answer, a JSON object
	Roles    []string        `json:"roles"`  // of those who may answer; none: any
	Users    []string        `json:"users"`  // who may answer; none: all
	Route    string          `json:"route"`  // for rules
	TTL      int64           `json:"ttl"`    // minutes; 0 or less: no end
	Response json.RawMessage `json:"response,omitempty"`
}

// Expires returns when nobody waits for the answer any more, zero for never.
// asked is when the question was asked.
func (q *Inquiry) Expires(asked time.Time) time.Time {
	const most = 100 * 365 * 24 * 60 // minutes: what is longer is for ever
	if q.TTL <= 0 || q.TTL > most {
		return time.Time{}
	}
	return asked.Add(time.Duration(q.TTL) * time.Minute)
}

// MayAnswer reports whether a user may answer who has the given roles; nil:
// roles do not count (st2: without RBAC everybody has every role).
func (q *Inquiry) MayAnswer(user string, roles []string) bool {
	if len(q.Users) > 0 && !slices.Contains(q.Users, user) {
		return false
	}
	return len(q.Roles) == 0 || roles == nil || slices.ContainsFunc(q.Roles, func(r string) bool { return slices.Contains(roles, r) })
}

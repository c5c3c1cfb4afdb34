package wire

import (
	"encoding/json"

	"squall/internal/squall"
)

// Inquiry is a question that waits for an answer, or has waited for one.
type Inquiry struct {
	ID     string          `json:"id"` // the execution's
	Route  string          `json:"route"`
	TTL    int64           `json:"ttl"` // minutes
	Users  []string        `json:"users"`
	Roles  []string        `json:"roles"`
	Schema json.RawMessage `json:"schema"`
}

// InquiryOf shows what was asked by execution id.
func InquiryOf(id squall.ID, q *squall.Inquiry) Inquiry {
	list := func(names []string) []string { return append([]string{}, names...) } // [] and not null
	schema := q.Schema
	if len(schema) == 0 {
		schema = json.RawMessage("{}")
	}
	return Inquiry{ID: string(id), Route: q.Route, TTL: q.TTL, Users: list(q.Users), Roles: list(q.Roles), Schema: schema}
}

// InquiryResponse is the body of PUT /api/v1/inquiries/{id}, and the answer to it.
type InquiryResponse struct {
	ID       string          `json:"id"`
	Response json.RawMessage `json:"response"`
}

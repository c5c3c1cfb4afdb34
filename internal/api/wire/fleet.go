package wire

import (
	"encoding/json"
	"time"

	"squall/internal/squall"
)

// FleetNode is a machine of the inventory.
type FleetNode struct {
	Name       string            `json:"name"`
	Address    string            `json:"address,omitempty"` // where it is reached; empty: its name
	Port       int               `json:"port,omitempty"`
	Tags       []string          `json:"tags,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Source     string            `json:"source,omitempty"` // the import it comes from
	UpdatedAt  *Time             `json:"updated_at,omitempty"`
}

// FleetNodeOf returns the document of n.
func FleetNodeOf(n *squall.FleetNode) FleetNode {
	return FleetNode{Name: n.Name, Address: n.Address, Port: n.Port, Tags: n.Tags, Attributes: n.Attrs, Source: n.Source, UpdatedAt: &Time{n.UpdatedAt}}
}

// Node returns the machine of the document.
func (n FleetNode) Node() *squall.FleetNode {
	return &squall.FleetNode{Name: n.Name, Address: n.Address, Port: n.Port, Tags: n.Tags, Attrs: n.Attributes, Source: n.Source}
}

// FleetImport brings machines into the inventory.
type FleetImport struct {
	Nodes []FleetNode `json:"nodes"`
	// Source names the import. With Prune, machines of the same source that it
	// does not name any more go.
	Source string `json:"source,omitempty"`
	Prune  bool   `json:"prune,omitempty"`
}

// FleetImported says what an import did.
type FleetImported struct {
	Stored  int      `json:"stored"`
	Removed []string `json:"removed"`
}

// Rollout is an action run on many machines, batch by batch.
type Rollout struct {
	ID         string          `json:"id,omitempty"`
	Action     string          `json:"action"`
	Parameters json.RawMessage `json:"parameters,omitempty"`
	Param      string          `json:"param,omitempty"` // the parameter that gets the machine; "hosts"
	Target     string          `json:"target"`
	User       string          `json:"user,omitempty"`
	Batches    string          `json:"batches,omitempty"`
	Pause      string          `json:"pause,omitempty"` // "30s"
	Canary     bool            `json:"canary,omitempty"`
	MaxFail    string          `json:"max_fail,omitempty"`
	Shared     bool            `json:"shared,omitempty"`
	State      string          `json:"state,omitempty"`
	Reason     string          `json:"reason,omitempty"`
	Batch      int             `json:"batch"`
	Hosts      []RolloutHost   `json:"hosts,omitempty"`
	CreatedAt  *Time           `json:"created_at,omitempty"`
	EndedAt    *Time           `json:"ended_at,omitempty"`
}

// RolloutHost is a machine of a rollout.
type RolloutHost struct {
	Name      string `json:"name"`
	Target    string `json:"target"`
	Batch     int    `json:"batch"`
	Execution string `json:"execution_id,omitempty"`
	Status    string `json:"status"` // "waiting", or that of its execution
	Error     string `json:"error,omitempty"`
}

// RolloutWaiting is the status of a machine that has not been begun with.
const RolloutWaiting = "waiting"

// RolloutChange is a wish about a rollout.
type RolloutChange struct {
	State string `json:"state"` // paused, running or canceled
	Again bool   `json:"again,omitempty"`
}

// RolloutOf returns the document of r.
func RolloutOf(r *squall.Rollout) Rollout {
	doc := Rollout{
		ID: string(r.ID), Action: r.Action.String(), Parameters: r.Parameters, Param: r.Param, Target: r.Target, User: r.User,
		Batches: r.Batches, Pause: r.Pause.String(), Canary: r.Canary, MaxFail: r.MaxFail, Shared: r.Shared,
		State: string(r.State), Reason: r.Reason, Batch: r.Batch, CreatedAt: &Time{r.CreatedAt},
	}
	if !r.EndedAt.IsZero() {
		doc.EndedAt = &Time{r.EndedAt}
	}
	for _, h := range r.Hosts {
		host := RolloutHost{Name: h.Name, Target: h.Target, Batch: h.Batch, Execution: string(h.Execution), Status: string(h.Status), Error: h.Error}
		if h.Status == "" {
			host.Status = RolloutWaiting
		}
		doc.Hosts = append(doc.Hosts, host)
	}
	return doc
}

// HostKey is the key that a machine shows.
type HostKey struct {
	Host        string `json:"host"`
	Type        string `json:"type"`
	Fingerprint string `json:"fingerprint"`
	Trusted     bool   `json:"trusted"`
}

// HostKeyRequest asks for a machine's key, or, with its fingerprint, accepts it.
type HostKeyRequest struct {
	Host        string `json:"host"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Replace     bool   `json:"replace,omitempty"`
}

// ParsePause reads the pause of a rollout.
func ParsePause(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	return time.ParseDuration(text)
}

package squall

import (
	"encoding/json"
	"time"
)

// FleetNode is a machine that actions can be run on.
type FleetNode struct {
	Name      string            `json:"name"`
	Address   string            `json:"address,omitempty"` // where it is reached; empty: its name
	Port      int               `json:"port,omitempty"`    // 0: what ssh_config or 22 says
	Tags      []string          `json:"tags,omitempty"`
	Attrs     map[string]string `json:"attributes,omitempty"`
	Source    string            `json:"source,omitempty"` // the import it comes from; empty: added by hand
	UpdatedAt time.Time         `json:"updated_at"`
}

// Target is how the parameter "hosts" of remote actions names the machine.
func (n *FleetNode) Target() string {
	address := n.Address
	if address == "" {
		address = n.Name
	}
	if n.Port == 0 {
		return address
	}
	return hostPort(address, n.Port)
}

func hostPort(host string, port int) string {
	for _, c := range host {
		if c == ':' {
			host = "[" + host + "]"
			break
		}
	}
	b, _ := json.Marshal(port) // a number is always written
	return host + ":" + string(b)
}

// RolloutState says what a rollout does.
type RolloutState string

// The states. The last four are final, but a stopped or canceled one can be resumed.
const (
	RolloutRunning   RolloutState = "running"
	RolloutPaused    RolloutState = "paused" // begins with no further machine
	RolloutSucceeded RolloutState = "succeeded"
	RolloutFailed    RolloutState = "failed"   // all was tried, some failed, fewer than would have stopped it
	RolloutStopped   RolloutState = "stopped"  // too many failed
	RolloutCanceled  RolloutState = "canceled" // somebody wanted it to end
)

// Ended reports whether nothing more happens by itself.
func (s RolloutState) Ended() bool { return s != RolloutRunning && s != RolloutPaused }

// Rollout is an action run on many machines, batch by batch, one execution for each.
type Rollout struct {
	ID         ID              `json:"id"`
	Action     Ref             `json:"action"`
	Parameters json.RawMessage `json:"parameters,omitempty"`
	Param      string          `json:"param"`  // the parameter that gets the machine: "hosts"
	Target     string          `json:"target"` // the expression that chose them
	User       string          `json:"user"`

	Batches   string        `json:"batches"` // "1, 5, 20%"
	Pause     time.Duration `json:"pause"`   // between two batches
	Canary    bool          `json:"canary"`  // pause after the first batch until somebody resumes
	MaxFail   string        `json:"max_fail"`
	NoSecrets bool          `json:"no_secrets,omitempty"` // see Request
	Shared    bool          `json:"shared"`               // runs also on machines that another rollout works on

	AtOnce   int           `json:"at_once,omitempty"`  // how many machines work at the same time; 0: no limit
	Splay    time.Duration `json:"splay,omitempty"`    // each machine begins up to so much later
	Want     int           `json:"want,omitempty"`     // on how many of Hosts it is to succeed; 0: on all
	Failover Failover      `json:"failover,omitempty"` // with Want: when another machine takes over
	// Waiting says that the execution with the rollout's ID waits for it: when that
	// has ended, the rollout is canceled.
	Waiting bool `json:"waiting,omitempty"`

	State     RolloutState  `json:"state"`
	Reason    string        `json:"reason,omitempty"`
	NextAt    time.Time     `json:"next_at"` // when the next batch may begin
	Batch     int           `json:"batch"`   // the one at work, from 0
	Hosts     []RolloutHost `json:"hosts"`
	CreatedAt time.Time     `json:"created_at"`
	EndedAt   time.Time     `json:"ended_at"`
	Revision  int64         `json:"revision"` // the guard of concurrent writers
}

// RolloutHost is one machine of a rollout.
type RolloutHost struct {
	Name      string `json:"name"`
	Target    string `json:"target"`
	Batch     int    `json:"batch"`
	Execution ID     `json:"execution,omitempty"`
	Status    Status `json:"status,omitempty"` // of its execution; empty: not begun
	Error     string `json:"error,omitempty"`  // why there is no execution
	// NotBefore is when the machine may begin; zero: with its batch.
	NotBefore time.Time `json:"not_before,omitzero"`
	// Untouched says of a machine that failed that nothing was run on it.
	Untouched bool `json:"untouched,omitempty"`
}

// Failover says when another machine takes the place of one that failed, in a
// rollout that wants only some of its machines.
type Failover string

// The kinds of failover. The zero value is FailoverNever: at most once.
const (
	FailoverNever     Failover = "never"
	FailoverUntouched Failover = "unreachable" // when nothing was run on the machine: at most once, too
	FailoverAlways    Failover = "always"      // at least once
)

// Open reports whether something is still to be done: it has not ended, or
// machines still work for it.
func (r *Rollout) Open() bool {
	if !r.State.Ended() {
		return true
	}
	for _, h := range r.Hosts {
		if h.Status != "" && !h.Status.Final() {
			return true
		}
	}
	return false
}

package wire

// SensorState is how a sensor is.
type SensorState struct {
	Name        string  `json:"name"`
	Node        string  `json:"node"`
	PID         int     `json:"pid,omitempty"`
	State       string  `json:"state"`
	Since       Time    `json:"since"`
	Restarts    int64   `json:"restarts"`
	Events      int64   `json:"events"`
	LastEventAt *Time   `json:"last_event_at,omitempty"`
	CPU         float64 `json:"cpu_seconds"`
	RSS         int64   `json:"memory_bytes"`
	Error       string  `json:"error,omitempty"`
	UpdatedAt   Time    `json:"updated_at"`
}

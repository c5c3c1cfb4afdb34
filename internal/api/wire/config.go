package wire

import "encoding/json"

// PackConfig is a pack's configuration as it was set: without the defaults of
// its schema, templates not rendered, secrets masked unless they were asked for.
type PackConfig struct {
	Pack   string          `json:"pack"`
	Values json.RawMessage `json:"values"`
	ID     string          `json:"id"`
}

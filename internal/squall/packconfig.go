package squall

import "encoding/json"

// ConfigSchema is what a pack says in config.schema.yaml about its
// configuration: one parameter for each key of the first level. What is nested
// stands in Parameter.Rest.
type ConfigSchema struct {
	Pack       string `json:"pack"`
	Attributes Schema `json:"attributes"`
}

// PackConfig is the configuration an administrator has given to a pack. Secret
// values may be references into the datastore or ciphertext; nothing here is
// resolved.
type PackConfig struct {
	Pack   string          `json:"pack"`
	Values json.RawMessage `json:"values"` // a JSON object
}

package squall

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// TriggerType is a kind of event that rules can wait for: declared in a pack's
// triggers directory, by a sensor, or built in.
type TriggerType struct {
	Ref              Ref             `json:"ref"`
	Description      string          `json:"description,omitempty"`
	PayloadSchema    json.RawMessage `json:"payload_schema,omitempty"`    // JSON schema of what an event carries
	ParametersSchema json.RawMessage `json:"parameters_schema,omitempty"` // JSON schema of what a rule may give; nil: nothing
	Tags             []Tag           `json:"tags,omitempty"`
	MetadataFile     string          `json:"metadata_file,omitempty"`
}

// Trigger is a trigger type with parameters: what a rule waits for and what a
// sensor is told to watch. Rules with equal type and parameters share one.
type Trigger struct {
	Ref         Ref             `json:"ref"`
	Description string          `json:"description,omitempty"`
	Type        Ref             `json:"type"`
	Parameters  json.RawMessage `json:"parameters,omitempty"` // a JSON object; nil: none
}

// TriggerFor returns the trigger for a type with parameters. Without parameters
// it bears the type's own reference (st2); with them a name made of a digest of
// both, so that equal rules find the same trigger on every node. StackStorm
// takes a random name there; what it looks like is the same.
func TriggerFor(typ Ref, parameters json.RawMessage) *Trigger {
	canonical := canonicalObject(parameters)
	if canonical == nil {
		return &Trigger{Ref: typ, Type: typ}
	}
	sum := sha256.Sum256(append([]byte(typ.String()+"\n"), canonical...))
	id := hex.EncodeToString(sum[:16])
	name := id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
	return &Trigger{Ref: Ref{Pack: typ.Pack, Name: name}, Type: typ, Parameters: parameters}
}

// canonicalObject returns a JSON object with its keys sorted, nil when it is
// empty or no object.
func canonicalObject(doc json.RawMessage) []byte {
	var members map[string]any
	if json.Unmarshal(doc, &members) != nil || len(members) == 0 {
		return nil
	}
	sorted, err := json.Marshal(members)
	if err != nil {
		return nil // what came out of JSON goes back into it
	}
	return sorted
}

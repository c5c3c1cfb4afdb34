package squall

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Pack is a named collection of content.
type Pack struct {
	Ref         string `json:"ref"` // its short name, the first part of every reference into it
	Name        string `json:"name"`
	Description string `json:"description"`
	Version     string `json:"version"`
	Author      string `json:"author"`
	Email       string `json:"email,omitempty"`
	Path        string `json:"path"` // its directory on disk

	Keywords       []string        `json:"keywords,omitempty"`
	Contributors   []string        `json:"contributors,omitempty"`
	PythonVersions []string        `json:"python_versions,omitempty"`    // "2", "3"
	ServerVersion  string          `json:"stackstorm_version,omitempty"` // a range such as ">=3.0.0, <4.0.0"
	Dependencies   []string        `json:"dependencies,omitempty"`       // packs or addresses, with "=version" at the end
	System         json.RawMessage `json:"system,omitempty"`             // a JSON object
	Files          []string        `json:"files,omitempty"`              // relative to Path

	Labels map[string]string `json:"labels,omitempty"` // what its actions ask for, unless they say otherwise
}

// Action is something that can be run: a runner, an entry point and the
// parameters it takes.
type Action struct {
	Ref          Ref               `json:"ref"`
	Description  string            `json:"description"`
	Runner       string            `json:"runner_type"`
	Enabled      bool              `json:"enabled"`
	EntryPoint   string            `json:"entry_point"` // as in the metadata, relative to the pack's actions directory
	Parameters   Schema            `json:"parameters"`
	Tags         []Tag             `json:"tags,omitempty"`
	Notify       json.RawMessage   `json:"notify,omitempty"`
	Output       json.RawMessage   `json:"output_schema,omitempty"`
	Repeatable   bool              `json:"repeatable,omitempty"` // may be started again when its node stops or dies
	Labels       map[string]string `json:"labels,omitempty"`     // labels a node must have to run it
	MetadataFile string            `json:"metadata_file,omitempty"`
	// Definition is the text of a workflow's file. It belongs to the action's
	// version: a workflow that runs keeps the text it began with.
	Definition string `json:"definition,omitempty"`
}

// Tag is a name with a value, as StackStorm's tags.
type Tag struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Version returns the name under which the action's present form is stored: a
// digest of all its fields. Executions keep it, so that what ran can be shown
// after the action has changed.
func (a *Action) Version() string {
	doc, err := json.Marshal(a)
	if err != nil {
		panic(fmt.Sprintf("squall: marshal action %s: %v", a.Ref, err)) // plain data: cannot happen
	}
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:16])
}

// Schema describes the parameters of a runner or an action, in the order of
// the source file.
type Schema []Parameter

// Parameter is one entry of a Schema. The fields StackStorm's checks use are
// parsed; Rest keeps the others ("enum", "items", "anyOf"...) as JSON for the
// JSON-schema check and for the API.
type Parameter struct {
	Name        string          `json:"name"`
	Type        json.RawMessage `json:"type,omitempty"` // a JSON string, or a list of strings
	Description string          `json:"description,omitempty"`
	Default     json.RawMessage `json:"default,omitempty"` // nil: none; "null" is a default of null
	Required    bool            `json:"required,omitempty"`
	Immutable   bool            `json:"immutable,omitempty"`
	Secret      bool            `json:"secret,omitempty"`
	Position    *int            `json:"position,omitempty"`
	Rest        json.RawMessage `json:"rest,omitempty"` // a JSON object, nil when empty
}

// Get returns the parameter called name.
func (s Schema) Get(name string) (Parameter, bool) {
	for _, p := range s {
		if p.Name == name {
			return p, true
		}
	}
	return Parameter{}, false
}

// RunnerType describes a kind of runner: what API and CLI show of it.
type RunnerType struct {
	Name        string          `json:"name"`
	Aliases     []string        `json:"aliases,omitempty"` // old names that packs still use
	Description string          `json:"description"`
	Parameters  Schema          `json:"runner_parameters"`
	OutputKey   string          `json:"output_key,omitempty"`
	Output      json.RawMessage `json:"output_schema,omitempty"`
	Disabled    bool            `json:"disabled,omitempty"` // switched off by the administrator
}

package wire

import (
	"encoding/json"

	"squall/internal/squall"
)

// Action is an action as a client reads it.
type Action struct {
	ID           string                     `json:"id"`
	UID          string                     `json:"uid"`
	Ref          string                     `json:"ref"`
	Pack         string                     `json:"pack"`
	Name         string                     `json:"name"`
	Description  string                     `json:"description,omitempty"`
	Enabled      bool                       `json:"enabled"`
	EntryPoint   string                     `json:"entry_point"`
	Runner       string                     `json:"runner_type"`
	MetadataFile string                     `json:"metadata_file"`
	Parameters   map[string]json.RawMessage `json:"parameters"`
	Tags         []squall.Tag               `json:"tags"`
	OutputSchema json.RawMessage            `json:"output_schema"`
	Notify       json.RawMessage            `json:"notify"`
}

// Pack is a pack as a client reads it.
type Pack struct {
	ID          string `json:"id"`
	Ref         string `json:"ref"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Version     string `json:"version"`
	Author      string `json:"author"`
	Email       string `json:"email"`
	Path        string `json:"path"`

	Keywords       []string        `json:"keywords"`
	PythonVersions []string        `json:"python_versions"`
	ServerVersion  string          `json:"stackstorm_version,omitempty"`
	Contributors   []string        `json:"contributors"`
	Files          []string        `json:"files"`
	Dependencies   []string        `json:"dependencies"`
	System         json.RawMessage `json:"system"`
}

// RunnerType is a runner type as a client reads it.
type RunnerType struct {
	ID          string                     `json:"id"`
	Name        string                     `json:"name"`
	Description string                     `json:"description"`
	Enabled     bool                       `json:"enabled"`
	Parameters  map[string]json.RawMessage `json:"runner_parameters"`
}

// ActionID returns the identifier of the action called ref.
func ActionID(ref squall.Ref) squall.ID { return ObjectID("action", ref.String()) }

// Action writes a.
func (e *Encoder) Action(a *squall.Action, f Fields) {
	ref := a.Ref.String()
	e.Object(func() {
		if f.Has("tags") {
			e.key("tags")
			e.Array(func() {
				for _, t := range a.Tags {
					e.Object(func() { e.str("name", t.Name); e.str("value", t.Value) })
				}
			})
		}
		for _, m := range [...]struct{ key, value string }{
			{"uid", "action:" + a.Ref.Pack + ":" + a.Ref.Name}, {"metadata_file", a.MetadataFile}, {"name", a.Ref.Name}, {"ref", ref},
		} {
			if f.Has(m.key) {
				e.str(m.key, m.value)
			}
		}
		if a.Description != "" && f.Has("description") {
			e.str("description", a.Description)
		}
		if f.Has("enabled") {
			e.bool("enabled", a.Enabled)
		}
		for _, m := range [...]struct{ key, value string }{
			{"entry_point", a.EntryPoint}, {"pack", a.Ref.Pack}, {"runner_type", a.Runner},
		} {
			if f.Has(m.key) {
				e.str(m.key, m.value)
			}
		}
		if f.Has("parameters") {
			e.key("parameters")
			e.schema(a.Parameters)
		}
		if f.Has("output_schema") {
			e.raw("output_schema", a.Output, "{}")
		}
		if f.Has("notify") {
			e.raw("notify", a.Notify, "{}")
		}
		e.str("id", string(ActionID(a.Ref)))
	})
}

func (e *Encoder) schema(s squall.Schema) {
	e.Object(func() {
		for i := range s {
			e.key(s[i].Name)
			e.parameter(&s[i])
		}
	})
}

func (e *Encoder) parameter(p *squall.Parameter) {
	e.Object(func() {
		if p.Description != "" {
			e.str("description", p.Description)
		}
		if len(p.Type) > 0 {
			e.raw("type", p.Type, "")
		}
		if p.Default != nil {
			e.raw("default", p.Default, "null")
		}
		for _, m := range [...]struct {
			key string
			set bool
		}{{"required", p.Required}, {"immutable", p.Immutable}, {"secret", p.Secret}} {
			if m.set {
				e.bool(m.key, true)
			}
		}
		if p.Position != nil {
			e.int("position", int64(*p.Position))
		}
		e.members(p.Rest)
	})
}

// members writes the members of a stored object into the object that is open.
func (e *Encoder) members(doc []byte) {
	if inner := innerOf(doc); len(inner) > 0 {
		e.Raw(inner)
	}
}

// innerOf returns what stands between the braces of a JSON object.
func innerOf(doc []byte) []byte {
	i, j := 0, len(doc)-1
	for i < j && isSpace(doc[i]) {
		i++
	}
	for j > i && isSpace(doc[j]) {
		j--
	}
	if j <= i || doc[i] != '{' || doc[j] != '}' {
		return nil
	}
	for i++; i < j && isSpace(doc[i]); i++ {
	}
	return doc[i:j]
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// RunnerType writes rt.
func (e *Encoder) RunnerType(rt *squall.RunnerType, f Fields) {
	pkg, mod := runnerModule(rt.Name)
	e.Object(func() {
		for _, m := range [...]struct{ key, value string }{
			{"name", rt.Name}, {"description", rt.Description}, {"uid", "runner_type:" + rt.Name},
		} {
			if f.Has(m.key) {
				e.str(m.key, m.value)
			}
		}
		if f.Has("enabled") {
			e.bool("enabled", !rt.Disabled)
		}
		for _, m := range [...]struct{ key, value string }{{"runner_package", pkg}, {"runner_module", mod}} {
			if f.Has(m.key) {
				e.str(m.key, m.value)
			}
		}
		if f.Has("runner_parameters") {
			e.key("runner_parameters")
			e.schema(rt.Parameters)
		}
		if rt.OutputKey != "" && f.Has("output_key") {
			e.str("output_key", rt.OutputKey)
		}
		if f.Has("output_schema") {
			e.raw("output_schema", rt.Output, "{}")
		}
		e.str("id", string(ObjectID("runner_type", rt.Name)))
	})
}

// modules says which Python package and module a runner lived in: clients show
// the two names, nothing is loaded by them here.
var modules = map[string][2]string{
	"http-request":        {"http_runner", "http_runner"},
	"local-shell-cmd":     {"local_runner", "local_shell_command_runner"},
	"local-shell-script":  {"local_runner", "local_shell_script_runner"},
	"python-script":       {"python_runner", "python_runner"},
	"remote-shell-cmd":    {"remote_runner", "remote_command_runner"},
	"remote-shell-script": {"remote_runner", "remote_script_runner"},
	"winrm-cmd":           {"winrm_runner", "winrm_command_runner"},
	"winrm-ps-cmd":        {"winrm_runner", "winrm_ps_command_runner"},
	"winrm-ps-script":     {"winrm_runner", "winrm_ps_script_runner"},
}

func runnerModule(name string) (pkg, mod string) {
	if m, ok := modules[name]; ok {
		return m[0], m[1]
	}
	b := []byte(name + "_runner")
	for i, c := range b {
		if c == '-' {
			b[i] = '_'
		}
	}
	return string(b), string(b)
}

// Pack writes p.
func (e *Encoder) Pack(p *squall.Pack, f Fields) {
	e.Object(func() {
		text := func(key, value string) {
			if f.Has(key) {
				e.str(key, value)
			}
		}
		text("uid", "pack:"+p.Ref)
		text("ref", p.Ref)
		text("name", p.Name)
		text("description", p.Description)
		e.list(f, "keywords", p.Keywords)
		text("version", p.Version)
		if p.ServerVersion != "" {
			text("stackstorm_version", p.ServerVersion)
		}
		e.list(f, "python_versions", p.PythonVersions)
		text("author", p.Author)
		text("email", p.Email)
		e.list(f, "contributors", p.Contributors)
		e.list(f, "files", p.Files)
		text("path", p.Path)
		e.list(f, "dependencies", p.Dependencies)
		if f.Has("system") {
			e.raw("system", p.System, "{}")
		}
		e.str("id", string(ObjectID("pack", p.Ref)))
	})
}

// list writes a list of texts.
func (e *Encoder) list(f Fields, key string, texts []string) {
	if !f.Has(key) {
		return
	}
	e.key(key)
	e.Array(func() {
		for _, text := range texts {
			doc, _ := json.Marshal(text) // a string always has a form
			e.Raw(doc)
		}
	})
}

// ConfigSchema writes what a pack says of its configuration.
func (e *Encoder) ConfigSchema(c *squall.ConfigSchema) {
	e.Object(func() {
		e.str("pack", c.Pack)
		e.key("attributes")
		e.schema(c.Attributes)
		e.str("id", string(ObjectID("config_schema", c.Pack)))
	})
}

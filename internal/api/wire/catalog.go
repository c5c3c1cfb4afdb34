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
			e.bool("enabled", true)
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

// Pack writes p. Keys that this server does not keep of a pack are there, empty.
func (e *Encoder) Pack(p *squall.Pack, f Fields) {
	e.Object(func() {
		for _, m := range [...]struct{ key, value string }{
			{"uid", "pack:" + p.Ref}, {"ref", p.Ref}, {"name", p.Name}, {"description", p.Description},
		} {
			if f.Has(m.key) {
				e.str(m.key, m.value)
			}
		}
		e.emptyList(f, "keywords")
		if f.Has("version") {
			e.str("version", p.Version)
		}
		e.emptyList(f, "python_versions")
		for _, m := range [...]struct{ key, value string }{{"author", p.Author}, {"email", p.Email}} {
			if f.Has(m.key) {
				e.str(m.key, m.value)
			}
		}
		e.emptyList(f, "contributors")
		e.emptyList(f, "files")
		if f.Has("path") {
			e.str("path", p.Path)
		}
		e.emptyList(f, "dependencies")
		if f.Has("system") {
			e.raw("system", nil, "{}")
		}
		e.str("id", string(ObjectID("pack", p.Ref)))
	})
}

func (e *Encoder) emptyList(f Fields, key string) {
	if f.Has(key) {
		e.raw(key, nil, "[]")
	}
}

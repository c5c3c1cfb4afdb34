// Package types holds the metadata of the built-in runners: names, old names,
// parameters in their order with types and defaults, output keys. It is data:
// the API shows it, parameters are checked against it, packs may override parts
// of it. What the runners do lies in the packages beside it.
//
// Names, types, defaults and order are StackStorm's, so that its packs and
// clients find what they expect.
package types

import (
	"encoding/json"
	"slices"

	"squall/internal/squall"
)

// Catalog finds runner types by any of their names. It is read-only.
type Catalog struct {
	types  []*squall.RunnerType
	byName map[string]*squall.RunnerType
}

// Builtin returns the catalog of the runners that ship with Squall.
func Builtin() *Catalog {
	return New(
		announcement(),
		httpRequest(),
		inquirer(),
		localShellCmd(),
		localShellScript(),
		nodeRun(),
		noop(),
		orquesta(),
		actionChain(),
		mistral(),
		mistralStd(),
		packManager(),
		pythonScript(),
		remoteShellCmd(),
		remoteShellScript(),
		winrmCmd(),
		winrmPSCmd(),
		winrmPSScript(),
	)
}

// New returns a catalog of the given types, listed by name.
func New(types ...*squall.RunnerType) *Catalog {
	c := &Catalog{types: slices.Clone(types), byName: map[string]*squall.RunnerType{}}
	slices.SortFunc(c.types, func(a, b *squall.RunnerType) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	for _, t := range types {
		c.byName[t.Name] = t
		for _, alias := range t.Aliases {
			c.byName[alias] = t
		}
	}
	return c
}

// RunnerType returns the type called name, which may be one of its old names.
func (c *Catalog) RunnerType(name string) (*squall.RunnerType, bool) {
	t, ok := c.byName[name]
	return t, ok
}

// All returns the types by name, ascending, each once.
func (c *Catalog) All() []*squall.RunnerType { return slices.Clone(c.types) }

// param returns a parameter of the given JSON type with what the options add.
func param(name, typ, description string, options ...func(*squall.Parameter)) squall.Parameter {
	p := squall.Parameter{Name: name, Type: quote(typ), Description: description}
	for _, option := range options {
		option(&p)
	}
	return p
}

func required(p *squall.Parameter)  { p.Required = true }
func immutable(p *squall.Parameter) { p.Immutable = true }
func secret(p *squall.Parameter)    { p.Secret = true }

// byDefault gives a default, written as JSON.
func byDefault(value string) func(*squall.Parameter) {
	return func(p *squall.Parameter) { p.Default = json.RawMessage(value) }
}

// optional says so in the schema as well, as StackStorm's metadata does.
func optional(p *squall.Parameter) {
	if len(p.Rest) == 0 {
		p.Rest = json.RawMessage(`{"required":false}`)
		return
	}
	p.Rest = append(json.RawMessage(`{"required":false,`), p.Rest[1:]...)
}

// also adds further keywords of the JSON schema, written as a JSON object.
func also(keywords string) func(*squall.Parameter) {
	return func(p *squall.Parameter) { p.Rest = json.RawMessage(keywords) }
}

// quote writes a type's name as JSON; the names hold no character to escape.
func quote(typ string) json.RawMessage { return json.RawMessage(`"` + typ + `"`) }

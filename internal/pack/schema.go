package pack

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"

	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
	"squall/internal/squall"
)

var (
	paramName  = regexp.MustCompile(`^[\p{L}\p{N}_]+$`)
	paramTypes = []string{"array", "boolean", "integer", "null", "number", "object", "string"}
	// paramKeys are the keywords of a parameter: JSON schema of draft 4 and
	// the original's additions. "format" is not among them (st2).
	paramKeys = []string{
		"type", "description", "default", "required", "immutable", "secret", "position", "enum",
		"items", "additionalItems", "minItems", "maxItems", "uniqueItems",
		"properties", "patternProperties", "additionalProperties", "minProperties", "maxProperties", "dependencies",
		"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
		"minLength", "maxLength", "pattern", "allOf", "anyOf", "oneOf", "not",
		"title", "id", "$ref", "$schema", "definitions",
	}
	// overridable are the attributes of a runner's parameter that an action may
	// change (st2).
	overridable = []string{"default", "description", "enum", "immutable", "required", "secret"}
)

// schema reads an action's parameters, in the order of the file.
func (f *file) schema(n *pyyaml.Node, runner *squall.RunnerType, checkRunner bool) squall.Schema {
	if !f.mapping("parameters", n) {
		return nil
	}
	schema := squall.Schema{}
	for _, e := range f.entries(n) {
		if !paramName.MatchString(e.name) {
			f.fault(e.key, fmt.Sprintf("parameter name %q is not made of letters, digits and _", e.name), "rename it")
		}
		if e.node.Kind != pyyaml.Mapping {
			f.fault(e.node, fmt.Sprintf("parameter %q must be a mapping, not %s", e.name, kindOf(e.node)), "write type: and description: below its name")
			continue
		}
		p := f.parameter(e)
		inherited, isRunners := squall.Parameter{}, false
		if runner != nil {
			if inherited, isRunners = runner.Parameters.Get(p.Name); isRunners {
				f.override(e, runner.Name, p, inherited)
			}
		}
		if p.Immutable && p.Default == nil && checkRunner && inherited.Default == nil {
			f.fault(e.key, fmt.Sprintf("parameter %q is immutable but has no value", p.Name), "add a default")
		}
		schema = append(schema, p)
	}
	f.positions(n, schema)
	return schema
}

// parameter reads one parameter. A default is not checked against the type:
// packs have hundreds that do not fit and are never used (st2).
func (f *file) parameter(e entry) squall.Parameter {
	p := squall.Parameter{Name: e.name}
	what := func(key string) string { return fmt.Sprintf("%s of parameter %q", key, e.name) }
	rest := value.NewDict(0)
	for _, k := range f.entries(e.node) {
		switch k.name {
		case "type":
			name, ok := k.node.Value.(string)
			if !ok || !slices.Contains(paramTypes, name) {
				do := "use one of array, boolean, integer, number, object, string"
				if near := squall.Nearest(name, paramTypes, 2); near != "" {
					do = fmt.Sprintf("did you mean %q?", near)
				}
				f.fault(k.node, fmt.Sprintf("%s is %s", what("type"), kindOf(k.node)), do)
				continue
			}
			p.Type = f.document(what("type"), k.node)
		case "description":
			p.Description = f.text(what("description"), k.node)
		case "default":
			p.Default = f.document(what("default"), k.node)
		case "required":
			p.Required = f.flag(what("required"), k.node)
			keepFalse(rest, k, p.Required)
		case "immutable":
			p.Immutable = f.flag(what("immutable"), k.node)
			keepFalse(rest, k, p.Immutable)
		case "secret":
			p.Secret = f.flag(what("secret"), k.node)
			keepFalse(rest, k, p.Secret)
		case "position":
			at, ok := k.node.Value.(int64)
			if !ok || at < 0 || at > 1<<16 {
				f.fault(k.node, fmt.Sprintf("%s must be a number from 0 on, not %s", what("position"), kindOf(k.node)), "count from 0")
				continue
			}
			position := int(at)
			p.Position = &position
		default:
			if !slices.Contains(paramKeys, k.name) {
				f.unknown(k, fmt.Sprintf("parameter %q has no %%q", e.name), paramKeys)
				continue
			}
			if k.name == "enum" && k.node.Kind != pyyaml.Sequence {
				f.fault(k.node, fmt.Sprintf("%s must be a list, not %s", what("enum"), kindOf(k.node)), `write "- one" lines`)
				continue
			}
			if f.document(what(k.name), k.node) != nil {
				rest.SetStr(k.name, k.node.Value)
			}
		}
	}
	if rest.Len() > 0 {
		if doc, err := value.ToJSON(rest); err == nil { // each part was written already
			p.Rest = doc
		}
	}
	return p
}

// keepFalse notes that metadata says "false": it can take back what the runner
// says, and clients see it.
func keepFalse(rest *value.Dict, k entry, set bool) {
	if said, ok := k.node.Value.(bool); ok && !said && !set {
		rest.SetStr(k.name, false)
	}
}

// override checks what an action changes of its runner's parameter.
func (f *file) override(e entry, runner string, p, inherited squall.Parameter) {
	for _, k := range f.entries(e.node) {
		if slices.Contains(overridable, k.name) || !slices.Contains(paramKeys, k.name) {
			continue // allowed, or reported already
		}
		if k.name == "type" && bytes.Equal(p.Type, inherited.Type) {
			continue // says what is so anyway
		}
		f.fault(k.key, fmt.Sprintf("%q of parameter %q belongs to runner %s and cannot be changed", k.name, p.Name, runner),
			"remove the line, or rename the parameter")
	}
}

// positions checks that positions are unique and have no gap; they may start
// anywhere (st2).
func (f *file) positions(n *pyyaml.Node, schema squall.Schema) {
	at := map[int]string{}
	var taken []int
	for _, p := range schema {
		if p.Position == nil {
			continue
		}
		where := n.Get(p.Name)
		if other, ok := at[*p.Position]; ok {
			f.fault(where, fmt.Sprintf("parameters %q and %q have the same position %d", other, p.Name, *p.Position), "give each its own")
			continue
		}
		at[*p.Position] = p.Name
		taken = append(taken, *p.Position)
	}
	slices.Sort(taken)
	for i := 1; i < len(taken); i++ {
		if taken[i] != taken[i-1]+1 {
			f.fault(n, fmt.Sprintf("no parameter has position %d, but %q has %d", taken[i-1]+1, at[taken[i]], taken[i]), "number them without a gap")
			return
		}
	}
}

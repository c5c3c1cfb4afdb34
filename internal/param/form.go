package param

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"squall/internal/expr/value"
	"squall/internal/squall"
)

// Form is the compiled parameter schema of one action on its runner. It never
// changes and may be used by several goroutines at once.
type Form struct {
	names    []string                  // all parameters: the runner's in their order, then the action's own
	own      map[string]bool           // parameters of the action that the runner does not have
	defaults map[string]any            // decoded; a parameter without default, or with null, is not in it
	nested   map[string]map[string]any // schema parts that fill defaults inside objects and arrays
	fixed    map[string]bool           // immutable
	types    map[string]string         // to cast to
	schema   *checker                  // nil: anything goes, or fault is set
	fault    error                     // why there is no schema
	secrets  *mask                     // nil: no parameter is secret
	result   *mask                     // nil: nothing in a result is secret
	outKey   string                    // where in the result the action's own output schema applies
	output   outputForm

	templates                    bool        // some default is a template
	runnerEntries, actionEntries *value.Dict // the schemas as rendering reads them
}

// forms keeps the compiled forms: compiling costs some hundred microseconds,
// looking one up a few. It is dropped as a whole when it has grown too big,
// which no installation of ordinary size reaches.
var forms struct {
	sync.RWMutex
	byVersion map[formKey]*Form
}

type formKey struct {
	runner *squall.RunnerType
	action string
}

const maxForms = 4096

// Of returns the compiled form of the action's parameters on its runner, from
// a cache keyed by the action's version. A nil runner type has no parameters.
func Of(rt *squall.RunnerType, a *squall.Action) *Form {
	key := formKey{rt, a.Version()}
	forms.RLock()
	f := forms.byVersion[key]
	forms.RUnlock()
	if f != nil {
		return f
	}
	f = Compile(rt, a)
	forms.Lock()
	defer forms.Unlock()
	if forms.byVersion == nil || len(forms.byVersion) >= maxForms {
		forms.byVersion = map[formKey]*Form{}
	}
	forms.byVersion[key] = f
	return f
}

// Compile builds the form. A schema that is itself wrong is reported by every
// later Validate, so that the other parameters' secrets can still be masked.
func Compile(rt *squall.RunnerType, a *squall.Action) *Form {
	if rt == nil {
		rt = &squall.RunnerType{}
	}
	f := &Form{types: map[string]string{}, own: map[string]bool{}, defaults: map[string]any{}, nested: map[string]map[string]any{}, fixed: map[string]bool{}, outKey: rt.OutputKey}
	f.runnerEntries, f.actionEntries = entries(rt.Parameters), entries(a.Parameters)
	properties := map[string]any{}
	secrets := map[string]*mask{}
	for _, p := range merge(rt.Parameters, a.Parameters) {
		f.names = append(f.names, p.Name)
		if _, ok := rt.Parameters.Get(p.Name); !ok {
			f.own[p.Name] = true
		}
		if p.Immutable {
			f.fixed[p.Name] = true
		}
		prop, err := property(p)
		if err != nil && f.fault == nil {
			f.fault = squall.Errorf(squall.Invalid, "The schema of parameter %q of action %q is not valid: %v", p.Name, a.Ref, err)
		}
		if d, ok := prop["default"]; ok && d != nil {
			f.defaults[p.Name] = d
		}
		f.types[p.Name], _ = prop["type"].(string)
		if m := maskOf(prop, p.Secret); m != nil {
			secrets[p.Name] = m
		}
		allowNull(p.Name, prop, properties)
		if hasNested(prop) {
			f.nested[p.Name] = prop
		}
		if HasTemplate(f.defaults[p.Name]) {
			f.templates = true
			delete(prop, "required") // it will have a value
		}
	}
	if len(secrets) > 0 {
		f.secrets = &mask{properties: secrets}
	}
	f.result = resultMask(a.Output)
	f.output.runner, f.output.action, f.output.key = rt.Output, a.Output, rt.OutputKey
	if f.fault == nil && len(properties) > 0 {
		f.schema, f.fault = compile(map[string]any{
			"type": "object", "properties": properties, "additionalProperties": false,
		})
		if f.fault != nil {
			f.fault = squall.Errorf(squall.Invalid, "The parameter schema of action %q is not valid: %w", a.Ref, f.fault)
		}
	}
	return f
}

// merge lays the action's parameters over the runner's, attribute by
// attribute. An action cannot take immutable or secret back from a parameter of
// the runner, and required only by saying so.
func merge(runner, action squall.Schema) squall.Schema {
	merged := slices.Clone(runner)
	for _, p := range action {
		i := slices.IndexFunc(merged, func(q squall.Parameter) bool { return q.Name == p.Name })
		if i < 0 {
			merged = append(merged, p)
			continue
		}
		q := &merged[i]
		if p.Type != nil {
			q.Type = p.Type
		}
		if p.Description != "" {
			q.Description = p.Description
		}
		if p.Default != nil {
			q.Default = p.Default
		}
		if p.Position != nil {
			q.Position = p.Position
		}
		q.Required = p.Required || q.Required && !saysOptional(p.Rest)
		q.Immutable = q.Immutable || p.Immutable
		q.Secret = q.Secret || p.Secret
		q.Rest = mergeObjects(q.Rest, p.Rest)
	}
	return merged
}

// saysOptional reports whether metadata says "required: false".
func saysOptional(rest json.RawMessage) bool {
	var said struct{ Required *bool }
	return len(rest) > 0 && json.Unmarshal(rest, &said) == nil && said.Required != nil && !*said.Required
}

// mergeObjects lays over's keys over base's. Texts that are no JSON objects
// are passed on; property reports them.
func mergeObjects(base, over json.RawMessage) json.RawMessage {
	switch {
	case len(over) == 0:
		return base
	case len(base) == 0:
		return over
	}
	var b, o map[string]json.RawMessage
	if json.Unmarshal(base, &b) != nil || json.Unmarshal(over, &o) != nil {
		return over
	}
	maps.Copy(b, o)
	doc, err := json.Marshal(b)
	if err != nil {
		return over
	}
	return doc
}

// property builds the JSON schema of one parameter.
func property(p squall.Parameter) (map[string]any, error) {
	prop := map[string]any{}
	if len(p.Rest) > 0 {
		v, err := decode(p.Rest)
		if err != nil {
			return prop, err
		}
		rest, ok := v.(map[string]any)
		if !ok {
			return prop, fmt.Errorf("%s is not of type 'object'", repr(v))
		}
		prop = rest
	}
	for name, doc := range map[string]json.RawMessage{"type": p.Type, "default": p.Default} {
		if doc == nil {
			continue
		}
		v, err := decode(doc)
		if err != nil {
			return prop, fmt.Errorf("%s: %w", name, err)
		}
		prop[name] = v
	}
	if p.Required {
		prop["required"] = true
	}
	if len(prop) == 0 && p.Description == "" && !p.Immutable && !p.Secret && p.Position == nil {
		// st2: a parameter with an empty definition takes any type.
		types := []any{}
		for _, t := range []string{"array", "boolean", "integer", "number", "object", "string"} {
			types = append(types, map[string]any{"type": t})
		}
		prop["anyOf"] = types
	}
	return prop, nil
}

// decode reads a JSON value, keeping numbers as they are written.
func decode(doc json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
}

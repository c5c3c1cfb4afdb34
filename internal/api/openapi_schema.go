package api

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"squall/internal/api/wire"
	"squall/internal/squall"
)

// describer makes JSON schemas of documents and bodies; named ones are collected
// in schemas.
type describer struct{ schemas map[string]any }

// ofType describes what json.Marshal makes of the type of v.
func (d *describer) ofType(v any) map[string]any { return d.schema(reflect.TypeOf(v)) }

var (
	rawType    = reflect.TypeFor[json.RawMessage]()
	timeType   = reflect.TypeFor[time.Time]()
	stampType  = reflect.TypeFor[wire.Time]()
	formatType = reflect.TypeFor[squall.AliasFormat]()
)

func (d *describer) schema(t reflect.Type) map[string]any {
	switch t {
	case rawType:
		return map[string]any{}
	case timeType, stampType:
		return map[string]any{"type": "string", "format": "date-time"}
	case formatType:
		return map[string]any{"anyOf": []any{map[string]any{"type": "string"}, map[string]any{"type": "object"}}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return map[string]any{"anyOf": []any{d.schema(t.Elem()), map[string]any{"type": "null"}}}
	case reflect.Struct:
		return d.object(t)
	case reflect.Slice, reflect.Array:
		return map[string]any{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Interface:
		return map[string]any{}
	default:
		return map[string]any{"type": "integer"}
	}
}

// object describes a struct under its name; one without a name where it stands.
func (d *describer) object(t reflect.Type) map[string]any {
	ref := map[string]any{"$ref": "#/components/schemas/" + t.Name()}
	if d.schemas[t.Name()] != nil {
		return ref
	}
	properties := map[string]any{}
	schema := map[string]any{"type": "object", "properties": properties}
	if t.Name() == "" {
		ref = schema
	} else {
		d.schemas[t.Name()] = schema // before its members, which may lead back to it
	}
	var required []string
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || f.Anonymous {
			continue
		}
		properties[name] = d.schema(f.Type)
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			required = append(required, name)
		}
	}
	if required != nil {
		schema["required"] = required
	}
	return ref
}

// ofShape describes a body.
func (d *describer) ofShape(s *shape) map[string]any {
	ref := map[string]any{"$ref": "#/components/schemas/" + s.name}
	if d.schemas[s.name] != nil {
		return ref
	}
	properties := map[string]any{}
	var required []string
	for _, p := range s.schema {
		if p.Required {
			required = append(required, p.Name)
		}
		p.Required = false // the list says so
		var all map[string]map[string]any
		_ = json.Unmarshal(wire.SchemaOf(squall.Schema{p}), &all) // it was written by us
		properties[p.Name] = listsRequired(all[p.Name])
	}
	schema := map[string]any{"type": "object", "properties": properties, "additionalProperties": s.open}
	if required != nil {
		schema["required"] = required
	}
	d.schemas[s.name] = schema
	return ref
}

// listsRequired turns the "required": true of properties into the list that
// today's JSON schema has.
func listsRequired(schema map[string]any) map[string]any {
	if _, ok := schema["required"].(bool); ok {
		delete(schema, "required")
	}
	delete(schema, "exclusiveMinimum") // of draft 4: true beside minimum
	for _, key := range []string{"properties", "patternProperties"} {
		properties, _ := schema[key].(map[string]any)
		var required []string
		for name, v := range properties {
			sub, ok := v.(map[string]any)
			if !ok {
				continue
			}
			if sub["required"] == true && key == "properties" {
				required = append(required, name)
			}
			properties[name] = listsRequired(sub)
		}
		if required != nil {
			slices.Sort(required)
			schema["required"] = required
		}
	}
	if items, ok := schema["items"].(map[string]any); ok {
		schema["items"] = listsRequired(items)
	}
	if list, ok := schema["anyOf"].([]any); ok {
		for i, v := range list {
			if sub, ok := v.(map[string]any); ok {
				list[i] = listsRequired(sub)
			}
		}
	}
	return schema
}

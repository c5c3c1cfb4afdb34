package param

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"squall/internal/squall"
)

// configSchema returns the JSON schemas of a pack's configuration by key, with
// every reference ("$ref": "#/properties/connection") replaced by what it names.
// StackStorm follows references only when it checks values; here they count as
// well for defaults, for templates, and for what is secret. The result is the
// caller's to change. Error kind: Invalid.
func configSchema(pack string, schema squall.Schema) (map[string]any, error) {
	root := map[string]any{}
	for _, p := range schema {
		prop, err := property(p)
		if err != nil {
			return nil, schemaFault(p.Name, pack, err)
		}
		if p.Secret {
			prop["secret"] = true
		}
		root[p.Name] = prop
	}
	r := references{root: map[string]any{"properties": root}}
	out := map[string]any{}
	for name, prop := range root {
		resolved, err := r.resolve(prop, nil)
		if err != nil {
			return nil, schemaFault(name, pack, err)
		}
		out[name] = resolved
	}
	return out, nil
}

func schemaFault(name, pack string, err error) error {
	return squall.Errorf(squall.Invalid, "The schema of %q in config.schema.yaml of pack %q is not valid: %v", name, pack, err)
}

// references resolves those into one document. Each step counts, so that a few
// references to references cannot become a schema that fills the memory.
type references struct {
	root  map[string]any
	steps int
}

const maxReferenceSteps = 100_000

// resolve copies v with its references replaced; open are those being replaced.
func (r *references) resolve(v any, open []string) (any, error) {
	if r.steps++; r.steps > maxReferenceSteps {
		return nil, errors.New("its references make it too large")
	}
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			var err error
			if out[i], err = r.resolve(item, open); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		ref, isRef := v["$ref"].(string)
		out := make(map[string]any, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if isRef && key == "$ref" {
				continue
			}
			var err error
			if out[key], err = r.resolve(v[key], open); err != nil {
				return nil, err
			}
		}
		if !isRef {
			return out, nil
		}
		return r.follow(ref, out, open)
	}
	return v, nil
}

// follow returns what ref names, with what stands beside the reference on top.
func (r *references) follow(ref string, beside map[string]any, open []string) (any, error) {
	if slices.Contains(open, ref) {
		return nil, fmt.Errorf("%q refers to itself", ref)
	}
	named, err := r.find(ref)
	if err != nil {
		return nil, err
	}
	resolved, err := r.resolve(named, append(slices.Clone(open), ref))
	if err != nil {
		return nil, err
	}
	target, ok := resolved.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%q does not name a schema", ref)
	}
	maps.Copy(target, beside)
	return target, nil
}

// find follows a JSON pointer (RFC 6901) through the document.
func (r *references) find(ref string) (any, error) {
	pointer, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil, fmt.Errorf("%q refers to another document, which is not read", ref)
	}
	var at any = r.root
	for step := range strings.SplitSeq(pointer, "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		var next any
		switch v := at.(type) {
		case map[string]any:
			next = v[step]
		case []any:
			if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(v) {
				next = v[i]
			}
		}
		if next == nil {
			return nil, fmt.Errorf("%q refers to nothing", ref)
		}
		at = next
	}
	return at, nil
}

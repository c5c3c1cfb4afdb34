package param

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"squall/internal/squall"
)

// fault is one violation in the words of Python's jsonschema.
type fault struct {
	path []string
	weak bool // anyOf, oneOf: a more exact one beside it is preferred
	text string

	keyword  string   // that is violated
	schema   []string // the place of the schema that has it
	property string   // that is missing, "" for other violations
}

// invalid turns the violations found by the validator into the one error that
// StackStorm would show: the outermost; of several, the one whose path comes
// last (jsonschema.exceptions.best_match). schema is what instance was held
// against.
func invalid(err error, instance any, schema map[string]any) error {
	best, err := worst(err, instance, schema)
	if err != nil {
		return err
	}
	return squall.Errorf(squall.Invalid, "%s", best.text)
}

// worst picks the violation that StackStorm would show. An error is one of
// another kind.
func worst(err error, instance any, schema map[string]any) (fault, error) {
	var top *jsonschema.ValidationError
	if !errors.As(err, &top) {
		return fault{}, squall.Errorf(squall.Invalid, "The parameters are not valid: %w", err)
	}
	faults := collector{instance, schema}.collect(top, nil)
	return slices.MaxFunc(faults, func(a, b fault) int {
		return cmp.Or(
			-cmp.Compare(len(a.path), len(b.path)),
			comparePaths(a.path, b.path),
			-compareBool(a.weak, b.weak),
			cmp.Compare(a.text, b.text),
		)
	}), nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// comparePaths orders two places; places in an array go by number.
func comparePaths(a, b []string) int {
	return slices.CompareFunc(a, b, func(x, y string) int {
		i, errX := strconv.Atoi(x)
		j, errY := strconv.Atoi(y)
		if errX == nil && errY == nil {
			return cmp.Compare(i, j)
		}
		return cmp.Compare(x, y)
	})
}

// collector makes faults of the validator's errors.
type collector struct {
	instance any
	schema   map[string]any
}

func (c collector) collect(e *jsonschema.ValidationError, into []fault) []fault {
	at := lookup(c.instance, e.InstanceLocation)
	keyword := ""
	if path := e.ErrorKind.KeywordPath(); len(path) > 0 {
		keyword = path[0]
	}
	here := fault{path: e.InstanceLocation, keyword: keyword, schema: pointer(e.SchemaURL)}
	add := func(text string) {
		here.text = text
		into = append(into, here)
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.Reference, *kind.AllOf:
		for _, cause := range e.Causes {
			into = c.collect(cause, into)
		}
	case *kind.Type:
		add(fmt.Sprintf("%s is not of type %s", repr(at), types(k.Want)))
	case *kind.Enum:
		add(fmt.Sprintf("%s is not one of %s", repr(at), repr(k.Want)))
	case *kind.Pattern:
		add(fmt.Sprintf("%s does not match %s", repr(k.Got), repr(k.Want)))
	case *kind.Required:
		for _, name := range k.Missing {
			f := here
			f.path = append(slices.Clone(e.InstanceLocation), "required") // as the library of st2 places it
			f.text, f.property = repr(name)+" is a required property", name
			into = append(into, f)
		}
	case *kind.AdditionalProperties:
		names := slices.Clone(k.Properties)
		slices.Sort(names)
		if patterns := c.patterns(e.SchemaURL); len(patterns) > 0 {
			verb := "does"
			if len(names) > 1 {
				verb = "do"
			}
			add(fmt.Sprintf("%s %s not match any of the regexes: %s", quoted(names), verb, quoted(patterns)))
			break
		}
		add(fmt.Sprintf("Additional properties are not allowed (%s unexpected)", were(names)))
	case *kind.AdditionalItems:
		add("Additional items are not allowed")
	case *kind.AnyOf:
		here.weak = true
		add(repr(at) + " is not valid under any of the given schemas")
	case *kind.OneOf:
		text := " is not valid under any of the given schemas"
		if len(k.Subschemas) > 0 {
			text = " is valid under more than one of the given schemas"
		}
		here.weak = true
		add(repr(at) + text)
	case *kind.Not:
		add(repr(at) + " should not be valid under the given schema")
	case *kind.MinLength:
		add(repr(at) + short(k.Want))
	case *kind.MinItems:
		add(repr(at) + short(k.Want))
	case *kind.MaxLength:
		add(repr(at) + long(k.Want))
	case *kind.MaxItems:
		add(repr(at) + long(k.Want))
	case *kind.MinProperties:
		add(repr(at) + " does not have enough properties")
	case *kind.MaxProperties:
		add(repr(at) + " has too many properties")
	case *kind.Minimum:
		add(fmt.Sprintf("%s is less than the minimum of %s", repr(at), k.Want.RatString()))
	case *kind.ExclusiveMinimum:
		add(fmt.Sprintf("%s is less than or equal to the minimum of %s", repr(at), k.Want.RatString()))
	case *kind.Maximum:
		add(fmt.Sprintf("%s is greater than the maximum of %s", repr(at), k.Want.RatString()))
	case *kind.ExclusiveMaximum:
		add(fmt.Sprintf("%s is greater than or equal to the maximum of %s", repr(at), k.Want.RatString()))
	case *kind.MultipleOf:
		add(fmt.Sprintf("%s is not a multiple of %s", repr(at), k.Want.RatString()))
	case *kind.UniqueItems:
		add(repr(at) + " has non-unique elements")
	case *kind.Dependency:
		for _, name := range k.Missing {
			add(fmt.Sprintf("%s is a dependency of %s", repr(name), repr(k.Prop)))
		}
	default:
		add(fmt.Sprintf("%s is not valid", repr(at)))
	}
	return into
}

// types lists type names as Python's library does; null, which is added to the
// list that the author wrote, comes last.
func types(want []string) string {
	want = slices.Clone(want)
	slices.SortStableFunc(want, func(a, b string) int { return compareBool(a == "null", b == "null") })
	for i := range want {
		want[i] = repr(want[i])
	}
	return strings.Join(want, ", ")
}

// patterns are the names that the schema at a URL takes, as patterns.
func (c collector) patterns(schemaURL string) []string {
	schema, _ := lookup(c.schema, pointer(schemaURL)).(map[string]any)
	props, _ := schema["patternProperties"].(map[string]any)
	return slices.Sorted(maps.Keys(props))
}

// pointer is the place inside a document that a URL names.
func pointer(schemaURL string) (path []string) {
	_, fragment, _ := strings.Cut(schemaURL, "#")
	for step := range strings.SplitSeq(strings.TrimPrefix(fragment, "/"), "/") {
		if text, err := url.PathUnescape(step); err == nil && step != "" {
			path = append(path, strings.NewReplacer("~1", "/", "~0", "~").Replace(text))
		}
	}
	return path
}

func quoted(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = repr(name)
	}
	return strings.Join(list, ", ")
}

func were(names []string) string {
	if len(names) == 1 {
		return quoted(names) + " was"
	}
	return quoted(names) + " were"
}

func short(want int) string {
	if want == 1 {
		return " should be non-empty"
	}
	return " is too short"
}

func long(want int) string {
	if want == 0 {
		return " is expected to be empty"
	}
	return " is too long"
}

// lookup walks to a place in a JSON value.
func lookup(v any, path []string) any {
	for _, step := range path {
		switch x := v.(type) {
		case map[string]any:
			v = x[step]
		case []any:
			i, ok := index(step, len(x))
			if !ok {
				return nil
			}
			v = x[i]
		}
	}
	return v
}

// index reads a place in a list of that length.
func index(step string, length int) (int, bool) {
	i, err := strconv.Atoi(step)
	return i, err == nil && i >= 0 && i < length
}

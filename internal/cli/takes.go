package cli

import (
	"encoding/json"
	"slices"
	"strings"

	"squall/internal/api/wire"
)

// parameter is what a caller may give to an action.
type parameter struct {
	name string
	own  bool // the action's, not only its runner's

	Type        json.RawMessage `json:"type"`
	Description string          `json:"description"`
	Default     json.RawMessage `json:"default"`
	Required    bool            `json:"required"`
	Immutable   bool            `json:"immutable"`
	Secret      bool            `json:"secret"`
	Position    *int            `json:"position"`
}

func (p *parameter) hasDefault() bool { return len(p.Default) > 0 && string(p.Default) != "null" }

// takes lists what a caller may give: required parameters first, then the
// action's, then the runner's.
func takes(action *wire.Action, runner *wire.RunnerType) []*parameter {
	merged := map[string]*parameter{}
	for _, source := range []struct {
		schema map[string]json.RawMessage
		own    bool
	}{{runner.Parameters, false}, {action.Parameters, true}} {
		for name, doc := range source.schema {
			e := merged[name]
			if e == nil {
				e = &parameter{name: name}
				merged[name] = e
			}
			e.own = e.own || source.own
			_ = json.Unmarshal(doc, e) // the server checked it
		}
	}
	var list []*parameter
	for _, e := range merged {
		if !e.Immutable {
			list = append(list, e)
		}
	}
	rank := func(e *parameter) int {
		switch {
		case e.Required:
			return 0
		case e.own:
			return 1
		default:
			return 2
		}
	}
	slices.SortFunc(list, func(x, y *parameter) int {
		if d := rank(x) - rank(y); d != 0 {
			return d
		}
		return strings.Compare(x.name, y.name)
	})
	return list
}

// missing names the parameters that must be given and are not.
func missing(list []*parameter, given json.RawMessage) (names []string) {
	var have map[string]json.RawMessage
	_ = json.Unmarshal(given, &have) // what we made ourselves
	for _, e := range list {
		if _, ok := have[e.name]; !ok && e.Required && !e.hasDefault() {
			names = append(names, e.name)
		}
	}
	return names
}

// firstPosition is the parameter that a word without a name was meant for, "" when
// no parameter has a position.
func firstPosition(list []*parameter) string {
	var first *parameter
	for _, e := range list {
		if e.Position != nil && (first == nil || *e.Position < *first.Position) {
			first = e
		}
	}
	if first == nil {
		return ""
	}
	return first.name
}

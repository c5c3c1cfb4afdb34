package content

import (
	"strings"

	"squall/internal/pack"
	"squall/internal/squall"
)

// Verdict is what registering a pack would do, in the terms in which recorded
// registrations of StackStorm are kept.
type Verdict struct {
	Pack      string         `json:"pack"`
	Path      string         `json:"path"`
	Version   string         `json:"pack_version,omitempty"`
	Registers bool           `json:"pack_registers"`
	Error     string         `json:"pack_error,omitempty"`                  // why not
	Files     map[string]int `json:"files"`                                 // metadata files by directory
	Right     map[string]int `json:"must_register"`                         // those of them that register
	Distinct  map[string]int `json:"distinct_after_registration,omitempty"` // objects that are there afterwards
	Runners   map[string]int `json:"runner_types,omitempty"`                // actions by runner
	Invalid   []Invalid      `json:"invalid"`
	Waiting   []Waiting      `json:"needs_other_pack"`
	Warnings  []string       `json:"warnings,omitempty"`
}

// Invalid is a file that is refused.
type Invalid struct {
	File     string   `json:"file"`
	Kind     string   `json:"kind"`
	Reason   string   `json:"reason"`
	Problems []string `json:"problems"` // all of them, with their places
}

// Waiting is a rule whose trigger type belongs to a pack that is not there.
type Waiting struct {
	File string `json:"file"`
	Rule string `json:"rule"`
	Type string `json:"trigger_type"`
}

// kindOf names what a metadata directory holds.
var kindOf = map[string]string{
	"triggers": "trigger", "sensors": "sensor", "actions": "action", "aliases": "alias", "policies": "policy", "rules": "rule",
}

// Judge returns the verdict on a pack that was read.
func Judge(p *Pack) *Verdict {
	v := &Verdict{Pack: p.Name, Path: p.Path, Registers: p.Content != nil, Files: map[string]int{}, Right: map[string]int{}, Invalid: []Invalid{}, Waiting: []Waiting{}}
	at := map[string]int{} // file -> index in Invalid
	for _, problem := range p.Problems {
		text := problem.String()
		if problem.Warning {
			v.Warnings = append(v.Warnings, text)
			continue
		}
		dir, _, deep := strings.Cut(problem.File, "/")
		if !deep && !v.Registers && v.Error == "" {
			v.Error = text
		}
		i, seen := at[problem.File]
		if !seen {
			i = len(v.Invalid)
			at[problem.File] = i
			kind := kindOf[dir]
			if kind == "" {
				kind = "pack"
			}
			v.Invalid = append(v.Invalid, Invalid{File: problem.File, Kind: kind, Reason: problem.What})
		}
		v.Invalid[i].Problems = append(v.Invalid[i].Problems, text)
	}
	c := p.Content
	if c == nil {
		return v
	}
	v.Pack, v.Version = c.Pack.Ref, c.Pack.Version
	for _, dir := range pack.Dirs {
		v.Files[dir], v.Right[dir] = c.Files[dir].Seen, c.Files[dir].Right
	}
	v.Right["rules"] -= len(c.Waiting)
	for _, rule := range c.Waiting {
		v.Waiting = append(v.Waiting, Waiting{File: rule.MetadataFile, Rule: rule.Ref.String(), Type: rule.Trigger.Type.String()})
	}
	v.Distinct = counts(c)
	v.Runners = map[string]int{}
	for _, a := range c.Actions {
		v.Runners[a.Runner]++
	}
	return v
}

// counts says how many objects of each kind a pack declares.
func counts(c *pack.Content) map[string]int {
	return map[string]int{
		"trigger_types": len(c.TriggerTypes), "sensors": len(c.Sensors), "actions": len(c.Actions),
		"aliases": len(c.Aliases), "policies": len(c.Policies), "rules": len(c.Rules),
	}
}

// BuiltinTriggers returns a lookup of the trigger types that packs declare.
func BuiltinTriggers(packs ...*pack.Content) pack.TriggersFunc {
	types := map[squall.Ref]*squall.TriggerType{}
	for _, c := range packs {
		for _, t := range c.TriggerTypes {
			types[t.Ref] = t
		}
	}
	return func(ref squall.Ref) (*squall.TriggerType, bool) {
		t, ok := types[ref]
		return t, ok
	}
}

package wire

import (
	"crypto/md5" //nolint:gosec // no secret: the last part of a trigger's uid, which is StackStorm's
	"encoding/hex"
	"encoding/json"
	"path"
	"strings"

	"squall/internal/squall"
)

// object is a stored object, an empty one when there is none.
type object = json.RawMessage

func orEmpty(doc json.RawMessage) object {
	if len(doc) == 0 {
		return object("{}")
	}
	return doc
}

// uid is the name of an object of a pack among all objects.
func uid(kind string, ref squall.Ref) string { return kind + ":" + ref.Pack + ":" + ref.Name }

func tagsOf(tags []squall.Tag) []squall.Tag {
	if tags == nil {
		return []squall.Tag{}
	}
	return tags
}

// Rule is a rule.
type Rule struct {
	Tags         []squall.Tag `json:"tags"`
	UID          string       `json:"uid"`
	MetadataFile string       `json:"metadata_file"`
	Name         string       `json:"name"`
	Ref          string       `json:"ref"`
	Description  string       `json:"description,omitempty"`
	Pack         string       `json:"pack"`
	Type         RuleKind     `json:"type"`
	Trigger      RuleTrigger  `json:"trigger"`
	Criteria     object       `json:"criteria"`
	Action       RuleAction   `json:"action"`
	Context      object       `json:"context"`
	Enabled      bool         `json:"enabled"`
	ID           squall.ID    `json:"id"`
}

// RuleKind is a rule's type: standard or backstop.
type RuleKind struct {
	Ref        string `json:"ref"`
	Parameters object `json:"parameters"`
}

// RuleTrigger is what a rule waits for. Description is there in views only.
type RuleTrigger struct {
	Type        string  `json:"type"`
	Parameters  object  `json:"parameters"`
	Ref         string  `json:"ref"` // of the trigger
	Description *string `json:"description,omitempty"`
}

// RuleAction is what a rule runs. Description is there in views only.
type RuleAction struct {
	Ref         string  `json:"ref"`
	Parameters  object  `json:"parameters"`
	Description *string `json:"description,omitempty"`
}

// RuleOf returns the document of a rule.
func RuleOf(r *squall.Rule) Rule {
	trigger := squall.TriggerFor(r.Trigger.Type, r.Trigger.Parameters)
	return Rule{
		Tags: tagsOf(r.Tags), UID: uid("rule", r.Ref), MetadataFile: r.MetadataFile, Name: r.Ref.Name, Ref: r.Ref.String(),
		Description: r.Description, Pack: r.Ref.Pack, Type: RuleKind{r.Type, orEmpty(nil)},
		Trigger:  RuleTrigger{Type: r.Trigger.Type.String(), Parameters: orEmpty(r.Trigger.Parameters), Ref: trigger.Ref.String()},
		Criteria: orEmpty(r.Criteria), Action: RuleAction{Ref: r.Action.Ref, Parameters: orEmpty(r.Action.Parameters)},
		Context: orEmpty(r.Context), Enabled: r.Enabled, ID: ObjectID("rule", r.Ref.String()),
	}
}

// RuleType is a kind of rule.
type RuleType struct {
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Enabled     bool      `json:"enabled"`
	Parameters  object    `json:"parameters"`
	ID          squall.ID `json:"id"`
}

// RuleTypes are the kinds of rule, with StackStorm's texts.
func RuleTypes() []RuleType {
	kind := func(name, description string) RuleType {
		return RuleType{name, description, true, orEmpty(nil), ObjectID("rule_type", name)}
	}
	return []RuleType{
		kind(squall.RuleStandard, "standard rule that is always applicable."),
		kind(squall.RuleBackstop, "Rule that applies when no other rule has matched for a specific Trigger."),
	}
}

// TriggerType is a kind of event.
type TriggerType struct {
	Description      string       `json:"description,omitempty"`
	Tags             []squall.Tag `json:"tags"`
	UID              string       `json:"uid"`
	MetadataFile     string       `json:"metadata_file,omitempty"`
	Ref              string       `json:"ref"`
	Name             string       `json:"name"`
	Pack             string       `json:"pack"`
	PayloadSchema    object       `json:"payload_schema"`
	ParametersSchema object       `json:"parameters_schema"`
	ID               squall.ID    `json:"id"`
}

// TriggerTypeOf returns the document of a trigger type. st2: it does not show
// the file.
func TriggerTypeOf(t *squall.TriggerType) TriggerType {
	return TriggerType{
		Description: t.Description, Tags: tagsOf(t.Tags), UID: uid("trigger_type", t.Ref), Ref: t.Ref.String(),
		Name: t.Ref.Name, Pack: t.Ref.Pack, PayloadSchema: orEmpty(t.PayloadSchema), ParametersSchema: orEmpty(t.ParametersSchema),
		ID: ObjectID("trigger_type", t.Ref.String()),
	}
}

// Trigger is a trigger type with parameters.
type Trigger struct {
	UID         string    `json:"uid"`
	Ref         string    `json:"ref"`
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Pack        string    `json:"pack"`
	Type        string    `json:"type"`
	Parameters  object    `json:"parameters"`
	ID          squall.ID `json:"id"`
}

// TriggerOf returns the document of a trigger.
func TriggerOf(t *squall.Trigger) Trigger {
	return Trigger{
		UID: TriggerUID(t), Ref: t.Ref.String(), Name: t.Ref.Name, Description: t.Description, Pack: t.Ref.Pack,
		Type: t.Type.String(), Parameters: orEmpty(t.Parameters), ID: ObjectID("trigger", t.Ref.String()),
	}
}

// TriggerUID is the uid of a trigger. st2: its last part is a digest of the
// parameters as Python's json module writes them, with sorted keys.
func TriggerUID(t *squall.Trigger) string {
	sum := md5.Sum(pythonJSON(nil, DecodeNumbers(orEmpty(t.Parameters)))) //nolint:gosec // see the import
	return uid("trigger", t.Ref) + ":" + hex.EncodeToString(sum[:])
}

// Sensor is a sensor.
type Sensor struct {
	Description  string    `json:"description,omitempty"`
	UID          string    `json:"uid"`
	MetadataFile string    `json:"metadata_file"`
	Name         string    `json:"name"`
	Ref          string    `json:"ref"`
	Pack         string    `json:"pack"`
	ArtifactURI  string    `json:"artifact_uri"`
	EntryPoint   string    `json:"entry_point"`
	TriggerTypes []string  `json:"trigger_types"`
	PollInterval float64   `json:"poll_interval,omitempty"`
	Enabled      bool      `json:"enabled"`
	ID           squall.ID `json:"id"`
}

// SensorOf returns the document of a sensor whose pack lies in dir.
func SensorOf(s *squall.Sensor, dir string) Sensor {
	types := make([]string, len(s.TriggerTypes))
	for i, t := range s.TriggerTypes {
		types[i] = t.String()
	}
	module := strings.ReplaceAll(strings.TrimSuffix(s.EntryPoint, path.Ext(s.EntryPoint)), "/", ".")
	return Sensor{
		Description: s.Description, UID: uid("sensor_type", s.Ref), MetadataFile: s.MetadataFile, Name: s.Ref.Name, Ref: s.Ref.String(),
		Pack: s.Ref.Pack, ArtifactURI: "file://" + path.Join(dir, "sensors", s.EntryPoint),
		EntryPoint:   "sensors." + module + "." + s.ClassName, // st2: as Python imports it
		TriggerTypes: types, PollInterval: s.PollInterval, Enabled: s.Enabled, ID: ObjectID("sensor_type", s.Ref.String()),
	}
}

// Policy is a policy.
type Policy struct {
	UID          string    `json:"uid"`
	MetadataFile string    `json:"metadata_file"`
	Name         string    `json:"name"`
	Ref          string    `json:"ref"`
	Pack         string    `json:"pack"`
	Description  *string   `json:"description,omitempty"`
	Enabled      bool      `json:"enabled"`
	Resource     string    `json:"resource_ref"`
	Type         string    `json:"policy_type"`
	Parameters   object    `json:"parameters"`
	ID           squall.ID `json:"id"`
}

// PolicyOf returns the document of a policy.
func PolicyOf(p *squall.Policy) Policy {
	var description *string
	if p.Description != "" || p.DescriptionGiven {
		description = &p.Description
	}
	return Policy{
		UID: uid("policy", p.Ref), MetadataFile: p.MetadataFile, Name: p.Ref.Name, Ref: p.Ref.String(), Pack: p.Ref.Pack,
		Description: description, Enabled: p.Enabled, Resource: p.Resource, Type: p.Type, Parameters: orEmpty(p.Parameters),
		ID: ObjectID("policy", p.Ref.String()),
	}
}

// PolicyType is a kind of policy.
type PolicyType struct {
	Name         string    `json:"name"`
	Description  string    `json:"description"`
	UID          string    `json:"uid"`
	Ref          string    `json:"ref"`
	ResourceType string    `json:"resource_type"`
	Enabled      bool      `json:"enabled"`
	Module       string    `json:"module"`
	Parameters   object    `json:"parameters"`
	ID           squall.ID `json:"id"`
}

// PolicyTypeOf returns the document of a kind of policy.
func PolicyTypeOf(t *squall.PolicyType) PolicyType {
	return PolicyType{
		Name: t.Ref.Name, Description: t.Description, UID: uid("policy_type", t.Ref), Ref: t.Ref.String(), ResourceType: t.Ref.Pack,
		Enabled: true, Module: t.Module, Parameters: SchemaOf(t.Parameters), ID: ObjectID("policy_type", t.Ref.String()),
	}
}

// Alias is an alias of an action.
type Alias struct {
	UID          string               `json:"uid"`
	MetadataFile string               `json:"metadata_file"`
	Name         string               `json:"name"`
	Ref          string               `json:"ref"`
	Description  string               `json:"description,omitempty"`
	Pack         string               `json:"pack"`
	Enabled      bool                 `json:"enabled"`
	ActionRef    string               `json:"action_ref"`
	Formats      []squall.AliasFormat `json:"formats"`
	Ack          object               `json:"ack"`
	Result       object               `json:"result"`
	Extra        object               `json:"extra"`
	Immutable    object               `json:"immutable_parameters"`
	ID           squall.ID            `json:"id"`
}

// AliasOf returns the document of an alias.
func AliasOf(a *squall.Alias) Alias {
	doc := Alias{
		UID: uid("action_alias", a.Ref), MetadataFile: a.MetadataFile, Name: a.Ref.Name, Ref: a.Ref.String(), Description: a.Description,
		Pack: a.Ref.Pack, Enabled: a.Enabled, ActionRef: a.Action, Formats: a.Formats, Ack: orEmpty(a.Ack), Result: orEmpty(a.Result),
		Extra: orEmpty(a.Extra), Immutable: orEmpty(a.Immutable), ID: ObjectID("action_alias", a.Ref.String()),
	}
	if doc.Formats == nil {
		doc.Formats = []squall.AliasFormat{}
	}
	return doc
}

// AliasMatch is the alias that a command means.
type AliasMatch struct {
	Alias          Alias  `json:"actionalias"`
	Display        string `json:"display"`
	Representation string `json:"representation"`
}

// AliasHelp is a page of what can be said.
type AliasHelp struct {
	Available int             `json:"available"`
	Lines     []AliasHelpLine `json:"helpstrings"`
}

// AliasHelpLine is one wording of an alias.
type AliasHelpLine struct {
	Pack        string `json:"pack"`
	Display     string `json:"display"`
	Description string `json:"description"`
}

// AliasRun is what became of a command.
type AliasRun struct {
	Execution json.RawMessage `json:"execution"`
	Alias     Alias           `json:"actionalias"`
	Message   *string         `json:"message,omitempty"` // the answer to give at once
	Extra     json.RawMessage `json:"extra,omitempty"`   // for the chat adapter
}

// SchemaOf returns a parameter schema as an object.
func SchemaOf(s squall.Schema) json.RawMessage {
	e := NewEncoder(nil)
	e.schema(s)
	doc := append(json.RawMessage(nil), e.b...)
	e.b = e.b[:0]
	_ = e.Close() // nothing is left to write
	return doc
}

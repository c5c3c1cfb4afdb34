package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"squall/internal/squall"
)

// Contents keeps what is registered of packs besides their actions, and what is
// made of the same kinds through the API: documents by kind and reference.
// ContentOf and Decode lead from the nouns to documents and back.
type Contents interface {
	// PutContent registers or replaces an object.
	PutContent(ctx context.Context, c *Content) error
	// Content reads one by its reference. Error kind: NotFound.
	Content(ctx context.Context, kind ContentKind, ref string) (*Content, error)
	// ContentByID reads one by its identifier. Error kind: NotFound.
	ContentByID(ctx context.Context, kind ContentKind, id squall.ID) (*Content, error)
	// FindContent lists objects by reference, ascending.
	FindContent(ctx context.Context, f ContentFilter) ([]*Content, error)
	CountContent(ctx context.Context, f ContentFilter) (int, error)
	// DeleteContent removes an object if it is there. Those of a pack go with
	// DeletePack, but for its configuration, which belongs to the administrator.
	DeleteContent(ctx context.Context, kind ContentKind, ref string) error
	// ContentVersion is a number that grows with every change of rules, triggers,
	// their types and policies, so that what is kept of them in memory can be
	// known to be current. It is cheap, and TopicCatalog wakes those who wait for
	// it to change.
	ContentVersion(ctx context.Context) (int64, error)
}

// Versioned reports whether changes of objects of the kind change ContentVersion.
func (k ContentKind) Versioned() bool {
	switch k {
	case Rules, Triggers, TriggerTypes, Policies:
		return true
	default:
		return false
	}
}

// ContentKind says what a document is; it is also the first part of an object's
// uid in the API.
type ContentKind string

// The kinds of content and the nouns they hold.
const (
	TriggerTypes  ContentKind = "trigger_type"  // squall.TriggerType
	Triggers      ContentKind = "trigger"       // squall.Trigger
	Sensors       ContentKind = "sensor_type"   // squall.Sensor
	Aliases       ContentKind = "action_alias"  // squall.Alias
	Policies      ContentKind = "policy"        // squall.Policy
	Rules         ContentKind = "rule"          // squall.Rule
	ConfigSchemas ContentKind = "config_schema" // squall.ConfigSchema
	Configs       ContentKind = "config"        // squall.PackConfig
)

// Content is one registered object.
type Content struct {
	Kind ContentKind
	Ref  string // "pack.name"; of schemas and configurations the pack
	Pack string
	Name string
	// Link is the reference the object hangs on: a rule's and a trigger's trigger
	// type, an alias's and a policy's action; empty for the others.
	Link string
	// Source is a digest of the form in which a file was last registered. An
	// object that was changed since keeps it: PutContent with an empty Source
	// leaves it as it is. So a restart does not undo what somebody changed.
	Source string
	Doc    json.RawMessage // the noun as JSON
}

// Digest names the form the object has: it is what Source becomes when the
// object is registered from a file.
func (c *Content) Digest() string {
	sum := sha256.Sum256(c.Doc)
	return hex.EncodeToString(sum[:16])
}

// ID returns the object's identifier.
func (c *Content) ID() squall.ID { return squall.ObjectID(string(c.Kind), c.Ref) }

// ContentFilter selects objects of one kind; zero fields do not restrict.
type ContentFilter struct {
	Kind   ContentKind // must be set
	Pack   string
	Name   string
	Link   string
	After  string // keyset: references behind this one
	Offset int
	Limit  int // 0: no limit
}

// ContentOf returns the document of a noun of internal/squall.
func ContentOf(noun any) (*Content, error) {
	c := &Content{}
	var ref squall.Ref
	switch v := noun.(type) {
	case *squall.TriggerType:
		c.Kind, ref = TriggerTypes, v.Ref
	case *squall.Trigger:
		c.Kind, ref, c.Link = Triggers, v.Ref, v.Type.String()
	case *squall.Sensor:
		c.Kind, ref = Sensors, v.Ref
	case *squall.Alias:
		c.Kind, ref, c.Link = Aliases, v.Ref, v.Action
	case *squall.Policy:
		c.Kind, ref, c.Link = Policies, v.Ref, v.Resource
	case *squall.Rule:
		c.Kind, ref, c.Link = Rules, v.Ref, v.Trigger.Type.String()
	case *squall.ConfigSchema:
		c.Kind, c.Ref, c.Pack, c.Name = ConfigSchemas, v.Pack, v.Pack, v.Pack
	case *squall.PackConfig:
		c.Kind, c.Ref, c.Pack, c.Name = Configs, v.Pack, v.Pack, v.Pack
	default:
		return nil, fmt.Errorf("store: %T is no content", noun)
	}
	if c.Ref == "" {
		c.Ref, c.Pack, c.Name = ref.String(), ref.Pack, ref.Name
	}
	var err error
	if c.Doc, err = json.Marshal(noun); err != nil {
		return nil, fmt.Errorf("encode %s %s: %w", c.Kind, c.Ref, err)
	}
	return c, nil
}

// Put registers or replaces a noun of internal/squall.
func Put(ctx context.Context, tx Tx, noun any) error {
	c, err := ContentOf(noun)
	if err != nil {
		return err
	}
	return tx.PutContent(ctx, c)
}

// Decode returns the noun of a document.
func Decode[T any](c *Content) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(c.Doc, v); err != nil {
		return nil, fmt.Errorf("read %s %s: %w", c.Kind, c.Ref, err)
	}
	return v, nil
}

// Find lists the nouns that match a filter whose kind holds them.
func Find[T any](ctx context.Context, tx Tx, f ContentFilter) ([]*T, error) {
	list, err := tx.FindContent(ctx, f)
	if err != nil {
		return nil, err
	}
	nouns := make([]*T, len(list))
	for i, c := range list {
		if nouns[i], err = Decode[T](c); err != nil {
			return nil, err
		}
	}
	return nouns, nil
}

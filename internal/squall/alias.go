package squall

import (
	"encoding/json"
	"fmt"
)

// Alias lets people run an action with a sentence in a chat.
type Alias struct {
	Ref          Ref             `json:"ref"`
	Description  string          `json:"description,omitempty"`
	Enabled      bool            `json:"enabled"`
	Action       string          `json:"action_ref"` // kept as written: it need not exist (st2)
	Formats      []AliasFormat   `json:"formats"`
	Ack          json.RawMessage `json:"ack,omitempty"`    // a JSON object: the answer when the action starts
	Result       json.RawMessage `json:"result,omitempty"` // a JSON object: the answer when it has ended
	Extra        json.RawMessage `json:"extra,omitempty"`  // a JSON object for chat adapters
	Immutable    json.RawMessage `json:"immutable_parameters,omitempty"`
	Tags         []Tag           `json:"tags,omitempty"`
	MetadataFile string          `json:"metadata_file,omitempty"`
}

// AliasFormat is one or several wordings of an alias. In JSON a format with one
// wording that is its own display is just that text (st2).
type AliasFormat struct {
	Display        string   // shown in the help
	Representation []string // matched against what was said
	MatchMultiple  bool     // one message may hold several commands
	Plain          bool     // was written as one text
}

type aliasFormat struct {
	Display        string   `json:"display,omitempty"`
	Representation []string `json:"representation,omitempty"`
	MatchMultiple  bool     `json:"match_multiple,omitempty"`
}

// MarshalJSON writes the form it was read from.
func (f AliasFormat) MarshalJSON() ([]byte, error) {
	if f.Plain {
		return json.Marshal(f.Display)
	}
	return json.Marshal(aliasFormat{f.Display, f.Representation, f.MatchMultiple})
}

// UnmarshalJSON is the way back from MarshalJSON.
func (f *AliasFormat) UnmarshalJSON(doc []byte) error {
	var text string
	if json.Unmarshal(doc, &text) == nil {
		*f = AliasFormat{Display: text, Representation: []string{text}, Plain: true}
		return nil
	}
	var long aliasFormat
	if err := json.Unmarshal(doc, &long); err != nil {
		return fmt.Errorf("format of an alias: %w", err)
	}
	*f = AliasFormat{Display: long.Display, Representation: long.Representation, MatchMultiple: long.MatchMultiple}
	return nil
}

package param

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"squall/internal/squall"
)

// minHushed is the shortest text that is hushed up, in bytes: a secret shorter
// than this is none, and hiding it would only spoil the message.
const minHushed = 3

// hush returns an error about values without those of them that are secret.
// StackStorm's messages quote the value they complain of; they go to logs and
// into the audit log.
func (m *mask) hush(err error, values json.RawMessage) error {
	e, ok := err.(*squall.Error) //nolint:errorlint // the errors of this package; what is wrapped is not shown
	if !ok || m == nil {
		return err
	}
	msg := e.Msg
	for _, text := range m.texts(values) {
		msg = strings.ReplaceAll(msg, text, Masked)
	}
	if cast := castFailure.FindStringSubmatch(msg); cast != nil && m.member(cast[1]) != nil {
		msg = `Failed to cast the value of parameter "` + cast[1] + `" to type "` + cast[2] + `". Perhaps the value is of an invalid type?`
	}
	if msg == e.Msg {
		return err
	}
	return &squall.Error{Kind: e.Kind, Msg: msg} // the cause may quote the value too
}

// castFailure is the message about a value that could not be cast, which after
// rendering is none of those that were given.
var castFailure = regexp.MustCompile(`(?s)^Failed to cast value .* for parameter "([^"]*)" of type "([^"]*)": `)

// texts returns the secret texts in values in all the ways that messages quote
// them, the longest first.
func (m *mask) texts(values json.RawMessage) []string {
	var found []string
	_, _ = m.rewrite(values, func(doc json.RawMessage) (json.RawMessage, error) {
		if v, err := decode(doc); err == nil {
			found = appendTexts(found, v)
		}
		return doc, nil
	})
	found = slices.DeleteFunc(found, func(s string) bool { return len(s) < minHushed })
	slices.SortFunc(found, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return slices.Compact(found)
}

func appendTexts(list []string, v any) []string {
	switch v := v.(type) {
	case string:
		quoted, _ := json.Marshal(v) // a text: cannot fail
		python := repr(v)
		return append(list, v, string(quoted[1:len(quoted)-1]), python[1:len(python)-1])
	case json.Number:
		return append(list, v.String())
	case map[string]any:
		for name, item := range v {
			list = appendTexts(append(list, name), item)
		}
	case []any:
		for _, item := range v {
			list = appendTexts(list, item)
		}
	}
	return list
}

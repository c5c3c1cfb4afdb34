package param

import (
	"encoding/json"
	"maps"

	"squall/internal/squall"
)

// CheckAnswer holds the answer to an inquiry against the schema it was asked
// with. As in a request for a run, what is optional takes null, and defaults
// count as given; a schema without "type" and properties takes anything. An
// error of kind Invalid says what is wrong in st2's words.
func CheckAnswer(schema, answer json.RawMessage) error {
	v, err := decode(schema)
	if err != nil {
		return squall.Errorf(squall.Invalid, "The schema of the inquiry is not valid JSON: %w", err)
	}
	source, ok := v.(map[string]any)
	if !ok {
		return squall.Errorf(squall.Invalid, "The schema of the inquiry is not valid: %s is not of type 'object'", repr(v))
	}
	given, err := object(answer)
	if err != nil {
		return err
	}
	given = maps.Clone(given)
	if given == nil {
		given = map[string]any{}
	}
	props, _ := source["properties"].(map[string]any)
	for name, v := range props {
		if prop, ok := v.(map[string]any); ok {
			allowNull(name, prop, props)
		}
	}
	given = fillObject(props, given)
	c, err := compile(source)
	if err != nil {
		return squall.Errorf(squall.Invalid, "The schema of the inquiry is not valid: %w", err)
	}
	return explained{checker: c, schema: schema, instance: answer, secrets: maskOf(source, false)}.check(given)
}

// MaskAnswer returns the result of an inquiry with those values of the answer
// replaced that its schema calls secret.
func MaskAnswer(result json.RawMessage) json.RawMessage { return secretAnswer(result).apply(result) }

// SealAnswer is MaskAnswer with what seal makes of their JSON in place of the
// values.
func SealAnswer(result json.RawMessage, seal func(plain string) string) json.RawMessage {
	return secretAnswer(result).seal(result, seal)
}

// secretAnswer is what is secret in the result of an inquiry, nil for nothing.
func secretAnswer(result json.RawMessage) *mask {
	var asked struct {
		Schema json.RawMessage `json:"schema"`
	}
	if json.Unmarshal(result, &asked) != nil || len(asked.Schema) == 0 {
		return nil
	}
	v, err := decode(asked.Schema)
	schema, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil
	}
	return maskOf(schema, false).within("response")
}

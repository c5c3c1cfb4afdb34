package param

import (
	"encoding/json"
	"strings"
	"testing"

	"squall/internal/squall"
)

// What stands below the message is what jsonschema 4.26 prints.
func TestViolatedPartIsShown(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, schema, answer, want string }{
		{
			"a member", `{"type":"object","properties":{"ok":{"type":"boolean","description":"Go on?","required":true}}}`, `{"ok":"x"}`,
			"'x' is not of type 'boolean'\n\nFailed validating 'type' in schema['properties']['ok']:\n" +
				"    {'type': 'boolean', 'description': 'Go on?', 'required': True}\n\nOn instance['ok']:\n    'x'",
		},
		{
			"what is missing", `{"type":"object","properties":{"o":{"type":"object","properties":{"i":{"type":"integer","required":true}}}}}`, `{"o":{}}`,
			"'i' is a required property\n\nFailed validating 'required' in schema['properties']['o']['properties']['i']:\n" +
				"    {'type': ['object', 'null'],\n     'properties': {'i': {'type': 'integer', 'required': True}}}\n\nOn instance['o']['i']:\n    {}",
		},
		{
			"in a list, with a long text", `{"properties":{"list":{"required":true,"type":"array","items":{"maximum":3,"type":"integer","description":"a number that is not as large as many other numbers are"}}}}`,
			`{"list":[1,7]}`,
			"7 is greater than the maximum of 3\n\nFailed validating 'maximum' in schema['properties']['list']['items']:\n" +
				"    {'maximum': 3,\n     'type': 'integer',\n     'description': 'a number that is not as large as many other numbers '\n                    'are'}\n\nOn instance['list'][1]:\n    7",
		},
		{
			"too much", `{"additionalProperties":false,"type":"object","properties":{}}`, `{"z":1}`,
			"Additional properties are not allowed ('z' was unexpected)\n\nFailed validating 'additionalProperties' in schema:\n" +
				"    {'additionalProperties': False, 'type': 'object', 'properties': {}}\n\nOn instance:\n    {'z': 1}",
		},
	} {
		err := CheckAnswer(json.RawMessage(tc.schema), json.RawMessage(tc.answer))
		if got := squall.MessageOf(err); err == nil || got != tc.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tc.name, got, tc.want)
		}
	}
}

// Secrets are hidden in what is shown, also where the text would be broken over
// several lines.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	const secret = "correct horse battery staple and many more words than fit on one line of seventy"
	schema := `{"properties":{"pw":{"type":"integer","secret":true},"n":{"type":"integer"}},"additionalProperties":false}`
	for _, answer := range []string{`{"pw":"` + secret + `"}`, `{"pw":"` + secret + `","z":1}`} {
		err := CheckAnswer(json.RawMessage(schema), json.RawMessage(answer))
		if err == nil || strings.Contains(err.Error(), "horse") || strings.Contains(err.Error(), "words") {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

// Explain adds what belongs to the error, and nothing to another one.
func TestExplain(t *testing.T) {
	t.Parallel()
	schema, given := json.RawMessage(`{"properties":{"unit":{"enum":["days"],"required":true}}}`), json.RawMessage(`{"unit":"x"}`)
	same := Explain(squall.Errorf(squall.Invalid, "'x' is not one of ['days']"), schema, given)
	if !strings.HasSuffix(squall.MessageOf(same), "On instance['unit']:\n    'x'") {
		t.Error(same)
	}
	other := squall.Errorf(squall.Invalid, "something else")
	if got := Explain(other, schema, given); squall.MessageOf(got) != "something else" {
		t.Error(got)
	}
	if Explain(nil, schema, given) != nil {
		t.Error("nothing was wrong")
	}
}

package wire

import (
	"bytes"
	"encoding/json"
	"testing"

	"squall/internal/squall"
)

// The digests are those of StackStorm's recorded triggers.
func TestTriggerUID(t *testing.T) {
	for _, tt := range []struct{ parameters, want string }{
		{``, "trigger:core:x:99914b932bd37a50b983c5e7c90ae93b"},
		{`{"url":"goldtr"}`, "trigger:core:x:fbd8ff8e9884254179bd2e42cee6e736"},
		{`{"unit":"seconds","delta":5}`, "trigger:core:x:889c1c0b04f53100997af85f35ad3979"},
	} {
		trigger := &squall.Trigger{Ref: squall.Ref{Pack: "core", Name: "x"}, Parameters: json.RawMessage(tt.parameters)}
		if got := TriggerUID(trigger); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.parameters, got, tt.want)
		}
	}
}

func TestPythonJSON(t *testing.T) {
	given := json.RawMessage(`{"b":[1,2.50,true,null],"a":{"é\n\"":"😀\u007f"}}`)
	want := `{"a": {"\u00e9\n\"": "\ud83d\ude00\u007f"}, "b": [1, 2.50, true, null]}`
	if got := string(pythonJSON(nil, DecodeNumbers(given))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDocument(t *testing.T) {
	doc := RuleOf(&squall.Rule{Ref: squall.Ref{Pack: "p", Name: "r"}, Type: squall.RuleStandard, Action: squall.RuleAction{Ref: "core.noop"}})
	id := string(doc.ID)
	for _, tt := range []struct {
		fields Fields
		want   string
	}{
		{Include("ref"), `{"ref":"p.r","id":"` + id + `"}`},
		{Include("action.ref", "enabled"), `{"action":{"ref":"core.noop"},"enabled":false,"id":"` + id + `"}`},
		{Include("id"), `{"id":"` + id + `"}`},
		{
			Exclude("tags", "trigger", "id", "uid", "context", "criteria", "type"),
			`{"metadata_file":"","name":"r","ref":"p.r","pack":"p","action":{"ref":"core.noop","parameters":{}},"enabled":false,"id":"` + id + `"}`,
		},
	} {
		var b bytes.Buffer
		e := NewEncoder(&b)
		e.Document(doc, tt.fields)
		if err := e.Close(); err != nil || b.String() != tt.want {
			t.Errorf("got  %s, %v\nwant %s", b.String(), err, tt.want)
		}
	}
}

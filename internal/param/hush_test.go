package param

import (
	"encoding/json"
	"strings"
	"testing"

	"squall/internal/squall"
)

// What is wrong with a secret value is said without the value, however it is
// written in the message.
func TestMessagesKeepSecrets(t *testing.T) {
	t.Parallel()
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	form := Of(&squall.RunnerType{Name: "r"}, &squall.Action{Ref: squall.Ref{Pack: "p", Name: "a"}, Runner: "r", Enabled: true, Parameters: squall.Schema{
		{Name: "pw", Type: raw(`"integer"`), Secret: true},
		{Name: "text", Type: raw(`"string"`), Secret: true},
		{Name: "login", Type: raw(`"object"`), Rest: raw(`{"properties":{"key":{"type":"integer","secret":true}}}`)},
		{Name: "open", Type: raw(`"integer"`)},
	}})
	for _, given := range []string{
		`{"pw":"hidden-1"}`, `{"pw":["hidden-1"]}`, `{"pw":{"hidden-1":"hidden-2"}}`, `{"text":["hidden-1","hi\"dd\nen-2"]}`, `{"text":12345678}`,
		`{"login":{"key":"hidden-1"}}`, `{"login":{"key":["hi'dden-2"]}}`, `{"pw":"hidden-1","unknown":1}`,
	} {
		for name, check := range map[string]func(json.RawMessage) (json.RawMessage, error){
			"Validate": form.Validate, "Cast": form.Cast,
			"Live": func(given json.RawMessage) (json.RawMessage, error) {
				return form.Live(t.Context(), given, func() Sources { return Sources{} })
			},
		} {
			_, err := check(raw(given))
			if err == nil {
				continue
			}
			for _, secret := range []string{"hidden", "den-2", "12345678"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%s(%s) says %v", name, given, err)
				}
			}
		}
	}
	if _, err := form.Validate(raw(`{"open":"seen-1","pw":"hidden-1"}`)); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("beside one that is not secret: %v", err)
	}
	if _, err := form.Validate(raw(`{"open":"seen-1"}`)); err == nil || !strings.Contains(err.Error(), "seen-1") {
		t.Errorf("what is not secret is shown: %v", err)
	}
	config, err := CompileConfig(connections())
	if err != nil {
		t.Fatal(err)
	}
	if err := config.Validate(raw(`{"connections":{"db":{"password":["hidden-1"]}}}`)); squall.KindOf(err) != squall.Invalid || strings.Contains(err.Error(), "hidden") {
		t.Errorf("configuration: %v", err)
	}
}

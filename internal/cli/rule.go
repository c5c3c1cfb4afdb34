package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"squall/internal/api/wire"
	"squall/internal/squall"
)

// ruleCommand holds what the commands of StackStorm's client have not.
func (a *app) ruleCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "rule", Short: "Rules: what is done when something happens"}
	cmd.AddCommand(a.ruleTestCommand(), a.ruleReplayCommand())
	return cmd
}

func (a *app) ruleTestCommand() *cobra.Command {
	var out format
	var event string
	cmd := &cobra.Command{
		Use:   "test RULE [EVENT]",
		Short: "Say what a rule would make of an event, and which criterion said what",
		Long: `Say what a rule would make of an event, and which criterion said what. Nothing
is stored and nothing runs.

RULE is the reference of a rule or a file with one, YAML or JSON. EVENT is a file
with the payload as rules see it ("-": standard input); of a webhook that is an
object with body and headers. Instead of it, --event names an event of the past.

The exit status is 0 when the rule matches and its action could be requested, 1
when it does not.`,
		Example: `  squall rule test examples.greet_on_webhook event.json
  squall rule test ./rules/alarm.yaml --event 6b0358c4563391ee5d4736fa
  echo '{"body": {"name": "ann"}}' | squall rule test examples.greet_on_webhook -`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := ruleBody(args[0])
			if err != nil {
				return err
			}
			switch {
			case event != "" && len(args) == 2:
				return usageErrorf("give a file or --event, not both")
			case event != "":
				body["trigger_instance_id"] = event
			case len(args) == 2:
				if body["payload"], err = readDocument(a.io.Stdin, args[1]); err != nil {
					return err
				}
			default:
				body["payload"] = json.RawMessage("{}")
			}
			var answer wire.RuleTest
			if err := a.post(cmd, "/api/v1/rules/test", body, &answer); err != nil {
				return ruleFault(err, body, args[0])
			}
			return a.printRuleTest(out, &answer)
		},
	}
	out.addTo(cmd)
	cmd.Flags().StringVarP(&event, "event", "e", "", "identifier of an event (trigger instance)")
	return cmd
}

func (a *app) printRuleTest(out format, answer *wire.RuleTest) error {
	var err error
	if out.machine() {
		err = out.print(a.io.Stdout, answer)
	} else {
		err = a.printExplanation(answer)
	}
	if err == nil && (!answer.Matched || answer.RequestError != "") {
		return &ExitError{Code: ExitFailed}
	}
	return err
}

func (a *app) printExplanation(answer *wire.RuleTest) error {
	text := answer.Explanation
	for _, f := range answer.Failures {
		text += "  " + f + "\n"
	}
	switch {
	case answer.RequestError != "":
		text += fmt.Sprintf("%s could not be requested: %s\n", answer.Action, answer.RequestError)
	case answer.Matched:
		text += fmt.Sprintf("%s would be requested with %s\n", answer.Action, answer.Parameters)
	}
	_, err := io.WriteString(a.io.Stdout, text)
	return err
}

func (a *app) ruleReplayCommand() *cobra.Command {
	var out format
	limit := 1000
	cmd := &cobra.Command{
		Use:   "replay RULE",
		Short: "Say which events of the past a rule would have matched",
		Long: `Say which events of the past a rule would have matched, newest first. Nothing is
stored and nothing runs. RULE is the reference of a rule or a file with one.`,
		Example: "  squall rule replay examples.greet_on_webhook\n  squall rule replay ./rules/alarm.yaml -n 100",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := ruleBody(args[0])
			if err != nil {
				return err
			}
			body["limit"] = limit
			var answer struct {
				Events  int             `json:"events"`
				Matches []wire.RuleTest `json:"matches"`
			}
			if err := a.post(cmd, "/api/v1/rules/replay", body, &answer); err != nil {
				return ruleFault(err, body, args[0])
			}
			if out.machine() {
				return out.print(a.io.Stdout, answer)
			}
			fmt.Fprintf(a.io.Stdout, "%d of %d events match\n", len(answer.Matches), answer.Events)
			for i := range answer.Matches {
				m := &answer.Matches[i]
				what := string(m.Parameters)
				if m.RequestError != "" {
					what = "could not be requested: " + m.RequestError
				}
				fmt.Fprintf(a.io.Stdout, "%s  %s %s\n", m.Event, m.Action, what)
			}
			return nil
		},
	}
	out.addTo(cmd)
	cmd.Flags().IntVarP(&limit, "last", "n", limit, "look at so many events")
	return cmd
}

// ruleBody names a rule, or holds the one in a file.
func ruleBody(arg string) (map[string]any, error) {
	if _, err := os.Stat(arg); err != nil {
		return map[string]any{"rule_ref": arg}, nil //nolint:nilerr // then it is a reference
	}
	doc, err := readDocument(nil, arg)
	if err != nil {
		return nil, err
	}
	var rule map[string]any
	if err := json.Unmarshal(doc, &rule); err != nil {
		return nil, usageErrorf("%s is no rule: %w", arg, err)
	}
	if typ, ok := rule["type"].(string); ok { // files may say it shorter
		rule["type"] = map[string]any{"ref": typ}
	}
	return map[string]any{"rule": rule}, nil
}

// ruleFault says that what was named is neither a file nor a rule.
func ruleFault(err error, body map[string]any, arg string) error {
	_, byName := body["rule_ref"]
	_, ofPast := body["trigger_instance_id"] // which may be what is missing
	if byName && !ofPast && squall.KindOf(err) == squall.NotFound {
		return squall.Errorf(squall.NotFound, "%q is neither a rule nor a file; to see the rules: squall rule list", arg)
	}
	return err
}

// readDocument reads a file, YAML or JSON, as JSON.
func readDocument(stdin io.Reader, path string) (json.RawMessage, error) {
	var text []byte
	var err error
	if path == "-" {
		text, err = io.ReadAll(stdin)
	} else {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, usageErrorf("%w", err)
	}
	if json.Valid(text) {
		return text, nil
	}
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		return nil, usageErrorf("%s is neither JSON nor YAML: %w", path, err)
	}
	doc, err := json.Marshal(v)
	if err != nil {
		return nil, usageErrorf("%s: %w", path, err)
	}
	return doc, nil
}

// post sends a document and reads the answer.
func (a *app) post(cmd *cobra.Command, path string, body, into any) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	answer, err := c.Do(cmd.Context(), http.MethodPost, path, nil, body)
	if err != nil {
		return err
	}
	if into == nil || len(strings.TrimSpace(string(answer.Body))) == 0 {
		return nil
	}
	return json.Unmarshal(answer.Body, into)
}

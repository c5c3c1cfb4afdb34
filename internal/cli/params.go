package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"squall/internal/api/wire"
)

// parseParams turns the words behind an action's name into its parameters.
//
//	name=value    typed by the action's schema; @FILE reads the value from a file
//	name:=JSON    the value as it stands
//	word ...      for actions that take a command, the command
//
// st2: arrays may be written 1,2,3 and objects k:v,k:v; JSON works for both.
// All wrong words are told at once.
func parseParams(a *wire.Action, runner *wire.RunnerType, words []string) (json.RawMessage, error) {
	schemas := paramTypes(a, runner)
	params := map[string]any{}
	var rest, problems []string
	for _, w := range words {
		name, text, ok := strings.Cut(w, "=")
		literal := false
		if ok {
			name, literal = strings.CutSuffix(name, ":")
		}
		if !ok || !isName(name) {
			rest = append(rest, w)
			continue
		}
		value, err := paramValue(schemas[name], text, literal)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		params[name] = value
	}
	if len(rest) > 0 {
		all := takes(a, runner)
		takesCommand := slices.ContainsFunc(all, func(p *parameter) bool { return p.name == "cmd" })
		_, given := params["cmd"]
		switch {
		case takesCommand && !given:
			params["cmd"] = strings.Join(rest, " ")
		case takesCommand:
			problems = append(problems, fmt.Sprintf("%q and cmd= both give a command", strings.Join(rest, " ")))
		default:
			for i, w := range rest {
				problem := fmt.Sprintf("%q is not of the form name=value", w)
				if name := firstPosition(all); i == 0 && name != "" {
					problem += fmt.Sprintf("; did you mean %s=%s?", name, w)
				}
				problems = append(problems, problem)
			}
		}
	}
	if len(problems) > 0 {
		return nil, usageErrorf("%s\nsee what the action takes: squall run %s --help", strings.Join(problems, "\n"), a.Ref)
	}
	return json.Marshal(params)
}

// paramTypes maps each parameter to the names of its types; the action's
// schema overrides the runner's.
func paramTypes(a *wire.Action, runner *wire.RunnerType) map[string][]string {
	types := map[string][]string{}
	for _, schema := range []map[string]json.RawMessage{runner.Parameters, a.Parameters} {
		for name, doc := range schema {
			var p struct{ Type json.RawMessage }
			_ = json.Unmarshal(doc, &p) // without a type the text stays text
			var one string
			var many []string
			switch {
			case json.Unmarshal(p.Type, &one) == nil:
				types[name] = []string{one}
			case json.Unmarshal(p.Type, &many) == nil:
				types[name] = many
			case types[name] == nil:
				types[name] = []string{}
			}
		}
	}
	return types
}

func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r == '_' || r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	})
}

// paramValue reads one value. Text that may be an expression is left to the server.
func paramValue(types []string, text string, literal bool) (any, error) {
	if path, ok := strings.CutPrefix(text, "@"); ok && !literal {
		content, err := os.ReadFile(path)
		switch {
		case err == nil:
			text = strings.TrimRight(string(content), "\n")
		case !slices.Contains(types, "string"): // "@here" is a fine string
			return nil, err
		}
	}
	if literal {
		var v json.RawMessage
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return nil, fmt.Errorf("%q is not JSON: %w", text, err)
		}
		return v, nil
	}
	if len(types) == 0 || slices.Contains(types, "string") || strings.Contains(text, "{{") || strings.Contains(text, "<%") {
		return text, nil
	}
	if slices.Contains(types, "null") && (text == "null" || text == "") {
		return nil, nil
	}
	var firstErr error
	for _, typ := range types {
		v, err := typedValue(typ, text)
		if err == nil {
			return v, nil
		}
		if firstErr == nil {
			firstErr = err
		}
	}
	return nil, firstErr
}

func typedValue(typ, text string) (any, error) {
	switch typ {
	case "integer":
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			return nil, fmt.Errorf("%q is not a whole number", text)
		}
		return json.Number(text), nil
	case "number":
		if _, err := strconv.ParseFloat(text, 64); err != nil || !json.Valid([]byte(text)) {
			return nil, fmt.Errorf("%q is not a number", text)
		}
		return json.Number(text), nil
	case "boolean":
		switch strings.ToLower(text) {
		case "true", "1", "yes", "on":
			return true, nil
		case "false", "0", "no", "off":
			return false, nil
		}
		return nil, fmt.Errorf("%q is neither true nor false", text)
	case "array":
		return arrayValue(text)
	case "object":
		return objectValue(text)
	default:
		return text, nil
	}
}

func arrayValue(text string) (any, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "[") {
		return jsonValue(text, "a JSON array")
	}
	if text == "" {
		return []any{}, nil
	}
	var items []any
	for item := range strings.SplitSeq(text, ",") {
		items = append(items, plainValue(strings.TrimSpace(item)))
	}
	return items, nil
}

func objectValue(text string) (any, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return jsonValue(text, "a JSON object")
	}
	object := map[string]any{}
	if text == "" {
		return object, nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(pair, ":")
		if !ok {
			return nil, fmt.Errorf("%q is neither JSON nor key:value,key:value", text)
		}
		object[strings.TrimSpace(key)] = plainValue(strings.TrimSpace(value))
	}
	return object, nil
}

func jsonValue(text, what string) (any, error) {
	if !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("%q is not %s", text, what)
	}
	return json.RawMessage(text), nil
}

// plainValue reads the items of lists and objects, whose type no schema tells.
func plainValue(text string) any {
	var v any
	if json.Unmarshal([]byte(text), &v) == nil {
		return json.RawMessage(text)
	}
	return text
}

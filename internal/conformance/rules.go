package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/rule"
	"squall/internal/squall"
)

// rulesSuite runs the folder "rules": single operators and whole criteria.
func rulesSuite(set *expr.Set) Suite {
	return Suite{
		Name: "rules",
		Load: func(root string) ([]*Case, error) { return loadRules(root) },
		Modes: map[string]Runner{
			"operators": func(ctx context.Context, c *Case) (any, error) { return runOperator(ctx, set, c) },
			"criteria":  func(ctx context.Context, c *Case) (any, error) { return runCriteria(ctx, set, c) },
		},
	}
}

// loadRules reads both files; the recorded outcome is the expected value, with
// what is only informative left out.
func loadRules(root string) ([]*Case, error) {
	suite := Suite{Name: "rules"}
	fixtures, err := readFixtures(filepath.Join(root, suite.Name, "fixtures.json"))
	if err != nil || fixtures == nil {
		return nil, err
	}
	var out []*Case
	for _, category := range []string{"operators", "criteria"} {
		cases, err := loadFile(suite, category, filepath.Join(root, suite.Name, category+".json"), fixtures)
		if err != nil {
			return nil, err
		}
		for _, c := range cases {
			c.Mode = category
			expect, _ := get[*value.Dict](c.Raw, "expect")
			if category == "operators" {
				c.Expect.Value, _ = expect.GetStr("result")
				c.Expect.Error = operatorClass(c.Expect.Error)
				continue
			}
			c.Expect = Expect{Value: expectedVerdict(expect)}
		}
		out = append(out, cases...)
	}
	return out, nil
}

// readFixtures reads the named values of a corpus; nil when it is not there.
func readFixtures(file string) (*value.Dict, error) {
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	d, ok := v.(*value.Dict)
	if !ok {
		return nil, fmt.Errorf("%s: not an object", file)
	}
	return d, nil
}

// loadFile reads the cases of one file and puts fixtures in place of their names.
func loadFile(s Suite, category, file string, fixtures *value.Dict) ([]*Case, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	v, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	list, ok := v.(*value.List)
	if !ok {
		return nil, fmt.Errorf("%s: not a list of cases", file)
	}
	var out []*Case
	for i, item := range list.Items {
		raw, ok := item.(*value.Dict)
		if !ok {
			return nil, fmt.Errorf("%s: case %d is not an object", file, i)
		}
		for k, v := range raw.All() {
			if ref, ok := v.(*value.Dict); ok {
				if name, ok := get[string](ref, "$fixture"); ok {
					known, ok := fixtures.GetStr(name)
					if !ok {
						return nil, fmt.Errorf("%s: no fixture %s", file, name)
					}
					raw.Set(k, known)
				}
			}
		}
		out = append(out, newCase(s, category, raw))
	}
	return out, nil
}

// get reads a member of a type; false when it is missing or of another type.
func get[T any](d *value.Dict, key string) (T, bool) {
	v, _ := d.GetStr(key)
	t, ok := v.(T)
	return t, ok
}

// anyClass stands for every class of the original that is only informative.
const anyClass = "any"

// operatorClass keeps the classes that must be equal.
func operatorClass(class string) string {
	switch class {
	case "", "UnrecognizedConditionError", "ParserError", "Exception", "re.error":
		return class
	}
	return anyClass
}

// recordedClass is the name under which the recordings know the class of an error.
func recordedClass(err error) string {
	class, _ := describe(err)
	if class == "error" {
		return "re.error"
	}
	return class
}

func ruleEnv(c *Case) (rule.Env, error) {
	var env rule.Env
	if text := str(c.Raw, "now"); text != "" {
		now, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return env, fmt.Errorf("now: %w", err)
		}
		env.Now = now
	}
	if kv, ok := get[*value.List](c.Raw, "kv"); ok {
		env.Store = kvFixture(kv.Items)
	}
	env.StandardMatched, _ = get[bool](c.Raw, "first_pass_matched")
	return env, nil
}

func runOperator(ctx context.Context, set *expr.Set, c *Case) (any, error) {
	env, err := ruleEnv(c)
	if err != nil {
		return nil, err
	}
	v, _ := c.Raw.GetStr("value")
	pattern, _ := c.Raw.GetStr("pattern")
	condition, _ := c.Raw.GetStr("condition")
	result, err := rule.Operate(ctx, set, str(c.Raw, "type"), v, pattern, condition, env)
	if err != nil {
		class := recordedClass(err)
		return nil, value.Errorf(operatorClass(class), "%s", value.MessageOf(err))
	}
	return result, nil
}

// expectedVerdict is a recorded evaluation without what is informative.
func expectedVerdict(expect *value.Dict) *value.Dict {
	out := value.NewDict(4)
	if v, ok := get[*value.Dict](expect, "validation"); ok {
		out.SetStr("validation", validationHead(str(v, "message")))
	}
	if class := str(expect, "error"); class != "" {
		out.SetStr("error", class)
		out.SetStr("message", str(expect, "message"))
		return out
	}
	match, _ := expect.GetStr("match")
	out.SetStr("match", match)
	reasons := value.NewList()
	if list, ok := get[*value.List](expect, "enforcements"); ok {
		for _, e := range list.Items {
			reasons.Items = append(reasons.Items, str(e.(*value.Dict), "reason"))
		}
	}
	out.SetStr("enforcements", reasons)
	return out
}

// validationHead is a message of validation without the list of operators.
func validationHead(msg string) string {
	for i := range msg {
		if msg[i] == '[' {
			return msg[:i]
		}
	}
	return msg
}

func runCriteria(ctx context.Context, set *expr.Set, c *Case) (any, error) {
	env, err := ruleEnv(c)
	if err != nil {
		return nil, err
	}
	criteria, _ := c.Raw.GetStr("criteria")
	doc, err := value.ToJSON(criteria)
	if err != nil {
		return nil, err
	}
	out := value.NewDict(4)
	if err := rule.Validate(doc); err != nil {
		out.SetStr("validation", validationHead(value.MessageOf(err)))
	}
	enabled, given := get[bool](c.Raw, "enabled")
	compiled, err := rule.Compile(set, &squall.Rule{
		Ref: squall.Ref{Pack: "p", Name: "r"}, Enabled: enabled || !given,
		Type: str(c.Raw, "rule_type"), Criteria: json.RawMessage(doc),
	})
	if err != nil {
		return nil, err
	}
	payload, _ := c.Raw.GetStr("payload")
	v := compiled.Match(ctx, rule.Event{Payload: payload}, env)
	if v.Err != nil {
		class, msg := describe(v.Err)
		out.SetStr("error", class)
		out.SetStr("message", msg)
		return out, nil
	}
	reasons := value.NewList()
	for _, f := range v.Failures {
		reasons.Items = append(reasons.Items, f.Reason)
	}
	out.SetStr("match", v.Matched)
	out.SetStr("enforcements", reasons)
	return out, nil
}

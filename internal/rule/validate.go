package rule

import (
	"fmt"
	"slices"
	"strings"

	"squall/internal/expr/value"
)

// ValidationClass is the class of the errors Validate gives, which clients of
// StackStorm see.
const ValidationClass = "ValueValidationException"

// Validate tells what the API refuses about criteria: the first member in order
// that names no operator, none that exists by exactly that name, or no pattern.
// doc is a JSON object; nil stands for none. What only fails at an event (a
// regular expression, a template, a key) is not looked at (st2).
func Validate(doc []byte) error {
	criteria, err := readCriteria(doc)
	if err != nil {
		return value.Errorf(ValidationClass, "%s", err.Error())
	}
	for k, body := range criteria.All() {
		if err := validateCriterion(k, body); err != nil {
			return err
		}
	}
	return nil
}

func validateCriterion(key, body any) error {
	d, ok := body.(*value.Dict)
	if !ok {
		return value.Errorf(ValidationClass, "Operator not specified for field: %s", key)
	}
	op, ok := d.GetStr("type")
	if !ok || op == nil {
		return value.Errorf(ValidationClass, "Operator not specified for field: %s", key)
	}
	name, isText := value.AsString(op)
	if !isText || !slices.Contains(operatorNames, name) {
		shown, err := value.Str(nil, op)
		if err != nil {
			shown = value.TypeName(op)
		}
		return value.Errorf(ValidationClass, "For field: %s, operator %s not in list of allowed operators: %s", key, shown, pythonList(operatorNames))
	}
	if p, _ := d.GetStr("pattern"); p == nil {
		return value.Errorf(ValidationClass, "For field: %s, no pattern specified for operator %s", key, name)
	}
	return nil
}

// pythonList writes names the way StackStorm's message shows them.
func pythonList(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("'%s'", n)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

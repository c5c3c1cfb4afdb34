package rule

import (
	"fmt"
	"strings"

	"squall/internal/expr/value"
)

// Why tells what decided.
type Why string

// What can decide whether a rule matches.
const (
	BecauseDisabled        Why = "the rule is disabled"
	BecauseStandardMatched Why = "a standard rule matched already"
	BecauseNoCriteria      Why = "there are no criteria"
	BecauseEmptyPayload    Why = "the payload is empty"
	BecauseCriteria        Why = "the criteria decided"
)

// Verdict is the outcome of matching a rule.
type Verdict struct {
	Rule    string
	Matched bool
	Why     Why
	// Criteria are those evaluated, in order; the last one decided a mismatch.
	Criteria []CriterionVerdict
	// Failures are to be recorded as failed enforcements, one each, in order,
	// those of items of a search included.
	Failures []Failure
	// Err is set when the rule itself is broken: an operator that does not
	// exist. StackStorm logs that and records nothing.
	Err error
}

// CriterionVerdict is what one criterion said.
type CriterionVerdict struct {
	Key      string
	Operator string
	Value    any // what the key found; nil also when it found nothing
	Pattern  any // as rendered
	Matched  bool
	Note     string             // why it is false when nothing was compared
	Failure  *Failure           // what went wrong, nil when nothing did
	Children []CriterionVerdict // of a search: per item, per child
}

// Failure is something that kept a criterion from being evaluated.
type Failure struct {
	Reason string // StackStorm's words
	Err    error
}

// Text is the failure as StackStorm writes it into an enforcement.
func (f Failure) Text(rule, event string) string {
	return fmt.Sprintf(`Failed to match rule "%s" against trigger instance "%s": %s: %s`, rule, event, f.Reason, value.MessageOf(f.Err))
}

// shownLen bounds how much of a value an explanation shows.
const shownLen = 120

// Explain tells a person how the verdict came about: a line for the rule, then
// one per criterion, items of a search indented below it.
func (v Verdict) Explain() string {
	var b strings.Builder
	if v.Matched {
		fmt.Fprintf(&b, "%s matches: %s\n", v.Rule, v.Why)
	} else {
		fmt.Fprintf(&b, "%s does not match: %s\n", v.Rule, v.Why)
	}
	for i, c := range v.Criteria {
		c.explain(&b, "  ")
		if v.Err != nil && i == len(v.Criteria)-1 {
			fmt.Fprintf(&b, "    the rule is broken: %s\n", value.MessageOf(v.Err))
		}
	}
	return b.String()
}

func (c CriterionVerdict) explain(b *strings.Builder, indent string) {
	word := "false"
	if c.Matched {
		word = "true"
	}
	switch {
	case c.Failure != nil:
		fmt.Fprintf(b, "%s%s %s: failed: %s (%s)\n", indent, c.Key, c.Operator, c.Failure.Reason, value.MessageOf(c.Failure.Err))
	case c.Note != "":
		fmt.Fprintf(b, "%s%s: %s: %s\n", indent, c.Key, word, c.Note)
	default:
		fmt.Fprintf(b, "%s%s %s: %s: value %s, pattern %s\n", indent, c.Key, c.Operator, word, shown(c.Value), shown(c.Pattern))
	}
	for _, child := range c.Children {
		child.explain(b, indent+"  ")
	}
}

func shown(v any) string {
	text, err := value.Repr(nil, v)
	if err != nil {
		return value.TypeName(v)
	}
	if value.StrLen(text) > shownLen {
		return value.Substring(text, 0, shownLen) + "..."
	}
	return text
}

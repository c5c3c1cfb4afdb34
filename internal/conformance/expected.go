package conformance

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed expected_failures.txt
var expectedText string

// ExpectedFailure is an accepted difference. An ID that ends in "*" stands for
// all cases whose ids begin so, in a part that is not built: those of them that
// fail are expected to, and it must be removed when none does.
type ExpectedFailure struct {
	ID     string
	Reason string
}

// Prefix returns what the ids begin with that e stands for, when there are many.
func (e ExpectedFailure) Prefix() (string, bool) { return strings.CutSuffix(e.ID, "*") }

// expectations finds the reason why a case may fail.
type expectations struct {
	exact    map[string]string
	prefixes []ExpectedFailure
}

func expectationsOf(list []ExpectedFailure) expectations {
	x := expectations{exact: map[string]string{}}
	for _, e := range list {
		if _, ok := e.Prefix(); ok {
			x.prefixes = append(x.prefixes, e)
			continue
		}
		x.exact[e.ID] = e.Reason
	}
	return x
}

// reason returns the reason from the list, "" when the case should not be what it is.
func (x expectations) reason(id string, failed bool) string {
	if reason, ok := x.exact[id]; ok {
		return reason
	}
	for _, e := range x.prefixes {
		if prefix, _ := e.Prefix(); failed && strings.HasPrefix(id, prefix) {
			return e.Reason
		}
	}
	return ""
}

// ExpectedFailures gives the list: a line "id: reason" each; lines that start
// with # are comments. A reason is required.
func ExpectedFailures() ([]ExpectedFailure, error) { return parseExpected(expectedText) }

func parseExpected(text string) ([]ExpectedFailure, error) {
	var out []ExpectedFailure
	seen := map[string]bool{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, reason, ok := strings.Cut(line, ": ")
		if !ok || strings.TrimSpace(reason) == "" {
			return nil, fmt.Errorf("expected_failures.txt:%d: want \"id: reason\"", i+1)
		}
		if seen[id] {
			return nil, fmt.Errorf("expected_failures.txt:%d: %s is listed twice", i+1, id)
		}
		seen[id] = true
		out = append(out, ExpectedFailure{id, strings.TrimSpace(reason)})
	}
	return out, nil
}

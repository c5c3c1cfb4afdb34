package conformance

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed expected_failures.txt
var expectedText string

// ExpectedFailure is an accepted difference.
type ExpectedFailure struct {
	ID     string
	Reason string
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

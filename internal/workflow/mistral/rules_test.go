package mistral_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every rule is explained in the documentation, and the documentation explains
// no others.
func TestRulesAreDocumented(t *testing.T) {
	source, err := os.ReadFile("rules.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../../docs/migration.md")
	if err != nil {
		t.Fatal(err)
	}
	rules := regexp.MustCompile(`Rule = "(M\d+)"`).FindAllStringSubmatch(string(source), -1)
	for _, r := range rules {
		if strings.Count(string(page), "\n| "+r[1]+" | ") != 1 {
			t.Errorf("docs/migration.md does not explain %s", r[1])
		}
	}
	if rows := strings.Count(string(page), "\n| M"); rows != len(rules) || rows == 0 {
		t.Errorf("docs/migration.md explains %d rules, there are %d", rows, len(rules))
	}
}

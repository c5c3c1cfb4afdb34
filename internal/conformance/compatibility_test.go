package conformance

import (
	"os"
	"strings"
	"testing"
)

// TestCompatibilityDocument keeps the list in docs/compatibility.md equal to
// the list of expected failures. SQUALL_UPDATE=1 writes it.
func TestCompatibilityDocument(t *testing.T) {
	const file = "../../docs/compatibility.md"
	const begin, end = "<!-- expected failures: begin -->\n", "<!-- expected failures: end -->"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	list, err := ExpectedFailures()
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("\n")
	for _, e := range list {
		want.WriteString("- `" + e.ID + "`: " + e.Reason + "\n")
	}
	if len(list) == 0 {
		want.WriteString("None.\n")
	}
	want.WriteString("\n")
	before, rest, ok := strings.Cut(string(data), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no list between %q and %q", file, begin, end)
	}
	text := before + begin + want.String() + end + after
	if text == string(data) {
		return
	}
	if os.Getenv("SQUALL_UPDATE") == "" {
		t.Fatalf("%s is not current: run SQUALL_UPDATE=1 go test ./internal/conformance -run Compatibility", file)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestExpectedFailuresNeedReasons(t *testing.T) {
	for _, text := range []string{"j-1", "j-1:", "j-1:   ", "j-1: a\nj-1: b"} {
		if _, err := parseExpected(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

package conformance

import (
	"os"
	"path/filepath"
	"testing"
)

// corpus finds the recordings: SQUALL_CONFORMANCE, or ../shared/conformance
// beside the repository.
func corpus(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SQUALL_CONFORMANCE")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "conformance")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("NO CORPUS: set SQUALL_CONFORMANCE to a directory of recordings (%v)", err)
	}
	return dir
}

// TestConformance runs every case of the corpus.
func TestConformance(t *testing.T) {
	rep, err := Run(t.Context(), Config{Root: corpus(t), Suites: Suites()})
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Outcomes) == 0 {
		t.Fatal("the corpus has no cases")
	}
	shown := 0
	for _, o := range rep.Outcomes {
		if !o.Failed() {
			continue
		}
		if shown++; shown <= 50 {
			t.Error(o.Describe())
		}
	}
	passed, failed, expected := rep.Counts()
	t.Logf("%d passed, %d failed, %d expected failures", passed, failed, expected)
}

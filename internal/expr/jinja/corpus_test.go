package jinja_test

import (
	"os"
	"path/filepath"
	"testing"

	"squall/internal/conformance"
)

// corpusRoot is the directory of recorded cases, or "" when there is none.
func corpusRoot() string {
	root := os.Getenv("SQUALL_CONFORMANCE")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared", "conformance")
	}
	if _, err := os.Stat(filepath.Join(root, "jinja")); err != nil {
		return ""
	}
	return root
}

// TestCorpus runs the Jinja part of the corpus, so that a change here shows at
// once what it does to the recorded behaviour.
func TestCorpus(t *testing.T) {
	root := corpusRoot()
	if root == "" {
		t.Skip("NO CORPUS: set SQUALL_CONFORMANCE to a directory of recordings")
	}
	rep, err := conformance.Run(t.Context(), conformance.Config{Root: root, Suite: "jinja", Suites: conformance.Suites()})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range rep.Outcomes {
		if o.Failed() {
			t.Error(o.Describe())
		}
	}
}

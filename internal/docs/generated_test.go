package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const docsDir = "../../docs"

// Generated pages say what the program says now.
func TestGeneratedPagesAreUpToDate(t *testing.T) {
	for _, p := range pages {
		want, err := p.make()
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(docsDir, "reference", p.name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(got), want); diff != "" {
			t.Errorf("docs/reference/%s is old; run make docs (-page +program):\n%s", p.name, diff)
		}
	}
}

// Every command says what it is for.
func TestEveryCommandIsExplained(t *testing.T) {
	text, err := commandPage()
	if err != nil {
		t.Fatal(err)
	}
	for section := range strings.SplitSeq(text, "\n## squall ") {
		if strings.Contains(section, "\n\n.\n") {
			name, _, _ := strings.Cut(section, "\n")
			t.Errorf("a command of %q has no words", name)
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```$")
)

// Links between pages lead to a file that is there, and to a heading in it.
func TestLinksLeadSomewhere(t *testing.T) {
	for _, file := range pageFiles(t) {
		text := read(t, file)
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			to := file
			if target != "" {
				to = filepath.Join(filepath.Dir(file), target)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", file, m[1])
				continue
			}
			if anchor != "" && !anchors(read(t, to))[anchor] {
				t.Errorf("%s: %s has no heading %q", file, to, anchor)
			}
		}
	}
}

// anchors are the names under which the headings of a page can be linked to.
func anchors(text string) map[string]bool {
	names := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
				return r
			default:
				return -1
			}
		}, strings.ToLower(m[1]))
		names[name] = true
	}
	return names
}

// Every page is in the index.
func TestEveryPageIsInTheIndex(t *testing.T) {
	index := read(t, filepath.Join(docsDir, "README.md"))
	for _, file := range pageFiles(t) {
		rel, err := filepath.Rel(docsDir, file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(rel, "..") || rel == "README.md" || strings.HasPrefix(rel, "decisions/0") {
			continue
		}
		if !strings.Contains(index, "("+rel+")") {
			t.Errorf("docs/README.md does not link to %s", rel)
		}
	}
}

// pageFiles are the pages for people: the README and all below docs.
func pageFiles(t *testing.T) []string {
	t.Helper()
	list := []string{filepath.Join(docsDir, "..", "README.md")}
	for _, pattern := range []string{"*.md", "*/*.md"} {
		files, err := filepath.Glob(filepath.Join(docsDir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, files...)
	}
	if len(list) < 10 {
		t.Fatalf("only %d pages", len(list))
	}
	return list
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

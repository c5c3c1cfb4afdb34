package app

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/content"
	"squall/internal/squall"
)

// packsMetadata returns the directory with the metadata of real packs.
func packsMetadata(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("SQUALL_PACKS_METADATA")
	if dir == "" {
		dir = "../../../shared/compat/packs-metadata"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: no corpus of pack metadata (%v); set SQUALL_PACKS_METADATA", err)
	}
	return dir
}

// expected is an EXPECT.json, in the shape of a verdict.
type expected struct {
	content.Verdict
	Invalid []struct{ File, Kind, Lenient string } `json:"invalid"`
}

// TestPackValidateAgrees compares the command's output with every recorded
// registration. We accept what they mark as lenient: old names of runners, and
// Mistral's workflows.
func TestPackValidateAgrees(t *testing.T) {
	dir := packsMetadata(t)
	var out bytes.Buffer
	cmd := packCommand(&out, &out)
	cmd.SetArgs([]string{"validate", "--json", dir})
	if err := cmd.Execute(); err != nil {
		t.Errorf("the command: %v", err)
	}
	var verdicts []*content.Verdict
	if err := json.Unmarshal(out.Bytes(), &verdicts); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "EXPECT.json"))
	if len(verdicts) != len(files) || len(files) == 0 {
		t.Fatalf("%d verdicts for %d packs", len(verdicts), len(files))
	}
	core, err := filepath.Glob("../../packs/core/triggers/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	objects := 0
	for _, got := range verdicts {
		doc, err := os.ReadFile(filepath.Join(dir, filepath.Base(got.Path), "EXPECT.json"))
		if err != nil {
			t.Fatal(err)
		}
		var want expected
		if err := json.Unmarshal(doc, &want); err != nil {
			t.Fatalf("%s: %v", got.Pack, err)
		}
		lenient := 0
		var refused []string
		for _, i := range want.Invalid {
			if i.Lenient != "" {
				lenient++
			} else {
				refused = append(refused, i.File)
			}
		}
		want.Right["actions"] += lenient
		want.Distinct["actions"] += lenient
		if want.Pack == "core" { // its trigger types are the server's own there
			want.Distinct["trigger_types"] -= len(core)
		}
		var ours []string
		for _, i := range got.Invalid {
			ours = append(ours, i.File)
		}
		type summary struct {
			Pack, Version          string
			Registers              bool
			Files, Right, Distinct map[string]int
			Invalid                []string
			Waiting                int
		}
		diff := cmp.Diff(
			summary{want.Pack, want.Version, want.Registers, want.Files, want.Right, want.Distinct, refused, len(want.Waiting)},
			summary{got.Pack, got.Version, got.Registers, got.Files, got.Right, got.Distinct, ours, len(got.Waiting)})
		if diff != "" {
			t.Errorf("%s (-EXPECT +got):\n%s", got.Pack, diff)
		}
		for _, n := range got.Distinct {
			objects += n
		}
	}
	t.Logf("%d packs, %d objects", len(verdicts), objects)
}

func TestPackValidateSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	write := func(file, text string) {
		t.Helper()
		path := filepath.Join(dir, "mine", file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("pack.yaml", "name: mine\nversion: 1.0.0\n")
	write("actions/a.yaml", "name: a\nrunner_type: local-shell-cmd\nenabeld: true\n")
	write("rules/r.yaml", "name: r\ntrigger: {type: other.happened}\naction: {ref: core.local}\n")
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		cmd := packCommand(&out, &out)
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		cmd.SetArgs(append([]string{"validate"}, args...))
		err := cmd.Execute()
		return out.String(), err
	}
	for _, path := range []string{dir, filepath.Join(dir, "mine")} {
		text, err := run(path)
		if squall.KindOf(err) != squall.Invalid {
			t.Errorf("error %v, want one of kind Invalid", err)
		}
		for _, want := range []string{
			`actions/a.yaml:3:1: an action has no "enabeld"; did you mean "enabled"?`,
			`rules/r.yaml:2:17: warning: there is no trigger type "other.happened"; the rule works once pack "other" is there`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
	}
	if _, err := run(t.TempDir()); squall.KindOf(err) != squall.NotFound {
		t.Errorf("a directory without packs: %v", err)
	}
}

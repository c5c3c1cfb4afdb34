package backuptest

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// agentDir holds the agent of the pack, and below it its tests.
const agentDir = "../../packs/backup/agent"

// TestAgent runs the agent's own tests, which are Python: each file is a subtest.
// With SQUALL_TEST_BACKUP=require a test that is skipped there, because a package or a
// right is missing, is an error here.
func TestAgent(t *testing.T) {
	const python = "/usr/bin/python3" // another one does not see Debian's modules
	if out, err := exec.Command(python, "-c", "import nbd").CombinedOutput(); err != nil {
		skip(t, "python3-libnbd is not installed (scripts/setup installs it): %s", bytes.TrimSpace(out))
	}
	for _, tool := range []string{"qemu-img", "qemu-nbd", "qemu-io", "zstd"} {
		if _, err := exec.LookPath(tool); err != nil {
			skip(t, "%s is not installed (scripts/setup installs it)", tool)
		}
	}
	readAll(t, agentDir)
	files, err := filepath.Glob(agentDir + "/tests/test_*.py")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests of the agent found: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".py")
		t.Run(strings.TrimPrefix(name, "test_"), func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), python, "-B", "-m", "unittest", "-v", name)
			cmd.Dir = filepath.Dir(file)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, "... skipped") && os.Getenv("SQUALL_TEST_BACKUP") == "require" {
					t.Error(line)
				} else if strings.Contains(line, "... skipped") {
					t.Log(line)
				}
			}
		})
	}
}

func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("SQUALL_TEST_BACKUP") == "require" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// readAll reads what the tests depend on, so that `go test` knows it: a cached result
// must not outlive a change of a Python file.
func readAll(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		_, err = os.ReadFile(name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

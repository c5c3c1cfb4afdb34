package backuptest

import (
	"os"
	"os/exec"
	"testing"

	"squall/internal/squalltest"
)

// TestPack runs the pack's own tests, the planner (B8) and retention (B7) among them,
// as an author of packs would.
func TestPack(t *testing.T) {
	t.Parallel()
	need(t)
	cmd := exec.Command(squalltest.Program(t), "pack", "test", "../../packs/backup")
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

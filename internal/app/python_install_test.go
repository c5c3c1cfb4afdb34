package app

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A pack with requirements: installed from wheels in a directory, run, upgraded,
// refused when they cannot be met, tested, removed.
func TestAPackBringsItsRequirements(t *testing.T) {
	python := realPython(t)
	if exec.CommandContext(t.Context(), python, "-m", "pip", "--version").Run() != nil {
		t.Skip("SKIPPED: pip is not installed (Debian: python3-pip)")
	}
	c := DefaultConfig()
	c.Server.Data = t.TempDir()
	c.Python.Path, c.Python.Index, c.Python.Wheels = python, "none", t.TempDir()
	url, _ := serve(t, c)
	client := newFlowClient(t, c, url)
	defer http.DefaultClient.CloseIdleConnections()

	from := filepath.Join(t.TempDir(), "wants")
	write := func(version, requirements string) {
		t.Helper()
		writeFiles(t, from, map[string]string{
			"pack.yaml":          "name: wants\nversion: " + version + "\n",
			"requirements.txt":   requirements,
			"actions/v.yaml":     "name: v\nrunner_type: python-script\nentry_point: v.py\n",
			"actions/v.py":       "import squallwheel\nfrom st2common.runners.base_action import Action\n\n\nclass V(Action):\n    def run(self):\n        return squallwheel.VERSION\n",
			"tests/test_v.py":    "from st2tests.base import BaseActionTestCase\nfrom v import V\n\n\nclass TestV(BaseActionTestCase):\n    action_cls = V\n\n    def test_version(self):\n        self.assertEqual(self.get_action_instance({}).run(), '1.1')\n",
			"tests/__init__.py":  "",
			"actions/lib/ok.py":  "",
			"config.schema.yaml": "{}\n",
		})
	}
	result := func(action, params, status string) string {
		t.Helper()
		ex := client.call(t, http.MethodPost, "", fmt.Sprintf(`{"action":%q,"parameters":%s}`, action, params))
		for until := time.Now().Add(90 * time.Second); ex.Status != "succeeded" && ex.Status != "failed" && time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
			ex = client.call(t, http.MethodGet, "/"+ex.ID, "")
		}
		if ex.Status != status {
			t.Fatalf("%s %s: %s %s", action, params, ex.Status, ex.Result)
		}
		return string(ex.Result)
	}
	install := fmt.Sprintf(`{"packs":[%q]}`, from)

	makeWheel(t, c.Python.Wheels, "1.0")
	write("1.0.0", "squallwheel==1.0\n")
	result("packs.install", install, "succeeded")
	if got := result("wants.v", `{}`, "succeeded"); !strings.Contains(got, `"1.0"`) {
		t.Errorf("%s", got)
	}
	write("2.0.0", "squallwheel==9\n")
	if got := result("packs.install", install, "failed"); !strings.Contains(got, "the requirements of pack wants cannot be met") || !strings.Contains(got, "squallwheel==9") || !strings.Contains(got, "1.0") {
		t.Errorf("the reason is not said: %s", got)
	}
	if got := result("wants.v", `{}`, "succeeded"); !strings.Contains(got, `"1.0"`) {
		t.Errorf("after an upgrade that failed: %s", got)
	}
	makeWheel(t, c.Python.Wheels, "1.1")
	write("2.0.0", "squallwheel>=1.1\n")
	result("packs.install", install, "succeeded")
	if got := result("wants.v", `{}`, "succeeded"); !strings.Contains(got, `"1.1"`) {
		t.Errorf("after the upgrade: %s", got)
	}
	result("packs.setup_virtualenv", `{"packs":["wants"]}`, "succeeded")
	if got := result("wants.v", `{}`, "succeeded"); !strings.Contains(got, `"1.1"`) {
		t.Errorf("in a new environment: %s", got)
	}

	var out bytes.Buffer
	tests := packTest{config: c, dir: from, stdout: &out, stderr: &out, verbose: true}
	if err := tests.run(t.Context(), false); err != nil || !strings.Contains(out.String(), "test_version") {
		t.Errorf("unit tests with the pack's environment: %v\n%s", err, out.String())
	}
	out.Reset()
	alone := *c
	alone.Server.Data = t.TempDir() // knows no environment of the pack
	tests = packTest{config: &alone, dir: from, stdout: &out, stderr: &out}
	if err := tests.run(t.Context(), true); err != nil {
		t.Errorf("unit tests with an environment of their own: %v\n%s", err, out.String())
	}
	if err := tests.run(t.Context(), false); err == nil {
		t.Error("unit tests pass without what they require")
	}

	result("packs.uninstall", `{"packs":["wants"]}`, "succeeded")
	if left, err := filepath.Glob(filepath.Join(c.virtualenvs(), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// makeWheel writes the distribution squallwheel, a module that knows its version.
func makeWheel(t *testing.T, dir, version string) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	info := "squallwheel-" + version + ".dist-info/"
	for _, f := range []struct{ name, text string }{
		{"squallwheel.py", fmt.Sprintf("VERSION = %q\n", version)},
		{info + "METADATA", "Metadata-Version: 2.1\nName: squallwheel\nVersion: " + version + "\n"},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{info + "RECORD", ""},
	} {
		w, err := z.Create(f.name)
		if err == nil {
			_, err = w.Write([]byte(f.text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "squallwheel-"+version+"-py3-none-any.whl"), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

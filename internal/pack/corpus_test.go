package pack_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"squall/internal/pack"
	"squall/internal/runner/types"
	"squall/internal/squall"
)

// corpus returns the directory of recorded behaviour's packs-metadata: the
// metadata of real packs and what the original's registration says to it.
func corpus(t *testing.T) string {
	t.Helper()
	root := os.Getenv("SQUALL_CONFORMANCE")
	if root == "" {
		root = "../../../shared/conformance"
	}
	dir := filepath.Join(root, "..", "compat", "packs-metadata")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: no corpus of pack metadata (%v); set SQUALL_CONFORMANCE", err)
	}
	return dir
}

// lenient are the refusals of the original that we do not repeat.
func lenient(reason string) bool {
	for _, old := range []string{"run-python ", "run-remote ", "run-remote-script "} {
		if strings.HasPrefix(reason, "RunnerType "+old) {
			return true // an old name, accepted as an alias
		}
	}
	return false
}

// anyRunner knows the original's runners that we do not have yet by name only.
func anyRunner(name string) (*squall.RunnerType, bool) {
	if rt, ok := types.Builtin().RunnerType(name); ok {
		return rt, true
	}
	switch name {
	case "python-script", "run-python", "orquesta", "orchestra", "action-chain", "inquirer",
		"remote-shell-cmd", "run-remote", "remote-shell-script", "run-remote-script",
		"winrm-cmd", "winrm-ps-cmd", "winrm-ps-script", "cloudslang":
		return &squall.RunnerType{Name: name, Parameters: squall.Schema{
			{Name: "sudo", Default: json.RawMessage("false")},
			{Name: "kwarg_op", Default: json.RawMessage(`"--"`)},
		}}, true
	}
	return nil, false
}

func TestRealPacksRegisterAsInTheOriginal(t *testing.T) {
	dir := corpus(t)
	expectations, _ := filepath.Glob(filepath.Join(dir, "*", "EXPECT.json"))
	if len(expectations) == 0 {
		t.Fatalf("no packs in %s", dir)
	}
	actions, agreed := 0, 0
	for _, file := range expectations {
		var expect struct {
			PackRegisters bool                  `json:"pack_registers"`
			MustRegister  struct{ Actions int } `json:"must_register"`
			Distinct      struct{ Actions int } `json:"distinct_after_registration"`
			Invalid       []struct{ File, Kind, Reason string }
		}
		doc, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(doc, &expect); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		packDir := filepath.Dir(file)
		name := filepath.Base(packDir)
		content, problems := pack.Reader{Runners: anyRunner}.Read(os.DirFS(packDir), name)

		refused := map[string]string{}
		for _, p := range problems {
			if !p.Warning && refused[p.File] == "" {
				refused[p.File] = p.String()
			}
		}
		if ok := refused["pack.yaml"] == ""; ok != expect.PackRegisters {
			t.Errorf("%s: pack registers: %t, want %t: %s", name, ok, expect.PackRegisters, refused["pack.yaml"])
		}
		delete(refused, "pack.yaml")
		want := expect.Distinct.Actions
		for _, i := range expect.Invalid {
			switch {
			case i.Kind != "action":
			case lenient(i.Reason):
				want++
			case refused[i.File] == "":
				t.Errorf("%s/%s was accepted; the original: %s", name, i.File, i.Reason)
			default:
				delete(refused, i.File)
				agreed++
			}
		}
		for file, problem := range refused {
			t.Errorf("%s/%s was refused: %s", name, file, problem)
		}
		if content != nil {
			actions += len(content.Actions)
			agreed += len(content.Actions)
			if len(content.Actions) != want {
				t.Errorf("%s: %d actions, want %d", name, len(content.Actions), want)
			}
		}
	}
	t.Logf("%d packs, %d actions registered, %d verdicts agree", len(expectations), actions, agreed)
}

// The recorded registrations through the API: what the original answers to the
// body of POST /v1/actions holds for the same document in a file.
func TestRecordedRegistrations(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(corpus(t), "..", "..", "conformance", "runners", "registration.json"))
	if err != nil {
		t.Skipf("SKIPPED: no recorded registrations: %v", err)
	}
	var recorded struct {
		Cases []struct {
			Name     string
			Metadata json.RawMessage
			Expect   struct {
				HTTPStatus  int    `json:"http_status"`
				Faultstring string `json:"faultstring"`
			}
		}
	}
	if err := json.Unmarshal(doc, &recorded); err != nil {
		t.Fatal(err)
	}
	// A file always lies in a pack, so what the body says of the pack differs.
	others := map[string]string{
		"unknown_pack": "the file's directory is the pack",
	}
	agreed := 0
	for _, c := range recorded.Cases {
		if reason := others[c.Name]; c.Metadata == nil || reason != "" {
			continue
		}
		name := "default"
		var pk struct{ Pack string }
		if json.Unmarshal(c.Metadata, &pk); pk.Pack != "" {
			name = pk.Pack
		}
		fsys := fstest.MapFS{}
		fsys["pack.yaml"] = &fstest.MapFile{Data: []byte("name: x\nversion: 1.0.0\n")}
		fsys["actions/a.json"] = &fstest.MapFile{Data: []byte(string(c.Metadata))}
		_, problems := pack.Reader{Runners: anyRunner}.Read(fsys, name)
		faults := 0
		var text string
		for _, p := range problems {
			if !p.Warning {
				faults++
				text += "\n  " + p.String()
			}
		}
		if accepted := c.Expect.HTTPStatus == 201; accepted != (faults == 0) {
			t.Errorf("%s: %d %s; ours:%s", c.Name, c.Expect.HTTPStatus, c.Expect.Faultstring, text)
		} else {
			agreed++
		}
	}
	t.Logf("%d of %d registrations agree", agreed, len(recorded.Cases))
}

package pack_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"squall/internal/pack"
	"squall/internal/runner/types"
	"squall/internal/squall"
	"squall/packs"
)

// corpus returns the directory of recorded behaviour's packs-metadata: the
// metadata of real packs and what the original's registration says to it.
func corpus(t *testing.T) string {
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

// lenient are the refusals of the original that we do not repeat.
func lenient(reason string) bool {
	for _, old := range []string{"run-python ", "run-remote ", "run-remote-script ", "mistral-v2 "} {
		if strings.HasPrefix(reason, "RunnerType "+old) {
			return true // an old name, accepted as an alias; Mistral's workflows are converted
		}
	}
	return false
}

// builtinTriggers are the trigger types that are there before any pack.
func builtinTriggers(t *testing.T) pack.TriggersFunc {
	t.Helper()
	types := builtinTypes(t)
	return func(ref squall.Ref) (*squall.TriggerType, bool) {
		typ, ok := types[ref]
		return typ, ok
	}
}

func builtinTypes(t *testing.T) map[squall.Ref]*squall.TriggerType {
	t.Helper()
	types := map[squall.Ref]*squall.TriggerType{}
	for _, name := range packs.Names() {
		sub, err := fs.Sub(packs.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		content, _ := pack.Read(sub, name)
		for _, typ := range content.TriggerTypes {
			types[typ.Ref] = typ
		}
	}
	return types
}

// expectation is an EXPECT.json: the verdicts of the original's registration.
type expectation struct {
	PackRegisters bool           `json:"pack_registers"`
	Files         map[string]int `json:"files"`
	MustRegister  map[string]int `json:"must_register"`
	Distinct      map[string]int `json:"distinct_after_registration"`
	Invalid       []struct{ File, Kind, Reason string }
	NeedsOther    []struct{ File string } `json:"needs_other_pack"`
}

func TestRealPacksRegisterAsInTheOriginal(t *testing.T) {
	dir := corpus(t)
	expectations, _ := filepath.Glob(filepath.Join(dir, "*", "EXPECT.json"))
	if len(expectations) == 0 {
		t.Fatalf("no packs in %s", dir)
	}
	reader := pack.Reader{Runners: types.Known().RunnerType, Triggers: builtinTriggers(t)}
	builtin := builtinTypes(t)
	maps.DeleteFunc(builtin, func(ref squall.Ref, _ *squall.TriggerType) bool { return ref.Pack != "core" })
	objects, verdicts := 0, 0
	for _, file := range expectations {
		doc, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var want expectation
		if err := json.Unmarshal(doc, &want); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		packDir := filepath.Dir(file)
		name := filepath.Base(packDir)
		content, problems := reader.Read(os.DirFS(packDir), name)
		if ok := content != nil; ok != want.PackRegisters {
			t.Errorf("%s: pack registers: %t, want %t: %v", name, ok, want.PackRegisters, problems)
		}
		verdicts++
		if content == nil {
			continue
		}
		refused := map[string]string{}
		for _, p := range problems {
			if !p.Warning && refused[p.File] == "" {
				refused[p.File] = p.String()
			}
		}
		// What we accept beyond the original.
		more := 0
		for _, i := range want.Invalid {
			switch {
			case lenient(i.Reason):
				more++
			case refused[i.File] == "":
				t.Errorf("%s/%s was accepted; the original: %s", name, i.File, i.Reason)
			}
			if !lenient(i.Reason) {
				delete(refused, i.File)
			}
			verdicts++
		}
		for _, problem := range refused {
			t.Errorf("%s/%s", name, problem)
		}
		if len(content.Waiting) != len(want.NeedsOther) {
			t.Errorf("%s: %d rules wait for another pack, want %d", name, len(content.Waiting), len(want.NeedsOther))
		}
		for _, kind := range pack.Dirs {
			extra := 0
			if kind == "actions" {
				extra = more
			}
			right := content.Files[kind].Right
			if kind == "rules" {
				right -= len(content.Waiting)
			}
			if content.Files[kind].Seen != want.Files[kind] || right != want.MustRegister[kind]+extra {
				t.Errorf("%s: %s: %+v, want %d files and %d right", name, kind, content.Files[kind], want.Files[kind], want.MustRegister[kind]+extra)
			}
		}
		types := len(content.TriggerTypes)
		if name == "core" { // the original keeps the built-in types beside the pack's files
			types += len(builtin)
		}
		for kind, got := range map[string]int{
			"trigger_types": types, "sensors": len(content.Sensors), "actions": len(content.Actions) - more,
			"aliases": len(content.Aliases), "policies": len(content.Policies), "rules": len(content.Rules),
		} {
			if got != want.Distinct[kind] {
				t.Errorf("%s: %d %s, want %d", name, got, kind, want.Distinct[kind])
			}
			objects += got
			verdicts++
		}
	}
	t.Logf("%d packs, %d objects, %d verdicts", len(expectations), objects, verdicts)
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
		_, problems := pack.Reader{Runners: types.Known().RunnerType}.Read(fsys, name)
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

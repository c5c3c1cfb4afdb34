package mistral_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"squall/internal/expr/value"
	"squall/internal/workflow/mistral"
)

var update = flag.Bool("update", false, "ask the Mistral engine and record its answers")

const (
	recorded   = "testdata/recorded.json"
	generation = 260 // workflows
)

// oracleAnswer is what the engine said.
type oracleAnswer struct {
	ID      string         `json:"id"`
	Refused string         `json:"refused,omitempty"`
	State   string         `json:"state,omitempty"`
	Output  map[string]any `json:"output,omitempty"`
	Info    string         `json:"info,omitempty"`
	Tasks   []oracleTask   `json:"tasks,omitempty"`
}

type oracleTask struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Info  string `json:"info,omitempty"`
}

// record is a generated workflow with the engine's answer.
type record struct {
	generated
	Answer oracleAnswer `json:"answer"`
}

// The converted workflows end as the real Mistral engine ended the originals:
// the state of the workflow, those of its tasks, and its output. Its answers
// were recorded; TestOracle asks it anew.
func TestAgainstRecordedMistral(t *testing.T) {
	data, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	var list []record
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 200 {
		t.Fatalf("only %d workflows were recorded", len(list))
	}
	compareAll(t, list)
}

// TestOracle asks the Mistral engine of Debian (package python3-mistral), in
// process, for workflows that nobody has seen before. With -update it records
// the answers to the usual ones.
func TestOracle(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a minute")
	}
	needEngine(t)
	list := askAll(t, uint64(os.Getpid())<<20, 120) //nolint:gosec // a process id is positive
	compareAll(t, list)
	if !*update {
		return
	}
	list = askAll(t, 1, generation)
	text, err := json.MarshalIndent(list, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(recorded, append(text, '\n'), 0o644); err != nil { //nolint:gosec // a file of the repository
		t.Fatal(err)
	}
}

// TestOracleAccepts asks the engine which broken definitions it accepts: the
// converter refuses the others, as wrong.
func TestOracleAccepts(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a minute")
	}
	needEngine(t)
	seed := uint64(os.Getpid()) << 20 //nolint:gosec // a process id is positive
	if *update {
		seed = 1
	}
	list := make([]generated, 400)
	for i := range list {
		n := seed + uint64(i) //nolint:gosec // small
		list[i] = mutate(n, generate(n, fmt.Sprintf("m%d", i)))
	}
	answers := ask(t, list)
	same := 0
	for _, c := range list {
		a := answers[c.ID]
		res := mistral.Convert([]byte(c.Text), mistral.Options{Pack: "gen", Name: c.ID, Exprs: exprs})
		wrong := slices.ContainsFunc(res.Workflows, func(w mistral.Workflow) bool {
			return slices.ContainsFunc(w.Notes, func(n mistral.Note) bool { return n.Rule == mistral.RuleWrong || n.Rule == mistral.RuleNotMistral })
		})
		if wrong == (a.Refused != "") {
			same++
			continue
		}
		if testing.Verbose() {
			t.Logf("%s: the engine says %q, we say %+v\n%s", c.ID, a.Refused, res.Workflows[0].Notes, c.Text)
		}
	}
	t.Logf("%d of %d broken definitions judged like the engine", same, len(list))
	if same*100 < len(list)*98 {
		t.Errorf("only %d of %d judged like the engine", same, len(list))
	}
}

// needEngine skips a test where the engine is not asked for, or not installed.
func needEngine(t *testing.T) {
	t.Helper()
	wish := os.Getenv("SQUALL_TEST_MISTRAL")
	if wish == "" && !*update {
		t.Skip("SKIPPED: the differential test against the real Mistral engine; make mistral, or make test-long, installs it and runs the test")
	}
	err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", "import mistral.tests.unit.engine.base").Run()
	switch {
	case err != nil && wish == "require":
		t.Fatal("the Mistral engine is not installed: run scripts/setup mistral")
	case err != nil:
		t.Skip("SKIPPED: the differential test against the real Mistral engine: python3-mistral, python3-oslotest, python3-testtools and python3-webtest are not installed (scripts/setup mistral)")
	}
}

// packInputs are values for the inputs of the workbooks of real packs.
var packInputs = map[string]any{
	"identifiers": []string{"one", "two"}, "id_type": "UUID", "hostnames": []string{"h1", "h2"}, "buildplan_ids": []int{7},
	"connection_details": map[string]any{}, "attribute_key": "k", "attribute_values": []string{"v1", "v2"},
}

// TestOraclePacks asks the engine about the workflows of real packs, with stubs
// in place of their actions.
func TestOraclePacks(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a minute")
	}
	needEngine(t)
	dir := os.Getenv("SQUALL_PACKS_METADATA")
	if dir == "" {
		dir = "../../../../shared/compat/packs-metadata"
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "actions", "workflows", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var list []record
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if mistral.Kind(text) != "mistral" {
			continue
		}
		pack := filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(file))))
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		for i, kind := range []string{"UUID", "serialnumber"} {
			c := generated{ID: fmt.Sprintf("%s%d", name, i), Text: string(text), Workflow: pack + "." + name + ".entry", Workbook: true, Input: map[string]any{}}
			for _, in := range mistral.Convert(text, mistral.Options{Pack: pack, Name: name}).Workflows[0].Inputs {
				if _, known := packInputs[in]; !known {
					t.Fatalf("%s: no value for the input %q", file, in)
				}
				c.Input[in] = packInputs[in]
			}
			c.Input["id_type"] = kind
			c.Actions = actionsOf.FindAllString(c.Text, -1)
			for i, a := range c.Actions {
				c.Actions[i] = strings.TrimPrefix(a, "action: ")
			}
			list = append(list, record{generated: c})
		}
	}
	if len(list) == 0 {
		t.Skipf("SKIPPED: no workflows of packs in %s; set SQUALL_PACKS_METADATA", dir)
	}
	for i := range list { // one at a time: the workbooks have one name each
		list[i].Answer = ask(t, []generated{list[i].generated})[list[i].ID]
		pack, name, _ := strings.Cut(strings.TrimSuffix(list[i].Workflow, ".entry"), ".")
		res := mistral.Convert([]byte(list[i].Text), mistral.Options{Pack: pack, Name: name, Exprs: exprs})
		if diff := compare(t, list[i], res); diff != "" {
			t.Errorf("%s: %s\n%+v", list[i].ID, diff, list[i].Answer)
		}
		if list[i].Answer.State != "SUCCESS" {
			t.Errorf("%s ended as %s: %s", list[i].ID, list[i].Answer.State, list[i].Answer.Info)
		}
	}
}

var actionsOf = regexp.MustCompile(`action: hpe_icsp\.\w+`)

func askAll(t *testing.T, seed uint64, n int) []record {
	t.Helper()
	list := make([]record, n)
	given := make([]generated, n)
	for i := range list {
		given[i] = generate(seed+uint64(i), fmt.Sprintf("g%d", i)) //nolint:gosec // small
		list[i].generated = given[i]
	}
	answers := ask(t, given)
	for i := range list {
		list[i].Answer = answers[list[i].ID]
	}
	return list
}

// ask runs workflows in the engine.
func ask(t *testing.T, list []generated) map[string]oracleAnswer {
	t.Helper()
	in, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/oracle.py")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("oracle: %v\n%s", err, stderr.String())
	}
	answers := map[string]oracleAnswer{}
	sc := bufio.NewScanner(bytes.NewReader(out))
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		if !bytes.HasPrefix(sc.Bytes(), []byte("{")) {
			continue
		}
		var a oracleAnswer
		if err := json.Unmarshal(sc.Bytes(), &a); err != nil {
			t.Fatalf("oracle: %v: %s", err, sc.Text())
		}
		answers[a.ID] = a
	}
	if len(answers) != len(list) {
		t.Fatalf("the oracle answered %d of %d", len(answers), len(list))
	}
	return answers
}

// compareAll converts every workflow, runs what came out and compares. Whatever
// is called complete must be equal in all; the figures of the rest are logged.
func compareAll(t *testing.T, list []record) {
	t.Helper()
	count := map[string]int{}
	for _, r := range list {
		target, _ := r.Params["task_name"].(string)
		res := mistral.Convert([]byte(r.Text), mistral.Options{Pack: "gen", Name: r.ID, Exprs: exprs, Target: target})
		v := res.Verdict()
		if r.Answer.Refused != "" {
			count["refused by Mistral"]++
			continue
		}
		count[string(v)]++
		if v == mistral.NotAtAll {
			continue
		}
		diff := compare(t, r, res)
		if diff == "" {
			count[string(v)+", equal"]++
			if v == mistral.WithNotes && testing.Verbose() {
				count["equal: "+rulesOf(res)]++
			}
			continue
		}
		if v == mistral.Complete {
			t.Errorf("%s: %s\n%s\n%s", r.ID, diff, r.Text, res.Workflows[0].Text)
		} else if testing.Verbose() {
			count["different: "+rulesOf(res)]++
			t.Logf("%s: %s: %s", r.ID, rulesOf(res), diff)
		}
	}
	t.Logf("%d workflows: %v", len(list), count)
	if count[string(mistral.NotAtAll)]*10 > len(list)-count["refused by Mistral"] {
		t.Errorf("more than a tenth of the workflows do not convert")
	}
}

func rulesOf(res *mistral.Result) string {
	var rules []string
	for _, w := range res.Workflows {
		for _, n := range w.Notes {
			if n.Level != mistral.Info && !slices.Contains(rules, string(n.Rule)) {
				rules = append(rules, string(n.Rule))
			}
		}
	}
	return strings.Join(rules, " ")
}

func compare(t *testing.T, r record, res *mistral.Result) string {
	t.Helper()
	s := &simulation{t: t, flows: map[string]mistral.Workflow{}}
	for _, w := range res.Workflows {
		s.flows[w.Action] = w
	}
	doc, err := json.Marshal(r.Input)
	if err != nil {
		t.Fatal(err)
	}
	input, err := value.FromJSON(doc)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.run(res.Workflows[0], input.(*value.Dict))
	if err != nil {
		return err.Error()
	}
	want := answer{State: r.Answer.State}
	if want.State == "SUCCESS" {
		want.Output = dropNull(any(r.Answer.Output))
		got.Output = dropNull(got.Output)
	}
	for _, task := range r.Answer.Tasks {
		// A join that cannot be reached is a task in ERROR there, and none in Orquesta.
		if task.State == "WAITING" || strings.HasPrefix(task.Info, "Failed by tasks") || strings.HasPrefix(task.Info, "Blocked by tasks") {
			continue
		}
		want.Tasks = append(want.Tasks, task.Name+" "+task.State)
	}
	got.Tasks = slices.DeleteFunc(got.Tasks, func(s string) bool { return strings.Contains(s, "_then ") }) // added
	slices.Sort(want.Tasks)
	if want.State == "ERROR" && strings.Contains(got.errors, "EvaluationException") {
		// An expression that fails after a task makes the task fail there, and only
		// the workflow in Orquesta.
		want.Tasks, got.Tasks = nil, nil
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(answer{})); diff != "" {
		return diff + got.errors
	}
	return ""
}

// dropNull takes null members out of the outermost object: Mistral leaves out
// what was not published when a workflow has no output.
func dropNull(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return map[string]any{}
	}
	out := map[string]any{}
	for k, x := range m {
		if x != nil {
			out[k] = x
		}
	}
	return out
}

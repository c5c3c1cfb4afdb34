package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"squall/internal/squall"
)

func encoded(t testing.TB, write func(*Encoder)) string {
	t.Helper()
	var b bytes.Buffer
	e := NewEncoder(&b)
	write(e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The documents StackStorm 3.10 answered for the same execution, recorded; only
// the identifiers are ours.
const (
	noopRequested = `{"action":{"ref":"core.noop"},"runner":{"name":"noop"},"liveaction":{"action":"core.noop","action_is_workflow":false,"parameters":{},"callback":{},"runner_info":{},"id":"6b030b6bb21a81c13fa8806f"},"status":"requested","start_timestamp":"2026-11-22T15:34:02.733380Z","context":{"user": "st2admin", "pack": "core"},"log":[{"timestamp":"2026-11-22T15:34:03.010146Z","status":"requested"}],"web_url":"https://localhost/#/history/6b030b6bb21a81c13fa8806f/general","id":"6b030b6bb21a81c13fa8806f"}`
	localDone     = `{"action":{"ref":"core.noop"},"runner":{"name":"noop"},"liveaction":{"action":"core.noop","action_is_workflow":false,"parameters":{"cmd":"x"},"callback":{"a":1},"runner_info":{"hostname":"vm","pid":7},"notify":{"b":2},"id":"6b030b6bb21a81c13fa8806f"},"status":"succeeded","start_timestamp":"2026-11-22T15:34:02.733380Z","end_timestamp":"2026-11-22T15:34:06.451088Z","parameters":{"cmd":"x"},"result_size":49,"context":{"user": "st2admin", "pack": "core"},"parent":"6b030b6bb21a81c13fa88000","children":["6b030b6bb21a81c13fa88001"],"log":[{"timestamp":"2026-11-22T15:34:03.010146Z","status":"requested"}],"delay":50,"web_url":"https://localhost/#/history/6b030b6bb21a81c13fa8806f/general","id":"6b030b6bb21a81c13fa8806f","result":{"ok":true},"elapsed_seconds":3.717708}`
)

func noopView() *View {
	at := time.Date(2026, 11, 22, 15, 34, 2, 733380000, time.UTC)
	return &View{
		Execution: &squall.Execution{
			ID: "6b030b6bb21a81c13fa8806f", Action: squall.Ref{Pack: "core", Name: "noop"}, Runner: "noop",
			Status: squall.Requested, CreatedAt: at, NotBefore: at, Context: json.RawMessage(`{"user": "st2admin", "pack": "core"}`),
			Log: []squall.Change{{Status: squall.Requested, At: time.Date(2026, 11, 22, 15, 34, 3, 10146000, time.UTC)}},
		},
		Action: json.RawMessage(`{"ref":"core.noop"}`), Runner: json.RawMessage(`{"name":"noop"}`), WebURL: "https://localhost",
	}
}

func doneView() *View {
	v := noopView()
	v.Status, v.EndedAt = squall.Succeeded, time.Date(2026, 11, 22, 15, 34, 6, 451088000, time.UTC)
	v.Parameters, v.Result, v.ResultSize = json.RawMessage(`{"cmd":"x"}`), json.RawMessage(`{"ok":true}`), 49
	v.Host, v.PID, v.Attempt = "vm", 7, 1
	v.Parent, v.Children = &squall.TaskRef{Execution: "6b030b6bb21a81c13fa88000"}, []squall.ID{"6b030b6bb21a81c13fa88001"}
	v.Extra = Extra{Callback: json.RawMessage(`{"a":1}`), Notify: json.RawMessage(`{"b":2}`), Delay: 50}
	return v
}

func TestExecution(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, want string
		v          *View
		f          Fields
	}{
		{"requested", noopRequested, noopView(), Fields{}},
		{"done", localDone, doneView(), Fields{}},
		{"one member", `{"status":"succeeded","id":"6b030b6bb21a81c13fa8806f"}`, doneView(), Include("status")},
		{"members of a member", `{"context":{"user":"st2admin"},"id":"6b030b6bb21a81c13fa8806f"}`, doneView(), Include("context.user", "context.nope")},
		{"whole and part", `{"context":{"user": "st2admin", "pack": "core"},"id":"6b030b6bb21a81c13fa8806f"}`, doneView(), Include("context.user", "context")},
		{"not a prefix of the name", `{"id":"6b030b6bb21a81c13fa8806f"}`, doneView(), Include("contexts", "stat")},
	} {
		if got := encoded(t, func(e *Encoder) { e.Execution(tt.v, tt.f) }); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// What the server writes, the client reads.
func TestExecutionRoundTrip(t *testing.T) {
	t.Parallel()
	var got Execution
	if err := json.Unmarshal([]byte(localDone), &got); err != nil {
		t.Fatal(err)
	}
	end := Time{time.Date(2026, 11, 22, 15, 34, 6, 451088000, time.UTC)}
	want := Execution{
		ID: "6b030b6bb21a81c13fa8806f", Action: json.RawMessage(`{"ref":"core.noop"}`), Runner: json.RawMessage(`{"name":"noop"}`),
		LiveAction: &LiveAction{
			ID: "6b030b6bb21a81c13fa8806f", Action: "core.noop", Parameters: json.RawMessage(`{"cmd":"x"}`), Callback: json.RawMessage(`{"a":1}`),
			RunnerInfo: json.RawMessage(`{"hostname":"vm","pid":7}`), Notify: json.RawMessage(`{"b":2}`),
		},
		Status: squall.Succeeded, StartTimestamp: Time{time.Date(2026, 11, 22, 15, 34, 2, 733380000, time.UTC)}, EndTimestamp: &end,
		Parameters: json.RawMessage(`{"cmd":"x"}`), ResultSize: 49, Context: json.RawMessage(`{"user": "st2admin", "pack": "core"}`),
		Parent: "6b030b6bb21a81c13fa88000", Children: []string{"6b030b6bb21a81c13fa88001"},
		Log: []LogEntry{{Time{time.Date(2026, 11, 22, 15, 34, 3, 10146000, time.UTC)}, squall.Requested}}, Delay: 50,
		WebURL: "https://localhost/#/history/6b030b6bb21a81c13fa8806f/general", Result: json.RawMessage(`{"ok":true}`), Elapsed: 3.717708,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.ActionRef() != "core.noop" || got.User() != "st2admin" {
		t.Errorf("action %q, user %q", got.ActionRef(), got.User())
	}
}

func TestLiveActionAndOutput(t *testing.T) {
	t.Parallel()
	want := `{"status":"succeeded","start_timestamp":"2026-11-22T15:34:02.733380Z","end_timestamp":"2026-11-22T15:34:06.451088Z","action":"core.noop","action_is_workflow":false,` +
		`"parameters":{"cmd":"x"},"context":{"user": "st2admin", "pack": "core"},"callback":{"a":1},"runner_info":{"hostname":"vm","pid":7},"id":"6b030b6bb21a81c13fa8806f","result":"{\"ok\":true}"}`
	if got := encoded(t, func(e *Encoder) { e.LiveAction(doneView()) }); got != want {
		t.Errorf("liveaction\n got %s\nwant %s", got, want)
	}
	c := squall.Chunk{Seq: 258, Stream: "stderr", At: time.Unix(0, 0), Data: "a\"\n"}
	want = `{"execution_id":"6b030b6bb21a81c13fa8806f","action_ref":"core.noop","runner_ref":"noop","timestamp":"1970-01-01T00:00:00.000000Z","output_type":"stderr","data":"a\"\n","id":"6b030b6bb21a81c13f000102","seq":258}`
	if got := encoded(t, func(e *Encoder) { e.Output(noopView().Execution, c) }); got != want {
		t.Errorf("output\n got %s\nwant %s", got, want)
	}
}

func TestAppendString(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("\x00\n\r\t\"\\\u2028\u00e9<&\x7f")), 0, 20, -1),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "s")
		var got string
		doc := AppendString(nil, s)
		if err := json.Unmarshal(doc, &got); err != nil || !utf8.Valid(doc) {
			t.Fatalf("%q became %s: %v", s, doc, err)
		}
		b, _ := json.Marshal(s)
		var want string
		_ = json.Unmarshal(b, &want)
		if got != want {
			t.Fatalf("%q became %q, encoding/json makes %q", s, got, want)
		}
	})
}

// writes counts what a writer is given.
type writes struct {
	bytes.Buffer
	n    int
	fail error
}

func (w *writes) Write(b []byte) (int, error) {
	w.n++
	if w.fail != nil {
		return 0, w.fail
	}
	return w.Buffer.Write(b)
}

// A big result goes to the writer as it is: the head, the result, the tail.
func TestBigResultIsNotCopied(t *testing.T) {
	v := doneView()
	v.Result = json.RawMessage(`"` + strings.Repeat("x", 4<<20) + `"`)
	w := &writes{}
	w.Grow(5 << 20)
	write := func() {
		w.Reset()
		w.n = 0
		e := NewEncoder(w)
		e.Execution(v, Fields{})
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write()
	if w.n != 3 || !json.Valid(w.Bytes()) {
		t.Errorf("%d writes, valid %v", w.n, json.Valid(w.Bytes()))
	}
	if n := testing.AllocsPerRun(20, write); n > 3 {
		t.Errorf("%v allocations", n)
	}
	w.fail = errors.New("gone")
	e := NewEncoder(w)
	e.Execution(v, Fields{})
	if err := e.Close(); !errors.Is(err, w.fail) {
		t.Errorf("Close = %v", err)
	}
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	got := encoded(t, func(e *Encoder) { e.OneLine = true; e.Raw([]byte("{\n\t\"a\":\r\n \"b\\n\"}")) })
	if got != `{"a":"b\n"}` {
		t.Errorf("got %q", got)
	}
	var b bytes.Buffer
	e := NewEncoder(&b)
	e.OneLine = true
	e.Raw([]byte("{\n"))
	if e.Close() == nil {
		t.Error("broken JSON passed")
	}
}

func TestAction(t *testing.T) {
	t.Parallel()
	one := 1
	a := &squall.Action{
		Ref: squall.Ref{Pack: "p", Name: "vsphere.get"}, Runner: "python-script", Enabled: true, EntryPoint: "a.py", MetadataFile: "actions/a.yaml",
		Tags:   []squall.Tag{{Name: "k", Value: "v"}},
		Notify: json.RawMessage(`{"on-complete":{}}`), Output: json.RawMessage(`{"x":1}`),
		Parameters: squall.Schema{
			{Name: "z", Type: json.RawMessage(`["string","null"]`), Default: json.RawMessage("null"), Position: &one, Secret: true, Rest: json.RawMessage(` {"enum": [1, 2]} `)},
			{Name: "a", Rest: json.RawMessage(`{}`)},
		},
	}
	want := `{"tags":[{"name":"k","value":"v"}],"uid":"action:p:vsphere.get","metadata_file":"actions/a.yaml","name":"vsphere.get","ref":"p.vsphere.get","enabled":true,"entry_point":"a.py","pack":"p","runner_type":"python-script",` +
		`"parameters":{"z":{"type":["string","null"],"default":null,"secret":true,"position":1,"enum": [1, 2]},"a":{}},"output_schema":{"x":1},"notify":{"on-complete":{}},"id":"` + string(ActionID(a.Ref)) + `"}`
	if got := encoded(t, func(e *Encoder) { e.Action(a, Fields{}) }); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	want = `{"ref":"p.vsphere.get","id":"` + string(ActionID(a.Ref)) + `"}`
	if got := encoded(t, func(e *Encoder) { e.Action(a, Include("ref", "description")) }); got != want {
		t.Errorf("selected\n got %s\nwant %s", got, want)
	}
	if !ActionID(a.Ref).Valid() || ActionID(a.Ref) == ObjectID("pack", "p.vsphere.get") {
		t.Errorf("identifier %s", ActionID(a.Ref))
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 11, 22, 15, 4, 5, 0, time.UTC)
	for _, s := range []string{
		"2026-11-22T15:04:05Z", "2026-11-22T15:04:05.000000Z", "2026-11-22T15:04:05", "2026-11-22 15:04:05", "2026-11-22T16:04:05+01:00",
		"2026-11-22T15:04:05+0000", "2026-11-22 15:04:05Z", "2026-11-22T15:04:05.000",
	} {
		if got, err := ParseTime(s); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("ParseTime(%q) = %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "abc", "2026-11-22", "2026-13-22T15:04:05Z", "15:04"} {
		if got, err := ParseTime(s); err == nil {
			t.Errorf("ParseTime(%q) = %v", s, got)
		}
	}
	var at Time
	if err := json.Unmarshal([]byte(`"2026-11-22T15:04:05.000001Z"`), &at); err != nil || at.String() != "2026-11-22T15:04:05.000001Z" {
		t.Errorf("%v, %v", at, err)
	}
	if b, err := json.Marshal(at); err != nil || string(b) != `"2026-11-22T15:04:05.000001Z"` {
		t.Errorf("%s, %v", b, err)
	}
}

func TestExtra(t *testing.T) {
	t.Parallel()
	x := Extra{Notify: json.RawMessage(`{"a":1}`)}
	doc, err := x.WithContext(json.RawMessage(`{"user":"ann"}`))
	if err != nil {
		t.Fatal(err)
	}
	got, rest := ExtraOf(doc)
	if diff := cmp.Diff(x, got); diff != "" || string(rest) != `{"user":"ann"}` {
		t.Errorf("rest %s (-want +got):\n%s", rest, diff)
	}
	if doc, err := (Extra{}).WithContext(nil); err != nil || doc != nil {
		t.Errorf("nothing added became %s, %v", doc, err)
	}
	for _, broken := range []string{"", "[]", `{"_request":5}`} {
		if _, rest := ExtraOf(json.RawMessage(broken)); string(rest) != broken {
			t.Errorf("%q became %q", broken, rest)
		}
	}
}

func TestFault(t *testing.T) {
	t.Parallel()
	if got := string(AppendFault(nil, `a "b"`)); got != `{"faultstring": "a \"b\""}` {
		t.Error(got)
	}
}

func TestRunnerModule(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"noop": {"noop_runner", "noop_runner"}, "action-chain": {"action_chain_runner", "action_chain_runner"},
		"local-shell-cmd": {"local_runner", "local_shell_command_runner"},
	} {
		if pkg, mod := runnerModule(name); pkg != want[0] || mod != want[1] {
			t.Errorf("%s: %s %s", name, pkg, mod)
		}
	}
}

func BenchmarkExecution(b *testing.B) {
	v := doneView()
	w := &writes{}
	b.ReportAllocs()
	for b.Loop() {
		w.Reset()
		e := NewEncoder(w)
		e.Execution(v, Fields{})
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

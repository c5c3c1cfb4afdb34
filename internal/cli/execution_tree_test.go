package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/google/go-cmp/cmp"
	"github.com/muesli/termenv"

	"squall/internal/api/wire"
	"squall/internal/squall"
)

func plainStyles() styles {
	r := lipgloss.NewRenderer(&bytes.Buffer{})
	r.SetColorProfile(termenv.Ascii)
	return newStyles(r)
}

func TestTreeLeavesOutItemsThatSucceeded(t *testing.T) {
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(ms int) *wire.Time { return &wire.Time{Time: t0.Add(time.Duration(ms) * time.Millisecond)} }
	root := &tree{ID: "r", Action: "p.flow", Status: squall.Running, Started: *at(0)}
	nodes := map[string]*tree{"r": root}
	add := func(id, parent, task string, item int, status squall.Status) {
		context := fmt.Sprintf(`{"orquesta":{"task_name":%q}}`, task)
		if item >= 0 {
			context = fmt.Sprintf(`{"orquesta":{"task_name":%q,"item_id":%d}}`, task, item)
		}
		ex := &wire.Execution{ID: id, Parent: parent, Status: status, Action: []byte(`{"ref":"core.x"}`), Context: []byte(context), StartTimestamp: *at(0)}
		if status.Final() {
			ex.EndTimestamp = at(40)
		}
		if !root.put(nodes, ex) {
			t.Fatalf("%s has no place", id)
		}
	}
	add("a", "r", "sub", -1, squall.Running)
	add("b", "a", "inner", -1, squall.Succeeded)
	for i := range 12 {
		status := squall.Succeeded
		if i == 7 {
			status = squall.Failed
		}
		add(fmt.Sprintf("i%d", i), "r", "many", i, status)
	}
	want := `p.flow running 2.50s  r
├─ sub running 2.50s  core.x a
│  └─ inner succeeded 40ms  core.x b
├─ many[7] failed 40ms  core.x i7
└─ many: 11 of 12 items succeeded (--all draws them)
`
	now := t0.Add(2500 * time.Millisecond)
	if diff := cmp.Diff(want, root.draw(plainStyles(), now, false)); diff != "" {
		t.Error(diff)
	}
	if all := root.draw(plainStyles(), now, true); strings.Count(all, "many[") != 12 {
		t.Errorf("--all:\n%s", all)
	}
	if root.put(nodes, &wire.Execution{ID: "z", Parent: "elsewhere"}) {
		t.Error("an execution of somebody else found a place")
	}
	add("a", "r", "sub", -1, squall.Succeeded)
	if len(root.Children) != 13 || nodes["a"].Status != squall.Succeeded {
		t.Errorf("a change became another child: %d", len(root.Children))
	}
}

func TestRedrawnTakesBackWhatItDrew(t *testing.T) {
	var b bytes.Buffer
	r := &redrawn{w: &b, width: 30, height: 8}
	r.show("one\n" + strings.Repeat("y", 50) + "\n")
	r.show("one\n" + strings.Repeat("y", 50) + "\n")
	r.show(strings.Repeat("line\n", 20))
	r.end("done\n" + strings.Repeat("x", 50) + "\n")
	const k = "\x1b[K\n"
	want := "one" + k + strings.Repeat("y", 28) + "…" + k + "\x1b[J" +
		"\x1b[2A\r" + strings.Repeat("line"+k, 6) + "… 14 more lines" + k + "\x1b[J" +
		"\x1b[7A\rdone" + k + strings.Repeat("x", 50) + k + "\x1b[J"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestDifferences(t *testing.T) {
	a := map[string]any{"same": 1.0, "n": map[string]any{"x": "a", "gone": true}, "l": []any{1.0, 2.0}, "kind": "text"}
	b := map[string]any{"same": 1.0, "n": map[string]any{"x": "b", "new": nil}, "l": []any{1.0, 3.0, 4.0}, "kind": []any{}}
	want := []difference{
		{"kind", "text", []any{}},
		{"l[1]", 2.0, 3.0},
		{"l[2]", nil, 4.0},
		{"n.gone", true, nil},
		{"n.x", "a", "b"},
	}
	if diff := cmp.Diff(want, differences("", a, b, nil)); diff != "" {
		t.Error(diff)
	}
	if got := differences("", a, a, nil); got != nil {
		t.Errorf("with itself: %v", got)
	}
}

func TestIndentedTextInPieces(t *testing.T) {
	var b bytes.Buffer
	w := &indented{w: &b}
	for _, piece := range []string{"a", ":\n  b: ", "c\nd", "\n", "\ne"} {
		fmt.Fprint(w, piece)
	}
	if diff := cmp.Diff("  a:\n    b: c\n  d\n  \n  e", b.String()); diff != "" {
		t.Error(diff)
	}
}

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"squall/internal/api/wire"
	"squall/internal/client"
	"squall/internal/squall"
)

func (a *app) executionTreeCommand() *cobra.Command {
	var (
		out    format
		follow bool
		all    bool
	)
	cmd := &cobra.Command{
		Use:   "tree ID",
		Short: "Draw a workflow's execution and all below it",
		Long: `Draw the execution of a workflow as a tree: its tasks, their actions, their items,
the workflows within, each with its state and how long it took. With --follow the
tree changes while the workflow runs.

Of a task with more than ten items only those are drawn that are not succeeded;
--all draws every one.`,
		Example: "  squall execution tree last\n  squall execution tree 6b0314fc6e31f466e4e4acd2 --follow",
		Args:    cobra.ExactArgs(1),
		RunE: a.withClient(func(ctx context.Context, c *client.Client, args []string) error {
			ex, err := execution(ctx, c, args[0])
			if err != nil {
				return err
			}
			if follow && !ex.Status.Final() && !out.machine() {
				done, err := a.watchTree(ctx, c, ex, all)
				if err != nil {
					return err
				}
				return endedWell(done)
			}
			t, err := readTree(ctx, c, ex)
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, t)
			}
			_, err = io.WriteString(a.io.Stdout, t.draw(newStyles(a.io.renderer()), time.Now(), all))
			return err
		}),
	}
	out.addTo(cmd)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the workflow has ended; its state is the exit code")
	cmd.Flags().BoolVar(&all, "all", false, "draw every item")
	return cmd
}

// execution fetches an execution; "last" is the newest that is no task of another.
func execution(ctx context.Context, c *client.Client, id string) (*wire.Execution, error) {
	id, err := outermost(ctx, c, id)
	if err != nil {
		return nil, err
	}
	ex, err := c.Execution(ctx, id)
	if squall.KindOf(err) == squall.NotFound {
		return nil, squall.Errorf(squall.NotFound, "there is no execution %q; to see what there is: squall execution list", id)
	}
	return ex, err
}

// outermost turns "last" into the newest execution that is no task of another.
func outermost(ctx context.Context, c *client.Client, id string) (string, error) {
	if id != "last" {
		return id, nil
	}
	list, err := c.Executions(ctx, client.ExecutionQuery{Parent: "null", Limit: 1})
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		return "", squall.Errorf(squall.NotFound, "there are no executions yet")
	}
	return list[0].ID, nil
}

// endedWell is the exit code of a command that watched an execution.
func endedWell(ex *wire.Execution) error {
	if ex.Status != squall.Succeeded {
		return &ExitError{Code: ExitFailed}
	}
	return nil
}

// tree is an execution with what is below it.
type tree struct {
	ID       string        `json:"id"`
	Action   string        `json:"action"`
	Status   squall.Status `json:"status"`
	Task     string        `json:"task,omitempty"`
	Item     *int          `json:"item,omitempty"`
	Started  wire.Time     `json:"start_timestamp"`
	Ended    *wire.Time    `json:"end_timestamp,omitempty"`
	Children []*tree       `json:"children,omitempty"`
	Partial  bool          `json:"partial,omitempty"` // there is more below than could be read

	parameters json.RawMessage   // of an item: what tells it from the others
	values     map[string]string // what may be a name among them; nil: not looked at yet
	names      map[string]string // of the items below, by their ids
	named      int               // how many children there were then
}

// placeInFlow is what an execution's context says of its place in a workflow.
type placeInFlow struct {
	Orquesta struct {
		Task  string `json:"task_name"`
		Route int    `json:"task_route"`
		Item  *int   `json:"item_id"`
	} `json:"orquesta"`
	Chain struct {
		Name string `json:"name"`
	} `json:"chain"`
}

func placeOf(ex *wire.Execution) (p placeInFlow) {
	_ = json.Unmarshal(ex.Context, &p) // no workflow, no place
	p.Orquesta.Task = firstOf(p.Orquesta.Task, p.Chain.Name)
	return p
}

func newTree(ex *wire.Execution) *tree {
	p := placeOf(ex)
	t := &tree{
		ID: ex.ID, Action: ex.ActionRef(), Status: ex.Status, Task: p.Orquesta.Task, Item: p.Orquesta.Item, Started: ex.StartTimestamp, Ended: ex.EndTimestamp,
	}
	if t.Item != nil {
		t.parameters = ex.Parameters
	}
	return t
}

// readTree fetches all below an execution. What is too large for one answer is
// drawn without its inner workflows, or without its tasks.
func readTree(ctx context.Context, c *client.Client, ex *wire.Execution) (*tree, error) {
	var children []wire.Execution
	var err error
	for _, depth := range []int{-1, 1} {
		if children, err = c.Children(ctx, ex.ID, depth); squall.KindOf(err) != squall.Invalid {
			break
		}
	}
	if err != nil && squall.KindOf(err) != squall.Invalid {
		return nil, err
	}
	root := newTree(ex)
	root.Partial = err != nil
	nodes := map[string]*tree{ex.ID: root}
	for i := range children {
		root.put(nodes, &children[i])
	}
	return root, nil
}

// put adds an execution below its parent, or changes it.
func (t *tree) put(nodes map[string]*tree, ex *wire.Execution) bool {
	if old := nodes[ex.ID]; old != nil {
		old.Status, old.Ended = ex.Status, ex.EndTimestamp
		return true
	}
	parent := nodes[ex.Parent]
	if parent == nil {
		return false
	}
	n := newTree(ex)
	nodes[ex.ID] = n
	parent.Children = append(parent.Children, n)
	return true
}

// fewItems is how many items of a task are drawn without being asked for.
const fewItems = 10

// draw is the tree as text.
func (t *tree) draw(st styles, now time.Time, all bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\n", st.head.Render(t.Action), st.ofStatus(t.Status), st.dim.Render(t.took(now)+"  "+t.ID))
	t.drawBelow(&b, "", st, now, all)
	if t.Partial {
		fmt.Fprintf(&b, "%s\n", st.dim.Render("too many executions for a picture; page by page: squall execution list --parent "+t.ID))
	}
	return b.String()
}

func (t *tree) drawBelow(b *strings.Builder, indent string, st styles, now time.Time, all bool) {
	shown, hidden := t.drawn(all)
	if t.named != len(t.Children) {
		t.names, t.named = itemNames(t.Children), len(t.Children)
	}
	for i, n := range shown {
		fork, next := "├─ ", "│  "
		if i == len(shown)-1 && len(hidden) == 0 {
			fork, next = "└─ ", "   "
		}
		name := n.Task
		if n.Item != nil {
			name += fmt.Sprintf("[%d]", *n.Item)
		}
		if word := t.names[n.ID]; word != "" {
			name += " " + word
		}
		fmt.Fprintf(b, "%s%s %s %s\n", indent+fork, firstOf(name, n.Action), st.ofStatus(n.Status), st.dim.Render(n.took(now)+"  "+n.Action+" "+n.ID))
		if n.asks() {
			fmt.Fprintf(b, "%s   %s\n", indent+next, toAnswer(n.ID))
		}
		n.drawBelow(b, indent+next, st, now, all)
	}
	for i, h := range hidden {
		fork := "├─ "
		if i == len(hidden)-1 {
			fork = "└─ "
		}
		fmt.Fprintf(b, "%s%s %s\n", indent+fork, h, st.dim.Render("(--all draws them)"))
	}
}

// asks reports whether it is a question that waits for its answer.
func (t *tree) asks() bool { return t.Status == squall.Pending && len(t.Children) == 0 }

// drawn says which executions below are drawn, and in words which are not.
func (t *tree) drawn(all bool) (shown []*tree, hidden []string) {
	items, well := map[string]int{}, map[string]int{}
	for _, n := range t.Children {
		if n.Item != nil {
			items[n.Task]++
			if n.Status == squall.Succeeded {
				well[n.Task]++
			}
		}
	}
	var order []string
	for _, n := range t.Children {
		if !all && n.Item != nil && items[n.Task] > fewItems && n.Status == squall.Succeeded {
			if !slices.Contains(order, n.Task) {
				order = append(order, n.Task)
			}
			continue
		}
		shown = append(shown, n)
	}
	for _, task := range order {
		hidden = append(hidden, fmt.Sprintf("%s: %d of %d items succeeded", task, well[task], items[task]))
	}
	return shown, hidden
}

func (t *tree) took(now time.Time) string {
	switch {
	case t.Started.IsZero():
		return "-"
	case t.Ended != nil:
		return short(t.Ended.Sub(t.Started.Time))
	default:
		return short(now.Sub(t.Started.Time).Truncate(100 * time.Millisecond))
	}
}

// watchTree shows a workflow until it has ended: at a terminal as a tree that
// changes, elsewhere as a line for every task that starts or ends, and the tree
// at the end. It returns the ended execution.
func (a *app) watchTree(ctx context.Context, c *client.Client, ex *wire.Execution, all bool) (*wire.Execution, error) {
	w := &treeWatch{app: a, st: newStyles(a.io.renderer()), all: all, told: map[string]squall.Status{}}
	if a.io.isTerminal() {
		w.screen = &redrawn{w: a.io.Stdout, width: a.io.width(), height: a.io.height()}
	}
	var stopDrawing func()
	err := c.FollowEvents(ctx, client.EventQuery{
		Names: []string{"st2.execution__create", "st2.execution__update"}, EndExecution: ex.ID,
		Opened: func() error {
			newest, err := c.Execution(ctx, ex.ID)
			if err != nil {
				return err
			}
			t, err := readTree(ctx, c, newest)
			if err != nil {
				return err
			}
			w.replace(t)
			if stopDrawing == nil {
				stopDrawing = w.draw()
			}
			if newest.Status.Final() {
				return errTreeEnded
			}
			return nil
		},
	}, func(ev client.Event) error {
		var change wire.Execution
		if json.Unmarshal(ev.Data, &change) == nil && change.ID != "" {
			w.change(&change)
		}
		return nil
	})
	if stopDrawing != nil {
		stopDrawing()
	}
	if err != nil && err != errTreeEnded { //nolint:errorlint // it is handed through as it is
		return nil, err
	}
	done, err := c.Execution(ctx, ex.ID)
	if err != nil {
		return nil, err
	}
	t, err := readTree(ctx, c, done)
	if err != nil {
		return nil, err
	}
	text := t.draw(w.st, time.Now(), all)
	if w.screen != nil {
		w.screen.end(text)
		return done, nil
	}
	_, err = io.WriteString(a.io.Stdout, text)
	return done, err
}

// errTreeEnded ends the watching of what has ended already.
var errTreeEnded = &ExitError{}

// treeWatch is a tree that changes.
type treeWatch struct {
	app    *app
	st     styles
	all    bool
	screen *redrawn // nil: no terminal

	mu    sync.Mutex
	root  *tree
	nodes map[string]*tree
	told  map[string]squall.Status
}

func (w *treeWatch) replace(t *tree) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.root, w.nodes = t, map[string]*tree{}
	var walk func(*tree)
	walk = func(n *tree) {
		w.nodes[n.ID] = n
		w.tell(n)
		for _, ch := range n.Children {
			walk(ch)
		}
	}
	walk(t)
}

func (w *treeWatch) change(ex *wire.Execution) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.root != nil && w.root.put(w.nodes, ex) {
		w.tell(w.nodes[ex.ID])
	}
}

// tell writes a line for a task that starts or ends, where there is no terminal.
func (w *treeWatch) tell(n *tree) {
	old, known := w.told[n.ID]
	if known && old == n.Status {
		return
	}
	w.told[n.ID] = n.Status
	if w.screen != nil || n.Task == "" || n.Status != squall.Running && !n.asks() && !n.Status.Final() {
		return
	}
	name := n.Task
	if n.Item != nil {
		name += fmt.Sprintf("[%d]", *n.Item)
	}
	at := n.Started
	if n.Ended != nil {
		at = *n.Ended
	}
	fmt.Fprintf(w.app.io.Stdout, "%s %s %s %s\n", at.Local().Format(time.TimeOnly), name, w.st.ofStatus(n.Status), n.ID)
	if n.asks() {
		fmt.Fprintln(w.app.io.Stdout, toAnswer(n.ID))
	}
}

// draw redraws the tree from time to time until the returned function is called.
func (w *treeWatch) draw() (stop func()) {
	if w.screen == nil {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			w.mu.Lock()
			text := w.root.draw(w.st, time.Now(), w.all)
			w.mu.Unlock()
			w.screen.show(text)
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

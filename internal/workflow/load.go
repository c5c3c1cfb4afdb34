package workflow

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
)

// maxSource bounds a definition; the largest known one has 60 KB.
const maxSource = 4 << 20

// loadError is a definition that cannot be loaded.
type loadError struct {
	mark pyyaml.Mark
	msg  string
}

func (e *loadError) Error() string { return e.msg }

func failLoad(n *pyyaml.Node, format string, args ...any) error {
	e := &loadError{msg: fmt.Sprintf(format, args...)}
	if n != nil {
		e.mark = n.Mark
	}
	return e
}

// Parse loads a definition. A definition that cannot be loaded gives a nil
// Spec and the reason; one that loads may have findings, which Inspect lists.
func Parse(src []byte) (*Spec, []Problem) {
	s, err := load(string(src))
	if err == nil {
		return s, nil
	}
	p := Problem{Category: CategoryLoad, Message: err.Error()}
	if e, ok := errors.AsType[*loadError](err); ok {
		p.Line, p.Column = e.mark.Line, e.mark.Column
	}
	return nil, []Problem{p}
}

func load(src string) (*Spec, error) {
	if len(src) > maxSource {
		return nil, failLoad(nil, "The definition is longer than %d bytes.", maxSource)
	}
	root, problems := pyyaml.Parse(nil, src)
	for _, p := range problems {
		if !p.Warning {
			return nil, &loadError{mark: p.Mark, msg: "Failed to load workflow definition because " + p.Message + "."}
		}
	}
	if root == nil {
		return nil, failLoad(nil, "The spec cannot be type of None.")
	}
	if err := checkMappings(root, map[*pyyaml.Node]bool{}); err != nil {
		return nil, err
	}
	if _, err := expanded(root, map[*pyyaml.Node]int{}); err != nil {
		return nil, err
	}
	raw, ok := root.Value.(*value.Dict)
	if !ok || raw.Len() == 0 {
		return nil, failLoad(root, "The spec is not type of json or yaml.")
	}
	s := &Spec{source: src, raw: raw, root: root, byName: map[string]*TaskSpec{}}
	s.input, _ = raw.GetStr("input")
	s.vars, _ = raw.GetStr("vars")
	s.output, _ = raw.GetStr("output")
	if d, ok := raw.GetStr("description"); ok {
		s.Description, _ = d.(string)
	}
	if err := stringKeys(root); err != nil {
		return nil, err
	}
	if err := s.loadTasks(root.Get("tasks")); err != nil {
		return nil, err
	}
	s.mutating = mutates(raw)
	s.graph, s.graphErr = compose(s)
	return s, nil
}

// maxNodes bounds a definition with its aliases written out.
const maxNodes = 1_000_000

// expanded counts the nodes below n with aliases written out. It refuses
// documents that contain themselves, or explode.
func expanded(n *pyyaml.Node, sizes map[*pyyaml.Node]int) (int, error) {
	const busy = -1
	if size, ok := sizes[n]; ok {
		if size == busy {
			return 0, failLoad(n, "The definition contains itself.")
		}
		return size, nil
	}
	sizes[n] = busy
	total := 1
	add := func(child *pyyaml.Node) error {
		size, err := expanded(child, sizes)
		if total += size; err == nil && total > maxNodes {
			err = failLoad(n, "The definition has more than %d values.", maxNodes)
		}
		return err
	}
	for _, item := range n.Items {
		if err := add(item); err != nil {
			return 0, err
		}
	}
	for _, p := range n.Pairs {
		if err := add(p.Key); err != nil {
			return 0, err
		}
		if err := add(p.Value); err != nil {
			return 0, err
		}
	}
	sizes[n] = total
	return total, nil
}

// checkMappings refuses what Orquesta's loader refuses beyond YAML itself: a
// key given twice, and merge keys.
func checkMappings(n *pyyaml.Node, seen map[*pyyaml.Node]bool) error {
	if seen[n] {
		return nil
	}
	seen[n] = true
	for _, item := range n.Items {
		if err := checkMappings(item, seen); err != nil {
			return err
		}
	}
	keys := value.NewDict(len(n.Pairs))
	for _, p := range n.Pairs {
		if p.Key.Tag == "tag:yaml.org,2002:merge" {
			return failLoad(p.Key, "Failed to load workflow definition because could not determine a constructor for the tag 'tag:yaml.org,2002:merge'.")
		}
		if keys.Has(p.Key.Value) {
			return failLoad(p.Key, "Failed to load workflow definition because found duplicate key \"%s\".", p.Key.Text)
		}
		keys.Set(p.Key.Value, nil)
		if err := checkMappings(p.Key, seen); err != nil {
			return err
		}
		if err := checkMappings(p.Value, seen); err != nil {
			return err
		}
	}
	return nil
}

// stringKeys refuses keys that are not texts where the original matches them
// against a pattern.
func stringKeys(n *pyyaml.Node) error {
	for _, p := range n.Pairs {
		if _, ok := p.Key.Value.(string); !ok {
			return failLoad(p.Key, "The name \"%s\" is not a text.", p.Key.Text)
		}
	}
	return nil
}

// isWord is Python's pattern ^\w+$.
func isWord(s string) bool {
	s = strings.TrimSuffix(s, "\n")
	for _, r := range s {
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsNumber(r) {
			return false
		}
	}
	return s != ""
}

func (s *Spec) loadTasks(n *pyyaml.Node) error {
	if n == nil || !truthy(n.Value) {
		return nil // a finding of the schema
	}
	if n.Kind != pyyaml.Mapping {
		return failLoad(n, "The tasks are not a mapping.")
	}
	for _, p := range n.Pairs {
		name, ok := p.Key.Value.(string)
		if !ok || !isWord(name) {
			return failLoad(p.Key, "The task name \"%s\" is not a word.", p.Key.Text)
		}
		if p.Value.Kind != pyyaml.Mapping || !truthy(p.Value.Value) {
			return failLoad(p.Value, "The task \"%s\" is not a mapping with content.", name)
		}
		t, err := loadTask(name, p.Value)
		if err != nil {
			return err
		}
		s.Tasks = append(s.Tasks, t)
		s.byName[name] = t
	}
	return nil
}

func loadTask(name string, n *pyyaml.Node) (*TaskSpec, error) {
	if err := stringKeys(n); err != nil {
		return nil, err
	}
	d := n.Value.(*value.Dict)
	get := func(key string) any { v, _ := d.GetStr(key); return v }
	t := &TaskSpec{Name: name, Action: get("action"), Input: get("input"), Join: get("join"), Delay: get("delay")}
	if text, ok := t.Action.(string); ok {
		if params := inlineDict(text); params.Len() > 0 {
			at := strings.IndexByte(text, ' ')
			if at < 0 {
				return nil, failLoad(n.Get("action"), "The action \"%s\" has parameters and no name.", text)
			}
			t.Action, t.Input = text[:at], params
		}
	}
	if err := t.loadWith(n.Get("with")); err != nil {
		return nil, err
	}
	if r := n.Get("retry"); r != nil && truthy(r.Value) {
		rd, ok := r.Value.(*value.Dict)
		if !ok {
			return nil, failLoad(r, "The retry of task \"%s\" is not a mapping.", name)
		}
		t.Retry = &RetrySpec{}
		t.Retry.When, _ = rd.GetStr("when")
		t.Retry.Count, _ = rd.GetStr("count")
		t.Retry.Delay, _ = rd.GetStr("delay")
	}
	return t, t.loadNext(n.Get("next"))
}

func (t *TaskSpec) loadWith(n *pyyaml.Node) error {
	if n == nil || n.Value == nil {
		return nil
	}
	t.With = &With{}
	switch w := n.Value.(type) {
	case string:
		t.With.Items = w
	case *value.Dict:
		t.With.Items, _ = w.GetStr("items")
		t.With.Concurrency, _ = w.GetStr("concurrency")
	default:
		return failLoad(n, "The with of task \"%s\" is neither a text nor a mapping.", t.Name)
	}
	t.items = newItemsSpec(t.With.Items)
	return nil
}

func (t *TaskSpec) loadNext(n *pyyaml.Node) error {
	if n == nil || !truthy(n.Value) {
		return nil
	}
	if n.Kind != pyyaml.Sequence {
		return failLoad(n, "The next of task \"%s\" is not a list.", t.Name)
	}
	for _, item := range n.Items {
		d, ok := item.Value.(*value.Dict)
		if !ok || d.Len() == 0 {
			return failLoad(item, "A transition of task \"%s\" is not a mapping with content.", t.Name)
		}
		tr := &TransitionSpec{}
		tr.When, _ = d.GetStr("when")
		tr.Publish, _ = d.GetStr("publish")
		tr.Do, _ = d.GetStr("do")
		if text, ok := tr.Publish.(string); ok && text != "" {
			tr.Publish = inlineList(text)
		}
		if !truthy(tr.Do) {
			tr.Do = commandContinue
		}
		t.Next = append(t.Next, tr)
	}
	return nil
}

// expandedWith is the document with the short form of with written out, as the
// schema wants it.
func (s *Spec) expandedWith() *value.Dict {
	tasks, ok := s.raw.GetStr("tasks")
	td, isDict := tasks.(*value.Dict)
	if !ok || !isDict {
		return s.raw
	}
	out, changed := td.Clone(), false
	for name, t := range td.All() {
		d, ok := t.(*value.Dict)
		if !ok {
			continue
		}
		if w, ok := d.GetStr("with"); ok {
			if text, short := w.(string); short {
				d = d.Clone()
				d.SetStr("with", value.DictOf("items", text))
				out.Set(name, d)
				changed = true
			}
		}
	}
	if !changed {
		return s.raw
	}
	raw := s.raw.Clone()
	raw.SetStr("tasks", out)
	return raw
}

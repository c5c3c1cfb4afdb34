package content

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"squall/internal/pack"
	"squall/internal/squall"
	"squall/internal/store"
)

// Registrar writes packs into the store.
type Registrar struct {
	Store   store.Store
	Runners pack.RunnersFunc
	Log     *slog.Logger
}

// Options say what of the packs is registered, and how.
type Options struct {
	// Dirs are the kinds to register, by their directory; nil is all of them.
	Dirs []string
	// Keep leaves objects alone whose file is as it was when it was registered,
	// also when they were changed since through the API. Without it the file
	// counts (st2: register).
	Keep bool
}

// Report says what registering a pack did.
type Report struct {
	Pack     string
	Path     string
	Done     bool           // the pack is registered; false: pack.yaml or config.schema.yaml is unusable
	Counts   map[string]int // objects the pack declares, by kind
	Files    map[string]pack.Files
	Added    []string // "rule mypack.name"
	Changed  []string
	Removed  []string
	Problems []pack.Problem
}

// batch is how many objects one transaction writes, about: enough to pay for
// its commit, few enough to not hold up others that write.
const batch = 500

// Register reads the packs in paths and writes what differs from what is
// registered: every pack as a whole or not at all, several in a transaction.
// Faulty files are reported and left out.
func (r *Registrar) Register(ctx context.Context, paths []string, o Options) ([]*Report, error) {
	known, err := r.triggerTypes(ctx)
	if err != nil {
		return nil, err
	}
	var reports []*Report
	var queue []*change
	size := 0
	flush := func() error {
		if len(queue) == 0 {
			return nil
		}
		err := r.Store.Update(ctx, func(tx store.Tx) error {
			for _, c := range queue {
				if err := c.write(ctx, tx); err != nil {
					return fmt.Errorf("register pack %s: %w", c.ref, err)
				}
			}
			return nil
		})
		queue, size = nil, 0
		return err
	}
	for _, p := range Read(paths, r.Runners, known) {
		report := &Report{Pack: p.Name, Path: p.Path, Problems: p.Problems}
		reports = append(reports, report)
		for _, problem := range p.Problems {
			r.Log.Warn("a pack has a problem", "pack", p.Name, "problem", problem.String())
		}
		if p.Content == nil {
			continue
		}
		c, err := r.compare(ctx, p.Content, o)
		if err != nil {
			return reports, fmt.Errorf("compare pack %s: %w", p.Name, err)
		}
		report.Pack, report.Done, report.Counts = p.Content.Pack.Ref, true, counts(p.Content)
		report.Files = p.Content.Files
		report.Added, report.Changed, report.Removed = c.added, c.changed, c.removed
		if c.size() == 0 {
			continue
		}
		r.Log.Info("registered a pack", "pack", report.Pack, "added", len(c.added), "changed", len(c.changed), "removed", len(c.removed))
		queue = append(queue, c)
		if size += c.size(); size >= batch {
			if err := flush(); err != nil {
				return reports, err
			}
		}
	}
	return reports, flush()
}

// triggerTypes returns a lookup of the registered trigger types.
func (r *Registrar) triggerTypes(ctx context.Context) (pack.TriggersFunc, error) {
	var types []*squall.TriggerType
	err := r.Store.View(ctx, func(tx store.Tx) (err error) {
		types, err = store.Find[squall.TriggerType](ctx, tx, store.ContentFilter{Kind: store.TriggerTypes})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read trigger types: %w", err)
	}
	return BuiltinTriggers(&pack.Content{TriggerTypes: types}), nil
}

// change is what has to be written for one pack.
type change struct {
	pack     *squall.Pack // nil: as it was
	ref      string
	actions  []*squall.Action
	gone     []squall.Ref // actions
	contents []*store.Content
	rules    []*squall.Rule
	source   map[*squall.Rule]string
	dropped  []*store.Content
	away     map[string]string // what was removed through the API
	back     []removed         // and is registered again

	added, changed, removed []string
}

// removed names something that had been removed through the API.
type removed struct {
	kind store.ContentKind
	ref  string
}

// goneFor reports whether an object that a file declares was removed through the
// API and stays so; without keep the file counts and it comes back.
func (c *change) goneFor(kind store.ContentKind, ref, source string, keep bool) bool {
	if keep && store.IsRemoved(c.away, kind, ref, source) {
		return true
	}
	if len(c.away) > 0 {
		c.back = append(c.back, removed{kind, ref})
	}
	return false
}

func (c *change) size() int {
	n := len(c.actions) + len(c.gone) + len(c.contents) + len(c.rules) + len(c.dropped)
	if c.pack != nil {
		n++
	}
	return n
}

// note keeps what happens to an object for the report.
func (c *change) note(is *[]string, kind, ref string) { *is = append(*is, kind+" "+ref) }

// write does it all in one transaction.
func (c *change) write(ctx context.Context, tx store.Tx) error {
	if c.pack != nil {
		if err := tx.PutPack(ctx, c.pack); err != nil {
			return err
		}
	}
	for _, a := range c.actions {
		if err := tx.RegisterAction(ctx, a); err != nil {
			return err
		}
	}
	for _, ref := range c.gone {
		if err := tx.DeleteAction(ctx, ref); err != nil {
			return err
		}
	}
	for _, content := range c.contents {
		if err := tx.PutContent(ctx, content); err != nil {
			return err
		}
	}
	for _, rule := range c.rules {
		if err := store.PutRule(ctx, tx, rule, c.source[rule]); err != nil {
			return err
		}
	}
	for _, content := range c.dropped {
		if err := drop(ctx, tx, content); err != nil {
			return err
		}
	}
	for _, b := range c.back {
		if err := store.Return(ctx, tx, b.kind, b.ref); err != nil {
			return err
		}
	}
	return nil
}

func drop(ctx context.Context, tx store.Tx, c *store.Content) error {
	if c.Kind == store.Rules {
		return store.DeleteRule(ctx, tx, squall.Ref{Pack: c.Pack, Name: c.Name})
	}
	if c.Kind == store.TriggerTypes { // with the trigger that stands for it
		if err := tx.DeleteContent(ctx, store.Triggers, c.Ref); err != nil {
			return err
		}
	}
	return tx.DeleteContent(ctx, c.Kind, c.Ref)
}

// kindDirs says which directory the kinds of content come from. Triggers are
// made by types and by rules and go with them.
var kindDirs = []struct {
	kind store.ContentKind
	dirs []string // asked for when one of them is
}{
	{store.TriggerTypes, []string{"triggers", "sensors"}},
	{store.Sensors, []string{"sensors"}},
	{store.Aliases, []string{"aliases"}},
	{store.Policies, []string{"policies"}},
	{store.Rules, []string{"rules"}},
	{store.ConfigSchemas, nil}, // belongs to the pack itself
}

func (o Options) wants(dirs ...string) bool {
	return o.Dirs == nil || len(dirs) == 0 || slices.ContainsFunc(dirs, func(d string) bool { return slices.Contains(o.Dirs, d) })
}

// compare finds out what has to be written.
func (r *Registrar) compare(ctx context.Context, p *pack.Content, o Options) (*change, error) {
	c := &change{ref: p.Pack.Ref, source: map[*squall.Rule]string{}}
	declared, rules, err := contentsOf(p)
	if err != nil {
		return nil, err
	}
	err = r.Store.View(ctx, func(tx store.Tx) error {
		if err := c.comparePack(ctx, tx, p.Pack); err != nil {
			return err
		}
		if c.away, err = store.RemovedOf(ctx, tx, p.Pack.Ref); err != nil {
			return err
		}
		if o.wants("actions") {
			if err := c.compareActions(ctx, tx, p.Pack.Ref, p.Actions, o.Keep); err != nil {
				return err
			}
		}
		for _, k := range kindDirs {
			if !o.wants(k.dirs...) {
				continue
			}
			known, err := tx.FindContent(ctx, store.ContentFilter{Kind: k.kind, Pack: p.Pack.Ref})
			if err != nil {
				return err
			}
			c.compareContents(k.kind, known, declared[k.kind], rules, o.Keep)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, content := range c.contents { // a new type brings the trigger that stands for it
		if content.Kind != store.TriggerTypes {
			continue
		}
		t, err := store.Decode[squall.TriggerType](content)
		if err != nil {
			return nil, err
		}
		if t.ParametersSchema != nil {
			continue
		}
		trigger, err := store.ContentOf(squall.TriggerFor(t.Ref, nil))
		if err != nil {
			return nil, err
		}
		c.contents = append(c.contents, trigger)
	}
	return c, nil
}

func (c *change) comparePack(ctx context.Context, tx store.Tx, p *squall.Pack) error {
	known, err := tx.Pack(ctx, p.Ref)
	switch {
	case squall.KindOf(err) == squall.NotFound:
		c.pack = p
		c.note(&c.added, "pack", p.Ref)
		return nil
	case err != nil:
		return err
	}
	before, err := json.Marshal(known)
	if err != nil {
		return err
	}
	after, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if string(before) != string(after) {
		c.pack = p
		c.note(&c.changed, "pack", p.Ref)
	}
	return nil
}

// compareActions finds new and different actions, and those that are no longer
// in the files.
func (c *change) compareActions(ctx context.Context, tx store.Tx, ref string, actions []*squall.Action, keep bool) error {
	known, err := tx.ActionVersions(ctx, ref)
	if err != nil {
		return err
	}
	for _, a := range actions {
		old, ok := known[a.Ref]
		delete(known, a.Ref)
		version := a.Version()
		switch {
		case !ok && c.goneFor("action", a.Ref.String(), version, keep):
			continue
		case !ok:
			c.note(&c.added, "action", a.Ref.String())
		case old.Source == version && (keep || old.Version == version):
			continue
		default:
			c.note(&c.changed, "action", a.Ref.String())
		}
		c.actions = append(c.actions, a)
	}
	// What was made through the API is not the files' to remove.
	maps.DeleteFunc(known, func(_ squall.Ref, r store.Registered) bool { return r.Source == "" })
	c.gone = slices.SortedFunc(maps.Keys(known), func(a, b squall.Ref) int { return strings.Compare(a.String(), b.String()) })
	for _, gone := range c.gone {
		c.note(&c.removed, "action", gone.String())
	}
	return nil
}

// compareContents does the same for the objects of one kind.
func (c *change) compareContents(kind store.ContentKind, known, declared []*store.Content, rules map[string]*squall.Rule, keep bool) {
	before := map[string]*store.Content{}
	for _, k := range known {
		before[k.Ref] = k
	}
	for _, d := range declared {
		old := before[d.Ref]
		delete(before, d.Ref)
		d.Source = d.Digest()
		switch {
		case old == nil && c.goneFor(kind, d.Ref, d.Source, keep):
			continue
		case old == nil:
			c.note(&c.added, string(kind), d.Ref)
		case old.Source == d.Source && (keep || old.Digest() == d.Source):
			continue
		default:
			c.note(&c.changed, string(kind), d.Ref)
		}
		if kind == store.Rules {
			rule := rules[d.Ref]
			c.rules, c.source[rule] = append(c.rules, rule), d.Source
			continue
		}
		c.contents = append(c.contents, d)
	}
	for _, k := range known {
		// What was made through the API is not the files' to remove.
		if before[k.Ref] != nil && k.Source != "" {
			c.dropped = append(c.dropped, k)
			c.note(&c.removed, string(kind), k.Ref)
		}
	}
}

// contentsOf returns the documents of a pack by kind, and its rules by
// reference.
func contentsOf(p *pack.Content) (map[store.ContentKind][]*store.Content, map[string]*squall.Rule, error) {
	var nouns []any
	for _, t := range p.TriggerTypes {
		nouns = append(nouns, t)
	}
	for _, s := range p.Sensors {
		nouns = append(nouns, s)
	}
	for _, a := range p.Aliases {
		nouns = append(nouns, a)
	}
	for _, q := range p.Policies {
		nouns = append(nouns, q)
	}
	rules := map[string]*squall.Rule{}
	for _, rule := range p.Rules {
		nouns = append(nouns, rule)
		rules[rule.Ref.String()] = rule
	}
	if p.Config != nil {
		nouns = append(nouns, p.Config)
	}
	byKind := map[store.ContentKind][]*store.Content{}
	for _, noun := range nouns {
		c, err := store.ContentOf(noun)
		if err != nil {
			return nil, nil, err
		}
		byKind[c.Kind] = append(byKind[c.Kind], c)
	}
	return byKind, rules, nil
}

package reactor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"squall/internal/expr"
	"squall/internal/param"
	"squall/internal/rule"
	"squall/internal/squall"
	"squall/internal/store"
)

// listener is a registered rule, compiled at its first event.
type listener struct {
	noun *squall.Rule
	id   squall.ID
	doc  []byte // as registered, to see whether it has changed
	extra

	once     sync.Once
	compiled *rule.Rule
	err      error
}

func (l *listener) rule(r *Reactor) (*rule.Rule, error) {
	l.once.Do(func() {
		if l.err == nil {
			l.compiled, l.err = rule.Compile(r.exprs, l.noun)
		}
	})
	return l.compiled, l.err
}

// kind is a trigger type with its schema, compiled at its first event.
type kind struct {
	noun   *squall.TriggerType
	doc    []byte
	once   sync.Once
	schema *param.Document
	err    error
}

func (k *kind) validate(payload json.RawMessage) error {
	k.once.Do(func() { k.schema, k.err = param.CompileDocument(k.noun.PayloadSchema) })
	if k.err != nil {
		return nil // st2 checks schemas when they are registered; one that is broken checks nothing
	}
	return k.schema.Validate(payload)
}

// index is the registered rules and triggers under one version of the content.
// It does not change.
type index struct {
	version  int64
	kinds    map[squall.Ref]*kind
	triggers map[squall.Ref]*squall.Trigger
	// listeners are the rules by trigger, by reference, standard ones first.
	listeners map[squall.Ref][]*listener
	rules     map[string]*listener
	hooks     map[string][]*squall.Trigger // by the path of the webhook
}

// listens reports whether a rule that is enabled waits for the trigger.
func (x *index) listens(trigger squall.Ref) bool {
	return slices.ContainsFunc(x.listeners[trigger], func(l *listener) bool { return l.noun.Enabled })
}

// trigger returns the trigger of that reference, which may be that of a trigger
// type, and the type.
func (x *index) trigger(ref squall.Ref) (*squall.Trigger, *kind) {
	t := x.triggers[ref]
	if t == nil {
		if x.kinds[ref] == nil {
			return nil, nil
		}
		t = &squall.Trigger{Ref: ref, Type: ref}
	}
	return t, x.kinds[t.Type]
}

// current returns the index of the present content.
func (r *Reactor) current(ctx context.Context) (*index, error) {
	if x := r.known.Load(); x != nil {
		return x, nil
	}
	return r.reload(ctx, 0)
}

// reload reads the index anew unless somebody else has already read one that is
// newer than old.
func (r *Reactor) reload(ctx context.Context, old int64) (*index, error) {
	r.loading.Lock()
	defer r.loading.Unlock()
	before := r.known.Load()
	if before != nil && before.version > old {
		return before, nil
	}
	var x *index
	err := r.st.View(ctx, func(tx store.Tx) (err error) {
		x, err = readIndex(ctx, tx, before, r.exprs)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	r.known.Store(x)
	return x, nil
}

func readIndex(ctx context.Context, tx store.Tx, before *index, set *expr.Set) (*index, error) {
	version, err := tx.ContentVersion(ctx)
	if err != nil {
		return nil, err
	}
	x := &index{
		version: version, kinds: map[squall.Ref]*kind{}, triggers: map[squall.Ref]*squall.Trigger{},
		listeners: map[squall.Ref][]*listener{}, rules: map[string]*listener{}, hooks: map[string][]*squall.Trigger{},
	}
	if before == nil {
		before = &index{}
	}
	if err := x.readKinds(ctx, tx, before); err != nil {
		return nil, err
	}
	triggers, err := store.Find[squall.Trigger](ctx, tx, store.ContentFilter{Kind: store.Triggers})
	if err != nil {
		return nil, err
	}
	for _, t := range triggers {
		x.triggers[t.Ref] = t
		if url, ok := hookOf(t); ok {
			x.hooks[url] = append(x.hooks[url], t)
		}
	}
	return x, x.readRules(ctx, tx, before, set)
}

func (x *index) readKinds(ctx context.Context, tx store.Tx, before *index) error {
	list, err := tx.FindContent(ctx, store.ContentFilter{Kind: store.TriggerTypes})
	if err != nil {
		return err
	}
	for _, c := range list {
		ref := squall.Ref{Pack: c.Pack, Name: c.Name}
		if old := before.kinds[ref]; old != nil && bytes.Equal(old.doc, c.Doc) {
			x.kinds[ref] = old
			continue
		}
		noun, err := store.Decode[squall.TriggerType](c)
		if err != nil {
			return err
		}
		x.kinds[ref] = &kind{noun: noun, doc: c.Doc}
	}
	return nil
}

func (x *index) readRules(ctx context.Context, tx store.Tx, before *index, set *expr.Set) error {
	list, err := tx.FindContent(ctx, store.ContentFilter{Kind: store.Rules})
	if err != nil {
		return err
	}
	for _, c := range list {
		l := before.rules[c.Ref]
		if l == nil || !bytes.Equal(l.doc, c.Doc) {
			noun, err := store.Decode[squall.Rule](c)
			if err != nil {
				return err
			}
			l = &listener{noun: noun, id: c.ID(), doc: c.Doc}
			l.extra, l.err = readExtra(set, noun)
		}
		x.rules[c.Ref] = l
		t := squall.TriggerFor(l.noun.Trigger.Type, l.noun.Trigger.Parameters)
		x.listeners[t.Ref] = append(x.listeners[t.Ref], l)
	}
	for _, rules := range x.listeners {
		slices.SortStableFunc(rules, func(a, b *listener) int {
			return order(a) - order(b)
		})
	}
	return nil
}

// order lets the standard rules be asked before the backstop rules.
func order(l *listener) int {
	if l.noun.Type == squall.RuleBackstop {
		return 1
	}
	return 0
}

var webhookType = squall.Ref{Pack: "core", Name: "st2.webhook"}

// hookOf returns the path of a webhook trigger, without slashes around it (st2).
func hookOf(t *squall.Trigger) (string, bool) {
	if t.Type != webhookType {
		return "", false
	}
	var p struct {
		URL string `json:"url"`
	}
	if json.Unmarshal(t.Parameters, &p) != nil {
		return "", false
	}
	url := trimSlashes(p.URL)
	return url, url != ""
}

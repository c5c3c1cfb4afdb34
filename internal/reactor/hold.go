package reactor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"squall/internal/expr"
	"squall/internal/expr/value"
	"squall/internal/param"
	"squall/internal/rule"
	"squall/internal/squall"
	"squall/internal/store"
)

// holdKind is a way in which a rule holds back.
type holdKind string

const (
	throttle holdKind = "throttle" // at most count in a span
	dedupe   holdKind = "dedupe"   // once, until there was none for a span
	debounce holdKind = "debounce" // the last one, when there was none for a span
	window   holdKind = "window"   // when count have come within a span
	absence  holdKind = "absence"  // when what calls it off did not come within a span
)

// hold is what a rule remembers of the events that match it, for each key.
type hold struct {
	kind     holdKind
	span     time.Duration
	count    int
	key      string // a template
	distinct string // a template
	unless   *rule.Rule
}

// held is what is stored of one key.
type held struct {
	Times  []int64   `json:"t,omitempty"` // microseconds since 1970
	Values []string  `json:"v,omitempty"` // beside Times, of a window with distinct
	Event  squall.ID `json:"e,omitempty"`
}

// stateChange is what an outcome has to ask and change of what its rule
// remembers, in the transaction that writes it; the zero value asks nothing.
type stateChange struct {
	*hold
	rule  string
	key   string
	value string // of distinct
	event squall.ID
	off   bool // the event calls the others off
}

// step decides whether the rule goes on, and remembers. why is the reason when it
// does not; "" then means that nothing is to be recorded now.
func (c *stateChange) step(ctx context.Context, tx store.Tx, ids *squall.IDSource) (goes bool, why string, err error) {
	if c.hold == nil {
		return true, "", nil
	}
	// Who comes at the same moment on another node waits here.
	if _, err := tx.LockGate(ctx, "rule:"+c.rule+":"+c.key); err != nil {
		return false, "", err
	}
	var h held
	doc, err := tx.RuleState(ctx, c.rule, c.key)
	if err != nil {
		return false, "", err
	}
	switch {
	case doc != nil:
		if err := json.Unmarshal(doc, &h); err != nil {
			return false, "", fmt.Errorf("state of rule %s: %w", c.rule, err)
		}
	case c.off:
		return false, "", nil
	default:
		n, err := tx.CountRuleStates(ctx, c.rule, maxGroups)
		if err != nil {
			return false, "", err
		}
		if n >= maxGroups {
			return false, fmt.Sprintf("Held back by %s: the rule remembers %d keys already", c.kind, n), nil
		}
	}
	if c.off {
		return false, "", tx.PutRuleState(ctx, store.RuleState{Rule: c.rule, Key: c.key})
	}
	now := tx.Now()
	before := h.Event
	goes, why = c.decide(&h, now)
	s := store.RuleState{Rule: c.rule, Key: c.key, Until: now.Add(c.span)}
	if c.kind == debounce || c.kind == absence {
		s.Due, s.Until = s.Until, s.Until.Add(maxHold)
		if c.kind == absence && before != "" {
			return false, why, nil // the first one counts
		}
		if err := superseded(ctx, tx, ids, c.rule, before); err != nil {
			return false, "", err
		}
	}
	if len(h.Times) > 0 || h.Event != "" {
		if s.Doc, err = json.Marshal(h); err != nil {
			return false, "", fmt.Errorf("state of rule %s: %w", c.rule, err)
		}
	}
	return goes, why, tx.PutRuleState(ctx, s)
}

// decide is the decision itself; h becomes what is remembered then.
func (c *stateChange) decide(h *held, now time.Time) (goes bool, why string) {
	old := now.Add(-c.span).UnixMicro()
	keep := 0
	for keep < len(h.Times) && h.Times[keep] <= old {
		keep++
	}
	h.Times = h.Times[keep:]
	if len(h.Values) > 0 {
		h.Values = h.Values[min(keep, len(h.Values)):]
	}
	switch c.kind {
	case throttle:
		if len(h.Times) >= c.count {
			return false, fmt.Sprintf("Held back by throttle: %d within %s", len(h.Times), c.span)
		}
		h.Times = append(h.Times, now.UnixMicro())
		return true, ""
	case dedupe:
		seen := len(h.Times) > 0
		h.Times = []int64{now.UnixMicro()}
		if seen {
			return false, fmt.Sprintf("Held back by dedupe: the same within %s", c.span)
		}
		return true, ""
	case window:
		if c.distinct != "" {
			if i := slices.Index(h.Values, c.value); i >= 0 {
				h.Times, h.Values = slices.Delete(h.Times, i, i+1), slices.Delete(h.Values, i, i+1)
			}
			h.Values = append(h.Values, c.value)
		}
		h.Times = append(h.Times, now.UnixMicro())
		if len(h.Times) < c.count {
			return false, fmt.Sprintf("Held back by window: %d of %d within %s", len(h.Times), c.count, c.span)
		}
		h.Times, h.Values = nil, nil // the next ones count anew
		return true, ""
	case debounce, absence:
		before := h.Event
		h.Event = c.event
		if c.kind == absence && before != "" {
			return false, "Held back by absence: an earlier event is waiting"
		}
	}
	return false, ""
}

// superseded records that an event waited in vain.
func superseded(ctx context.Context, tx store.Tx, ids *squall.IDSource, rule string, event squall.ID) error {
	if event == "" {
		return nil
	}
	return tx.InsertEnforcement(ctx, &squall.Enforcement{
		ID: ids.Next(tx.Now()), Event: event, Rule: rule, At: tx.Now(), Failure: "Held back by debounce: another event followed",
	})
}

// holdBack asks what a rule says beyond its criteria: o fails when it holds back
// for good, and asks the rest when it is written.
func (m *match) holdBack(ctx context.Context, l *listener, o *outcome) error {
	for _, w := range l.maintenance {
		if w.Covers(m.now) {
			o.enforcement.Failure = "Held back by maintenance window " + w.Name
			return nil
		}
	}
	if l.hold == nil {
		return nil
	}
	var err error
	if o.state, err = m.state(ctx, l, false); err != nil {
		o.enforcement.Failure = fmt.Sprintf("The key of %s cannot be rendered: %s", l.hold.kind, value.MessageOf(err))
		o.state = stateChange{}
	}
	return ctx.Err()
}

func (m *match) state(ctx context.Context, l *listener, off bool) (c stateChange, err error) {
	c = stateChange{hold: l.hold, rule: l.noun.Ref.String(), event: m.p.event.ID, off: off}
	if c.key, err = m.render(ctx, l.hold.key); err != nil {
		return c, err
	}
	c.value, err = m.render(ctx, l.hold.distinct)
	return c, err
}

// maxKey is the longest key that is stored as it is.
const maxKey = 200

// render renders a template with the payload of the event.
func (m *match) render(ctx context.Context, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	out, err := param.RenderValues(ctx, m.r.exprs, value.DictOf("key", text), value.DictOf(triggerName, m.value), &expr.Env{Store: m.r.data}, expr.TemplateOptions{})
	if err != nil {
		return "", err
	}
	v, _ := out.GetStr("key")
	key, err := value.Str(nil, v)
	if err != nil || len(key) <= maxKey {
		return strings.ReplaceAll(strings.ToValidUTF8(key, "\uFFFD"), "\x00", "\uFFFD"), err
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

const triggerName = "trigger"

// stateLoop fires what rules wait for without an event: the end of a debounce,
// and what did not come.
func (r *Reactor) stateLoop(ctx context.Context) {
	r.loop(ctx, "ask rules that wait", nil, func() (time.Duration, error) {
		var due []store.RuleState
		var next, now time.Time
		err := r.st.View(ctx, func(tx store.Tx) (err error) {
			now = tx.Now()
			if due, err = tx.DueRuleStates(ctx, 100); err != nil {
				return err
			}
			next, err = tx.NextRuleState(ctx)
			return err
		})
		if err != nil {
			return 0, err
		}
		for _, s := range due {
			if err := r.settleState(ctx, s); err != nil {
				return 0, fmt.Errorf("rule %s: %w", s.Rule, err)
			}
		}
		switch {
		case len(due) > 0:
			return time.Nanosecond, nil
		case next.After(now):
			return next.Sub(now), nil
		}
		return 0, nil
	})
}

// errNotDue says that a state has changed since it was due.
var errNotDue = squall.Errorf(squall.Conflict, "the rule is not to be asked any more")

// settleState lets a rule go on with the event that it kept.
func (r *Reactor) settleState(ctx context.Context, s store.RuleState) error {
	var h held
	if err := json.Unmarshal(s.Doc, &h); err != nil {
		return err
	}
	x, err := r.currentNow(ctx)
	if err != nil {
		return err
	}
	p := &plan{stored: true}
	err = r.st.View(ctx, func(tx store.Tx) (err error) {
		p.event, err = tx.Event(ctx, h.Event)
		return err
	})
	if squall.KindOf(err) == squall.NotFound {
		p.event, err = nil, nil
	}
	if err != nil {
		return err
	}
	if l := x.rules[s.Rule]; l != nil && l.noun.Enabled && p.event != nil {
		m := &match{r: r, p: p, now: time.Now()}
		if err := m.payload(); err != nil {
			return err
		}
		if err := m.enforce(ctx, l, true); err != nil {
			return err
		}
	}
	err = r.st.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.LockGate(ctx, "rule:"+s.Rule+":"+s.Key); err != nil {
			return err
		}
		doc, err := tx.RuleState(ctx, s.Rule, s.Key)
		if err != nil {
			return err
		}
		if string(doc) != string(s.Doc) {
			return errNotDue
		}
		if err := tx.PutRuleState(ctx, store.RuleState{Rule: s.Rule, Key: s.Key}); err != nil {
			return err
		}
		for _, o := range p.outcomes {
			if err := o.write(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	p.settle(ctx, r.svc, err == nil)
	if err == errNotDue { //nolint:errorlint // it is ours and comes unwrapped
		return nil
	}
	return err
}

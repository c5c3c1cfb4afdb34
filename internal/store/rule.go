package store

import (
	"context"
	"slices"

	"squall/internal/squall"
)

// PutRule registers or replaces a rule together with the trigger it waits for.
// The trigger that the rule waited for before is removed when no rule waits for
// it any more. source is the rule's Content.Source, "" to leave it.
func PutRule(ctx context.Context, tx Tx, rule *squall.Rule, source string) error {
	old, err := ruleTrigger(ctx, tx, rule.Ref)
	if err != nil {
		return err
	}
	c, err := ContentOf(rule)
	if err != nil {
		return err
	}
	c.Source = source
	if err := tx.PutContent(ctx, c); err != nil {
		return err
	}
	trigger := squall.TriggerFor(rule.Trigger.Type, rule.Trigger.Parameters)
	if err := Put(ctx, tx, trigger); err != nil {
		return err
	}
	if old != nil && old.Ref != trigger.Ref {
		return dropTrigger(ctx, tx, old)
	}
	return nil
}

// DeleteRule removes a rule if it is there, and its trigger when no other rule
// waits for it.
func DeleteRule(ctx context.Context, tx Tx, ref squall.Ref) error {
	old, err := ruleTrigger(ctx, tx, ref)
	if err != nil || old == nil {
		return err
	}
	if err := tx.DeleteContent(ctx, Rules, ref.String()); err != nil {
		return err
	}
	return dropTrigger(ctx, tx, old)
}

// ruleTrigger returns the trigger of a registered rule, nil when there is none.
func ruleTrigger(ctx context.Context, tx Tx, ref squall.Ref) (*squall.Trigger, error) {
	c, err := tx.Content(ctx, Rules, ref.String())
	if squall.KindOf(err) == squall.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rule, err := Decode[squall.Rule](c)
	if err != nil {
		return nil, err
	}
	return squall.TriggerFor(rule.Trigger.Type, rule.Trigger.Parameters), nil
}

// dropTrigger removes a trigger that no rule waits for. One without parameters
// stays: it stands for its type.
func dropTrigger(ctx context.Context, tx Tx, t *squall.Trigger) error {
	if t.Ref == t.Type {
		return nil
	}
	rules, err := Find[squall.Rule](ctx, tx, ContentFilter{Kind: Rules, Link: t.Type.String()})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(rules, func(r *squall.Rule) bool {
		return squall.TriggerFor(r.Trigger.Type, r.Trigger.Parameters).Ref == t.Ref
	}) {
		return nil
	}
	return tx.DeleteContent(ctx, Triggers, t.Ref.String())
}

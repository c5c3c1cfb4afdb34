package store

import (
	"context"

	"squall/internal/squall"
)

// Removed is the kind of content that stands for what was removed through the
// API while a file declares it: its reference is the kind and the reference of
// what went, its Source the form of the file. As long as the file is the same, a
// restart does not bring the object back; registering the pack does.
const Removed ContentKind = "removed"

// removedRef is the reference of what stands for a removed object.
func removedRef(kind ContentKind, ref string) string { return string(kind) + " " + ref }

// Remove removes an object, with the trigger that waits for nobody then, and
// remembers that it was removed on purpose when it came from a file.
func Remove(ctx context.Context, tx Tx, c *Content) error {
	ref := squall.Ref{Pack: c.Pack, Name: c.Name}
	if c.Kind == Rules {
		if err := DeleteRule(ctx, tx, ref); err != nil {
			return err
		}
	} else if err := tx.DeleteContent(ctx, c.Kind, c.Ref); err != nil {
		return err
	}
	return noteRemoved(ctx, tx, c.Kind, ref, c.Source)
}

// Actions are no content, but they are removed in the same way.
const actionKind ContentKind = "action"

// RemoveAction is Remove for an action.
func RemoveAction(ctx context.Context, tx Tx, ref squall.Ref) error {
	known, err := tx.ActionVersions(ctx, ref.Pack)
	if err != nil {
		return err
	}
	if err := tx.DeleteAction(ctx, ref); err != nil {
		return err
	}
	return noteRemoved(ctx, tx, actionKind, ref, known[ref].Source)
}

func noteRemoved(ctx context.Context, tx Tx, kind ContentKind, ref squall.Ref, source string) error {
	if source == "" {
		return nil
	}
	return tx.PutContent(ctx, &Content{
		Kind: Removed, Ref: removedRef(kind, ref.String()), Pack: ref.Pack, Name: ref.Name, Source: source, Doc: []byte("{}"),
	})
}

// RemovedOf returns what of a pack was removed through the API: kind and
// reference, and the form its file had.
func RemovedOf(ctx context.Context, tx Tx, pack string) (map[string]string, error) {
	list, err := tx.FindContent(ctx, ContentFilter{Kind: Removed, Pack: pack})
	if err != nil {
		return nil, err
	}
	removed := map[string]string{}
	for _, c := range list {
		removed[c.Ref] = c.Source
	}
	return removed, nil
}

// IsRemoved reports whether the object, in the form its file has, is among what
// RemovedOf returned. Kind "action" stands for actions.
func IsRemoved(removed map[string]string, kind ContentKind, ref, source string) bool {
	return removed[removedRef(kind, ref)] == source && source != ""
}

// Return forgets that an object was removed: it is registered again.
func Return(ctx context.Context, tx Tx, kind ContentKind, ref string) error {
	return tx.DeleteContent(ctx, Removed, removedRef(kind, ref))
}

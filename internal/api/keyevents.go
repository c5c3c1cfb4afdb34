package api

import (
	"context"

	"squall/internal/api/wire"
	"squall/internal/squall"
	"squall/internal/store"
)

// keyTrigger returns one of st2's internal triggers about keys.
func keyTrigger(what string) squall.Ref {
	return squall.Ref{Pack: "core", Name: "st2.key_value_pair." + what}
}

// tellKey stores the events of a change of the datastore in the transaction that
// makes it: old is nil for a key that is new, changed for one that is deleted.
// Values of secrets are not in them.
func (s *Server) tellKey(ctx context.Context, tx store.Tx, old, changed *squall.KeyValue) error {
	if s.Events == nil {
		return nil
	}
	tell := func(what string, doc any) error {
		payload, err := marshal(doc)
		if err != nil {
			return err
		}
		return s.Events.Tell(ctx, tx, keyTrigger(what), payload)
	}
	switch {
	case changed == nil:
		return tell("delete", map[string]any{"object": keyShown(old)})
	case old == nil:
		return tell("create", map[string]any{"object": keyShown(changed)})
	}
	if err := tell("update", map[string]any{"object": keyShown(changed)}); err != nil || old.Value == changed.Value {
		return err
	}
	return tell("value_change", map[string]any{"old_object": keyShown(old), "new_object": keyShown(changed)})
}

func keyShown(k *squall.KeyValue) wire.Key {
	shown := *k
	if shown.Secret {
		shown.Value = "********"
	}
	return wire.KeyOf(&shown, false)
}

package api

import (
	"context"
	"os"

	"squall/internal/api/wire"
	"squall/internal/content"
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

var fileTrigger = squall.Ref{Pack: "core", Name: "st2.action.file_written"}

// tellFiles stores an event for each file of an action that was written.
func (s *Server) tellFiles(ctx context.Context, tx store.Tx, ref squall.Ref, files []content.File) error {
	if s.Events == nil {
		return nil
	}
	host, _ := os.Hostname() // empty is better than no event
	for _, f := range files {
		payload, err := marshal(map[string]any{"ref": ref.String(), "file_path": f.Path, "content": string(f.Text), "host_info": map[string]string{"hostname": host}})
		if err != nil {
			return err
		}
		if err := s.Events.Tell(ctx, tx, fileTrigger, payload); err != nil {
			return err
		}
	}
	return nil
}

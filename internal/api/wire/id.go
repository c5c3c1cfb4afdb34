package wire

import (
	"crypto/sha256"
	"encoding/hex"

	"squall/internal/squall"
)

// ObjectID returns the identifier under which a named object appears in the
// API: StackStorm clients expect 24 hex digits beside the reference. It follows
// from the kind and the reference alone, so it is the same on every node and
// stays when a pack is registered again.
func ObjectID(kind, ref string) squall.ID {
	sum := sha256.Sum256([]byte(kind + ":" + ref))
	return squall.ID(hex.EncodeToString(sum[:12]))
}

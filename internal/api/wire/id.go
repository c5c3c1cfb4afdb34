package wire

import "squall/internal/squall"

// ObjectID is squall.ObjectID.
func ObjectID(kind, ref string) squall.ID { return squall.ObjectID(kind, ref) }

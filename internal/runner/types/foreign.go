package types

// Known returns the catalog that packs are checked against: the runners that ship
// with Squall. Every runner of StackStorm is among them by now.
func Known() *Catalog { return Builtin() }

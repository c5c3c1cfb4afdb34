// Package packs holds the content that ships inside the binary: the pack core,
// with StackStorm's names and parameters, written anew. It is data; internal/app
// registers it at every start.
//
// The pack examples beside it is not embedded, because its scripts must lie on
// disk to be run; "make run" and tests take it from here.
package packs

import "embed"

// Files holds the built-in packs, one directory each.
//
//go:embed core
var Files embed.FS

// Names returns the names of the built-in packs, which are their directories.
func Names() []string { return []string{"core"} }

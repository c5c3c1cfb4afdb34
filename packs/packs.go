// Package packs holds the content that ships inside the binary: the pack core,
// with StackStorm's names and parameters, written anew, and the pack examples.
// It is data; internal/app lays it into the data directory, where scripts can be
// run, and registers it at every start.
package packs

import "embed"

// Files holds the built-in packs, one directory each.
//
//go:embed core examples
var Files embed.FS

// Names returns the names of the built-in packs, which are their directories.
func Names() []string { return []string{"core", "examples"} }

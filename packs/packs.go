// Package packs holds the content that ships inside the binary: the packs core,
// linux, packs, chatops and default, with StackStorm's names and parameters, written
// anew, the pack backup, and the pack examples. They hold what the runners of this release can
// run; trigger types that only the server itself fires are part of core.
// It is data; internal/app lays it into the data directory, where scripts can be
// run, and registers it at every start.
package packs

import "embed"

// Files holds the built-in packs, one directory each.
//
//go:embed core linux packs all:chatops default std backup examples
var Files embed.FS

// Names returns the names of the built-in packs, which are their directories.
// A pack stands behind those whose trigger types it uses.
func Names() []string {
	return []string{"core", "linux", "packs", "chatops", "default", "std", "backup", "examples"}
}

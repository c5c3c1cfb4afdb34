// Package pack reads a pack: its pack.yaml and the metadata of its actions, from
// any fs.FS into the nouns of internal/squall. It reports every problem of every
// file at once, each with its place and with what to do about it, and gives
// whatever is right besides.
//
// Files are read as the original reads them (YAML 1.1 with PyYAML's scalars,
// JSON, duplicate keys where the last one wins), and what the original refuses
// is refused. It registers nothing, runs nothing and does not look at scripts:
// an action whose entry point is missing is a valid action.
package pack

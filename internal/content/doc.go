// Package content brings packs from directories into the store: it finds and
// reads them, compares what they declare with what is registered, and writes
// what differs, each pack as a whole or not at all. It also installs packs:
// from a directory, an archive, a git repository or an index, beside the old
// one first and in its place only when everything is right.
//
// In flow directories and names of packs, out flow reports of what changed and
// of what is wrong. A faulty file is reported and left out; it never keeps the
// rest of its pack, or other packs, from being registered. What packs mean is
// decided in internal/pack.
package content

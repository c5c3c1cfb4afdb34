// Package pyenv makes the Python environments of packs: one virtual environment
// for each pack that has a requirements.txt, made beside the old one and put into
// its place by one rename.
//
// In flows the directory of a pack, out flows a directory to run Python from.
// The environments lie in one directory: a link per pack, named like it, and the
// environments themselves under hidden names. It never touches the Python of the
// machine, and registers nothing: when an environment is used is decided by
// internal/content.
package pyenv

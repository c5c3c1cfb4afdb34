// Package pack reads a pack: its pack.yaml, its config.schema.yaml and the
// metadata of its trigger types, sensors, actions, aliases, policies and rules,
// from any fs.FS into the nouns of internal/squall. It reports every problem of
// every file at once, each with its place and with what to do about it, and
// gives whatever is right besides.
//
// Files are read as the original reads them (YAML 1.1 with PyYAML's scalars,
// JSON, duplicate keys where the last one wins). What the original refuses is
// refused, and what it accepts is accepted: it checks rules, aliases, policies
// and actions against a schema, trigger types and sensors hardly. What the
// reader needs to know of runners and of other packs' trigger types it asks.
//
// It registers nothing, runs nothing and does not look at scripts or workflows:
// an action whose entry point is missing is a valid action.
package pack

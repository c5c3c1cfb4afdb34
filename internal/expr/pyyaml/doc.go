// Package pyyaml reads and writes YAML as PyYAML 6 on libyaml does (safe_load,
// safe_dump): YAML 1.1 scalars, where yes is true, 010 is 8, 1:30 is 90 and
// 1e3 is a text, dates, merge keys, !!set and friends, silent duplicate keys
// where the last one wins.
//
// The scanner and the parser keep libyaml's grammar, its errors and their
// places; no Go library tells more than the line. Parse gives nodes with line
// and column and all problems, for who checks files; SafeLoad gives the value
// or Python's error. Aliases share their value, so a billion laughs stay small
// until somebody prints them, which the budget of the caller ends.
package pyyaml

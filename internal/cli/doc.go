// Package cli holds the commands that talk to a server: run, execution,
// action, login and what belongs to them.
//
// A command parses its flags, asks internal/client, and prints: tables and
// colours for eyes, JSON (-j) and YAML (-y) for programs. It knows neither the
// database nor the life cycle. Everything it touches of the process - streams,
// environment, home directory - is in IO, so that a test can be a terminal.
package cli

// Package keep runs commands in a process of its own, the keeper, which outlives
// the server: when the server is killed, restarted or replaced by a newer one,
// the commands go on, and the next server finds them, with all they have printed,
// and learns how they end.
//
// The keeper is the same program in another mode, in a session of its own. It
// starts commands for the server, keeps what they print (bounded; in memory
// first, then in a file), ends process trees, and keeps how a command ended until
// the server says that it has stored it. When nobody is there to be told, it
// writes it to disk. A keeper ends when it has neither commands nor a server. A
// server always starts a keeper of its own, so an old program never has to
// understand a new one: all it does for it is to tell about commands it has.
//
// Both talk over a socket in the data directory: one connection for each command,
// on which frames go: what is printed to one side, wishes to the other.
//
// Client is the server's side, Serve the keeper's. The package decides nothing
// about executions. If a keeper is killed, its commands die with it.
package keep

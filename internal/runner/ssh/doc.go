// Package ssh reaches hosts: it finds out how (the user's ssh_config, jump hosts),
// proves who we are (agent, keys, certificates, passwords), checks who they are
// (known_hosts), keeps connections and shares them, runs commands, uploads files
// and ends what runs there.
//
// A Pool holds the connections of this process. Dial gives a Session on one of
// them; several sessions share a connection, as many as the host allows. What a
// host refuses for a moment (too many sessions, too many log-ins at once) is
// tried again, what it refuses for good is an error that says why.
//
// A detached command (Launch, Follow, Rest, Stop, Clean) lives on its host, in the
// hands of a shell in a session of its own and in a directory; connections only
// look at it.
//
// Nothing here waits for one host with the means of another: what a silent host
// holds of the bounded means (the processor time of handshakes) is taken from it
// after a second.
//
// The package knows nothing of actions; internal/runner/remote makes runners of it.
package ssh

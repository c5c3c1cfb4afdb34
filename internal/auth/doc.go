// Package auth decides who somebody is and what they may do.
//
// In flow passwords, token secrets and permissions; out flow hashes, tokens to
// store and yes or no. A password is kept as bcrypt, a token only as the
// SHA-256 digest of a random 256-bit secret, so a stolen database opens
// nothing. Permissions have StackStorm's names (resource type and action), and
// one table says which of them a role holds.
//
// A Keyring encrypts what must not lie in the database in clear, and opens what
// StackStorm encrypted. Its file is the caller's to keep.
//
// The package never reads the database, the clock or the network: callers hand
// in rows and instants.
package auth

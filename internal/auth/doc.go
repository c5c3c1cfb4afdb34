// Package auth decides who somebody is and what they may do.
//
// In flow passwords, the secrets of tokens and API keys, files of users and
// roles, and permissions; out flow hashes, tokens and keys to store, and yes or
// no. A password is kept as bcrypt; a token and an API key only as a digest of a
// random 256-bit secret, so a stolen database opens nothing. Permissions have
// StackStorm's names (resource type and action). Without roles one table says
// which of them are for administrators; with roles a Policy, read from
// StackStorm's files, says who holds which on what, and a grant that is not
// there is a no.
//
// A Keyring encrypts what must not lie in the database in clear, and opens what
// StackStorm encrypted. Its file is the caller's to keep.
//
// The package never reads the database, the clock or the network: callers hand
// in rows, file systems and instants.
package auth

// Package squall holds the nouns of the product: references, identifiers,
// actions, executions, the status table, users, errors.
//
// Everything else imports it and it imports only the standard library. It does
// no input or output, reads no clock and keeps no state; a value of these types
// can be built in a test with a literal. The words are StackStorm's, because
// users, documents and clients use them.
package squall

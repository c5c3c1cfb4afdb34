// Package logintest has the counterparts of logins for tests, with real keys and
// real protocols: a provider of OpenID Connect, one of SAML, and a directory server
// (Debian's slapd). All listen on the loopback interface.
//
// It is never part of the binary.
package logintest

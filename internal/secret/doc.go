// Package secret fetches secrets that are kept outside of Squall: in files, in
// the server's environment, in systemd credentials and in HashiCorp Vault.
//
// In flow references (squall.SecretRef), which stand as values of secret
// parameters; out flow texts. The scheduler asks at the start of a run and hands
// the text to the runner. What is reachable is what the administrator opened:
// one directory of files, environment variables with one prefix, the
// credentials systemd gave to this service, one Vault with one token.
//
// The package keeps nothing, logs nothing, and puts no part of a secret into an
// error.
package secret

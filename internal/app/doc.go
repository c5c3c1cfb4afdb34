// Package app puts the program together: configuration, logging, metrics,
// tracing, the order in which the parts start and stop, and `squall doctor`.
//
// It is the only package that reads environment variables and configuration
// files, and the only one that knows every driver. Nobody imports it but
// cmd/squall and tests that want a whole server.
package app

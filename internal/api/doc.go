// Package api is the HTTP face: the routes, answers and event streams as
// StackStorm's services speak them, on one port.
//
// A request flows through Server.ServeHTTP: request id and CORS headers, the
// route table (routes.go), who is it (authn.go), may they (auth.Permission of
// the route), then one handler. A handler decodes, makes one call into
// lifecycle or one View of the store, and encodes with api/wire; it decides
// nothing about executions. Errors come back as *squall.Error and leave as a
// status and a faultstring by one table (fault.go).
//
// The streams hang on one reader of the outbox per process (hub.go), which
// encodes an event once for all clients.
//
// The package starts goroutines only in Server.Run and never writes to the
// store itself except for tokens.
package api

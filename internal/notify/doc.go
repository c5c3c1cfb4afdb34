// Package notify tells the world what it asked to be told: how executions ended.
//
// In: the outbox, read by one node of the cluster from a durable place, and the
// configuration of sinks and routes. An action, or the request for a run of it,
// says in its "notify" section which routes to tell; a route leads to sinks. Out:
// a row for every message and sink, and messages to sinks: the log, mail,
// webhooks. A message that a sink does not take is tried again, later and later,
// by any node; when there are many for one sink, they are told in one digest.
//
// A message is told at least once. Its identifier stays the same, so that who
// gets it twice can know it. The package never changes an execution.
package notify

// Package http runs http-request actions: one request, its answer as the
// result {status_code, body, parsed, headers}.
//
// What goes out and how the answer is read follow the original, which leaves
// both to Python's requests library: which statuses succeed, when a body is
// parsed, how text without a charset is decoded, what a redirect does to the
// method, what a time-out bounds. Each run uses a connection of its own.
//
// A status that is no success is a result, and so is a server that cannot be
// reached: {"error": ...}. The package keeps nothing between runs.
package http

// Differences to the original, all in the user's favour: host lists look at
// the host without user and password and are asked again at every redirect;
// an upload has the file's name, content and type where they belong; a body
// beyond the limit is cut with a mark.

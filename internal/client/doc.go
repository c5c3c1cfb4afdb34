// Package client is the Go client of Squall's API, used by the command line.
//
// Calls go out over HTTP and come back as the documents of api/wire, or as
// *squall.Error with the kind and the text the server gave. Reading calls are
// repeated when the connection is lost; calls that change something never are,
// because nobody knows whether they arrived. Streams go on where they were cut:
// output by the number of its last piece, events by the last event's id.
//
// The package keeps nothing on disk and prints nothing.
package client

// Package wire holds the JSON shapes of the API, shared by the server and the
// Go client: nothing else may decide what a document looks like outside.
//
// Nouns of internal/squall flow in and JSON flows out (Encoder, the Append
// functions); on the client's side JSON flows into the plain structs. Keys,
// their order, formats of times and what is left out when empty are
// StackStorm's, taken from recorded answers. What has been stored as JSON
// (parameters, context, result) is passed through as bytes and never decoded.
package wire

// Package squalltest gives tests the program itself: Program compiles cmd/squall,
// once in a test process, and Server is one server as a process, which a test
// starts, asks, stops and kills as it likes.
//
// Servers listen on loopback, keep all they have in a directory of the test's, and
// end with the test process however that ends.
package squalltest

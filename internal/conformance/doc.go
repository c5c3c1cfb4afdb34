// Package conformance measures Squall against recordings of the original
// programs. It reads a corpus directory (one folder per suite, one JSON file
// per category), runs every case through the packages under test with a time
// limit, compares value, type, error class and message, and prints a table.
//
// Differences that are accepted stand with their reason in
// expected_failures.txt; a case listed there that passes is a failure too, so
// that the list stays true.
//
// A suite is a name, its files and a function per mode (Suite). Adding one
// means writing one more file that returns a Suite and naming it in Suites.
// The package is for tests and the command only; nothing else imports it.
package conformance

// Package st2cli is the command line of StackStorm's st2, for people and scripts
// that know it: its commands, options, tables, texts and exit codes, its
// configuration file and its environment.
//
// The commands are one table (commands.go and the files named after resources):
// a resource says where it lies in the API and what its lists show, the verbs are
// written once. Main runs that table in st2's own grammar; Cobra hands the same
// commands to the program's own command line, where they print its way (Style).
//
// In flow words, environment and documents of the API, out flow texts. The
// package knows no type of the server: what it shows are documents as they came,
// so that a member it has never heard of is shown too.
package st2cli

// Package jinja is Jinja2 3.1 as StackStorm and orquesta use it: the sandboxed
// environment, strict or plain undefined values, all built-in filters, tests
// and globals, the filters both projects add, and orquesta's evaluator that
// gives native values.
//
// A text goes through lexer (lexer*.go), parser (parser*.go) and compiler
// (scope.go, compile*.go) into a program: a compact tree of nodes whose names
// are resolved to slots (node*.go). A program is immutable and may be run by
// many goroutines; one run is a machine with its frames (machine.go).
//
// In: template text, options, an expr.Env. Out: text, native values, or an
// error with Jinja's class and wording. Nothing here reads files, the clock or
// the network, starts goroutines or logs; every loop, call and allocation is
// charged to a value.Budget.
package jinja

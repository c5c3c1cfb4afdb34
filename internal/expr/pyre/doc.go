// Package pyre is Python's re on Go: the whole pattern syntax of CPython 3.11
// for str patterns, its errors with their positions, and its search, match,
// split, substitution and replacement-template rules. Indexes shown to
// expressions are code points.
//
// A pattern is parsed by Python's rules into a small tree. When the tree means
// the same to RE2, the matching is done by package regexp in linear time;
// else (look-around, back-references, Unicode word boundaries, possessive and
// atomic parts) a backtracking matcher with an explicit stack runs it and
// charges every step to the caller's budget, so that a catastrophic pattern
// ends with an error and never with a hang.
//
// Why not regexp2: it stops by wall clock from a background goroutine, numbers
// groups as .NET does, and differs in classes and case folding; a pure package
// needs a limit that gives the same answer on every machine.
package pyre

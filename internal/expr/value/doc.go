// Package value holds the values both expression languages compute with: Go
// representations of Python's built-in types, and CPython 3.11's behaviour for
// them (equality and hashing across numeric types, ordering, truth, arithmetic
// with unbounded integers, text forms, formatting, the methods of str, list,
// dict, set, bytes, numbers and dates, JSON and literal syntax).
//
// Representation: nil is None; bool, int64 and float64 are themselves; an
// integer outside int64 is a *big.Int (never one that would fit: see NormInt);
// string is str; *List, Tuple, *Dict, *Set, Bytes, DateTime, Date, TimeSpan,
// *Range and Markup are declared here; everything else implements Object and
// as many of the optional interfaces in object.go as it needs.
//
// Values flow in through FromJSON, FromGo, LoadJSON and Literal, and out
// through Str, Repr, DumpJSON and ToGo. Errors are *Error values that carry the
// Python exception class and its wording. An operation whose cost or result can
// be far larger than its operands takes a *Budget and charges it first.
//
// Values and budgets are not synchronised: a container may be read by several
// goroutines at once, but not while one of them changes it.
//
// The package never reads a clock, touches a file, starts a goroutine or logs.
package value

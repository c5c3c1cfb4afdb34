// Package jsonpath is the JSONPath dialect of jsonpath-rw 1.4, which
// StackStorm's jsonpath_query speaks: root, child, descendants, fields,
// wildcard, index, slice, union, where, `this` and `parent`, with its
// precedence (a bracket binds last) and its errors.
//
// In: a query text and a value. Out: the values found, in order. Evaluation
// charges the caller's budget for every node it visits.
package jsonpath

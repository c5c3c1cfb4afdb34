// Package store is the contract of durable state: Store, Tx, filters.
//
// Two drivers keep it (store/sqlite, store/postgres) and one suite proves it
// (store/storetest). Only the drivers contain SQL. A driver decides nothing: it
// writes what it is told under the guard it is told, and reports whether the
// guard held.
//
// Rows are small: what lists and updates touch. Results, big parameters and
// contexts lie compressed in a table of their own and are read only by calls
// that ask for them (Parts).
package store

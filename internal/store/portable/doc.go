// Package portable holds the statements that SQLite and PostgreSQL both
// understand: most of what package store promises is here, once. A driver embeds
// Statements in its transaction and adds what its database has to do in another
// way: claiming, inserting, searching.
//
// Statements are written with question marks, TRUE and FALSE and ON CONFLICT.
// They reach the database through Conn, the driver's transaction. The package
// knows neither of the two drivers.
package portable

package driver

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// Condition collects what a list is restricted by.
type Condition struct {
	SQL  string // with a question mark for each of Args
	Args []any
}

// And adds one more restriction.
func (c *Condition) And(sql string, args ...any) {
	if c.SQL != "" {
		c.SQL += " AND "
	}
	c.SQL += sql
	c.Args = append(c.Args, args...)
}

// Marks returns n question marks between commas.
func Marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// numberedQueries keeps what Numbered made. Queries are texts of the program
// and a few combinations of conditions, so it stays small.
var numberedQueries sync.Map

// Numbered replaces the question marks of a query by $1, $2 ... as PostgreSQL
// wants them.
func Numbered(query string) string {
	if !strings.Contains(query, "?") {
		return query
	}
	if done, ok := numberedQueries.Load(query); ok {
		return done.(string)
	}
	parts := strings.Split(query, "?")
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	numberedQueries.Store(query, b.String())
	return b.String()
}

// Wrap adds what was done to an error; nil stays nil.
func Wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

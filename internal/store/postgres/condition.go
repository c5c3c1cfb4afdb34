package postgres

import (
	"strconv"
	"strings"
)

// condition collects what a list is restricted by; its placeholders are
// question marks until numbered gives them their numbers.
type condition struct {
	sql  string
	args []any
}

func (c *condition) and(sql string, args ...any) {
	if c.sql != "" {
		c.sql += " AND "
	}
	c.sql += sql
	c.args = append(c.args, args...)
}

// numbered replaces the question marks of a query by $1, $2 ...
func numbered(query string) string {
	parts := strings.Split(query, "?")
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	return b.String()
}

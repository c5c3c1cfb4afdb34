package driver

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNumbered(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT 1": "SELECT 1",
		"SELECT a FROM t WHERE b = ? AND c IN (?,?) LIMIT ?": "SELECT a FROM t WHERE b = $1 AND c IN ($2,$3) LIMIT $4",
		"?": "$1",
	} {
		for range 2 { // the second time from memory
			if got := Numbered(query); got != want {
				t.Errorf("Numbered(%q) = %q, want %q", query, got, want)
			}
		}
	}
}

func TestCondition(t *testing.T) {
	var c Condition
	c.And("a = ?", 1)
	c.And("b IN ("+Marks(3)+")", 2, 3, 4)
	if diff := cmp.Diff(Condition{SQL: "a = ? AND b IN (?,?,?)", Args: []any{1, 2, 3, 4}}, c); diff != "" {
		t.Errorf("two restrictions (-want +got):\n%s", diff)
	}
}

package expr

import (
	"fmt"
	"testing"
)

func TestGenerationsAreBounded(t *testing.T) {
	g := newGenerations[string, int](10)
	g.put("kept", -1)
	for i := range 1000 {
		g.put(fmt.Sprint(i), i)
		if _, ok := g.get("kept"); !ok {
			t.Fatalf("an entry in use was forgotten after %d others", i)
		}
		if n := g.len(); n > 20 {
			t.Fatalf("%d entries, bound is 20", n)
		}
	}
	if _, ok := g.get("0"); ok {
		t.Error("an entry not in use was kept")
	}
}

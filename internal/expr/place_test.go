package expr

import (
	"errors"
	"fmt"
	"testing"
)

func TestInFile(t *testing.T) {
	base := Pos{File: "flow.yaml", Line: 10, Column: 5}
	for _, c := range []struct {
		at   Pos
		want string
	}{
		{Pos{Line: 1, Column: 1}, "flow.yaml:10:5"},
		{Pos{Line: 1, Column: 8}, "flow.yaml:10:12"},
		{Pos{Line: 3, Column: 2}, "flow.yaml:12:6"},
		{Pos{Line: 2}, "flow.yaml:11"},
		{Pos{}, "flow.yaml:10:5"},
	} {
		err := &Error{Message: "m", Pos: c.at}
		got := InFile(fmt.Errorf("wrapped: %w", err), base)
		var e *Error
		if !errors.As(got, &e) || e.Pos.String() != c.want || err.Pos != c.at {
			t.Errorf("%+v: got %v, want %s", c.at, e.Pos, c.want)
		}
		if p := ProblemsInFile([]Problem{{Pos: c.at}}, base); p[0].Pos.String() != c.want {
			t.Errorf("problem %+v: got %v", c.at, p[0].Pos)
		}
	}
	late := &Error{Source: "ab\ncd", Offset: 4}
	if got := late.Place(); got != (Pos{Line: 2, Column: 2}) {
		t.Errorf("by offset: %v", got)
	}
	other := errors.New("other")
	if !errors.Is(InFile(other, base), other) {
		t.Error("a foreign error must pass")
	}
}

func TestPosAt(t *testing.T) {
	text := "äb\ncd✓e"
	for offset, want := range map[int]string{0: "1:1", 2: "1:2", 4: "2:1", len(text): "2:5", 99: "2:5", -1: "1:1"} {
		if got := PosAt(text, offset).String(); got != want {
			t.Errorf("%d: got %s, want %s", offset, got, want)
		}
	}
}

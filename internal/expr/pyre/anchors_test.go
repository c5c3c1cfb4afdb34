package pyre

import "testing"

func TestAnchors(t *testing.T) {
	for _, tc := range []struct {
		pattern    string
		begin, end bool
	}{
		{"foo", false, false},
		{"^foo", true, false},
		{`\Afoo\Z`, true, true},
		{"a(b(?:c$))", false, true},
		{"^foo|bar$", false, true}, // only the second alternative counts
		{"foo$|^bar|baz", true, false},
		{"(?:^)*x(?=$)", false, false}, // repeats and look-around do not
		{`\^\$[$^]`, false, false},
	} {
		begin, end, err := Anchors(tc.pattern, DotAll)
		if err != nil || begin != tc.begin || end != tc.end {
			t.Errorf("%s: %v, %v, %v, want %v, %v", tc.pattern, begin, end, err, tc.begin, tc.end)
		}
	}
	if _, _, err := Anchors("(", 0); err == nil {
		t.Error("a bad pattern has no error")
	}
}

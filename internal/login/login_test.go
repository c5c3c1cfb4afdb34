package login

import (
	"slices"
	"strings"
	"testing"

	"squall/internal/squall"
)

func TestNewIdentity(t *testing.T) {
	t.Parallel()
	groups := []string{"b", "", "a", "b"}
	id, err := NewIdentity("ann@example.org", groups)
	if err != nil || id.User != "ann@example.org" || !slices.Equal(id.Groups, []string{"a", "b"}) {
		t.Errorf("NewIdentity = %+v, %v", id, err)
	}
	if !slices.Equal(groups, []string{"b", "", "a", "b"}) {
		t.Errorf("the caller's groups were changed: %v", groups)
	}
	for _, bad := range []string{"", " ann", "ann ", "a:b", "a,b", "a\nb", "a\x00b", "a\u0085b", strings.Repeat("x", 256)} {
		if id, err := NewIdentity(bad, nil); squall.KindOf(err) != squall.Unauthentic || id.User != "" {
			t.Errorf("NewIdentity(%q) = %+v, %v", bad, id, err)
		}
	}
	if _, err := NewIdentity(strings.Repeat("x", 255), nil); err != nil {
		t.Error(err)
	}
}

func TestMember(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		groups, required []string
		want             bool
	}{
		{nil, nil, true}, {[]string{"a"}, nil, true}, {[]string{"a", "b"}, []string{"b", "c"}, true},
		{[]string{"a"}, []string{"b"}, false}, {nil, []string{"b"}, false}, {[]string{"B"}, []string{"b"}, false},
	} {
		if got := Member(tt.groups, tt.required); got != tt.want {
			t.Errorf("Member(%v, %v) = %v", tt.groups, tt.required, got)
		}
	}
}

package wire

import (
	"slices"
	"strings"
)

// Fields selects members of a document (st2: include_attributes and
// exclude_attributes). The zero value selects all. The member "id" is always
// there and is not asked for.
type Fields struct {
	include []string // "status", "action.ref"
	exclude []string
}

// Include selects only the named members; "action.ref" is the member ref of the
// member action.
func Include(names ...string) Fields { return Fields{include: names} }

// Exclude selects all but the named members.
func Exclude(names ...string) Fields { return Fields{exclude: names} }

// All reports whether f leaves nothing out.
func (f Fields) All() bool { return len(f.include) == 0 && len(f.exclude) == 0 }

// Has reports whether the member, or a part of it, is selected.
func (f Fields) Has(name string) bool {
	if len(f.include) == 0 {
		return !slices.Contains(f.exclude, name)
	}
	for _, n := range f.include {
		if strings.HasPrefix(n, name) && (len(n) == len(name) || n[len(name)] == '.') {
			return true
		}
	}
	return false
}

// Parts returns which members of the member are selected; nil means all of it.
func (f Fields) Parts(name string) []string {
	var parts []string
	for _, n := range f.include {
		rest, ok := strings.CutPrefix(n, name)
		switch {
		case !ok:
		case rest == "":
			return nil
		case rest[0] == '.':
			parts = append(parts, rest[1:])
		}
	}
	return parts
}

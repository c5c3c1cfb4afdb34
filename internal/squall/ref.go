package squall

import "strings"

// Ref names an object of a pack: "core.local" is the action local of pack core.
type Ref struct{ Pack, Name string }

// String returns "pack.name".
func (r Ref) String() string { return r.Pack + "." + r.Name }

// IsZero reports whether the reference names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// ParseRef splits "pack.name" at the first dot; the name may hold more dots
// (st2: "linux.vsphere.get" is action "vsphere.get" of pack "linux").
// The error is of kind Invalid.
func ParseRef(s string) (Ref, error) {
	pack, name, ok := strings.Cut(s, ".")
	if !ok || pack == "" || name == "" {
		return Ref{}, Errorf(Invalid, "%q is not a reference of the form pack.name", s)
	}
	return Ref{Pack: pack, Name: name}, nil
}

package squall

import "strings"

// SecretRef names a secret that is kept outside of Squall and fetched at the
// start of a run. Its text, the whole value of a secret parameter or of a key of
// the datastore, is "secret:PROVIDER:PATH" or "secret:PROVIDER:PATH#FIELD".
type SecretRef struct {
	Provider string // "vault", "file", "env" or "systemd"
	Path     string
	Field    string // of a secret that has several; may be empty
}

const secretRefPrefix = "secret:"

// ParseSecretRef reads a reference and reports whether text is one.
func ParseSecretRef(text string) (ref SecretRef, ok bool) {
	rest, ok := strings.CutPrefix(text, secretRefPrefix)
	if !ok {
		return SecretRef{}, false
	}
	provider, path, ok := strings.Cut(rest, ":")
	if !ok || provider == "" || path == "" || strings.Trim(provider, "abcdefghijklmnopqrstuvwxyz") != "" {
		return SecretRef{}, false
	}
	ref = SecretRef{Provider: provider, Path: path}
	if i := strings.LastIndexByte(path, '#'); i >= 0 {
		ref.Path, ref.Field = path[:i], path[i+1:]
	}
	return ref, ref.Path != ""
}

// String returns the reference's text.
func (r SecretRef) String() string {
	text := secretRefPrefix + r.Provider + ":" + r.Path
	if r.Field != "" {
		text += "#" + r.Field
	}
	return text
}

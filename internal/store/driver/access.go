package driver

import (
	"strings"

	"squall/internal/squall"
)

// CheckAPIKey refuses a key that cannot be stored.
func CheckAPIKey(k *squall.APIKey) error {
	switch {
	case !k.ID.Valid():
		return squall.Errorf(squall.Invalid, "%q is not an identifier", k.ID)
	case k.Hash == "" || k.User == "":
		return squall.Errorf(squall.Invalid, "an API key needs a hash and a user")
	}
	return CheckText(k.User, k.Hash, string(k.Metadata))
}

// UserGroups checks that u can be stored and returns its groups as a text: one a
// line.
func UserGroups(u *squall.User) (string, error) {
	for _, g := range u.Groups {
		if g == "" || strings.Contains(g, "\n") {
			return "", squall.Errorf(squall.Invalid, "%q is not the name of a group", g)
		}
	}
	groups := strings.Join(u.Groups, "\n")
	return groups, CheckText(u.Name, u.PasswordHash, string(u.Source), groups, u.Description)
}

// Groups reads what UserGroups wrote.
func Groups(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// AuditText returns e with texts that every database keeps. What is wrong in
// them comes from attackers as well: the entry must not be lost by it.
func AuditText(e *squall.AuditEntry) (*squall.AuditEntry, error) {
	if !e.ID.Valid() {
		return nil, squall.Errorf(squall.Invalid, "%q is not an identifier", e.ID)
	}
	clean := *e
	for _, s := range []*string{&clean.User, &clean.Method, &clean.Action, &clean.Target, &clean.From, &clean.RequestID, &clean.Detail} {
		*s = cleanText(*s)
	}
	return &clean, nil
}

// maxAuditText bounds a text of the audit log, in bytes.
const maxAuditText = 1024

func cleanText(s string) string {
	if len(s) > maxAuditText {
		s = s[:maxAuditText] + "…"
	}
	if CheckText(s) == nil {
		return s
	}
	return replaceBad(s)
}

func replaceBad(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

package driver

import (
	"strings"

	"squall/internal/squall"
)

// SearchText is what a search for actions looks into: reference and description
// in lower case. It is made here because the databases' lower() know only the
// letters of ASCII.
func SearchText(a *squall.Action) string {
	text := strings.ToLower(a.Ref.String() + "\n" + a.Description)
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

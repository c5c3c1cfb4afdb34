package driver

import "strings"

// Marked writes names as ",a,b,", so that SQL finds one with a plain search for
// ",a,"; no name becomes the empty text. Names hold no commas.
func Marked(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "," + strings.Join(names, ",") + ","
}

// Unmarked reads what Marked wrote.
func Unmarked(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.Trim(text, ","), ",")
}

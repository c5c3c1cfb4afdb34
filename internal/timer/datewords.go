package timer

import (
	"slices"
	"strings"
	"unicode"
)

// The English words a date may hold; every list is searched in lower case.
var (
	jumpWords = []string{" ", ".", ",", ";", "-", "/", "'", "at", "on", "and", "ad", "m", "t", "of", "st", "nd", "rd", "th"}
	utcWords  = []string{"utc", "gmt", "z"}
	monthLong = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}
	dayLong   = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
	partWords = [][]string{{"h", "hour", "hours"}, {"m", "minute", "minutes"}, {"s", "second", "seconds"}}
)

func isJump(s string) bool { return slices.Contains(jumpWords, strings.ToLower(s)) || isBlank(s) }
func isUTC(s string) bool  { return slices.Contains(utcWords, strings.ToLower(s)) }

func isBlank(s string) bool { return s != "" && strings.TrimSpace(s) == "" }

// monthWord returns 1 to 12, 0 for any other word.
func monthWord(s string) int {
	s = strings.ToLower(s)
	if s == "sept" {
		return 9
	}
	return max(slices.Index(monthNames, s), slices.Index(monthLong, s)) + 1
}

// weekdayWord returns 0 for Monday to 6, -1 for any other word.
func weekdayWord(s string) int {
	s = strings.ToLower(s)
	return max(slices.Index(weekdayNames, s), slices.Index(dayLong, s))
}

// partWord returns 0 for a word for hours, 1 for minutes, 2 for seconds, -1
// for any other.
func partWord(s string) int {
	s = strings.ToLower(s)
	return slices.IndexFunc(partWords, func(words []string) bool { return slices.Contains(words, s) })
}

// halfWord returns 0 for am, 1 for pm, -1 for any other word.
func halfWord(s string) int {
	switch strings.ToLower(s) {
	case "am", "a":
		return 0
	case "pm", "p":
		return 1
	}
	return -1
}

// isDigits reports whether a text is made of ASCII digits; dates in other
// digits are not read.
func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// dateTokens cuts a text into numbers (with at most one point in them), words
// and single characters. Points between digits part a date ("20.03.2024") when
// there is more than one, and belong to a fraction otherwise.
func dateTokens(text string) []string {
	var out []string
	runes := []rune(strings.ReplaceAll(text, "\x00", ""))
	for i := 0; i < len(runes); {
		start := i
		switch r := runes[i]; {
		case unicode.IsLetter(r):
			for i < len(runes) && (unicode.IsLetter(runes[i]) || runes[i] == '.') {
				i++
			}
			out = append(out, cutPoints(string(runes[start:i]), true)...)
		case r >= '0' && r <= '9':
			for i < len(runes) && (runes[i] >= '0' && runes[i] <= '9' || runes[i] == '.' || runes[i] == ',' && i-start >= 2) {
				i++
			}
			out = append(out, cutPoints(string(runes[start:i]), false)...)
		case unicode.IsSpace(r):
			out = append(out, " ")
			i++
		default:
			out = append(out, string(r))
			i++
		}
	}
	return out
}

// cutPoints parts a token at its points and commas, which become tokens of
// their own, unless it is a number with one point or comma in the middle.
func cutPoints(token string, word bool) []string {
	points := strings.Count(token, ".") + strings.Count(token, ",")
	if points == 0 {
		return []string{token}
	}
	if !word && points == 1 && !strings.HasSuffix(token, ".") && !strings.HasSuffix(token, ",") {
		return []string{strings.Replace(token, ",", ".", 1)}
	}
	var out []string
	for token != "" {
		n := strings.IndexAny(token, ".,")
		switch {
		case n < 0:
			n = len(token)
		case n == 0:
			n = 1
		}
		out = append(out, token[:n])
		token = token[n:]
	}
	return out
}

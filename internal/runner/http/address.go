package http

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"squall/internal/runner"
)

// normalize checks a URL as requests does, adds the query, quotes what must be
// and takes user and password off. The fragment is not sent.
func normalize(address, query string) (string, *url.Userinfo, error) {
	lower := strings.ToLower(address)
	if strings.Contains(address, ":") && !strings.HasPrefix(lower, "http") {
		return "", nil, runner.Complain("No connection adapters were found for '%s'", address)
	}
	if !strings.Contains(address, "://") {
		return "", nil, runner.Complain("Invalid URL '%s': No scheme supplied. Perhaps you meant http://%[1]s?", address)
	}
	if !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "https://") {
		return "", nil, runner.Complain("No connection adapters were found for '%s'", address)
	}
	// The parts that url.Parse would refuse or keep unquoted are quoted first.
	address, _, _ = strings.Cut(address, "#")
	path, oldQuery, hasQuery := strings.Cut(address, "?")
	u, err := url.Parse(requote(path))
	if err != nil {
		return "", nil, fmt.Errorf("Invalid URL '%s': %w", address, err)
	}
	if u.Host == "" || u.Hostname() == "" {
		return "", nil, runner.Complain("Invalid URL '%s': No host supplied", address)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	if hasQuery && oldQuery != "" && query != "" {
		query = oldQuery + "&" + query
	} else if query == "" {
		query = oldQuery
	}
	u.RawQuery = requote(query)
	login := u.User
	u.User = nil
	return u.String(), login, nil
}

// requote percent-encodes what may not stand in a URL and leaves everything
// else, valid escapes included, as it is.
func requote(s string) string {
	const safe = "!$&'()*+,/:;=?@[]~-._"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(safe, c) >= 0:
			b.WriteByte(c)
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// queryOf writes query parameters: null is left out, a list repeats its name,
// numbers and booleans are written as in Python.
func queryOf(v any) (string, error) {
	var pairs []string
	for _, m := range membersOf(v) {
		values := []any{m.Value}
		if list, ok := m.Value.([]any); ok {
			values = list
		} else if inner := membersOf(m.Value); inner != nil {
			values = nil // requests goes through an object's keys
			for _, k := range inner {
				values = append(values, k.Name)
			}
		}
		for _, value := range values {
			if value == nil {
				continue
			}
			pairs = append(pairs, url.QueryEscape(m.Name)+"="+url.QueryEscape(runner.PythonText(value, false)))
		}
	}
	return strings.Join(pairs, "&"), nil
}

// membersOf returns the entries of an object in their order, of a map sorted.
func membersOf(v any) []runner.Member {
	switch v := v.(type) {
	case runner.Object:
		return v
	case map[string]any:
		return sortedMembers(v)
	}
	return nil
}

func sortedMembers(m map[string]any) []runner.Member {
	list := make([]runner.Member, 0, len(m))
	for name, value := range m {
		list = append(list, runner.Member{Name: name, Value: value})
	}
	slices.SortFunc(list, func(a, b runner.Member) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// texts returns the strings of a JSON list.
func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

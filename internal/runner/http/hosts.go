package http

import (
	"slices"
	"strings"

	"squall/internal/runner"
)

// hostLists are url_hosts_blacklist and url_hosts_whitelist.
type hostLists struct{ black, white []string }

// check refuses a URL by its host. The host is compared as it is written:
// "LOCALHOST" is not "localhost" (st2).
func (l hostLists) check(url string) error {
	host := hostOf(url)
	if slices.Contains(l.black, host) {
		return runner.Complain(`URL "%s" is blacklisted`, url)
	}
	if len(l.white) > 0 && !slices.Contains(l.white, host) {
		return runner.Complain(`URL "%s" is not whitelisted`, url)
	}
	return nil
}

// hostOf cuts the host out of a URL's text, without port and brackets. The
// original leaves user and password in, so that "u@host" passes a list with
// "host"; here they do not count.
func hostOf(url string) string {
	_, rest, ok := strings.Cut(url, "//")
	if !ok {
		return ""
	}
	if end := strings.IndexAny(rest, `/?#\`); end >= 0 {
		rest = rest[:end]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	if inner, ok := strings.CutPrefix(rest, "["); ok {
		host, _, _ := strings.Cut(inner, "]")
		return host
	}
	host, _, _ := strings.Cut(rest, ":")
	return host
}

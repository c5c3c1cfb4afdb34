package api

import (
	"net/http"
	"strings"
	"testing"
)

// Who opens the address in a browser is told where they are; programs are not.
func TestWelcome(t *testing.T) {
	t.Parallel()
	ts := newTestServer(t)
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	a := ts.do(t, "", "GET", "/", "", "Accept", browser)
	if a.status != http.StatusOK || !strings.Contains(a.body, "squall execution tree ID") || a.header.Get("Content-Type") != "text/html; charset=UTF-8" ||
		!strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("a browser: %d %v %s", a.status, a.header, a.body)
	}
	wantFault(t, ts.do(t, "", "GET", "/", ""), 401, "Unauthorized - One of Token or API key required.")
	wantFault(t, ts.do(t, "", "GET", "/api/v1", "", "Accept", browser), 401, "Unauthorized - One of Token or API key required.")
	if a := ts.do(t, ts.admin, "GET", "/", "", "Accept", browser); !strings.HasPrefix(a.body, `{"version"`) {
		t.Errorf("with credentials: %d %s", a.status, a.body)
	}
}

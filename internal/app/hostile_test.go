package app

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rawRequest writes bytes to the server and returns the statuses it answers with.
func rawRequest(t *testing.T, url, text string) []int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.WriteString(conn, text) }() // the server may answer before it has read all
	var found []int
	for r := bufio.NewReader(conn); ; {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return found
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		found = append(found, resp.StatusCode)
		if resp.Close {
			return found
		}
	}
}

// Requests that try to mean one thing to a proxy and another to us, or to be
// somebody by a header that only a proxy may set.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	c := DefaultConfig()
	c.Server.Data = filepath.Join(t.TempDir(), "data")
	c.Access.ProxyHeader, c.Access.ProxyTrusted = "X-Remote-User", []string{"192.0.2.1"} // not us
	url, _ := serve(t, c)
	token := login(t, url, c.Server.Data).token
	auth := "X-Auth-Token: " + token + "\r\n"
	const head = "Host: squall\r\nConnection: close\r\n"
	for _, tt := range []struct {
		name, request string
		want          string // the statuses
	}{
		{"a right one", "GET /api/v1/user HTTP/1.1\r\n" + head + auth + "\r\n", "[200]"},
		{"no host", "GET /api/v1/user HTTP/1.1\r\n" + auth + "\r\n", "[400]"},
		{"two hosts", "GET /api/v1/user HTTP/1.1\r\nHost: a\r\nHost: b\r\n" + auth + "\r\n", "[400]"},
		{"headers without end", "GET /healthz HTTP/1.1\r\n" + head + strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 100) + "\r\n", "[431]"},
		{"a name with a blank", "GET /api/v1/user HTTP/1.1\r\n" + head + "X-Auth-Token : " + token + "\r\n\r\n", "[400]"},
		{"a value with a line end", "GET /api/v1/user HTTP/1.1\r\n" + head + "X-Auth-Token: x\rX-Auth-Token: " + token + "\r\n\r\n", "[400]"},
		{"two lengths", "POST /auth/v1/tokens HTTP/1.1\r\n" + head + "Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}", "[400]"},
		{"a negative length", "POST /auth/v1/tokens HTTP/1.1\r\n" + head + "Content-Length: -2\r\n\r\n{}", "[400]"},
		// What follows the chunked body must not be taken for a request of its own.
		{"length and chunks", "POST /auth/v1/tokens HTTP/1.1\r\nHost: squall\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api/v1/user HTTP/1.1\r\n" + head + auth + "\r\n", "[401]"},
		{"chunks that are none", "POST /auth/v1/tokens HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", "[401]"},
		{"an unknown encoding", "POST /auth/v1/tokens HTTP/1.1\r\n" + head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "[501]"},
		{"another method by a header", "POST /api/v1/executions HTTP/1.1\r\n" + head + auth + "X-HTTP-Method-Override: GET\r\nContent-Length: 2\r\n\r\n{}", "[400]"},
		{"another path by a header", "GET /healthz HTTP/1.1\r\n" + head + "X-Original-URL: /api/v1/user\r\nX-Rewrite-URL: /api/v1/user\r\n\r\n", "[200]"},
		{"a user by a proxy's header", "POST /auth/v1/tokens HTTP/1.1\r\n" + head + "X-Remote-User: admin\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Length: 2\r\n\r\n{}", "[401]"},
		{"a local address by a proxy's header", "GET /api/v1/user HTTP/1.1\r\n" + head + "X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\n\r\n", "[401]"},
		{"up and out", "GET /api/v1/packs/views/file/core/..%2f..%2f..%2fetc/passwd HTTP/1.1\r\n" + head + auth + "\r\n", "[400]"},
		{"up and out, twice encoded", "GET /api/v1/packs/views/file/core/%252e%252e/%252e%252e/etc/passwd HTTP/1.1\r\n" + head + auth + "\r\n", "[404]"},
		{"an address of its own", "GET http://evil.example/api/v1/user HTTP/1.1\r\n" + head + "\r\n", "[401]"},
		{"a broken path", "GET /%zz HTTP/1.1\r\n" + head + "\r\n", "[400]"},
		{"not HTTP", "HELO squall\r\n\r\n", "[400]"},
	} {
		if got := fmt.Sprint(rawRequest(t, url, tt.request)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	// And the server is as it was.
	if code, _ := get(t, url+"/readyz"); code != http.StatusOK {
		t.Errorf("afterwards: %d", code)
	}
	http.DefaultClient.CloseIdleConnections()
}

// A connection that sends its head slowly is ended, and holds nobody up.
func TestSlowHeaders(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as the limit")
	}
	t.Parallel()
	c := DefaultConfig()
	c.Server.Data = filepath.Join(t.TempDir(), "data")
	url, _ := serve(t, c)
	began := time.Now()
	conns := make([]net.Conn, 200)
	for i := range conns {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ")
		conns[i] = conn
	}
	if code, _ := get(t, url+"/healthz"); code != http.StatusOK {
		t.Errorf("beside slow connections: %d", code)
	}
	for _, conn := range conns {
		_ = conn.SetDeadline(began.Add(60 * time.Second))
		if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Fatalf("a slow connection still lives after %s", time.Since(began))
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

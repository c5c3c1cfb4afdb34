package app

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Clients of StackStorm's services find each at its port, without prefix.
func TestServeStackStormsPorts(t *testing.T) {
	t.Parallel()
	c := DefaultConfig()
	c.Server.Data = filepath.Join(t.TempDir(), "data")
	auth, api, stream := freePort(t), freePort(t), freePort(t)
	c.Server.St2Ports = []int{auth, api, stream}
	url, _ := serve(t, c)
	password, err := os.ReadFile(filepath.Join(c.Server.Data, AdminPasswordFile))
	if err != nil {
		t.Fatal(err)
	}
	at := func(port int, path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", port, path) }
	request := func(method, url, token string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token == "" {
			req.SetBasicAuth("admin", string(password))
		} else {
			req.Header.Set("X-Auth-Token", token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	token := ""
	for _, path := range []string{"/tokens", "/v1/tokens"} {
		resp := request("POST", at(auth, path), "")
		body, _ := io.ReadAll(resp.Body)
		_, rest, _ := strings.Cut(string(body), `"token":"`)
		if token, _, _ = strings.Cut(rest, `"`); resp.StatusCode != http.StatusCreated || token == "" {
			t.Fatalf("POST %s = %s %s", path, resp.Status, body)
		}
	}
	for _, address := range []string{at(api, "/v1/actions"), at(api, "/"), url + "/api/v1/actions"} {
		if resp := request("GET", address, token); resp.StatusCode != http.StatusOK {
			t.Errorf("GET %s = %s", address, resp.Status)
		}
	}
	if resp := request("GET", at(stream, "/v1/stream"), token); resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		t.Errorf("the stream: %s %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	// The path that API and stream both have.
	run := func(port int) string {
		resp := request("GET", at(port, "/v1/executions/5f5f5f5f5f5f5f5f5f5f5f5f/output"), token)
		body, _ := io.ReadAll(resp.Body)
		return resp.Status + " " + string(body)
	}
	if got := run(api); !strings.HasPrefix(got, "404") {
		t.Errorf("output of nothing: %s", got)
	}
}

func TestPortsSetting(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"true": "[9100 9101 9102] true", "false": "[] false", "1, 2,3": "[1 2 3] 1,2,3"} {
		var v portsValue
		if err := v.Set(text); err != nil || fmt.Sprint([]int(v), " ", v.String()) != want {
			t.Errorf("%q: %v %v, %v", text, []int(v), v.String(), err)
		}
	}
	for _, text := range []string{"1,2", "1,2,x", "0,1,2", "1,2,70000", "maybe"} {
		var v portsValue
		if err := v.Set(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	for listen, want := range map[string]bool{"127.0.0.1:9101": true, "0.0.0.0:9101": true, ":9101": true, "10.0.0.1:9101": false, "127.0.0.1:9102": false, "[::]:9101": true} {
		if got := covers(listen, 9101); got != want {
			t.Errorf("covers(%s) = %v", listen, got)
		}
	}
}

// A port that is taken is told of with the setting's name.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := DefaultConfig()
	c.Server.Data, c.Server.Listen = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0"
	c.Server.St2Ports = []int{l.Addr().(*net.TCPAddr).Port, freePort(t), freePort(t)}
	if err := Serve(t.Context(), c, discardLog); err == nil || !strings.Contains(err.Error(), "server.st2_ports: ") {
		t.Errorf("Serve = %v", err)
	}
}

// The doctor says of an address that others reach how they reach it.
func TestCheckPort(t *testing.T) {
	t.Parallel()
	c := DefaultConfig()
	c.Server.Listen = fmt.Sprintf("0.0.0.0:%d", freePort(t))
	if f := checkPort(c, false); f.Verdict != Warn || !strings.Contains(f.Detail, "without TLS") {
		t.Errorf("without certificate: %+v", f)
	}
	c.Access.TLSCert, c.Access.TLSKey = writeCertificate(t, t.TempDir(), "squall.example", time.Now().Add(time.Hour))
	if f := checkPort(c, false); f.Verdict != OK || !strings.Contains(f.Detail, "over TLS") || f.Fix != "" {
		t.Errorf("with a certificate: %+v", f)
	}
	c.Server.Listen = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	if f := checkPort(c, false); f.Verdict != OK || f.Detail != c.Server.Listen {
		t.Errorf("on loopback: %+v", f)
	}
}

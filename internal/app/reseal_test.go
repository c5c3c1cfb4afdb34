package app

import (
	"bytes"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// After a rotation and a restart the server seals again by itself what the older
// key sealed.
func TestRotatedKeyringSealsAgain(t *testing.T) {
	t.Parallel()
	c := DefaultConfig()
	c.Server.Data = filepath.Join(t.TempDir(), "data")
	keyring := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		cmd := keyringCommand(&out)
		cmd.SetArgs(append(args, "--data", c.Server.Data))
		if err := cmd.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	newest := func() string {
		id, _, _ := strings.Cut(keyring("show"), " ")
		return strings.ToUpper(id)
	}
	request := func(client *apiClient, method, query, body string) string {
		t.Helper()
		req, err := http.NewRequest(method, client.url+"/api/v1/keys/kept"+query, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Auth-Token", client.token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s, %v", method, resp.Status, text, err)
		}
		_, value, _ := strings.Cut(string(text), `"value":"`)
		value, _, _ = strings.Cut(value, `"`)
		return value
	}
	url, stop := serve(t, c)
	admin := login(t, url, c.Server.Data)
	first := newest()
	if got := request(admin, http.MethodPut, "", `{"name":"kept","value":"plain text","secret":true}`); !strings.HasPrefix(got, "01"+first) {
		t.Errorf("sealed with another key than %s: %s", first, got)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	keyring("rotate")
	second := newest()
	if second == first {
		t.Fatal("there is no new key")
	}
	url, _ = serve(t, c)
	admin = login(t, url, c.Server.Data)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if got := request(admin, http.MethodGet, "", ""); strings.HasPrefix(got, "01"+second) {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("still sealed with the old key: %s", got)
		}
	}
	if got := request(admin, http.MethodGet, "?decrypt=true", ""); got != "plain text" {
		t.Errorf("decrypted: %q", got)
	}
	http.DefaultClient.CloseIdleConnections()
}

package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// signOnServer has the steps of a single sign-on, and a provider that lets
// everybody in.
func signOnServer(t *testing.T) (url string, asked *atomic.Int32) {
	t.Helper()
	var challenge atomic.Value
	asked = &atomic.Int32{}
	token := func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{"user": "ann", "token": "secret-token", "expiry": "2030-01-01T00:00:00.000000Z"})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /auth/v1/sso/request", func(w http.ResponseWriter, r *http.Request) {
		challenge.Store(r.URL.Query().Get("challenge"))
		http.Redirect(w, r, r.URL.Query().Get("return")+"?code=code-1", http.StatusSeeOther)
	})
	mux.HandleFunc("POST /auth/v1/sso/token", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Code, Verifier string
			TTL            int
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		sum := sha256.Sum256([]byte(body.Verifier))
		if body.Code != "code-1" || body.TTL != 60 || base64.RawURLEncoding.EncodeToString(sum[:]) != challenge.Load() || r.Header.Get("X-Auth-Token") != "" {
			http.Error(w, `{"faultstring":"no"}`, http.StatusUnauthorized)
			return
		}
		token(w)
	})
	mux.HandleFunc("POST /auth/v1/sso/device", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"handle": "h", "user_code": "ABCD-EFGH", "verification_uri": "https://id.example.org/activate", "expires_in": 60, "interval": 1})
	})
	mux.HandleFunc("POST /auth/v1/sso/device/token", func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusAccepted)
			_, _ = w.Write([]byte(`{"status":"pending"}`))
			return
		}
		token(w)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL, asked
}

func signOn(t *testing.T, server string, browse func(string) error, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errText bytes.Buffer
	p := &IO{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errText, Home: t.TempDir(), OpenBrowser: browse, Env: func(name string) string {
		return map[string]string{"SQUALL_URL": server}[name]
	}}
	code = Main(t.Context(), New(p, "test"), p, append([]string{"login"}, args...))
	return out.String(), errText.String(), code
}

func TestLoginByBrowser(t *testing.T) {
	t.Parallel()
	server, _ := signOnServer(t)
	client := &http.Client{Timeout: 10 * time.Second}
	browse := func(address string) error {
		u, err := url.Parse(address)
		if err != nil {
			return err
		}
		go func() { // a stranger on this machine guesses, then the browser comes
			back, _ := url.Parse(u.Query().Get("return"))
			if resp, err := client.Get("http://" + back.Host + "/?code=stolen"); err == nil {
				_ = resp.Body.Close()
			}
			if resp, err := client.Get(address); err == nil {
				_ = resp.Body.Close()
			}
			client.CloseIdleConnections()
		}()
		return nil
	}
	out, errText, code := signOn(t, server, browse, "--sso", "--ttl", "1m", "--print")
	if code != ExitOK || out != "secret-token\n" || strings.Contains(errText, "secret-token") {
		t.Errorf("login --sso = %d, %q, %q", code, out, errText)
	}
}

func TestLoginByDevice(t *testing.T) {
	t.Parallel()
	server, asked := signOnServer(t)
	out, errText, code := signOn(t, server, nil, "--device")
	if code != ExitOK || !strings.Contains(out, "as ann until") || asked.Load() != 2 ||
		!strings.Contains(errText, "https://id.example.org/activate") || !strings.Contains(errText, "ABCD-EFGH") {
		t.Errorf("login --device = %d, %q, %q, asked %d times", code, out, errText, asked.Load())
	}
}

package logintest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// OIDC is a small identity provider with real signing keys. It lets in
// whoever comes, as the user ann, and keeps the rules of the protocol: a code
// holds once, for the challenge and the address it was made for.
type OIDC struct {
	*httptest.Server
	mu    sync.Mutex
	codes map[string]url.Values

	// To be changed within Set only.
	Key      *rsa.PrivateKey
	Kid      string
	Claims   map[string]any // of the next token, beside the fixed ones
	Userinfo map[string]any // nil: there is none
	Approved bool           // the device's code was typed in
	Down     bool
}

// NewOIDC starts a provider that knows the client squall with the secret
// client-secret.
func NewOIDC(t *testing.T) *OIDC {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &OIDC{Key: key, Kid: "k1", codes: map[string]url.Values{}, Claims: map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("POST /device", p.device)
	mux.HandleFunc("GET /userinfo", p.info)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.Down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// Set changes the provider between requests.
func (p *OIDC) Set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func answerJSON(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc)
}

func (p *OIDC) discovery(w http.ResponseWriter, _ *http.Request) {
	doc := map[string]any{
		"issuer": p.URL, "jwks_uri": p.URL + "/keys", "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"device_authorization_endpoint": p.URL + "/device", "id_token_signing_alg_values_supported": []string{"RS256"},
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
	}
	if p.Userinfo != nil {
		doc["userinfo_endpoint"] = p.URL + "/userinfo"
	}
	answerJSON(w, 200, doc)
}

func (p *OIDC) keys(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, 200, map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": p.Kid,
		"n": base64.RawURLEncoding.EncodeToString(p.Key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(p.Key.E)).Bytes()),
	}}})
}

func (p *OIDC) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != "squall" || q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" || q.Get("nonce") == "" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	p.codes[code] = q
	back, _ := url.Parse(q.Get("redirect_uri"))
	back.RawQuery = url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.URL}}.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (p *OIDC) token(w http.ResponseWriter, r *http.Request) {
	user, secret, _ := r.BasicAuth()
	if user != "squall" || secret != "client-secret" {
		answerJSON(w, 401, map[string]any{"error": "invalid_client"})
		return
	}
	nonce := ""
	switch r.FormValue("grant_type") {
	case "authorization_code":
		asked := p.codes[r.FormValue("code")]
		delete(p.codes, r.FormValue("code"))
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if asked == nil || asked.Get("redirect_uri") != r.FormValue("redirect_uri") || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
			answerJSON(w, 400, map[string]any{"error": "invalid_grant"})
			return
		}
		nonce = asked.Get("nonce")
	case "urn:ietf:params:oauth:grant-type:device_code":
		switch {
		case r.FormValue("device_code") != "device-1":
			answerJSON(w, 400, map[string]any{"error": "invalid_grant"})
			return
		case !p.Approved:
			answerJSON(w, 400, map[string]any{"error": "authorization_pending"})
			return
		}
	}
	answerJSON(w, 200, map[string]any{"access_token": "access-1", "token_type": "Bearer", "expires_in": 60, "id_token": p.Sign(map[string]any{"nonce": nonce})})
}

func (p *OIDC) device(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, 200, map[string]any{
		"device_code": "device-1", "user_code": "ABCD-EFGH", "verification_uri": p.URL + "/activate",
		"verification_uri_complete": p.URL + "/activate?user_code=ABCD-EFGH", "expires_in": 60, "interval": 2,
	})
}

func (p *OIDC) info(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer access-1" {
		http.Error(w, "who?", http.StatusUnauthorized)
		return
	}
	answerJSON(w, 200, p.Userinfo)
}

// Sign makes a token about ann, with what extra and p.Claims say otherwise.
func (p *OIDC) Sign(extra map[string]any) string {
	claims := map[string]any{
		"iss": p.URL, "aud": "squall", "sub": "1", "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(),
		"preferred_username": "ann", "groups": []string{"hpc", "staff"},
	}
	maps.Copy(claims, extra)
	maps.Copy(claims, p.Claims)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil || v == "" })
	return SignRS256(p.Key, p.Kid, claims)
}

// SignRS256 makes a token of claims.
func SignRS256(key *rsa.PrivateKey, kid string, claims map[string]any) string {
	part := func(doc any) string {
		b, err := json.Marshal(doc)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(map[string]any{"alg": "RS256", "kid": kid, "typ": "JWT"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"squall/internal/squall"
)

// Header gives the values of a request's headers by name.
type Header interface{ Get(name string) string }

// Signature says in whose way a webhook is signed.
type Signature string

// The ways.
const (
	GitHub     Signature = "github"     // HMAC-SHA256 of the body
	GitLab     Signature = "gitlab"     // the secret itself
	Mattermost Signature = "mattermost" // the secret itself, as an authorization or in the body
	Generic    Signature = "generic"    // HMAC-SHA256 of an instant, a dot and the body
)

// Our own headers of a signed webhook, and how old one may be.
const (
	TimestampHeader = "X-Squall-Timestamp" // seconds since 1970
	SignatureHeader = "X-Squall-Signature" // "sha256=" and hexadecimal digits
	MaxSkew         = 5 * time.Minute
)

// SignatureOf returns in whose way the headers say that a webhook is signed; ""
// when they say nothing of it.
func SignatureOf(h Header) Signature {
	switch {
	case h.Get(SignatureHeader) != "":
		return Generic
	case h.Get("X-Hub-Signature-256") != "":
		return GitHub
	case h.Get("X-Gitlab-Token") != "":
		return GitLab
	case strings.HasPrefix(h.Get("Authorization"), "Token "):
		return Mattermost
	}
	return ""
}

// CheckSignature checks that whoever sent body knows the secret. key names the
// message, so that one that is sent again can be known; it is empty where the
// sender says nothing that could serve. Error kind: Unauthentic.
func CheckSignature(h Header, secret string, body []byte, now time.Time) (key string, err error) {
	switch SignatureOf(h) {
	case Generic:
		return checkGeneric(h, secret, body, now)
	case GitHub:
		if !signed(secret, h.Get("X-Hub-Signature-256"), body) {
			return "", errSignature
		}
		return keyed("github:", h.Get("X-GitHub-Delivery")), nil
	case GitLab:
		if !same(h.Get("X-Gitlab-Token"), secret) {
			return "", errSignature
		}
		return keyed("gitlab:", h.Get("X-Gitlab-Event-UUID")), nil
	case Mattermost:
		token := strings.TrimPrefix(h.Get("Authorization"), "Token ")
		if !same(token, secret) {
			return "", errSignature
		}
		var post struct {
			ID string `json:"post_id"`
		}
		if json.Unmarshal(body, &post) != nil {
			return "", nil
		}
		return keyed("mattermost:", post.ID), nil
	}
	return "", errSignature
}

// errSignature does not say what is wrong: that would help to guess.
var errSignature = squall.Errorf(squall.Unauthentic, "Unauthorized - The signature of the webhook is not right.")

func checkGeneric(h Header, secret string, body []byte, now time.Time) (string, error) {
	stamp, signature := h.Get(TimestampHeader), h.Get(SignatureHeader)
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return "", errSignature
	}
	if !signed(secret, signature, []byte(stamp+"."), body) {
		return "", errSignature
	}
	if skew := now.Sub(time.Unix(seconds, 0)); skew > MaxSkew || skew < -MaxSkew {
		return "", squall.Errorf(squall.Unauthentic, "Unauthorized - The webhook was signed more than %s ago, or the clocks differ.", MaxSkew)
	}
	return "generic:" + signature, nil
}

// signed reports whether text is "sha256=" with the HMAC of the parts.
func signed(secret, text string, parts ...[]byte) bool {
	given, err := hex.DecodeString(strings.TrimPrefix(text, "sha256="))
	if err != nil || secret == "" {
		return false
	}
	return hmac.Equal(given, mac(secret, parts...))
}

func mac(secret string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// Sign returns the header SignatureHeader of a webhook sent at an instant whose
// seconds stand in TimestampHeader.
func Sign(secret, stamp string, body []byte) string {
	return "sha256=" + hex.EncodeToString(mac(secret, []byte(stamp+"."), body))
}

func same(given, secret string) bool {
	return secret != "" && subtle.ConstantTimeCompare([]byte(given), []byte(secret)) == 1
}

func keyed(prefix, id string) string {
	if id == "" {
		return ""
	}
	return prefix + id
}

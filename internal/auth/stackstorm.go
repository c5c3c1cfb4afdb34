package auth

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1" // StackStorm signs with HMAC-SHA1; that use of SHA-1 is not broken
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"squall/internal/squall"
)

// StackStormKey is the key StackStorm encrypts its datastore with: AES-CBC and
// an HMAC-SHA1 over what was encrypted. It only decrypts here.
//
// A value is hexadecimal: 5 bytes of header that mean nothing, 16 of
// initialisation vector, the ciphertext with PKCS#5 padding, 20 of signature
// over all that stands before it (st2: st2common/util/crypto.py, which kept
// the format of Keyczar).
type StackStormKey struct {
	aes, hmac []byte
}

const (
	st2Header    = 5
	st2Signature = sha1.Size
	st2Min       = st2Header + aes.BlockSize + aes.BlockSize + st2Signature
)

// st2KeyFile is StackStorm's datastore_key.json.
type st2KeyFile struct {
	AES  string `json:"aesKeyString"`
	HMAC struct {
		Key  string `json:"hmacKeyString"`
		Size int    `json:"size"` // bits
	} `json:"hmacKey"`
	Mode string `json:"mode"`
	Size int    `json:"size"` // bits
}

// ParseStackStormKey reads the file that encryption_key_path of st2.conf names.
// Errors are of kind Invalid and hold nothing of the key.
func ParseStackStormKey(file []byte) (*StackStormKey, error) {
	k := &StackStormKey{}
	if err := json.Unmarshal(file, k); err != nil {
		if own, ok := errors.AsType[*squall.Error](err); ok {
			return nil, own
		}
		return nil, squall.Errorf(squall.Invalid, "the file is no StackStorm key: %s", jsonFault(err))
	}
	if k.aes == nil {
		return nil, squall.Errorf(squall.Invalid, "the file is no StackStorm key: it holds no JSON object")
	}
	return k, nil
}

// UnmarshalJSON reads StackStorm's form.
func (k *StackStormKey) UnmarshalJSON(doc []byte) error {
	if string(doc) == "null" {
		return nil
	}
	var f st2KeyFile
	if err := json.Unmarshal(doc, &f); err != nil {
		return err
	}
	bad := func(format string, args ...any) error {
		return squall.Errorf(squall.Invalid, "the file is no StackStorm key: "+format, args...)
	}
	if !strings.EqualFold(f.Mode, "CBC") {
		return bad("mode %q is not CBC", f.Mode)
	}
	var ok bool
	if k.aes, ok = decodeWebSafe(f.AES); !ok {
		return bad("aesKeyString is not base64")
	}
	if k.hmac, ok = decodeWebSafe(f.HMAC.Key); !ok || len(k.hmac) == 0 {
		return bad("hmacKeyString is not base64")
	}
	if _, err := aes.NewCipher(k.aes); err != nil || len(k.aes)*8 != f.Size {
		return bad("the AES key has %d bits, size says %d; 128, 192 or 256 are possible", len(k.aes)*8, f.Size)
	}
	return nil
}

// MarshalJSON writes StackStorm's form.
func (k *StackStormKey) MarshalJSON() ([]byte, error) {
	f := st2KeyFile{AES: base64.RawURLEncoding.EncodeToString(k.aes), Mode: "CBC", Size: len(k.aes) * 8}
	f.HMAC.Key, f.HMAC.Size = base64.RawURLEncoding.EncodeToString(k.hmac), len(k.hmac)*8
	return json.Marshal(f)
}

func (k *StackStormKey) equal(o *StackStormKey) bool {
	return bytes.Equal(k.aes, o.aes) && bytes.Equal(k.hmac, o.hmac)
}

// Decrypt verifies and decrypts a value. Errors are of kind Invalid.
func (k *StackStormKey) Decrypt(value string) (string, error) {
	b, err := hex.DecodeString(value)
	if err != nil {
		return "", errStackStorm
	}
	return k.decrypt(b)
}

// decrypt verifies the signature before it touches the padding, so that a
// changed value tells nothing about its plain text.
func (k *StackStormKey) decrypt(b []byte) (string, error) {
	if len(b) < st2Min {
		return "", errStackStorm
	}
	signed, signature := b[:len(b)-st2Signature], b[len(b)-st2Signature:]
	mac := hmac.New(sha1.New, k.hmac)
	mac.Write(signed)
	if !hmac.Equal(mac.Sum(nil), signature) {
		return "", errStackStorm
	}
	iv, text := signed[st2Header:st2Header+aes.BlockSize], signed[st2Header+aes.BlockSize:]
	block, err := aes.NewCipher(k.aes)
	if err != nil || len(text)%aes.BlockSize != 0 {
		return "", errStackStorm
	}
	plain := make([]byte, len(text))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, text)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > aes.BlockSize {
		return "", errStackStorm
	}
	plain = plain[:len(plain)-pad]
	if !utf8.Valid(plain) {
		return "", errStackStorm
	}
	return string(plain), nil
}

var errStackStorm = squall.Errorf(squall.Invalid, "The value is not encrypted with this StackStorm key, or it was changed.")

// decodeWebSafe reads base64 of the URL alphabet, with or without padding and
// with white space anywhere, as Keyczar wrote it.
func decodeWebSafe(s string) ([]byte, bool) {
	s = strings.TrimRight(strings.Join(strings.Fields(s), ""), "=")
	b, err := base64.RawURLEncoding.DecodeString(s)
	return b, err == nil
}

// jsonFault says what is wrong with a file without quoting it.
func jsonFault(err error) string {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return "it is no JSON: " + e.Error()
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return "the member " + e.Field + " is of the wrong type"
	}
	if e, ok := errors.AsType[*squall.Error](err); ok {
		return e.Msg
	}
	return "it is no JSON"
}

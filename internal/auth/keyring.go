package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"squall/internal/squall"
)

// Purpose is what a ciphertext is for. It is part of what is authenticated: a
// text sealed for one purpose cannot be opened for another, so nobody can have
// a secret decrypted by putting its ciphertext in another place.
type Purpose string

// ForDatastore seals values of the datastore. They are shown to clients as
// ciphertext and may come back from them, under any name.
const ForDatastore Purpose = "datastore"

// ForParameters seals secret parameters of runs of one action.
func ForParameters(action squall.Ref) Purpose { return Purpose("parameters of " + action.String()) }

// ForConfig seals secret values of one pack's configuration.
func ForConfig(pack string) Purpose { return Purpose("config of " + pack) }

// ForResult seals what is secret in the result of one execution.
func ForResult(execution squall.ID) Purpose { return Purpose("result of " + string(execution)) }

// ForRollout seals the parameters of one rollout.
func ForRollout(id squall.ID) Purpose { return Purpose("rollout " + string(id)) }

// The purposes of the server's own: the state of workflows, logins under way,
// and the note that tells whether a keyring is the database's.
const (
	ForWorkflows Purpose = "rows of workflows"
	ForSignOn    Purpose = "single sign-on"
	ForNote      Purpose = "note of the keyring"
)

// Keyring seals and opens short secrets with AES-256-GCM. The first key seals,
// all of them open, so keys can be replaced without touching what is sealed. A
// Keyring never changes and may be used by several goroutines at once.
//
// A sealed text is upper-case hexadecimal, like StackStorm's: a version byte
// (1), four bytes that name the key, twelve of nonce, the ciphertext and
// sixteen of tag.
type Keyring struct {
	keys       []ringKey
	stackstorm []*StackStormKey // open values that StackStorm's clients encrypted
}

type ringKey struct {
	ID      string    `json:"id"` // 8 hex digits
	Created time.Time `json:"created"`
	Key     []byte    `json:"key"` // 32 bytes; base64 in the file
	aead    cipher.AEAD
}

const (
	sealVersion = 1
	keyIDSize   = 4
	nonceSize   = 12
	tagSize     = 16
	sealedMin   = 1 + keyIDSize + nonceSize + tagSize
)

// NewKeyring returns a keyring with one fresh key.
func NewKeyring(now time.Time) *Keyring { return (&Keyring{}).Rotate(now) }

// Rotate returns a keyring with a fresh key in front of the others.
func (r *Keyring) Rotate(now time.Time) *Keyring {
	id, secret := make([]byte, keyIDSize), make([]byte, 32)
	for {
		_, _ = rand.Read(id) // never fails: crypto/rand ends the program instead
		if r.key(hex.EncodeToString(id)) == nil {
			break
		}
	}
	_, _ = rand.Read(secret)
	k := ringKey{ID: hex.EncodeToString(id), Created: now.UTC().Truncate(time.Second), Key: secret}
	if err := k.prepare(); err != nil {
		panic(fmt.Sprintf("auth: a fresh key: %v", err)) // cannot happen
	}
	return &Keyring{keys: append([]ringKey{k}, r.keys...), stackstorm: r.stackstorm}
}

// Without returns a keyring without that key. Error kinds: NotFound, and
// Conflict for the key that seals.
func (r *Keyring) Without(id string) (*Keyring, error) {
	switch {
	case r.key(id) == nil:
		return nil, squall.Errorf(squall.NotFound, "there is no key %q in the keyring", id)
	case r.keys[0].ID == id:
		return nil, squall.Errorf(squall.Conflict, "the key %s seals: make a new one first with squall keyring rotate", id)
	}
	keys := slices.DeleteFunc(slices.Clone(r.keys), func(k ringKey) bool { return k.ID == id })
	return &Keyring{keys: keys, stackstorm: r.stackstorm}, nil
}

// WithStackStorm returns a keyring that also opens what k encrypted.
func (r *Keyring) WithStackStorm(k *StackStormKey) *Keyring {
	if slices.ContainsFunc(r.stackstorm, k.equal) {
		return r
	}
	return &Keyring{keys: r.keys, stackstorm: append(slices.Clone(r.stackstorm), k)}
}

func (k *ringKey) prepare() error {
	if len(k.Key) != 32 {
		return fmt.Errorf("key %s has %d bytes, want 32", k.ID, len(k.Key))
	}
	if id, err := hex.DecodeString(k.ID); err != nil || len(id) != keyIDSize || k.ID != strings.ToLower(k.ID) {
		return fmt.Errorf("%q does not name a key: want %d lower-case hex digits", k.ID, 2*keyIDSize)
	}
	block, err := aes.NewCipher(k.Key)
	if err != nil {
		return err
	}
	k.aead, err = cipher.NewGCM(block)
	return err
}

func (r *Keyring) key(id string) *ringKey {
	for i := range r.keys {
		if r.keys[i].ID == id {
			return &r.keys[i]
		}
	}
	return nil
}

// Keys lists the names of the keys, the sealing one first.
func (r *Keyring) Keys() []string {
	ids := make([]string, len(r.keys))
	for i, k := range r.keys {
		ids[i] = k.ID
	}
	return ids
}

// StackStormKeys returns how many keys of StackStorm there are.
func (r *Keyring) StackStormKeys() int { return len(r.stackstorm) }

// Seal encrypts plain with the newest key.
func (r *Keyring) Seal(p Purpose, plain string) string {
	k := &r.keys[0]
	b := make([]byte, 1+keyIDSize+nonceSize, sealedMin+len(plain))
	b[0] = sealVersion
	_, _ = hex.Decode(b[1:], []byte(k.ID)) // prepare has checked it
	nonce := b[1+keyIDSize:]
	_, _ = rand.Read(nonce)
	b = k.aead.Seal(b, nonce, []byte(plain), aad(p, b[:1+keyIDSize]))
	return strings.ToUpper(hex.EncodeToString(b))
}

// aad is what is authenticated beside the text: purpose, version and key.
func aad(p Purpose, header []byte) []byte {
	return append(append(make([]byte, 0, len(p)+1+len(header)), p...), append([]byte{0}, header...)...)
}

// Open decrypts what Seal made for the same purpose. For the datastore it also
// opens what StackStorm encrypted with a key of the ring. Errors are of kind
// Invalid and hold nothing of the text.
func (r *Keyring) Open(p Purpose, sealed string) (string, error) {
	b, err := hex.DecodeString(sealed)
	switch {
	case err != nil || len(b) == 0:
		return "", errSealed
	case b[0] != sealVersion:
		if p == ForDatastore {
			for _, k := range r.stackstorm {
				if plain, err := k.decrypt(b); err == nil {
					return plain, nil
				}
			}
		}
		return "", errSealed
	case len(b) < sealedMin:
		return "", errSealed
	}
	header, rest := b[:1+keyIDSize], b[1+keyIDSize:]
	k := r.key(hex.EncodeToString(header[1:]))
	if k == nil {
		return "", squall.Errorf(squall.Invalid, "The value is encrypted with key %x, which is not in the keyring.", header[1:])
	}
	plain, err := k.aead.Open(nil, rest[:nonceSize], rest[nonceSize:], aad(p, header))
	if err != nil {
		return "", errSealed
	}
	return string(plain), nil
}

// Newest reports whether the newest key sealed the text. It does not say that
// the text can be opened.
func (r *Keyring) Newest(sealed string) bool { return KeyOf(sealed) == r.keys[0].ID }

// KeyOf names the key that sealed a text, empty when no keyring did. It does not
// say that the text can be opened.
func KeyOf(sealed string) string {
	b, err := hex.DecodeString(sealed[:min(len(sealed), 2*(1+keyIDSize))])
	if err != nil || len(b) != 1+keyIDSize || b[0] != sealVersion {
		return ""
	}
	return hex.EncodeToString(b[1:])
}

var errSealed = squall.Errorf(squall.Invalid, "The value is not encrypted with a key of the keyring, or it was changed.")

// ringFile is the form in which a keyring is kept.
type ringFile struct {
	Version    int              `json:"version"`
	Keys       []ringKey        `json:"keys"` // the newest first
	StackStorm []*StackStormKey `json:"stackstorm,omitempty"`
}

// Encode returns the keyring's file. It holds the keys in clear.
func (r *Keyring) Encode() []byte {
	doc, err := json.MarshalIndent(ringFile{Version: 1, Keys: r.keys, StackStorm: r.stackstorm}, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("auth: encode keyring: %v", err)) // cannot happen
	}
	return append(doc, '\n')
}

// ParseKeyring reads the file of a keyring. Errors are of kind Invalid.
func ParseKeyring(file []byte) (*Keyring, error) {
	var f ringFile
	if err := json.Unmarshal(file, &f); err != nil {
		return nil, squall.Errorf(squall.Invalid, "the keyring is not readable: %s", jsonFault(err))
	}
	if f.Version != 1 {
		return nil, squall.Errorf(squall.Invalid, "the keyring has version %d; this program knows version 1", f.Version)
	}
	if len(f.Keys) == 0 {
		return nil, squall.Errorf(squall.Invalid, "the keyring holds no key")
	}
	r := &Keyring{stackstorm: f.StackStorm}
	for i := range f.Keys {
		if err := f.Keys[i].prepare(); err != nil {
			return nil, squall.Errorf(squall.Invalid, "the keyring is not usable: %w", err)
		}
		if r.key(f.Keys[i].ID) != nil {
			return nil, squall.Errorf(squall.Invalid, "the keyring holds the key %s twice", f.Keys[i].ID)
		}
		r.keys = append(r.keys, f.Keys[i])
	}
	if slices.Contains(r.stackstorm, nil) {
		return nil, squall.Errorf(squall.Invalid, "the keyring holds an empty StackStorm key")
	}
	return r, nil
}

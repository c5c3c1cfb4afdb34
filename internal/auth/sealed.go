package auth

import (
	"bytes"
	"encoding/json"
	"iter"
)

// SealedPrefix begins a sealed text that lies in a document: the hexadecimal
// text of Seal follows. In JSON it is a string, made of the JSON of what is
// secret; a document of another kind is sealed as a whole.
const SealedPrefix = "sealed:"

// sealedTexts finds what looks sealed in doc: where the hexadecimal text begins
// and ends.
func sealedTexts(doc []byte) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		for end := 0; ; {
			at := bytes.Index(doc[end:], []byte(SealedPrefix))
			if at < 0 {
				return
			}
			begin := end + at + len(SealedPrefix)
			for end = begin; end < len(doc) && (doc[end] >= '0' && doc[end] <= '9' || doc[end] >= 'A' && doc[end] <= 'F'); {
				end++
			}
			if end-begin >= 2*sealedMin && !yield(begin, end) {
				return
			}
		}
	}
}

// SealedTexts lists what looks sealed in doc, without the prefix. Whether it is
// shows when it is opened.
func SealedTexts(doc []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for begin, end := range sealedTexts(doc) {
			if !yield(string(doc[begin:end])) {
				return
			}
		}
	}
}

// RewriteSealed returns doc with the texts of SealedTexts replaced by what fn
// makes of them; doc itself when it changes none.
func RewriteSealed(doc []byte, fn func(sealed string) string) []byte {
	var out []byte
	done := 0
	for begin, end := range sealedTexts(doc) {
		old := string(doc[begin:end])
		fresh := fn(old)
		if fresh == old {
			continue
		}
		out = append(append(out, doc[done:begin]...), fresh...)
		done = end
	}
	if done == 0 {
		return doc
	}
	return append(out, doc[done:]...)
}

// SealDocument seals a JSON document as a whole: the JSON that it returns is a string.
func (r *Keyring) SealDocument(p Purpose, doc json.RawMessage) json.RawMessage {
	sealed := r.Seal(p, string(doc))
	out := make([]byte, 0, len(SealedPrefix)+len(sealed)+2)
	out = append(append(append(out, '"'), SealedPrefix...), sealed...)
	return append(out, '"')
}

// HoldsSealed reports whether there may be something sealed in doc. It is cheap.
func HoldsSealed(doc []byte) bool { return bytes.Contains(doc, []byte(`"`+SealedPrefix)) }

// OpenDocument returns the JSON document with the strings opened that the
// keyring sealed for p, and whether there were any. Other strings stay, also
// those that only look sealed: without a key nobody makes one that opens.
func (r *Keyring) OpenDocument(p Purpose, doc json.RawMessage) (opened json.RawMessage, found bool) {
	if !HoldsSealed(doc) {
		return doc, false
	}
	return replaceStrings(doc, func(sealed string) ([]byte, bool) {
		plain, err := r.Open(p, sealed)
		return []byte(plain), err == nil
	})
}

// MaskSealed returns the JSON document with masked in place of the strings that
// look sealed.
func MaskSealed(doc json.RawMessage, masked string) json.RawMessage {
	shown, _ := replaceStrings(doc, func(string) ([]byte, bool) { return []byte(`"` + masked + `"`), true })
	return shown
}

// replaceStrings puts what fn makes of strings that look sealed in their place.
func replaceStrings(doc json.RawMessage, fn func(sealed string) ([]byte, bool)) (out json.RawMessage, found bool) {
	done := 0
	for begin, end := range sealedTexts(doc) {
		from := begin - len(SealedPrefix) - 1
		if from < done || doc[from] != '"' || end == len(doc) || doc[end] != '"' {
			continue
		}
		if text, ok := fn(string(doc[begin:end])); ok {
			out = append(append(out, doc[done:from]...), text...)
			done = end + 1
		}
	}
	if done == 0 {
		return doc, false
	}
	return append(out, doc[done:]...), true
}

package auth

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"squall/internal/squall"
)

var testTime = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)

func TestKeyringRoundTrip(t *testing.T) {
	t.Parallel()
	r := NewKeyring(testTime)
	other := ForParameters(squall.Ref{Pack: "p", Name: "a"})
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.String().Draw(t, "plain")
		sealed := r.Seal(ForDatastore, plain)
		if strings.ToUpper(sealed) != sealed || len(sealed) != 2*(sealedMin+len(plain)) {
			t.Fatalf("sealed text %q", sealed)
		}
		if got, err := r.Open(ForDatastore, sealed); err != nil || got != plain {
			t.Fatalf("Open = %q, %v", got, err)
		}
		if r.Seal(ForDatastore, plain) == sealed {
			t.Fatal("two seals of one text are equal")
		}
		if _, err := r.Open(other, sealed); squall.KindOf(err) != squall.Invalid {
			t.Fatalf("opened for another purpose: %v", err)
		}
		// Not a bit can be changed.
		b := []byte(sealed)
		i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		b[i] = "0123456789ABCDEF0"[strings.IndexByte("0123456789ABCDEF", b[i])+1]
		if got, err := r.Open(ForDatastore, string(b)); squall.KindOf(err) != squall.Invalid {
			t.Fatalf("opened a changed text: %q, %v", got, err)
		}
	})
}

func TestKeyringRotation(t *testing.T) {
	t.Parallel()
	first := NewKeyring(testTime)
	old := first.Seal(ForDatastore, "old")
	second := first.Rotate(testTime.Add(time.Hour))
	fresh := second.Seal(ForDatastore, "new")
	if second.Keys()[1] != first.Keys()[0] || len(second.Keys()) != 2 || len(first.Keys()) != 1 {
		t.Fatalf("keys %v after %v", second.Keys(), first.Keys())
	}
	if !strings.HasPrefix(fresh, "01"+strings.ToUpper(second.Keys()[0])) {
		t.Errorf("%s is not sealed with the newest key %s", fresh, second.Keys()[0])
	}
	for sealed, want := range map[string]string{old: "old", fresh: "new"} {
		if got, err := second.Open(ForDatastore, sealed); err != nil || got != want {
			t.Errorf("Open = %q, %v, want %q", got, err, want)
		}
	}
	if _, err := first.Open(ForDatastore, fresh); err == nil || !strings.Contains(err.Error(), second.Keys()[0]) {
		t.Errorf("a text of an unknown key: %v", err)
	}
}

func TestKeyringFile(t *testing.T) {
	t.Parallel()
	k, err := ParseStackStormKey([]byte(st2Key))
	if err != nil {
		t.Fatal(err)
	}
	r := NewKeyring(testTime).Rotate(testTime).WithStackStorm(k).WithStackStorm(k)
	sealed := r.Seal(ForDatastore, "x")
	again, err := ParseKeyring(r.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r.Keys(), again.Keys()); d != "" || len(again.stackstorm) != 1 {
		t.Errorf("keys differ: %s, %d of StackStorm", d, len(again.stackstorm))
	}
	if !bytes.Equal(r.Encode(), again.Encode()) {
		t.Error("the file changes when it is read and written")
	}
	for _, text := range []string{sealed, st2Values["x"]} {
		if got, err := again.Open(ForDatastore, text); err != nil || got != "x" {
			t.Errorf("Open = %q, %v", got, err)
		}
	}
	// What StackStorm encrypted is for the datastore only.
	if _, err := again.Open(ForConfig("p"), st2Values["x"]); err == nil {
		t.Error("a value of StackStorm was opened for another purpose")
	}
}

func TestBadKeyringFiles(t *testing.T) {
	t.Parallel()
	good := string(NewKeyring(testTime).Encode())
	var doc map[string]any
	if err := json.Unmarshal([]byte(good), &doc); err != nil {
		t.Fatal(err)
	}
	entry := doc["keys"].([]any)[0]
	encode := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, text := range map[string]string{
		"empty":        "",
		"no object":    "[]",
		"cut":          good[:len(good)/2],
		"version 2":    strings.Replace(good, `"version": 1`, `"version": 2`, 1),
		"no key":       `{"version":1,"keys":[]}`,
		"short key":    `{"version":1,"keys":[{"id":"01020304","key":"AAAA"}]}`,
		"bad id":       strings.Replace(good, `"id": "`, `"id": "x`, 1),
		"twice":        encode(map[string]any{"version": 1, "keys": []any{entry, entry}}),
		"null st2 key": encode(map[string]any{"version": 1, "keys": []any{entry}, "stackstorm": []any{nil}}),
		"bad st2 key":  encode(map[string]any{"version": 1, "keys": []any{entry}, "stackstorm": []any{map[string]any{"mode": "CBC"}}}),
		"key a number": `{"version":1,"keys":[{"id":"01020304","key":5}]}`,
	} {
		r, err := ParseKeyring([]byte(text))
		if squall.KindOf(err) != squall.Invalid || r != nil {
			t.Errorf("%s: %v, %v", name, r, err)
		}
		if key, _ := entry.(map[string]any)["key"].(string); err != nil && strings.Contains(err.Error(), key) {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
}

// st2Key and st2Values were made with OpenSSL and Python's hmac as
// st2common/util/crypto.py describes the format, not with this package.
const st2Key = `{"hmacKey": {"hmacKeyString": "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1-f4CBgoM", "size": 256},
 "aesKeyString": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "mode": "CBC", "size": 256}`

var st2Values = map[string]string{
	"hush":             "3030303030C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7C8201ACC71C3212257D56359F1EBB2C7FEC111105DF6D08827615F22A4CBA491289AA9D4",
	"":                 "3030303030C8C9CACBCCCDCECFD0D1D2D3D4D5D6D75A964C7425BDBC40BBE8384AD0664FDFD1181407358DD928BA718F33736A85D66DF63545",
	"sixteen bytes 16": "3030303030C8C9CACBCCCDCECFD0D1D2D3D4D5D6D73E0AE6D60C66E82580CFC8D198D8900D77ABBA054FBF390442E7231B2E99053903F87E5A37981CFC83F3934B42A2A203BA0DCEF5",
	"Grüße ☂":          "3030303030C8C9CACBCCCDCECFD0D1D2D3D4D5D6D79BA91E48E2BA29335FB8710115E36D0E9A4B1586BFFCC2CD8155C72193EBA04D2C91E0C8",
	"x":                "3030303030C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7071E34656B098E99CDF353AB0A2D0CABA1C6C4C7E5807DF0CC6A8A988E41EE019E03A424",
}

func TestStackStormValues(t *testing.T) {
	t.Parallel()
	// Keyczar padded and broke its base64; both spellings are one key.
	for _, file := range []string{st2Key, strings.Replace(st2Key, `Hh8"`, `Hh8="`, 1), strings.Replace(st2Key, "CBC", "cbc", 1)} {
		k, err := ParseStackStormKey([]byte(file))
		if err != nil {
			t.Fatal(err)
		}
		for want, value := range st2Values {
			for _, v := range []string{value, strings.ToLower(value)} {
				if got, err := k.Decrypt(v); err != nil || got != want {
					t.Errorf("Decrypt(%s) = %q, %v, want %q", v, got, err, want)
				}
			}
			for i := 0; i < len(value); i += 2 {
				bad := value[:i] + "ZZ" + value[i+2:]
				if value[i:i+2] != "00" {
					bad = value[:i] + "00" + value[i+2:]
				}
				if _, err := k.Decrypt(bad); squall.KindOf(err) != squall.Invalid {
					t.Errorf("byte %d changed: %v", i/2, err)
				}
			}
			if _, err := k.Decrypt(value[:len(value)-2]); squall.KindOf(err) != squall.Invalid {
				t.Errorf("cut: %v", err)
			}
		}
		for _, bad := range []string{"", "zz", "3030303030", strings.Repeat("00", st2Min)} {
			if _, err := k.Decrypt(bad); squall.KindOf(err) != squall.Invalid {
				t.Errorf("Decrypt(%q): %v", bad, err)
			}
		}
	}
}

func TestBadStackStormKeys(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"empty": "", "null": "null", "no object": "5", "no members": "{}",
		"mode":     strings.Replace(st2Key, "CBC", "GCM", 1),
		"size":     strings.Replace(st2Key, `"size": 256}`, `"size": 128}`, 2),
		"no hmac":  `{"aesKeyString":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","mode":"CBC","size":256}`,
		"base64":   strings.Replace(st2Key, "AAEC", "!!!!", 1),
		"too weak": `{"hmacKey":{"hmacKeyString":"AAAA","size":24},"aesKeyString":"AAAA","mode":"CBC","size":24}`,
	} {
		if k, err := ParseStackStormKey([]byte(file)); squall.KindOf(err) != squall.Invalid || k != nil {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
}

func FuzzKeyring(f *testing.F) {
	f.Add(NewKeyring(testTime).Encode())
	f.Add([]byte(`{"version":1,"keys":[{"id":"01020304","key":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}],"stackstorm":[` + st2Key + `]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := ParseKeyring(file)
		if err != nil {
			if squall.KindOf(err) != squall.Invalid {
				t.Errorf("error of kind %s: %v", squall.KindOf(err), err)
			}
			return
		}
		sealed := r.Seal(ForDatastore, "x")
		again, err := ParseKeyring(r.Encode())
		if err != nil {
			t.Fatalf("a keyring that was read cannot be read again: %v", err)
		}
		if got, err := again.Open(ForDatastore, sealed); err != nil || got != "x" {
			t.Errorf("Open = %q, %v", got, err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	k, err := ParseStackStormKey([]byte(st2Key))
	if err != nil {
		f.Fatal(err)
	}
	r := NewKeyring(testTime).WithStackStorm(k)
	f.Add(st2Values["hush"])
	f.Add(strings.Repeat("01", sealedMin))
	f.Fuzz(func(t *testing.T, text string) {
		plain, err := r.Open(ForDatastore, text)
		if err == nil && st2Values[plain] != strings.ToUpper(text) {
			t.Errorf("%q opened to %q", text, plain)
		}
		if err != nil && squall.KindOf(err) != squall.Invalid {
			t.Errorf("error of kind %s: %v", squall.KindOf(err), err)
		}
	})
}

func BenchmarkKeyringSeal(b *testing.B) {
	r := NewKeyring(testTime)
	b.ReportAllocs()
	for b.Loop() {
		r.Seal(ForDatastore, "correct horse battery staple")
	}
}

func BenchmarkKeyringOpen(b *testing.B) {
	r := NewKeyring(testTime)
	sealed := r.Seal(ForDatastore, "correct horse battery staple")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Open(ForDatastore, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func TestNewest(t *testing.T) {
	t.Parallel()
	old := NewKeyring(time.Unix(1, 0))
	ring := old.Rotate(time.Unix(2, 0))
	for sealed, want := range map[string]bool{
		ring.Seal(ForDatastore, "x"): true, ring.Seal(ForConfig("p"), ""): true, old.Seal(ForDatastore, "x"): false,
		"": false, "0": false, "zz": false, "01": false, "not sealed at all": false, "ABCDEF0123456789": false,
	} {
		if got := ring.Newest(sealed); got != want {
			t.Errorf("Newest(%q) = %v", sealed, got)
		}
	}
}

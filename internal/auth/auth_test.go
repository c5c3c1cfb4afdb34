package auth

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"pgregory.net/rapid"

	"squall/internal/squall"
)

func TestPassword(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 72)
	for _, tt := range []struct {
		name, stored, given string
		want                bool
	}{
		{"same", "correct horse", "correct horse", true},
		{"other", "correct horse", "correct hors", false},
		{"empty", "correct horse", "", false},
		{"long, same", long + "tail", long + "tail", true},
		{"long, differs behind byte 72", long + "tail", long + "tale", false},
		{"72 bytes of a longer one", long + "tail", long, false},
		{"utf-8", "pässwörter", "pässwörter", true},
		{"nul byte", "pass\x00word", "pass\x00wurd", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, err := hash(tt.stored, bcrypt.MinCost)
			if err != nil {
				t.Fatal(err)
			}
			if got := CheckPassword(h, tt.given); got != tt.want {
				t.Errorf("CheckPassword = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPasswordWithoutHash(t *testing.T) {
	t.Parallel()
	if CheckPassword("", "anything") || CheckPassword("", "") {
		t.Error("a user without hash could log in")
	}
	if CheckPassword("not a hash", "not a hash") {
		t.Error("a broken hash accepted its own text as password")
	}
	cost, err := bcrypt.Cost(nobody())
	if err != nil || cost != Cost {
		t.Errorf("cost of the stand-in hash = %d, %v; want %d as for real ones", cost, err, Cost)
	}
}

func TestHashPassword(t *testing.T) {
	t.Parallel()
	if _, err := HashPassword("short"); squall.KindOf(err) != squall.Invalid || err.Error() != "the password has 5 bytes; it needs at least 8" {
		t.Errorf("HashPassword(short) = %v", err)
	}
	pw := NewPassword()
	h, err := HashPassword(pw)
	if err != nil {
		t.Fatal(err)
	}
	if !CheckPassword(h, pw) {
		t.Error("a generated password does not open its own hash")
	}
	if pw == NewPassword() || len(pw) < 20 {
		t.Errorf("NewPassword returned %q", pw)
	}
}

func TestTTL(t *testing.T) {
	t.Parallel()
	n := func(v int64) *int64 { return &v }
	for _, tt := range []struct {
		name    string
		seconds *int64
		want    time.Duration
		err     string
	}{
		{"not given", nil, 24 * time.Hour, ""},
		{"a minute", n(60), time.Minute, ""},
		{"the maximum", n(86400), 24 * time.Hour, ""},
		{"above", n(99999999), 0, "TTL specified 99999999 is greater than max allowed 86400."},
		{"overflows a duration", n(1 << 62), 0, "TTL specified 4611686018427387904 is greater than max allowed 86400."},
		{"zero", n(0), 0, "TTL specified 0 must be a positive number of seconds."},
		{"negative", n(-5), 0, "TTL specified -5 must be a positive number of seconds."},
	} {
		got, err := DefaultTTL.For(tt.seconds)
		if got != tt.want || (err == nil) != (tt.err == "") || (err != nil && err.Error() != tt.err) {
			t.Errorf("%s: For = %v, %v; want %v, %q", tt.name, got, err, tt.want, tt.err)
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	secret, tok := NewToken("6b030b4ad22a3545302ce049", "ann", now, time.Hour)
	if len(secret) != 64 || strings.Contains(tok.Digest, secret) || tok.Digest == secret {
		t.Fatalf("secret %q, digest %q", secret, tok.Digest)
	}
	for _, tt := range []struct {
		name   string
		secret string
		at     time.Duration
		want   bool
	}{
		{"fresh", secret, 0, true},
		{"just before the end", secret, time.Hour - 1, true},
		{"at the end", secret, time.Hour, false},
		{"other secret", strings.Repeat("0", 64), 0, false},
		{"the digest itself", tok.Digest, 0, false},
		{"empty", "", 0, false},
	} {
		if got := TokenValid(tok, tt.secret, now.Add(tt.at)); got != tt.want {
			t.Errorf("%s: TokenValid = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestTokenOpensOnlyWithItsSecret(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	_, tok := NewToken("6b030b4ad22a3545302ce049", "ann", now, time.Hour)
	rapid.Check(t, func(t *rapid.T) {
		if s := rapid.String().Draw(t, "secret"); TokenValid(tok, s, now) {
			t.Fatalf("%q opened somebody else's token", s)
		}
	})
}

func TestMay(t *testing.T) {
	t.Parallel()
	user, admin := Subject{User: "ann"}, Subject{User: "root", Admin: true}
	for _, tt := range []struct {
		p           Permission
		user, admin bool
	}{
		{ActionExecute, true, true},
		{ExecutionStop, true, true},
		{StreamView, true, true},
		{ShowSecrets, false, true},
		{Impersonate, false, true},
		{ListAll, false, true},
		{MetricsView, false, true},
		{"execution_veiw", false, false},
		{"", false, false},
	} {
		if got := user.May(tt.p); got != tt.user {
			t.Errorf("user may %q = %v, want %v", tt.p, got, tt.user)
		}
		if got := admin.May(tt.p); got != tt.admin {
			t.Errorf("admin may %q = %v, want %v", tt.p, got, tt.admin)
		}
	}
	for _, p := range Permissions {
		if (Subject{}).May(p) || (Subject{Admin: true}).May(p) {
			t.Errorf("nobody may %q", p)
		}
	}
	err := user.Check(ShowSecrets)
	if squall.KindOf(err) != squall.Denied || err.Error() != `User "ann" doesn't have required permission "secret_view"` {
		t.Errorf("Check = %v", err)
	}
}

func TestResource(t *testing.T) {
	t.Parallel()
	for p, want := range map[Permission]string{
		ActionExecute: "action", ExecutionReRun: "execution", RunnerList: "runner_type", PackView: "pack",
	} {
		if got := p.Resource(); got != want {
			t.Errorf("%s.Resource() = %q, want %q", p, got, want)
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	secret, _ := NewToken("6b030b4ad22a3545302ce049", "ann", time.Unix(1, 0), time.Hour)
	for b.Loop() {
		Digest(secret)
	}
}

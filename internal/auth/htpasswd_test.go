package auth

import (
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

func TestHtpasswd(t *testing.T) {
	t.Parallel()
	b, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users, problems := ParseHtpasswd("users", strings.Join([]string{
		"# staff",
		"ann:$apr1$abcdefgh$sIQmFnT1CuEXAsyjuXjUX/", // openssl passwd -apr1
		"bob:$apr1$x$PSNAB.vTkM7vBB0Kq4yHq0:Bob Builder",
		"long:$apr1$abcdefgh$AU.wyn6K6WWGK1IPW/YmD/\r",
		"none:$apr1$abcdefgh$L.PT565ESX4Tp2bqNs7Ie.",
		"",
		"carol:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=",
		"dan:$2y$" + string(b)[4:],
		"ann:{SHA}AAAAAAAAAAAAAAAAAAAAAAAAAAA=", // the first one counts
	}, "\n"))
	if len(problems) > 0 || len(users) != 6 {
		t.Fatalf("%d users, %v", len(users), problems)
	}
	for _, tt := range []struct {
		user, password string
		want           bool
	}{
		{"ann", "correct horse", true}, {"ann", "correct hors", false}, {"ann", "", false},
		{"bob", "correct horse", true}, {"bob", "x", false},
		{"long", "pässwörter und noch mehr als sechzehn", true}, {"long", "pässwörter und noch mehr als sechzeh", false},
		{"none", "", true}, {"none", "x", false},
		{"carol", "correct horse", true}, {"carol", "correct horse ", false},
		{"dan", "correct horse", true}, {"dan", "other", false},
		{"eve", "correct horse", false}, {"", "", false},
	} {
		if got := users.Check(tt.user, tt.password); got != tt.want {
			t.Errorf("Check(%q, %q) = %v", tt.user, tt.password, got)
		}
	}
}

func TestHtpasswdProblems(t *testing.T) {
	t.Parallel()
	users, problems := ParseHtpasswd("f", "a\n:x\nb:plain\nc:rqXexS6ZhobKA\nd:{SHA}short\ne:$apr1$toolongsalt$sIQmFnT1CuEXAsyjuXjUX/\nf:$2y$xx\ng:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=\n")
	want := []string{
		"f:1:1: the line is not of the form user:hash",
		"f:2:1: the user has no name",
		"f:3:3: the hash of b is neither bcrypt nor apr1 nor {SHA}; make it anew with htpasswd -B",
	}
	if len(problems) != 7 || len(users) != 1 {
		t.Fatalf("%d users, problems %v", len(users), problems)
	}
	for i, w := range want {
		if problems[i].Error() != w {
			t.Errorf("problem %d is %q", i, problems[i].Error())
		}
	}
	if strings.Contains(problems[2].Error(), "plain") {
		t.Error("a problem shows what may be a password")
	}
}

func FuzzHtpasswd(f *testing.F) {
	f.Add("ann:$apr1$abcdefgh$sIQmFnT1CuEXAsyjuXjUX/\n", "x")
	f.Fuzz(func(t *testing.T, text, password string) {
		users, _ := ParseHtpasswd("f", text)
		for name, hash := range users {
			if !strings.HasPrefix(hash, "$2") { // its cost is the file's to choose
				users.Check(name, password)
			}
		}
	})
}

package auth

import (
	"crypto/md5"  //nolint:gosec // Apache's apr1 is made of it
	"crypto/sha1" //nolint:gosec // and {SHA} of this; both only to read what exists
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Htpasswd is the users of a file of Apache's htpasswd: hashes by name.
type Htpasswd map[string]string

// ParseHtpasswd reads a file of lines "user:hash". Empty lines and lines that
// begin with # do not count. Hashes are bcrypt (htpasswd -B), apr1 (-m) or {SHA}
// (-s); crypt(3) and plain text, which Apache takes too, are refused. The first
// line of a user counts, as in Apache. file is for the problems.
func ParseHtpasswd(file, text string) (Htpasswd, []Problem) {
	users := Htpasswd{}
	var problems []Problem
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		problem := func(column int, format string, args ...any) {
			problems = append(problems, Problem{File: file, Line: n, Column: column, What: fmt.Sprintf(format, args...)})
		}
		name, hash, ok := strings.Cut(line, ":")
		hash, _, _ = strings.Cut(hash, ":") // what htdigest and people write behind it
		switch {
		case !ok:
			problem(1, "the line is not of the form user:hash")
		case name == "":
			problem(1, "the user has no name")
		case !htpasswdForm(hash):
			problem(len(name)+2, "the hash of %s is neither bcrypt nor apr1 nor {SHA}; make it anew with htpasswd -B", name)
		case users[name] == "":
			users[name] = hash
		}
	}
	return users, problems
}

func htpasswdForm(hash string) bool {
	switch {
	case strings.HasPrefix(hash, "$2"):
		_, err := bcrypt.Cost([]byte(hash))
		return err == nil
	case strings.HasPrefix(hash, apr1Magic):
		salt, sum, ok := strings.Cut(hash[len(apr1Magic):], "$")
		return ok && len(salt) <= 8 && len(sum) == 22
	default:
		sum, ok := strings.CutPrefix(hash, "{SHA}")
		b, err := base64.StdEncoding.DecodeString(sum)
		return ok && err == nil && len(b) == sha1.Size
	}
}

// Check reports whether password is the user's. For a user who is not in the
// file it takes as long as for one whose hash is of our own cost.
func (h Htpasswd) Check(user, password string) bool {
	hash := h[user]
	switch {
	case strings.HasPrefix(hash, "$2"):
		return bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
	case strings.HasPrefix(hash, apr1Magic):
		salt, _, _ := strings.Cut(hash[len(apr1Magic):], "$")
		return subtle.ConstantTimeCompare([]byte(hash), []byte(apr1(password, salt))) == 1
	case strings.HasPrefix(hash, "{SHA}"):
		sum := sha1.Sum([]byte(password)) //nolint:gosec // see the import
		return subtle.ConstantTimeCompare([]byte(hash), []byte("{SHA}"+base64.StdEncoding.EncodeToString(sum[:]))) == 1
	}
	return CheckPassword("", password)
}

const apr1Magic = "$apr1$"

// apr1 is Apache's variant of the MD5 crypt: a thousand rounds over password,
// salt and the sum so far, mixed by the number of the round.
func apr1(password, salt string) string {
	pw := []byte(password)
	mix := md5.Sum(slices.Concat(pw, []byte(salt), pw)) //nolint:gosec // see the import
	start := slices.Concat(pw, []byte(apr1Magic), []byte(salt))
	for left := len(pw); left > 0; left -= md5.Size {
		start = append(start, mix[:min(left, md5.Size)]...)
	}
	for bits := len(pw); bits > 0; bits >>= 1 {
		if bits&1 == 1 {
			start = append(start, 0)
		} else {
			start = append(start, pw[0])
		}
	}
	sum := md5.Sum(start) //nolint:gosec // see the import
	for round := range 1000 {
		var b []byte
		if round%2 == 1 {
			b = append(b, pw...)
		} else {
			b = append(b, sum[:]...)
		}
		if round%3 != 0 {
			b = append(b, salt...)
		}
		if round%7 != 0 {
			b = append(b, pw...)
		}
		if round%2 == 1 {
			b = append(b, sum[:]...)
		} else {
			b = append(b, pw...)
		}
		sum = md5.Sum(b) //nolint:gosec // see the import
	}
	return apr1Magic + salt + "$" + apr1Text(sum)
}

// apr1Text writes a sum in crypt's own base 64: bytes in a fixed disorder, the
// low bits first.
func apr1Text(sum [md5.Size]byte) string {
	const digits = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var out []byte
	put := func(v uint, n int) {
		for range n {
			out = append(out, digits[v&63])
			v >>= 6
		}
	}
	for _, t := range [...][3]int{{0, 6, 12}, {1, 7, 13}, {2, 8, 14}, {3, 9, 15}, {4, 10, 5}} {
		put(uint(sum[t[0]])<<16|uint(sum[t[1]])<<8|uint(sum[t[2]]), 4)
	}
	put(uint(sum[11]), 2)
	return string(out)
}

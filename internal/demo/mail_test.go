package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadLetter(t *testing.T) {
	for name, text := range map[string]string{
		"one part": "From: a@example.org\nTo: b@example.org\nSubject: Backup =?UTF-8?q?f=C3=BCr_alle?=\n" +
			"Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: quoted-printable\n\none =3D 1, f=C3=BCr a=\nlle\n",
		"text and HTML": "From: a@example.org\nTo: b@example.org\nSubject: Backup =?UTF-8?q?f=C3=BCr_alle?=\n" +
			"Content-Type: multipart/alternative; boundary=xyz\n\n--xyz\nContent-Type: text/plain; charset=UTF-8\n" +
			"Content-Transfer-Encoding: base64\n\nb25lID0gMSwgZsO8ciBhbGxl\n--xyz\nContent-Type: text/html\n\n<p>no\n--xyz--\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "mail")
			if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "\n", "\r\n")), 0o600); err != nil {
				t.Fatal(err)
			}
			l, err := readLetter(file)
			if err != nil {
				t.Fatal(err)
			}
			if l.subject != "Backup für alle" || strings.TrimSpace(l.text) != "one = 1, für alle" || l.to != "b@example.org" {
				t.Errorf("%+v", l)
			}
		})
	}
}

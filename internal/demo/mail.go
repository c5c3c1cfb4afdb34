package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// mailbox is the mail server's directory, in the form of a Maildir.
type mailbox struct {
	dir  string
	seen map[string]bool
	came int // during this show
}

// startMail starts a mail server that keeps what it gets: aiosmtpd.
func (w *world) startMail(ctx context.Context) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	w.mail = mailbox{dir: w.path("mail"), seen: map[string]bool{}}
	old, err := filepath.Glob(filepath.Join(w.mail.dir, "new", "*"))
	if err != nil {
		return err
	}
	for _, file := range old {
		w.mail.seen[file] = true
	}
	address := "127.0.0.1:" + strconv.Itoa(port)
	log := w.path("mail.log")
	if err := w.spawn(log, "/usr/bin/python3", "-m", "aiosmtpd", "-n", "-l", address, "-c", "aiosmtpd.handlers.Mailbox", w.mail.dir); err != nil {
		return err
	}
	if err := answers(ctx, address, log); err != nil {
		return err
	}
	return writeFile(w.path("notify.yaml"), fmt.Appendf(nil, `sinks:
  admins: {type: email, host: 127.0.0.1, port: %d, tls: none, from: squall@example.org, to: [admins@example.org]}
routes:
  - {route: backup, sinks: [admins]}
`, port))
}

// letter is one mail.
type letter struct{ from, to, subject, text string }

// next waits for a mail that was not looked at yet.
func (m *mailbox) next(ctx context.Context) (l *letter, err error) {
	err = until(ctx, 2*time.Minute, func() (bool, error) {
		files, err := filepath.Glob(filepath.Join(m.dir, "new", "*"))
		if err != nil {
			return false, err
		}
		for _, file := range files {
			if m.seen[file] {
				continue
			}
			m.seen[file] = true
			m.came++
			l, err = readLetter(file)
			return true, err
		}
		return false, nil
	})
	if err != nil {
		return nil, fmt.Errorf("wait for a mail: %w", err)
	}
	return l, nil
}

func readLetter(file string) (*letter, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	m, err := mail.ReadMessage(f)
	if err != nil {
		return nil, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return nil, err
	}
	text, err := plainText(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
	return &letter{from: m.Header.Get("From"), to: m.Header.Get("To"), subject: subject, text: text}, err
}

// plainText is the part of a mail for people without pictures.
func plainText(contentType, encoding string, body io.Reader) (string, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(kind, "multipart/") {
		for parts := multipart.NewReader(body, params["boundary"]); ; {
			p, err := parts.NextRawPart()
			if err != nil {
				return "", fmt.Errorf("the mail has no text: %w", err)
			}
			if k := p.Header.Get("Content-Type"); strings.HasPrefix(k, "text/plain") || strings.HasPrefix(k, "multipart/") {
				return plainText(k, p.Header.Get("Content-Transfer-Encoding"), p)
			}
		}
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	return strings.ReplaceAll(string(text), "\r\n", "\n"), err
}

package native

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/mail"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	gomessage "github.com/emersion/go-message/mail"

	"squall/internal/sensor"
	"squall/internal/squall"
)

// maxMail bounds what is read of a message, in bytes.
const maxMail = 8 << 20

type imapConfig struct {
	Server   string  `json:"server"`   // host:993
	Security string  `json:"security"` // tls, starttls or none; tls
	User     string  `json:"user"`
	Password string  `json:"password"`
	Mailbox  string  `json:"mailbox"`  // INBOX
	Interval seconds `json:"interval"` // between looks; 60 s
	Insecure bool    `json:"insecure"` // take any certificate
}

// readMail reports the unseen messages of a mailbox and marks them seen when
// their events are stored:
// {"from": ..., "to": [...], "subject": ..., "date": ..., "message_id": ..., "text": ..., "uid": 7}.
func readMail(ctx context.Context, job *sensor.NativeJob) error {
	c := imapConfig{Security: "tls", Mailbox: "INBOX"}
	if err := configure(job, &c); err != nil {
		return err
	}
	client, err := c.connect()
	if err != nil {
		return err
	}
	defer client.Close()
	defer context.AfterFunc(ctx, func() { client.Close() })()
	if err := client.Login(c.User, c.Password).Wait(); err != nil {
		return fmt.Errorf("log in as %s: %w", c.User, err)
	}
	box, err := client.Select(c.Mailbox, nil).Wait()
	if err != nil {
		return fmt.Errorf("open mailbox %s: %w", c.Mailbox, err)
	}
	job.Ready()
	for {
		if err := c.look(ctx, job, client, box.UIDValidity); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the connection was closed for that
			}
			return err
		}
		if !pause(ctx, c.Interval.or(time.Minute)) {
			return nil
		}
	}
}

func (c *imapConfig) connect() (*imapclient.Client, error) {
	host, _, _ := strings.Cut(c.Server, ":")
	options := &imapclient.Options{TLSConfig: &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.Insecure}} //nolint:gosec // only when the administrator says so
	switch c.Security {
	case "tls":
		return imapclient.DialTLS(c.Server, options)
	case "starttls":
		return imapclient.DialStartTLS(c.Server, options)
	case "none":
		return imapclient.DialInsecure(c.Server, options)
	default:
		return nil, squall.Errorf(squall.Invalid, "configuration: security is %q; use tls, starttls or none", c.Security)
	}
}

func (c *imapConfig) look(ctx context.Context, job *sensor.NativeJob, client *imapclient.Client, validity uint32) error {
	found, err := client.UIDSearch(&imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagSeen}}, nil).Wait()
	if err != nil {
		return fmt.Errorf("search for unseen messages: %w", err)
	}
	for _, uid := range found.AllUIDs() {
		section := &imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Size: maxMail}}
		list, err := client.Fetch(imap.UIDSetNum(uid), &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{section}}).Collect()
		if err != nil {
			return fmt.Errorf("read message %d: %w", uid, err)
		}
		for _, m := range list {
			var body []byte
			for _, part := range m.BodySection {
				body = part.Bytes
			}
			payload := mailPayload(body)
			payload["uid"] = uint32(uid)
			if err := refused(ctx, job.Log, job.Emit(ctx, "", fmt.Sprintf("%d:%d", validity, uid), payload)); err != nil {
				return err
			}
		}
		flags := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagSeen}}
		if err := client.Store(imap.UIDSetNum(uid), flags, nil).Close(); err != nil {
			return fmt.Errorf("mark message %d: %w", uid, err)
		}
	}
	return nil
}

// mailPayload takes a message apart as far as it can.
func mailPayload(body []byte) map[string]any {
	out := map[string]any{"from": "", "to": []string{}, "subject": "", "text": ""}
	r, err := gomessage.CreateReader(bytes.NewReader(body))
	if err != nil {
		out["text"] = strings.ToValidUTF8(string(body), "\uFFFD")
		return out
	}
	defer r.Close()
	if from, err := r.Header.AddressList("From"); err == nil && len(from) > 0 {
		out["from"] = from[0].Address
	}
	if to, err := r.Header.AddressList("To"); err == nil {
		out["to"] = addresses(to)
	}
	if subject, err := r.Header.Subject(); err == nil {
		out["subject"] = subject
	}
	if date, err := r.Header.Date(); err == nil && !date.IsZero() {
		out["date"] = date.UTC().Format(time.RFC3339)
	}
	if id, err := r.Header.MessageID(); err == nil {
		out["message_id"] = id
	}
	var attachments []string
	for {
		part, err := r.NextPart()
		if err != nil {
			break // the end, or what is broken behind here
		}
		switch h := part.Header.(type) {
		case *gomessage.InlineHeader:
			kind, _, _ := h.ContentType()
			text, _ := io.ReadAll(part.Body)
			if kind == "text/plain" && out["text"] == "" {
				out["text"] = strings.ToValidUTF8(string(text), "\uFFFD")
			} else if kind == "text/html" {
				out["html"] = strings.ToValidUTF8(string(text), "\uFFFD")
			}
		case *gomessage.AttachmentHeader:
			name, _ := h.Filename()
			attachments = append(attachments, name)
		}
	}
	if attachments != nil {
		out["attachments"] = attachments
	}
	return out
}

func addresses(list []*mail.Address) []string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = a.Address
	}
	return texts
}

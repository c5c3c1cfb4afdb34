package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"

	"squall/internal/auth"
	"squall/internal/expr"
)

// NewSinks makes the sinks of a configuration.
func NewSinks(c *Config, exprs *expr.Set, log *slog.Logger) (map[string]Sink, error) {
	sinks := map[string]Sink{}
	for name, s := range c.Sinks {
		switch s.Type {
		case "log":
			sinks[name] = &logSink{log: log.With("sink", name)}
		case "email":
			roots, err := trusted(s.CA)
			if err != nil {
				return nil, fmt.Errorf("sink %s: %w", name, err)
			}
			sinks[name] = &mailSink{config: s, exprs: exprs, roots: roots}
		case "webhook":
			sinks[name] = &webhookSink{config: s, client: &http.Client{}}
		}
	}
	return sinks, nil
}

func trusted(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("there is no certificate in %s", file)
	}
	return pool, nil
}

// logSink writes messages into the log.
type logSink struct{ log *slog.Logger }

func (s *logSink) Deliver(ctx context.Context, list []*Message) error {
	for _, m := range list {
		s.log.InfoContext(ctx, "notification", "message", m.Message, "route", m.Route, "action", m.Action, "status", m.Status, "execution_id", m.Execution)
	}
	return nil
}

// mailSink sends mail.
type mailSink struct {
	config SinkConfig
	exprs  *expr.Set
	roots  *x509.CertPool
}

func (s *mailSink) Deliver(ctx context.Context, list []*Message) error {
	c := &s.config
	subject, body, err := c.digest(ctx, s.exprs, list)
	if err != nil {
		return err
	}
	m := mail.NewMsg()
	if err := m.From(c.From); err != nil {
		return &Permanent{err}
	}
	if err := m.To(c.To...); err != nil {
		return &Permanent{err}
	}
	m.Subject(subject)
	m.SetDate()
	m.SetMessageIDWithValue(string(list[0].ID) + "@squall") // the same when it is sent again
	m.SetGenHeader(mail.Header("Auto-Submitted"), "auto-generated")
	m.SetBodyString(mail.TypeTextPlain, body)
	if page := c.page(list); page != "" {
		m.AddAlternativeString(mail.TypeTextHTML, page)
	}
	client, err := s.client()
	if err != nil {
		return &Permanent{err}
	}
	if err := client.DialAndSendWithContext(ctx, m); err != nil {
		if refused, ok := errors.AsType[*mail.SendError](err); ok && !refused.IsTemp() && refused.ErrorCode() >= 500 {
			return &Permanent{err}
		}
		return err
	}
	return nil
}

func (s *mailSink) client() (*mail.Client, error) {
	c := &s.config
	conf := &tls.Config{ServerName: c.Host, RootCAs: s.roots, MinVersion: tls.VersionTLS12}
	options := []mail.Option{mail.WithTLSConfig(conf), mail.WithTimeout(timeoutOf(c))}
	port := c.Port
	switch c.TLS {
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
		port = orPort(port, 25)
	case "tls":
		options = append(options, mail.WithSSL())
		port = orPort(port, 465)
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
		port = orPort(port, 587)
	}
	options = append(options, mail.WithPort(port))
	if c.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(c.User), mail.WithPassword(c.Password))
	}
	return mail.NewClient(c.Host, options...)
}

func orPort(port, otherwise int) int {
	if port == 0 {
		return otherwise
	}
	return port
}

func timeoutOf(c *SinkConfig) time.Duration {
	if c.Timeout <= 0 {
		return 30 * time.Second
	}
	return c.Timeout
}

// webhookSink posts messages as JSON: one as an object, several as the member
// "messages" of one.
type webhookSink struct {
	config SinkConfig
	client *http.Client
}

func (s *webhookSink) Deliver(ctx context.Context, list []*Message) error {
	var doc any = list[0]
	if len(list) > 1 {
		doc = map[string]any{"messages": list}
	}
	body, err := json.Marshal(doc)
	if err != nil {
		return &Permanent{err}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.URL, bytes.NewReader(body))
	if err != nil {
		return &Permanent{err}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "squall")
	r.Header.Set("Idempotency-Key", string(list[0].ID))
	for name, v := range s.config.Headers {
		r.Header.Set(name, v)
	}
	if s.config.Secret != "" {
		stamp := strconv.FormatInt(time.Now().Unix(), 10)
		r.Header.Set(auth.TimestampHeader, stamp)
		r.Header.Set(auth.SignatureHeader, auth.Sign(s.config.Secret, stamp, body))
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()                               //nolint:errcheck // it was read
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 500)) // for the error only
	switch {
	case resp.StatusCode < 300:
		return nil
	case resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusRequestTimeout:
		return &Permanent{fmt.Errorf("the webhook answered %s: %s", resp.Status, text)}
	}
	return fmt.Errorf("the webhook answered %s: %s", resp.Status, text)
}

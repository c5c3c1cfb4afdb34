package native

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"squall/internal/sensor"
	"squall/internal/squall"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 16 << 20

// access is how a source reaches an HTTP server.
type access struct {
	URL      string            `json:"url"`
	User     string            `json:"user"`
	Password string            `json:"password"`
	Token    string            `json:"token"` // sent as Bearer
	Headers  map[string]string `json:"headers"`
	CA       string            `json:"ca"`       // file with the certificates to trust; empty: the system's
	Insecure bool              `json:"insecure"` // take any certificate
	Timeout  seconds           `json:"timeout"`  // 30 s
}

func (a *access) client(timeout time.Duration) (*http.Client, error) {
	if a.URL == "" {
		return nil, squall.Errorf(squall.Invalid, "configuration: url is missing")
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: a.Insecure} //nolint:gosec // only when the administrator says so
	if a.CA != "" {
		text, err := os.ReadFile(a.CA)
		if err != nil {
			return nil, squall.Errorf(squall.Invalid, "configuration: ca: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(text) {
			return nil, squall.Errorf(squall.Invalid, "configuration: ca: %s holds no certificate", a.CA)
		}
	}
	return &http.Client{Timeout: timeout, Transport: &http.Transport{TLSClientConfig: conf, Proxy: http.ProxyFromEnvironment}}, nil
}

func (a *access) request(ctx context.Context, method, url string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "configuration: url: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	for name, v := range a.Headers {
		req.Header.Set(name, v)
	}
	if a.User != "" {
		req.SetBasicAuth(a.User, a.Password)
	}
	if a.Token != "" {
		req.Header.Set("Authorization", "Bearer "+a.Token)
	}
	return req, nil
}

// get returns the status and the body of an answer.
func (a *access) get(ctx context.Context, client *http.Client, url string) (int, []byte, error) {
	req, err := a.request(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("the answer is larger than %d MB", maxAnswer>>20)
	}
	return resp.StatusCode, body, err
}

type pollConfig struct {
	access
	Interval seconds `json:"interval"` // 60 s
	Items    string  `json:"items"`    // where in the answer a list lies, such as data.alerts; empty: the answer is one thing
	Key      string  `json:"key"`      // where in an item its identity lies; empty: the whole item
}

// pollPlace is what was seen last.
type pollPlace struct {
	Seen []string `json:"seen"`
}

// pollHTTP asks an address now and then and reports what is new: a changed
// answer, or with items each element of a list that was not there the last time:
// {"url": ..., "status": 200, "body": ...} or {"url": ..., "item": {...}}.
// What is there at the very first look is not news.
func pollHTTP(ctx context.Context, job *sensor.NativeJob) error {
	var c pollConfig
	if err := configure(job, &c); err != nil {
		return err
	}
	client, err := c.client(c.Timeout.or(30 * time.Second))
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	p := &place{job: job}
	var at pollPlace
	known, err := p.read(ctx, &at)
	if err != nil {
		return err
	}
	job.Ready()
	for {
		status, body, err := c.get(ctx, client, c.URL)
		if err != nil {
			return err
		}
		news, err := c.news(status, body)
		if err != nil {
			return err
		}
		before := map[string]bool{}
		for _, key := range at.Seen {
			before[key] = true
		}
		at.Seen = at.Seen[:0]
		for _, n := range news {
			at.Seen = append(at.Seen, n.key)
			if !known || before[n.key] {
				continue
			}
			// Not as the event's key: what comes back after it has gone is news again.
			if err := refused(ctx, job.Log, job.Emit(ctx, "", "", n.payload)); err != nil {
				return err
			}
		}
		known = true
		if err := p.save(ctx, at, true); err != nil {
			return err
		}
		if !pause(ctx, c.Interval.or(time.Minute)) {
			return nil
		}
	}
}

// piece is a part of an answer that may be news.
type piece struct {
	key     string
	payload map[string]any
}

func (c *pollConfig) news(status int, body []byte) ([]piece, error) {
	if c.Items == "" {
		var shown any = string(body)
		if json.Valid(body) {
			shown = json.RawMessage(body)
		}
		return []piece{{digest(fmt.Sprint(status), string(body)), map[string]any{"url": c.URL, "status": status, "body": shown}}}, nil
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d: %.200s", c.URL, status, body)
	}
	var doc any
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("the answer of %s is no JSON: %w", c.URL, err)
	}
	at, ok := find(doc, c.Items)
	list, isList := at.([]any)
	if !ok || !isList {
		return nil, squall.Errorf(squall.Invalid, "configuration: items: there is no list at %q in the answer", c.Items)
	}
	var news []piece
	for _, item := range list {
		identity := item
		if c.Key != "" {
			if identity, ok = find(item, c.Key); !ok {
				return nil, squall.Errorf(squall.Invalid, "configuration: key: there is nothing at %q in an item", c.Key)
			}
		}
		text, err := json.Marshal(identity)
		if err != nil {
			return nil, err
		}
		news = append(news, piece{digest(string(text)), map[string]any{"url": c.URL, "item": item}})
	}
	return news, nil
}

// find walks a path of names with dots between them; "." is the whole.
func find(doc any, path string) (any, bool) {
	for name := range strings.SplitSeq(path, ".") {
		if name == "" || name == "$" {
			continue
		}
		object, ok := doc.(map[string]any)
		if !ok {
			return nil, false
		}
		if doc, ok = object[name]; !ok {
			return nil, false
		}
	}
	return doc, true
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:12])
}

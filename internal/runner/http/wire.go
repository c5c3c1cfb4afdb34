package http

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// wire is the connection of one request: a transport that is used once, and
// what is noted on the way. A connection of its own is what the original does,
// and it lets us see the answer's header names as the server wrote them, which
// net/http does not tell.
type wire struct {
	transport *http.Transport

	mu   sync.Mutex
	last *conn // the connection the request went out on
}

func newWire(req *request) *wire {
	w := &wire{}
	dialer := &net.Dialer{Timeout: req.timeout}
	config := &tls.Config{InsecureSkipVerify: !req.verify} //nolint:gosec // the action's own choice, on by default
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, address)
	}
	w.transport = &http.Transport{
		Proxy: req.proxy,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return w.note(c, req.timeout), nil
		},
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			cfg := config.Clone()
			cfg.ServerName, _, _ = net.SplitHostPort(address)
			secure := tls.Client(c, cfg)
			ctx, cancel := context.WithTimeout(ctx, req.timeout)
			defer cancel()
			if err := secure.HandshakeContext(ctx); err != nil {
				c.Close()
				return nil, err
			}
			return w.note(secure, req.timeout), nil
		},
		TLSClientConfig:     config, // for https through a proxy
		TLSHandshakeTimeout: req.timeout,
		DisableCompression:  true, // the result shows Content-Encoding and Content-Length as sent
		Protocols:           new(http.Protocols),
	}
	w.transport.Protocols.SetHTTP1(true) // requests speaks nothing newer
	return w
}

func (w *wire) note(c net.Conn, idle time.Duration) *conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = &conn{Conn: c, idle: idle}
	return w.last
}

func (w *wire) close() { w.transport.CloseIdleConnections() }

// headers returns the answer's headers as they were written; nil when they
// were not to be seen, which is inside TLS through a proxy.
func (w *wire) headers() []header {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil {
		return nil
	}
	return w.last.headers()
}

// proxy returns the proxy for a request: the action's, else the environment's.
func (req *request) proxy(out *http.Request) (*url.URL, error) {
	proxy, ok := req.proxies[out.URL.Scheme]
	if !ok {
		return http.ProxyFromEnvironment(out)
	}
	if !strings.Contains(proxy, "://") {
		proxy = "http://" + proxy
	}
	u, err := url.Parse(proxy)
	if err != nil {
		return nil, fmt.Errorf("proxy %q: %w", proxy, err)
	}
	return u, nil
}

// conn bounds every wait and keeps a copy of the answer's head. The time-out
// is requests': it bounds the connect and each silence, not the whole answer.
type conn struct {
	net.Conn
	idle time.Duration

	mu   sync.Mutex
	head []byte
	done bool // the head is complete, or too long to be kept
	// tunnel: the first answer is a proxy's to CONNECT, the rest is TLS.
	tunnel bool
}

const longestHead = 1 << 20

func (c *conn) Read(p []byte) (int, error) {
	if err := c.Conn.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.done {
		c.head = append(c.head, p[:n]...)
		c.scan()
	}
	return n, err
}

// scan looks for the end of the head; that of an interim answer (100
// Continue) is thrown away.
func (c *conn) scan() {
	for {
		end := bytes.Index(c.head, []byte("\r\n\r\n"))
		if end < 0 {
			c.done = len(c.head) > longestHead
			return
		}
		if _, status, ok := bytes.Cut(c.head, []byte(" ")); !ok || len(status) == 0 || status[0] != '1' {
			c.head, c.done = c.head[:end], true
			return
		}
		c.head = c.head[end+4:]
	}
}

// Write also gives the answer its time anew: while a long body goes out, the
// reader that is waiting already must not give up.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.Conn.SetDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	if bytes.HasPrefix(p, []byte("CONNECT ")) {
		c.mu.Lock()
		c.tunnel = true
		c.mu.Unlock()
	}
	return c.Conn.Write(p)
}

// headers reads the lines of the head. A tunnel's own answer is not it.
func (c *conn) headers() []header {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.done || c.tunnel {
		return nil
	}
	lines := strings.Split(strings.ReplaceAll(string(c.head), "\r\n", "\n"), "\n")
	var list []header
	for _, line := range lines[1:] {
		if folded := strings.TrimLeft(line, " \t"); folded != line && len(list) > 0 {
			list[len(list)-1].value += " " + strings.TrimSpace(folded)
		} else if name, value, ok := strings.Cut(line, ":"); ok {
			list = append(list, header{name, strings.Trim(value, " \t")})
		}
	}
	return list
}

// readAnswer reads the body, at most limit bytes of it once it is unpacked.
func readAnswer(resp *http.Response, headers []header, limit int) (*answer, error) {
	a := &answer{status: resp.StatusCode, headers: headers}
	if headers == nil {
		for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
			for _, value := range resp.Header[name] {
				a.headers = append(a.headers, header{name, value})
			}
		}
	}
	body, err := unpack(resp.Body, resp.Header.Get("Content-Encoding"))
	if err != nil {
		return nil, err
	}
	a.body, err = io.ReadAll(io.LimitReader(body, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(a.body) > limit {
		a.body, a.cut = a.body[:limit], limit
	}
	return a, nil
}

// unpack undoes the encodings we said we accept. "deflate" is zlib by the
// standard and raw by habit.
func unpack(body io.Reader, encoding string) (io.Reader, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "gzip", "x-gzip":
		r, err := gzip.NewReader(body)
		if errors.Is(err, io.EOF) {
			return body, nil // no body at all, as after HEAD
		}
		if err != nil {
			return nil, fmt.Errorf("unpack a gzip body: %w", err)
		}
		return r, nil
	case "deflate":
		var head [2]byte
		n, err := io.ReadFull(body, head[:])
		whole := io.MultiReader(bytes.NewReader(head[:n]), body)
		if err != nil {
			return whole, nil
		}
		if head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
			return zlib.NewReader(whole)
		}
		return flate.NewReader(whole), nil
	default:
		return body, nil
	}
}

package cli

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"squall/internal/api/wire"
	"squall/internal/client"
	"squall/internal/squall"
)

// signOnPatience is how long a login in a browser may take.
const signOnPatience = 10 * time.Minute

// loginByBrowser sends a browser on this machine to the identity provider and
// waits for it to come back with a code, on a port of this machine. Whoever else
// sees the code cannot use it: the secret it takes never leaves this process
// (RFC 8252).
func (a *app) loginByBrowser(ctx context.Context, c *client.Client, ttl time.Duration) (*wire.Token, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, squall.Errorf(squall.Unavailable, "no port of this machine is free: %w", err)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the program instead
	verifier := base64.RawURLEncoding.EncodeToString(secret)
	challenge := sha256.Sum256([]byte(verifier))
	path := "/" + rand.Text() // so that nothing else that listens here before is taken for us

	codes := make(chan string, 1)
	web := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := r.URL.Query().Get("code")
		if r.URL.Path != path || code == "" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, "You are logged in. This page can be closed.\n")
		select {
		case codes <- code:
		default:
		}
	})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = web.Serve(l) // ends with Close
	}()
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = web.Shutdown(closing) // the page is on its way to the browser
		_ = web.Close()
		<-ended
	}()

	address := c.SignOnURL("http://"+l.Addr().String()+path, base64.RawURLEncoding.EncodeToString(challenge[:]))
	if a.io.OpenBrowser != nil && a.io.OpenBrowser(address) == nil {
		_, err = fmt.Fprintf(a.io.Stderr, "A browser opens. If it does not, open\n  %s\n", address)
	} else {
		_, err = fmt.Fprintf(a.io.Stderr, "Open in a browser on this machine (on another one: squall login --device)\n  %s\n", address)
	}
	if err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(signOnPatience):
		return nil, squall.Errorf(squall.Unauthentic, "nobody has logged in for %s", signOnPatience)
	case code := <-codes:
		return c.SignOnToken(ctx, code, verifier, ttl)
	}
}

// loginByDevice shows a code to type in elsewhere and waits until that is done.
func (a *app) loginByDevice(ctx context.Context, c *client.Client, ttl time.Duration) (*wire.Token, error) {
	d, err := c.DeviceLogin(ctx)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(a.io.Stderr, "Open in any browser\n  %s\nand type in the code\n  %s\n", firstOf(d.FullURL, d.URL), d.UserCode)
	if err != nil {
		return nil, err
	}
	end := time.Now().Add(time.Duration(d.Expires) * time.Second)
	for time.Now().Before(end) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(max(d.Interval, 1)) * time.Second):
		}
		token, err := c.DeviceToken(ctx, d.Handle, ttl)
		if err != nil || token != nil {
			return token, err
		}
	}
	return nil, squall.Errorf(squall.Unauthentic, "the code was not typed in in time")
}

package conformance

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // a form of htpasswd, for a password that guards nothing
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"squall/internal/app"
	"squall/internal/expr/value"
)

// world is a whole server in this process, with the packs of its cases.
type world struct {
	web   *recordedServer
	needs needs

	url, token string
	data       string           // the server's data directory
	refused    map[string]error // configurations, by pack
	end        context.CancelFunc
	ended      chan error
}

func newWorld(web *recordedServer) *world {
	return &world{web: web, needs: needs{}, refused: map[string]error{}}
}

func (w *world) fits(n needs) bool { return !w.needs.contradicts(n) }
func (w *world) add(n needs)       { w.needs.add(n) }

// The user of the recordings.
const recordedUser, recordedPassword = "st2admin", "recorded"

// start lays out the packs, starts the server and tells it configurations and keys.
func (w *world) start(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			w.stop()
			err = fmt.Errorf("start a server for the recorded runs: %w", err)
		}
	}()
	if w.data, err = os.MkdirTemp("", "conformance-"); err != nil {
		return err
	}
	packs := filepath.Join(w.data, "packs")
	if err := w.needs.lay(packs, w.here); err != nil {
		return err
	}
	sum := sha1.Sum([]byte(recordedPassword)) //nolint:gosec // see above
	users := filepath.Join(w.data, "users")
	if err := os.WriteFile(users, []byte(recordedUser+":{SHA}"+base64.StdEncoding.EncodeToString(sum[:])+"\n"), 0o600); err != nil {
		return err
	}
	conf := app.DefaultConfig()
	conf.Server.Data = w.data
	conf.Server.Listen = "127.0.0.1:0"
	conf.Server.ShutdownTimeout = time.Second
	conf.Scheduler.Slots = 64
	conf.Auth.TokenMaxTTL = 24 * time.Hour // StackStorm's default
	conf.Access.Htpasswd = users
	conf.Access.Admins = []string{recordedUser}
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("SQUALL_CONFORMANCE_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	w.end, w.ended = end, make(chan error, 1)
	go func() { w.ended <- app.Serve(serving, conf, log) }()
	if err := w.ready(ctx); err != nil {
		return err
	}
	if err := w.login(ctx); err != nil {
		return err
	}
	return w.tell(ctx)
}

// ready waits until the server has said where it is.
func (w *world) ready(ctx context.Context) error {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(filepath.Join(w.data, app.AddressFile)); err == nil && bytes.HasSuffix(text, []byte("\n")) {
			w.url = strings.TrimSpace(string(text))
			return nil
		}
		select {
		case err := <-w.ended:
			w.ended <- err
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		if time.Now().After(deadline) {
			return errors.New("it does not come up")
		}
	}
}

func (w *world) login(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/auth/v1/tokens", strings.NewReader("{}"))
	if err != nil {
		return err
	}
	req.SetBasicAuth(recordedUser, recordedPassword)
	req.Header.Set("Content-Type", "application/json")
	a, err := w.do(req)
	if err != nil {
		return err
	}
	if a.status != http.StatusCreated {
		return fmt.Errorf("login: %d %s", a.status, a.raw)
	}
	w.token = str(a.object(), "token")
	return nil
}

// tell sets the keys and the configurations of the packs.
func (w *world) tell(ctx context.Context) error {
	for _, p := range w.needs {
		if p.key != nil {
			if err := w.put(ctx, "/api/v1/keys/"+str(p.key, "name"), p.key); err != nil {
				return err
			}
		}
	}
	for _, p := range w.needs {
		if p.config != nil {
			// A case that needs what is refused says so by failing.
			if err := w.put(ctx, "/api/v1/configs/"+p.pack, p.config); err != nil {
				w.refused[p.pack] = err
			}
		}
	}
	return nil
}

func (w *world) put(ctx context.Context, path string, body any) error {
	a, err := w.call(ctx, http.MethodPut, path, body)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("PUT %s: %d %s", path, a.status, a.raw)
	}
	return err
}

// stop ends the server and removes what it wrote.
func (w *world) stop() {
	if w.end != nil {
		w.end()
		<-w.ended //nolint:errcheck // it was told to end
		w.end = nil
	}
	if w.data != "" {
		os.RemoveAll(w.data) //nolint:errcheck // below the system's temporary directory
	}
}

// here replaces what the recordings name by what is there on this machine.
func (w *world) here(text string) string {
	return strings.ReplaceAll(text, recordedAddress, w.web.address)
}

// recorded is the way back.
func (w *world) recorded(text string) string {
	text = strings.ReplaceAll(text, w.web.address, recordedAddress)
	text = strings.ReplaceAll(text, strings.TrimPrefix(w.url, "http://"), "127.0.0.1:9101")
	text = strings.ReplaceAll(text, "127.0.0.1:9101/api/v1", "127.0.0.1:9101/v1")
	text = strings.ReplaceAll(text, w.data, "/opt/stackstorm")
	if wd, err := os.Getwd(); err == nil && wd != "/" {
		text = strings.ReplaceAll(text, wd, "/opt/stackstorm")
		if strings.HasPrefix(wd, "/tmp/") { // a recorded command shortens directories there itself
			text = strings.ReplaceAll(text, `"/tmp/..."`, `"/opt/stackstorm"`)
		}
	}
	return text
}

// answer is what the API said, as it would have been said by the recorded system.
type answer struct {
	status int
	raw    string
	body   any // nil when it is no JSON
}

// object returns the body; empty when it is something else.
func (a *answer) object() *value.Dict {
	if d, ok := a.body.(*value.Dict); ok {
		return d
	}
	return value.NewDict(0)
}

// fault is the text of a refusal, nil without one.
func (a *answer) fault() any { return at(a.object(), "faultstring") }

// call sends body, any JSON value or nothing.
func (w *world) call(ctx context.Context, method, path string, body any) (*answer, error) {
	if body == nil {
		return w.send(ctx, method, path, "")
	}
	text, err := value.ToJSON(body)
	if err != nil {
		return nil, err
	}
	return w.send(ctx, method, path, string(text))
}

// send sends a literal body.
func (w *world) send(ctx context.Context, method, path, body string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, w.url+path, strings.NewReader(w.here(body)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Auth-Token", w.token)
	return w.do(req)
}

func (w *world) do(req *http.Request) (*answer, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	a := &answer{status: resp.StatusCode, raw: w.recorded(string(text))}
	if v, err := value.FromJSON([]byte(a.raw)); err == nil {
		a.body = v
	}
	return a, nil
}

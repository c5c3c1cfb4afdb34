package notify_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"squall/internal/auth"
	"squall/internal/expr"
	"squall/internal/expr/jinja"
	"squall/internal/lifecycle"
	"squall/internal/notify"
	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type catalog struct{}

func (catalog) RunnerType(name string) (*squall.RunnerType, bool) {
	return &squall.RunnerType{Name: name}, name == "noop"
}

// mailbox is an SMTP server that keeps what it gets. It insists on TLS.
type mailbox struct {
	listen net.Listener
	conf   *tls.Config
	wg     sync.WaitGroup

	mu     sync.Mutex
	mails  []string
	refuse int // so many mails first, for the time being
}

func newMailbox(t *testing.T) (m *mailbox, ca string) {
	web := httptest.NewTLSServer(http.NotFoundHandler()) // has a certificate for 127.0.0.1
	t.Cleanup(web.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m = &mailbox{listen: l, conf: &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12}}
	m.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			m.wg.Go(func() { m.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); m.wg.Wait() })
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return m, ca
}

func (m *mailbox) serve(c net.Conn) {
	defer func() { c.Close() }()
	in, secure := bufio.NewReader(c), false
	say := func(text string) { fmt.Fprintf(c, "%s\r\n", text) }
	say("220 test")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		switch verb {
		case "EHLO", "HELO":
			say("250-test")
			if !secure {
				say("250-STARTTLS")
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go")
			tc := tls.Server(c, m.conf)
			c, in, secure = tc, bufio.NewReader(tc), true
		case "MAIL":
			m.mu.Lock()
			refuse := m.refuse > 0
			m.refuse--
			m.mu.Unlock()
			switch {
			case !secure:
				say("530 no TLS")
			case refuse:
				say("451 later")
			default:
				say("250 ok")
			}
		case "DATA":
			say("354 go")
			var b strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil || line == ".\r\n" {
					break
				}
				b.WriteString(line)
			}
			m.mu.Lock()
			m.mails = append(m.mails, b.String())
			m.mu.Unlock()
			say("250 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (m *mailbox) got() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.mails...)
}

// bundle is a notifier on a fresh database.
type bundle struct {
	*testing.T
	st  store.Store
	svc *lifecycle.Service
	n   *notify.Notifier
}

func newBundle(t *testing.T, config string) *bundle {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "squall.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	exprs := expr.NewSet(expr.Limits{}, jinja.New())
	svc := lifecycle.New(st, catalog{}, lifecycle.Options{Workflows: lifecycle.Workflows{Exprs: exprs}})
	c, err := notify.ReadConfig([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	sinks, err := notify.NewSinks(c, exprs, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{T: t, st: st, svc: svc, n: notify.New(notify.Options{
		Store: st, Lifecycle: svc, Config: c, Sinks: sinks, Node: "n1", Poll: 20 * time.Millisecond, First: 20 * time.Millisecond,
	})}
	b.update(func(tx store.Tx) error {
		return tx.PutAction(t.Context(), &squall.Action{
			Ref: squall.Ref{Pack: "p", Name: "a"}, Runner: "noop", Enabled: true,
			Parameters: squall.Schema{{Name: "who", Type: json.RawMessage(`"string"`)}, {Name: "pw", Type: json.RawMessage(`"string"`), Secret: true}},
			Notify:     json.RawMessage(`{"on-complete":{"message":"{{ action_parameters.who }} is done, {{ action_parameters.pw }}","routes":["team-a","nowhere"]},"on-success":{"routes":["team-a"]}}`),
		})
	})
	return b
}

func (b *bundle) update(fn func(tx store.Tx) error) {
	b.Helper()
	if err := b.st.Update(b.Context(), fn); err != nil {
		b.Fatal(err)
	}
}

// run lets the notifier run until done says so; begin is called when it has begun.
func (b *bundle) run(begin func(), done func() bool) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.n.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	defer wg.Wait()
	defer cancel()
	b.until("it has a place in the outbox", func() (found bool) {
		if err := b.st.View(b.Context(), func(tx store.Tx) (err error) {
			_, found, err = tx.Cursor(b.Context(), "notify")
			return err
		}); err != nil {
			b.Fatal(err)
		}
		return found
	})
	begin()
	b.until("it is done", done)
}

func (b *bundle) until(what string, done func() bool) {
	b.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			b.Fatalf("waited too long until %s", what)
		}
	}
}

// end lets an execution end canceled.
func (b *bundle) end(who string) {
	b.Helper()
	ex, err := b.svc.Request(b.Context(), squall.Request{Action: squall.Ref{Pack: "p", Name: "a"}, User: "ann", Parameters: json.RawMessage(fmt.Sprintf(`{"who":%q,"pw":"s3cret"}`, who))})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := b.svc.Cancel(b.Context(), ex.ID, "ann"); err != nil {
		b.Fatal(err)
	}
}

func (b *bundle) deliveries(state store.DeliveryState) (list []*store.Delivery) {
	b.Helper()
	if err := b.st.View(b.Context(), func(tx store.Tx) (err error) {
		list, err = tx.FindDeliveries(b.Context(), state, 0)
		return err
	}); err != nil {
		b.Fatal(err)
	}
	return list
}

func mailConfig(m *mailbox, ca, more string) string {
	host, port, _ := net.SplitHostPort(m.listen.Addr().String())
	return fmt.Sprintf("sinks:\n  m: {type: email, host: %s, port: %s, ca: %s, from: squall@example.org, to: [ops@example.org]%s}\nroutes:\n- {route: team-*, sinks: [m]}\n", host, port, ca, more)
}

func TestMail(t *testing.T) {
	t.Parallel()
	box, ca := newMailbox(t)
	box.refuse = 2
	b := newBundle(t, mailConfig(box, ca, ""))
	b.end("before") // not told: it was before the first start
	b.run(func() { b.end("Bob") }, func() bool { return len(b.deliveries(store.DeliveryDone)) == 1 })
	mails := box.got()
	if len(mails) != 1 {
		t.Fatalf("%d mails: %q", len(mails), mails)
	}
	for _, want := range []string{"Subject: Bob is done, ********", "To: <ops@example.org>", "p.a canceled, requested by ann", "Message-ID: <" + string(b.deliveries("")[0].ID) + "@squall>"} {
		if !strings.Contains(mails[0], want) {
			t.Errorf("%q is not in\n%s", want, mails[0])
		}
	}
	if strings.Contains(mails[0], "s3cret") {
		t.Error("the mail tells a secret")
	}
	if d := b.deliveries("")[0]; d.Attempt != 3 {
		t.Errorf("%d attempts", d.Attempt)
	}
}

// TestMailWithPage: what the data of a notice brings is the mail, the message its
// subject; text of the data is no template.
func TestMailWithPage(t *testing.T) {
	t.Parallel()
	box, ca := newMailbox(t)
	b := newBundle(t, mailConfig(box, ca, ""))
	b.run(func() {
		m := notify.Message{
			ID: squall.NewIDSource().Next(time.Now()), Message: "all is well", Status: squall.Succeeded, Action: "p.a",
			Data: json.RawMessage(`{"text":"line {{ action }}\nline 2","html":"<b>page</b>"}`),
		}
		doc, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		b.update(func(tx store.Tx) error {
			_, err := tx.InsertDelivery(t.Context(), &store.Delivery{ID: m.ID, Sink: "m", Doc: doc})
			tx.Wake(store.TopicDeliver)
			return err
		})
	}, func() bool { return len(b.deliveries(store.DeliveryDone)) == 1 })
	mails := box.got()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	for _, want := range []string{"Subject: all is well", "multipart/alternative", "line {{ action }}", "line 2", "<b>page</b>", "p.a succeeded"} {
		if !strings.Contains(mails[0], want) {
			t.Errorf("%q is not in\n%s", want, mails[0])
		}
	}
}

// many puts messages for a sink into the database, all at once.
func (b *bundle) many(n int, sink string) {
	b.Helper()
	ids := squall.NewIDSource()
	b.update(func(tx store.Tx) error {
		for i := range n {
			m := notify.Message{ID: ids.Next(tx.Now()), Message: fmt.Sprintf("message %d", i), Status: squall.Failed, Action: "p.a"}
			doc, err := json.Marshal(m)
			if err != nil {
				return err
			}
			if _, err := tx.InsertDelivery(b.Context(), &store.Delivery{ID: m.ID, Sink: sink, Doc: doc}); err != nil {
				return err
			}
		}
		tx.Wake(store.TopicDeliver)
		return nil
	})
}

func TestMailDigest(t *testing.T) {
	t.Parallel()
	box, ca := newMailbox(t)
	b := newBundle(t, mailConfig(box, ca, ", digest: 3"))
	b.run(func() { b.many(20, "m") }, func() bool { return len(b.deliveries(store.DeliveryDone)) == 20 })
	mails := box.got()
	if len(mails) != 1 || !strings.Contains(mails[0], "Subject: 20 messages: 20 failed") || !strings.Contains(mails[0], "message 19") {
		t.Errorf("%d mails: %q", len(mails), mails)
	}
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var bodies []string
	status := []int{503, 200, 400}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if _, err := auth.CheckSignature(r.Header, "s", body, time.Now()); err != nil {
			t.Error(err)
		}
		if len(bodies) < len(status) {
			w.WriteHeader(status[len(bodies)])
		}
		bodies = append(bodies, string(body))
	}))
	defer web.Close()
	b := newBundle(t, fmt.Sprintf("sinks:\n  w: {type: webhook, url: %q, secret: s}\n  l: {type: log}\nroutes:\n- {route: team-a, sinks: [w, l]}\n", web.URL))
	b.run(func() { b.end("Bob") }, func() bool { return len(b.deliveries(store.DeliveryDone)) == 2 })
	b.run(func() { b.end("Eve") }, func() bool {
		return len(b.deliveries(store.DeliveryLost)) == 1 && len(b.deliveries(store.DeliveryDone)) == 3
	})
	if len(bodies) != 3 || bodies[0] != bodies[1] || !strings.Contains(bodies[0], `"message":"Bob is done, ********"`) || !strings.Contains(bodies[2], "Eve") {
		t.Errorf("%q", bodies)
	}
}

func TestReadConfig(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                   "",
		"sinks: {a: {type: log}}":            "",
		"sinks: {a: {type: fax}}":            `sink a: there is no type "fax": log, email and webhook`,
		"sinks: {a: {type: email, host: h}}": "sink a: mail needs host, from and to",
		"sinks: {a: {type: log, hots: h}}":   "notifications: yaml: unmarshal errors:\n  line 1: field hots not found in type notify.SinkConfig",
		"routes: [{route: x, sinks: [b]}]":   "route x: there is no sink b",
		"routes: [{route: '[', sinks: []}]":  `route "[" is neither a name nor a pattern`,
		"sinks: {a: {type: webhook}}":        "sink a: a webhook needs an url",
		"sinks: {a: {type: email, host: h, from: f, to: [t], tls: maybe}}": `sink a: tls: "maybe" is none of starttls, tls, none`,
	} {
		_, err := notify.ReadConfig([]byte(text))
		if got := fmt.Sprint(err); got != want && (err != nil || want != "") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestTemplates: subject and body are what the sink's templates make of a message,
// which came here by a route that is a pattern.
func TestTemplates(t *testing.T) {
	t.Parallel()
	box, ca := newMailbox(t)
	b := newBundle(t, mailConfig(box, ca, `, subject: "[{{ status | upper }}] {{ action }}", body: "{{ parameters.who }} for {{ user }} by {{ route }}: {{ message }}\n{% for k in parameters %}{{ k }};{% endfor %}"`))
	b.run(func() { b.end("Bob") }, func() bool { return len(b.deliveries(store.DeliveryDone)) == 1 })
	mails := box.got()
	if len(mails) != 1 {
		t.Fatalf("%d mails: %q", len(mails), mails)
	}
	for _, want := range []string{"Subject: [CANCELED] p.a\r\n", "Bob for ann by team-a: Bob is done, ********", "who;pw;"} {
		if !strings.Contains(mails[0], want) {
			t.Errorf("%q is not in\n%s", want, mails[0])
		}
	}
}

// TestTemplateThatFails: what no sink can ever be told is lost at once, and says why.
func TestTemplateThatFails(t *testing.T) {
	t.Parallel()
	box, ca := newMailbox(t)
	b := newBundle(t, mailConfig(box, ca, `, subject: "{{ nosuch.member.deep }}"`))
	b.run(func() { b.end("Bob") }, func() bool { return len(b.deliveries(store.DeliveryLost)) == 1 })
	if d := b.deliveries(store.DeliveryLost)[0]; d.Attempt != 1 || !strings.Contains(d.Fault, "render") {
		t.Errorf("after %d attempts: %s", d.Attempt, d.Fault)
	}
}

// TestWebhookDigest: many messages at once are one request, few are one each.
func TestWebhookDigest(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var bodies []string
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, string(body))
	}))
	defer web.Close()
	b := newBundle(t, fmt.Sprintf("sinks:\n  w: {type: webhook, url: %q, digest: 3}\nroutes:\n- {route: '*', sinks: [w]}\n", web.URL))
	for _, n := range []int{3, 12} {
		mu.Lock()
		bodies = nil
		mu.Unlock()
		done := len(b.deliveries(store.DeliveryDone))
		b.run(func() { b.many(n, "w") }, func() bool { return len(b.deliveries(store.DeliveryDone)) == done+n })
		mu.Lock()
		switch {
		case n <= 3 && len(bodies) != n:
			t.Errorf("%d messages came in %d requests", n, len(bodies))
		case n > 3 && (len(bodies) != 1 || strings.Count(bodies[0], `"message":"message `) != n || !strings.HasPrefix(bodies[0], `{"messages":[`)):
			t.Errorf("%d messages came in %d requests: %q", n, len(bodies), bodies)
		}
		mu.Unlock()
	}
}

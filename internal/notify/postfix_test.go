package notify_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"squall/internal/store"
)

// masterServices are the parts of Postfix that take mail and hand it on, none of
// them in a chroot.
const masterServices = `cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

// mailHost is a real Postfix with directories of its own, which insists on
// STARTTLS and hands all mail to smtp-sink, which writes each into a file.
type mailHost struct {
	t           *testing.T
	dir, ca     string
	port, sink  string
	postfix, to string // programs
}

func newMailHost(t *testing.T) *mailHost {
	t.Helper()
	h := &mailHost{t: t}
	for program, into := range map[string]*string{"postfix": &h.postfix, "smtp-sink": &h.to} {
		path, err := exec.LookPath(program)
		if err != nil {
			path, err = exec.LookPath("/usr/sbin/" + program)
		}
		if err != nil {
			t.Skipf("SKIPPED: %s is not installed: apt-get install postfix", program)
		}
		*into = path
	}
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: Postfix with directories of its own needs root")
	}
	var err error
	if h.dir, err = os.MkdirTemp("", "postfix"); err != nil { // t.TempDir is not for other users
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(h.dir) }) //nolint:errcheck // below the temporary directory
	if err := os.Chmod(h.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"spool", "data", "conf", "mail"} {
		if err := os.Mkdir(filepath.Join(h.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"data", "mail"} {
		if out, err := exec.Command("chown", "postfix", filepath.Join(h.dir, name)).CombinedOutput(); err != nil {
			t.Fatalf("chown: %v %s", err, out)
		}
	}
	h.port, h.sink = freePort(t), freePort(t)
	h.certificate()
	h.write("conf/main.cf", fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %[1]s/spool
data_directory = %[1]s/data
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.org
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
relayhost = [127.0.0.1]:%[2]s
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = %[1]s/cert.pem
smtpd_tls_key_file = %[1]s/key.pem
smtp_tls_security_level = none
`, h.dir, h.sink))
	h.write("conf/master.cf", "127.0.0.1:"+h.port+" inet n - n - - smtpd\n"+masterServices)
	return h
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// certificate writes a pair for 127.0.0.1.
func (h *mailHost) certificate() {
	h.t.Helper()
	web := httptest.NewTLSServer(http.NotFoundHandler())
	defer web.Close()
	key, err := x509.MarshalPKCS8PrivateKey(web.TLS.Certificates[0].PrivateKey)
	if err != nil {
		h.t.Fatal(err)
	}
	h.write("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})))
	h.write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	h.ca = filepath.Join(h.dir, "cert.pem")
}

func (h *mailHost) write(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// start starts both programs; they end with the test.
func (h *mailHost) start() {
	h.t.Helper()
	for _, args := range [][]string{
		{h.to, "-u", "postfix", "-d", filepath.Join(h.dir, "mail") + "/%M.", "127.0.0.1:" + h.sink, "100"},
		{h.postfix, "-c", filepath.Join(h.dir, "conf"), "start-fg"},
	} {
		var out bytes.Buffer
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = &out, &out
		cmd.WaitDelay = 10 * time.Second
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
		if err := cmd.Start(); err != nil {
			h.t.Fatal(err)
		}
		h.t.Cleanup(func() {
			if args[0] == h.postfix { // its master has a session of its own
				_ = exec.Command(h.postfix, "-c", filepath.Join(h.dir, "conf"), "stop").Run()
			}
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
			_ = cmd.Wait()
			if h.t.Failed() {
				log, _ := os.ReadFile(filepath.Join(h.dir, "log")) // there is none when it did not start
				h.t.Logf("%s says:\n%s%s", args[0], out.String(), log)
			}
		})
	}
}

// got reads the mails that came through.
func (h *mailHost) got() (mails []string) {
	h.t.Helper()
	files, err := filepath.Glob(filepath.Join(h.dir, "mail", "*"))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			h.t.Fatal(err)
		}
		mails = append(mails, string(text))
	}
	return mails
}

// TestMailThroughPostfix: a notification goes through a real mail server with
// STARTTLS. While that is not there yet it is tried again; it comes once.
func TestMailThroughPostfix(t *testing.T) {
	t.Parallel()
	h := newMailHost(t)
	b := newBundle(t, fmt.Sprintf("sinks:\n  m: {type: email, host: 127.0.0.1, port: %s, ca: %s, from: squall@example.org, to: [ops@example.org, boss@example.org]}\nroutes:\n- {route: team-*, sinks: [m]}\n", h.port, h.ca))
	started := false
	b.run(func() { b.end("Grüße") }, func() bool {
		if list := b.deliveries(""); !started && len(list) == 1 && list[0].Attempt > 1 {
			h.start()
			started = true
		}
		return len(b.deliveries(store.DeliveryDone)) == 1
	})
	b.until("the mail is there", func() bool { return len(h.got()) > 0 })
	mails := h.got()
	if len(mails) != 1 {
		t.Fatalf("%d mails: %q", len(mails), mails)
	}
	id := string(b.deliveries("")[0].ID)
	for _, want := range []string{
		"X-Rcpt-Args: <ops@example.org>", "X-Rcpt-Args: <boss@example.org>", "X-Mail-Args: <squall@example.org>",
		"SMTPS id", // what the mail came in by: with TLS
		"Message-ID: <" + id + "@squall>", "Subject: =?", "p.a canceled, requested by ann",
	} {
		if !strings.Contains(mails[0], want) {
			t.Errorf("%q is not in\n%s", want, mails[0])
		}
	}
	if strings.Contains(mails[0], "s3cret") {
		t.Error("the mail tells a secret")
	}
}

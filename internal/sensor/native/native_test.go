package native

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"squall/internal/auth"
	"squall/internal/sensor"
	"squall/internal/squall"
	"squall/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench runs one source and keeps what it emits.
type bench struct {
	t    *testing.T
	data sensor.Data
	mu   sync.Mutex
	got  []map[string]any
	keys map[string]bool
	away error // what emit answers
}

func newBench(t *testing.T) *bench {
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
	return &bench{t: t, keys: map[string]bool{}, data: sensor.Data{Store: st, Keyring: auth.NewKeyring(time.Now()), IDs: squall.NewIDSource()}}
}

// start runs a source; stop ends it and returns its error.
func (b *bench) start(kind string, config any) (stop func() error) {
	b.t.Helper()
	doc, err := json.Marshal(config)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- All()[kind](ctx, &sensor.NativeJob{
			Name: "p.sensor", Config: doc, Data: b.data, Log: slog.New(slog.NewTextHandler(testLog{b.t}, nil)),
			Ready: func() { close(ready) }, Emit: b.emit,
		})
	}()
	select {
	case <-ready:
	case err := <-ended:
		cancel()
		b.t.Fatalf("%s did not start: %v", kind, err)
	case <-time.After(30 * time.Second):
		cancel()
		b.t.Fatalf("%s did not start", kind)
	}
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	b.t.Cleanup(func() {
		if err := stop(); err != nil && !errors.Is(err, context.Canceled) {
			b.t.Errorf("%s ended with %v", kind, err)
		}
	})
	return stop
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func (b *bench) emit(_ context.Context, _, key string, payload any) error {
	doc, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away != nil {
		return b.away
	}
	if key != "" {
		if b.keys[key] {
			return nil // the same event
		}
		b.keys[key] = true
	}
	var m map[string]any
	if err := json.Unmarshal(doc, &m); err != nil {
		return err
	}
	b.got = append(b.got, m)
	return nil
}

// events waits for n events and returns the member of each.
func (b *bench) events(n int, member string) (list []any) {
	b.t.Helper()
	b.eventually(fmt.Sprintf("%d events", n), func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.got) >= n
	})
	time.Sleep(20 * time.Millisecond) // one too many would come now
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.got {
		list = append(list, m[member])
	}
	return list
}

func (b *bench) last() map[string]any {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.got[len(b.got)-1]
}

func (b *bench) eventually(what string, is func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.t.Fatalf("never true: %s; have %v", what, b.got)
		}
	}
}

func (b *bench) equal(what string, got, want []any) {
	b.t.Helper()
	if !slices.Equal(got, want) {
		b.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// need skips the test, loudly, when a program of Debian's is not there.
func need(t *testing.T, program, pkg string) string {
	t.Helper()
	for _, name := range []string{program, "/usr/sbin/" + program, "/lib/systemd/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed: apt-get install %s", program, pkg)
	return ""
}

func freePort(t *testing.T, network string) string {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().String()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// daemon starts a program that ends with the test, and waits until address answers.
func daemon(t *testing.T, address, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer on %s:\n%s", program, address, out.String())
		}
	}
}

func run(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestFileTail(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(t.TempDir(), "log")
	appendTo(t, path, "old\n")
	config := map[string]any{"path": path, "poll": 0.01}
	stop := b.start("file-tail", config)
	time.Sleep(50 * time.Millisecond)
	appendTo(t, path, "one\ntw")
	appendTo(t, path, "o\r\nhalf")
	b.equal("lines", b.events(2, "line"), []any{"one", "two"})
	// Rotated: what was still written to the old file comes first.
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, path+".1", " a line\n")
	appendTo(t, path, "new file\n")
	b.equal("after the rotation", b.events(4, "line")[2:], []any{"half a line", "new file"})
	// Cut back and written again.
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	appendTo(t, path, "again\n")
	b.equal("after the cut", b.events(5, "line")[4:], []any{"again"})
	// What comes while nobody watches is not lost, and nothing is told twice.
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	appendTo(t, path, "meanwhile\n")
	b.start("file-tail", config)
	b.equal("after the restart", b.events(6, "line")[5:], []any{"meanwhile"})
}

func TestFileTailPattern(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(t.TempDir(), "log")
	b.start("file-tail", map[string]any{"path": path, "poll": 0.01, "from_start": true, "pattern": `Failed .* from (?P<ip>[0-9.]+)`})
	appendTo(t, path, "Accepted password\nFailed password from 192.0.2.7 port 22\n")
	b.equal("lines", b.events(1, "line"), []any{"Failed password from 192.0.2.7 port 22"})
	if ip := b.last()["groups"].(map[string]any)["ip"]; ip != "192.0.2.7" {
		t.Errorf("ip = %v", ip)
	}
}

// A database that is away ends the source; the next one begins where the last
// stored event was.
func TestFileTailWaitsForTheDatabase(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(t.TempDir(), "log")
	b.away = squall.Errorf(squall.Unavailable, "away")
	ended := make(chan error, 1)
	go func() {
		ended <- tailFile(t.Context(), &sensor.NativeJob{Name: "p.s", Data: b.data, Log: slog.New(slog.DiscardHandler), Ready: func() {}, Emit: b.emit,
			Config: json.RawMessage(`{"path":"` + path + `","poll":0.01,"from_start":true}`)})
	}()
	appendTo(t, path, "kept\n")
	if err := <-ended; squall.KindOf(err) != squall.Unavailable {
		t.Fatalf("it ended with %v", err)
	}
	b.mu.Lock()
	b.away = nil
	b.mu.Unlock()
	b.start("file-tail", map[string]any{"path": path, "poll": 0.01, "from_start": true})
	b.equal("lines", b.events(1, "line"), []any{"kept"})
}

func TestDirectory(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	b.start("directory", map[string]any{"path": dir, "match": "*.csv", "events": []string{"create", "remove"}})
	appendTo(t, filepath.Join(dir, "a.txt"), "no")
	appendTo(t, filepath.Join(dir, "b.csv"), "yes")
	b.equal("names", b.events(1, "name"), []any{"b.csv"})
	if err := os.Remove(filepath.Join(dir, "b.csv")); err != nil {
		t.Fatal(err)
	}
	b.equal("events", b.events(2, "event"), []any{"create", "remove"})
}

func TestSyslogFromLogger(t *testing.T) {
	logger := need(t, "logger", "bsdutils")
	for _, c := range []struct{ protocol, flag, format string }{
		{"udp", "--udp", "--rfc3164"}, {"udp", "--udp", "--rfc5424"}, {"tcp", "--tcp", "--rfc5424"}, {"tcp", "--octet-count", "--rfc5424"},
	} {
		t.Run(c.protocol+c.flag+c.format, func(t *testing.T) {
			b := newBench(t)
			address := freePort(t, c.protocol)
			b.start("syslog", map[string]any{"listen": address, "protocol": c.protocol})
			host, port, _ := strings.Cut(address, ":")
			args := []string{"--server", host, "--port", port, c.format, "--priority", "auth.err", "--tag", "sshd", "--id=77"}
			if c.flag == "--octet-count" {
				args = append(args, "--tcp")
			}
			run(t, logger, append(args, c.flag, "--", "Failed password for root")...)
			b.equal("messages", b.events(1, "message"), []any{"Failed password for root"})
			m := b.last()
			if m["severity"] != "err" || m["facility"] != "auth" || m["app"] != "sshd" || m["pid"] != "77" || m["host"] == "" {
				t.Errorf("event %v", m)
			}
		})
	}
}

func TestParseSyslog(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 10, 0, time.UTC)
	for text, want := range map[string]map[string]any{
		`<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="App \"x\" \]"][a@1] An event`: {
			"facility": "local4", "severity": "notice", "host": "mymachine.example.com", "app": "evntslog", "msgid": "ID47", "timestamp": "2003-10-11T22:14:15.003Z",
			"message": "An event", "data": map[string]map[string]string{"exampleSDID@32473": {"iut": "3", "eventSource": `App "x" ]`}, "a@1": {}},
		},
		`<34>1 - - su - - - ` + "\uFEFF" + `'su root' failed`: {"app": "su", "severity": "crit", "message": "'su root' failed"},
		`<13>Dec 31 23:59:59 host1 cron[12]: (root) CMD`:      {"host": "host1", "app": "cron", "pid": "12", "message": "(root) CMD"},
		`<13>Dec 31 23:59:59 kernel: oops`:                    {"app": "kernel", "message": "oops"},
		`just text`:                                           {"message": "just text", "severity": "notice"},
		`<999>x`:                                              {"message": "<999>x"},
		`<1>1 broken`:                                         {"message": "1 broken", "severity": "alert"},
		`<13>1 - - - - - [bad`:                                {"message": "[bad"},
	} {
		got := parseSyslog(text, "192.0.2.1:514", now)
		for name, v := range want {
			if fmt.Sprint(got[name]) != fmt.Sprint(v) {
				t.Errorf("%q: %s = %v, want %v", text, name, got[name], v)
			}
		}
	}
	if at := parseSyslog("<13>Dec 31 23:59:59 h a: b", "", now)["timestamp"].(string); !strings.HasPrefix(at, "2025-12-31") && !strings.HasPrefix(at, "2026-01-01") {
		t.Errorf("the end of last year is %s", at)
	}
}

func FuzzParseSyslog(f *testing.F) {
	f.Add(`<165>1 2003-10-11T22:14:15.003Z h a p m [x y="z"] m`)
	f.Add("<13>Dec 31 23:59:59 host1 cron[12]: (root) CMD")
	f.Fuzz(func(t *testing.T, text string) {
		m := parseSyslog(text, "", time.Now())
		if _, ok := m["message"].(string); !ok {
			t.Errorf("no message: %v", m)
		}
	})
}

func FuzzSyslogFrame(f *testing.F) {
	f.Add([]byte("5 hello3 abc<1>x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(text), maxSyslog)
		for {
			if _, err := syslogFrame(r); err != nil {
				return
			}
		}
	})
}

func TestTrapsFromSnmptrap(t *testing.T) {
	snmptrap := need(t, "snmptrap", "snmp")
	b := newBench(t)
	address := freePort(t, "udp")
	b.start("snmp-trap", map[string]any{"listen": address, "community": "office"})
	run(t, snmptrap, "-v", "2c", "-c", "wrong", address, "", "1.3.6.1.4.1.8072.2.3.0.1")
	run(t, snmptrap, "-v", "2c", "-c", "office", address, "", "1.3.6.1.4.1.8072.2.3.0.1", "1.3.6.1.4.1.8072.2.3.2.1", "i", "123456", "1.3.6.1.4.1.8072.2.3.2.2", "s", "disk full")
	run(t, snmptrap, "-v", "1", "-c", "office", address, "1.3.6.1.4.1.20408.4.1", "192.0.2.9", "6", "7", "", "1.3.6.1.2.1.1.6.0", "s", "here")
	b.equal("traps", b.events(2, "trap"), []any{"1.3.6.1.4.1.8072.2.3.0.1", "1.3.6.1.4.1.20408.4.1.0.7"})
	b.mu.Lock()
	defer b.mu.Unlock()
	v := b.got[0]["variables"].(map[string]any)
	if v["1.3.6.1.4.1.8072.2.3.2.1"] != 123456.0 || v["1.3.6.1.4.1.8072.2.3.2.2"] != "disk full" {
		t.Errorf("variables %v", v)
	}
	if b.got[1]["agent"] != "192.0.2.9" {
		t.Errorf("version 1: %v", b.got[1])
	}
}

func TestTrapsOfVersion3(t *testing.T) {
	snmptrap := need(t, "snmptrap", "snmp")
	b := newBench(t)
	address := freePort(t, "udp")
	b.start("snmp-trap", map[string]any{"listen": address, "user": "ops", "auth_protocol": "SHA", "auth_password": "secret-auth", "priv_protocol": "AES", "priv_password": "secret-priv"})
	send := func(password string) {
		run(t, snmptrap, "-v", "3", "-e", "0x8000000001020304", "-u", "ops", "-l", "authPriv", "-a", "SHA", "-A", password, "-x", "AES", "-X", "secret-priv",
			address, "", "1.3.6.1.4.1.8072.2.3.0.1", "1.3.6.1.4.1.8072.2.3.2.2", "s", "hidden")
	}
	send("wrong-auth-password")
	send("secret-auth")
	b.equal("traps", b.events(1, "trap"), []any{"1.3.6.1.4.1.8072.2.3.0.1"})
}

func TestHTTPPoll(t *testing.T) {
	var answer atomic.Value
	answer.Store(`{"data":{"alerts":[{"id":1},{"id":2}]}}`)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "u" || password != "p" || r.Header.Get("X-Test") != "1" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, answer.Load())
	}))
	defer web.Close()
	b := newBench(t)
	config := map[string]any{"url": web.URL, "user": "u", "password": "p", "headers": map[string]string{"X-Test": "1"}, "interval": 0.01, "items": "data.alerts", "key": "id"}
	stop := b.start("http-poll", config)
	time.Sleep(50 * time.Millisecond)
	answer.Store(`{"data":{"alerts":[{"id":2},{"id":3,"new":true}]}}`)
	id := func(m any) any { return m.(map[string]any)["id"] }
	if got := b.events(1, "item"); len(got) != 1 || id(got[0]) != 3.0 {
		t.Errorf("news: %v", got)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	answer.Store(`{"data":{"alerts":[{"id":2},{"id":3},{"id":4}]}}`)
	b.start("http-poll", config)
	if got := b.events(2, "item"); len(got) != 2 || id(got[1]) != 4.0 {
		t.Errorf("news after a restart: %v", got)
	}
}

func TestAlertmanager(t *testing.T) {
	var answer atomic.Value
	answer.Store(`[]`)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v2/alerts" || r.URL.Query().Get("filter") != `severity="critical"` {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, answer.Load())
	}))
	defer web.Close()
	b := newBench(t)
	b.start("alertmanager", map[string]any{"url": web.URL + "/", "filter": `severity="critical"`, "interval": 0.01})
	const down = `{"fingerprint":"f1","startsAt":"2026-11-22T03:00:00Z","labels":{"alertname":"Down"},"status":{"state":%q}}`
	answer.Store("[" + fmt.Sprintf(down, "active") + "]")
	b.events(1, "state")
	answer.Store("[" + fmt.Sprintf(down, "suppressed") + "]")
	b.events(2, "state")
	answer.Store("[]")
	b.equal("states", b.events(3, "state"), []any{"active", "suppressed", "resolved"})
	if name := b.last()["alert"].(map[string]any)["labels"].(map[string]any)["alertname"]; name != "Down" {
		t.Errorf("alert %v", b.last())
	}
}

func TestIcingaStream(t *testing.T) {
	lines := make(chan string)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var wish struct {
			Types         []string
			Queue, Filter string
		}
		if err := json.NewDecoder(r.Body).Decode(&wish); err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/events" ||
			!slices.Equal(wish.Types, []string{"StateChange", "Notification"}) || wish.Queue != "squall" || wish.Filter != "event.state != 0" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.(http.Flusher).Flush()
		for line := range lines {
			fmt.Fprintln(w, line)
			w.(http.Flusher).Flush()
		}
	}))
	defer web.Close()
	b := newBench(t)
	stop := b.start("icinga2", map[string]any{"url": web.URL, "types": []string{"StateChange", "Notification"}, "filter": "event.state != 0"})
	lines <- `{"type":"StateChange","host":"web1","service":"http","state":2}`
	lines <- `{"type":"Notification","host":"web1"}`
	b.equal("types", b.events(2, "type"), []any{"StateChange", "Notification"})
	close(lines)
	if err := stop(); err != nil && !strings.Contains(err.Error(), "ended the stream") {
		t.Errorf("it ended with %v", err)
	}
	b.t.Cleanup(func() {}) // stop was called
}

func TestMQTTFromMosquitto(t *testing.T) {
	mosquitto, pub := need(t, "mosquitto", "mosquitto"), need(t, "mosquitto_pub", "mosquitto-clients")
	b := newBench(t)
	address := freePort(t, "tcp")
	host, port, _ := strings.Cut(address, ":")
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	passwords := filepath.Join(t.TempDir(), "passwords")
	run(t, need(t, "mosquitto_passwd", "mosquitto"), "-b", "-c", passwords, "squall", "secret")
	if err := os.Chmod(passwords, 0o644); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("listener %s %s\nallow_anonymous false\npassword_file %s\nuser root\n", port, host, passwords)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	daemon(t, address, mosquitto, "-c", conf)
	send := func(topic, message string) {
		run(t, pub, "-h", host, "-p", port, "-u", "squall", "-P", "secret", "-q", "1", "-t", topic, "-m", message)
	}
	config := map[string]any{"url": "mqtt://" + address, "topics": []string{"room/#"}, "user": "squall", "password": "secret"}
	stop := b.start("mqtt", config)
	send("room/1", `{"celsius": 41}`)
	send("other", `no`)
	send("room/2", `hot`)
	b.equal("topics", b.events(2, "topic"), []any{"room/1", "room/2"})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	send("room/3", "while nobody listens")
	b.start("mqtt", config)
	// What the broker was not told in time that it was received comes once more.
	got := b.events(3, "payload")
	for n := 4; n < 6 && got[len(got)-1] != "while nobody listens"; n++ {
		got = b.events(n, "payload")
	}
	b.equal("after the restart", slices.Compact(got[1:]), []any{"hot", "while nobody listens"})
}

func TestMailFromDovecot(t *testing.T) {
	dovecot := need(t, "dovecot", "dovecot-imapd")
	if os.Getuid() != 0 {
		t.Skip("dovecot with accounts of its own needs root")
	}
	b := newBench(t)
	dir, err := os.MkdirTemp("", "dovecot")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // below the temporary directory
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	address := freePort(t, "tcp")
	_, port, _ := strings.Cut(address, ":")
	text := fmt.Sprintf(`base_dir = %[1]s/run
state_dir = %[1]s/state
log_path = %[1]s/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:%[1]s/mail
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=%[1]s/home
}
service imap-login {
  inet_listener imap {
    port = %[2]s
  }
  inet_listener imaps {
    port = 0
  }
}
`, dir, port)
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	daemon(t, address, dovecot, "-F", "-c", filepath.Join(dir, "conf"))
	deliver := func(name, message string) {
		t.Helper()
		box := filepath.Join(dir, "mail", "new")
		for _, sub := range []string{"new", "cur", "tmp"} {
			if err := os.MkdirAll(filepath.Join(dir, "mail", sub), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(box, name), []byte(strings.ReplaceAll(message, "\n", "\r\n")), 0o666); err != nil {
			t.Fatal(err)
		}
		run(t, "chown", "-R", "nobody:nogroup", filepath.Join(dir, "mail")) // Dovecot serves no mail of root's
	}
	deliver("1.a.host", "From: Ann <ann@example.com>\nTo: ops@example.com\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nMessage-ID: <1@example.com>\nDate: Sun, 22 Nov 2026 03:00:00 +0000\n\nreboot host7\n")
	config := map[string]any{"server": address, "security": "none", "user": "ops", "password": "secret", "interval": 0.05}
	stop := b.start("imap", config)
	b.equal("subjects", b.events(1, "subject"), []any{"Grüße"})
	m := b.last()
	if m["from"] != "ann@example.com" || m["text"] != "reboot host7\r\n" || m["message_id"] != "1@example.com" || m["date"] != "2026-11-22T03:00:00Z" {
		t.Errorf("mail %v", m)
	}
	deliver("2.b.host", "From: bob@example.com\nSubject: two\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nhello\n--x\nContent-Disposition: attachment; filename=a.txt\n\nA\n--x--\n")
	b.equal("subjects", b.events(2, "subject"), []any{"Grüße", "two"})
	if got := fmt.Sprint(b.last()["attachments"]); got != "[a.txt]" {
		t.Errorf("attachments %s", got)
	}
	// What was seen is not told again, by a new connection either.
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	clear(b.keys)
	b.mu.Unlock()
	b.start("imap", config)
	deliver("3.c.host", "From: bob@example.com\nSubject: three\n\nx\n")
	b.equal("subjects", b.events(3, "subject"), []any{"Grüße", "two", "three"})
}

func TestJournal(t *testing.T) {
	need(t, "journalctl", "systemd")
	remote := need(t, "systemd-journal-remote", "systemd-journal-remote")
	b := newBench(t)
	dir := t.TempDir()
	n := 0
	write := func(message, priority string) {
		t.Helper()
		n++
		at := time.Now().UnixMicro()
		entry := fmt.Sprintf("__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=0123456789abcdef0123456789abcdef\n_MACHINE_ID=0123456789abcdef0123456789abcdef\nMESSAGE=%s\nPRIORITY=%s\n\n", at, n, message, priority)
		cmd := exec.Command(remote, "--output="+filepath.Join(dir, fmt.Sprintf("test%d.journal", n)), "-")
		cmd.Stdin = strings.NewReader(entry)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("systemd-journal-remote: %v\n%s", err, out)
		}
	}
	write("before", "3")
	config := map[string]any{"directory": dir, "priority": "err"}
	stop := b.start("journal", config)
	time.Sleep(300 * time.Millisecond) // journalctl looks where the journal ends
	write("disk broken", "3")
	write("all is well", "6")
	write("disk gone", "2")
	b.equal("messages", b.events(2, "MESSAGE"), []any{"disk broken", "disk gone"})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	write("meanwhile", "3")
	b.start("journal", config)
	b.equal("after the restart", b.events(3, "MESSAGE")[2:], []any{"meanwhile"})
}

func TestBadConfigurationSaysWhatToDo(t *testing.T) {
	for _, c := range []struct{ kind, config, want string }{
		{"file-tail", `{}`, "path is missing"},
		{"file-tail", `{"path":"/x","pattern":"("}`, "pattern"},
		{"file-tail", `{"path":"/x","poll":"soon"}`, "invalid duration"},
		{"file-tail", `[]`, "configuration"},
		{"directory", `{}`, "path is missing"},
		{"syslog", `{"protocol":"carrier pigeon"}`, "udp, tcp or tls"},
		{"syslog", `{"protocol":"tls","listen":"127.0.0.1:0"}`, "cert and key"},
		{"http-poll", `{}`, "url is missing"},
		{"http-poll", `{"url":"https://x","ca":"/nonexistent"}`, "ca"},
		{"mqtt", `{"url":"mqtt://x"}`, "topics is missing"},
		{"mqtt", `{"url":"http://x:1","topics":["a"]}`, "neither mqtt nor mqtts"},
		{"imap", `{"security":"some"}`, "tls, starttls or none"},
		{"snmp-trap", `{"user":"u","auth_protocol":"ROT13"}`, "auth_protocol"},
		{"icinga2", `{}`, "url is missing"},
		{"alertmanager", `{}`, "url is missing"},
	} {
		err := All()[c.kind](t.Context(), &sensor.NativeJob{Name: "p.s", Config: json.RawMessage(c.config), Log: slog.New(slog.DiscardHandler),
			Ready: func() { t.Errorf("%s %s began", c.kind, c.config) }})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want something with %q", c.kind, c.config, err, c.want)
		}
	}
}

package app

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"squall/internal/pgtest"
	"squall/internal/squall"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

// serve runs a server on a free port until the test ends, and returns its address.
func serve(t *testing.T, c *Config) (url string, stop func() error) {
	t.Helper()
	c.Server.Listen = "127.0.0.1:0"
	return serveThere(t, c)
}

// serveThere is serve at the address that is configured.
func serveThere(t *testing.T, c *Config) (url string, stop func() error) {
	t.Helper()
	c.Server.ShutdownTimeout = 2 * time.Second
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, c, discardLog) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	path := filepath.Join(c.Server.Data, AddressFile)
	for deadline := time.Now().Add(10 * time.Second); ; {
		if text, err := os.ReadFile(path); err == nil && len(text) > 0 {
			return strings.TrimSpace(string(text)), stop
		}
		select {
		case err := <-done:
			done <- err
			t.Fatalf("the server ended: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("the server does not start")
		}
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestServeStartsAndStops(t *testing.T) {
	c := DefaultConfig()
	c.Server.Data = filepath.Join(t.TempDir(), "data")
	url, stop := serve(t, c)
	defer http.DefaultClient.CloseIdleConnections()

	for _, path := range []string{"/healthz", "/readyz"} {
		if code, body := get(t, url+path); code != http.StatusOK {
			t.Errorf("GET %s = %d %s", path, code, body)
		}
	}
	if code, _ := get(t, url+"/api/v1/actions"); code != http.StatusUnauthorized {
		t.Errorf("actions without a token: %d", code)
	}
	_, figures := get(t, url+"/metrics")
	for _, name := range []string{
		"squall_store_commits_total", "squall_store_commit_group_size_bucket", "squall_store_up 1",
		"squall_queue_oldest_seconds 0", `squall_queue_executions{status="requested"} 0`, "squall_executions_running 0",
	} {
		if !strings.Contains(figures, name) {
			t.Errorf("/metrics lacks %s", name)
		}
	}
	info, err := os.Stat(filepath.Join(c.Server.Data, AdminPasswordFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("admin password file: %v, %v", info, err)
	}
	if err := stop(); err != nil {
		t.Fatalf("Serve: %v", err)
	}
	if _, err := os.Stat(filepath.Join(c.Server.Data, AddressFile)); err == nil {
		t.Error("the address file outlives the server")
	}

	// The second start finds everything as it was.
	password, err := os.ReadFile(filepath.Join(c.Server.Data, AdminPasswordFile))
	if err != nil {
		t.Fatal(err)
	}
	url, _ = serve(t, c)
	req, err := http.NewRequest(http.MethodPost, url+"/auth/v1/tokens", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("admin", string(password))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Errorf("login after a restart: %s", resp.Status)
	}
}

func TestServeRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()

	c := DefaultConfig()
	c.Server.Data = t.TempDir()
	c.Server.Listen = taken.Addr().String()
	err = Serve(t.Context(), c, discardLog)
	if squall.KindOf(err) != squall.Unavailable || !strings.Contains(err.Error(), "cannot listen") {
		t.Errorf("a taken port: %v", err)
	}

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c = DefaultConfig()
	c.Server.Data = filepath.Join(file, "data")
	c.Server.Listen = "127.0.0.1:0"
	if err := Serve(t.Context(), c, discardLog); squall.KindOf(err) != squall.Invalid {
		t.Errorf("a data directory below a file: %v", err)
	}
}

func TestNotifySystemd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "20000")
	if err := notifySystemd("READY=1"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- keepWatchdog(ctx, func(context.Context) error { return nil }) }()
	buf := make([]byte, 64)
	for _, want := range []string{"READY=1", "WATCHDOG=1", "WATCHDOG=1"} {
		if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buf)
		if err != nil || string(buf[:n]) != want {
			t.Fatalf("read %q, %v; want %q", buf[:n], err, want)
		}
	}
	cancel()
	if err := <-watched; err != nil {
		t.Error(err)
	}
	t.Setenv("NOTIFY_SOCKET", "")
	if err := notifySystemd("READY=1"); err != nil {
		t.Errorf("without a service manager: %v", err)
	}
}

func TestDoctorSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open := t.TempDir()
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}

	find := func(t *testing.T, c *Config, check string) Finding {
		t.Helper()
		for _, f := range Doctor(t.Context(), c) {
			if f.Verdict != OK && f.Fix == "" {
				t.Errorf("%s: %s without a word about what to do", f.Check, f.Detail)
			}
			if f.Check == check {
				return f
			}
		}
		t.Fatalf("no check %q", check)
		return Finding{}
	}
	for _, tc := range []struct {
		name, check string
		change      func(*Config)
		want        Verdict
		detail      string
	}{
		{"new directory", "data directory", func(*Config) {}, OK, "the first start makes it"},
		{"data is a file", "data directory", func(c *Config) { c.Server.Data = file }, Fail, "is not a directory"},
		{"others can read", "data directory", func(c *Config) { c.Server.Data = open }, Warn, "mode 0755"},
		{"no database yet", "database", func(*Config) {}, OK, "not made yet"},
		{"taken port", "listen address", func(c *Config) { c.Server.Listen = taken.Addr().String() }, Fail, "address already in use"},
		{"every address", "listen address", func(c *Config) { c.Server.Listen = "0.0.0.0:0" }, Warn, "without TLS"},
		{"no PostgreSQL there", "database", func(c *Config) { c.Database.URL = "postgres://x:geheim@127.0.0.1:1/y?connect_timeout=1" }, Fail, "127.0.0.1"},
		{"no packs directory", "packs", func(c *Config) { c.Packs.Dirs = []string{"/nowhere"} }, Fail, "/nowhere"},
		{"disk", "disk", func(*Config) {}, OK, "GiB free"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := DefaultConfig()
			c.Server.Data = filepath.Join(t.TempDir(), "new")
			c.Server.Listen = "127.0.0.1:0"
			tc.change(c)
			f := find(t, c, tc.check)
			if f.Verdict != tc.want || !strings.Contains(f.Detail, tc.detail) {
				t.Errorf("%s: %s %q, want %s with %q", tc.check, f.Verdict, f.Detail, tc.want, tc.detail)
			}
			if strings.Contains(f.Detail+f.Fix, "geheim") {
				t.Errorf("the password is shown: %s", f.Detail)
			}
		})
	}
}

package pam

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"squall/internal/login"
	"squall/internal/squall"
)

// helper writes a program in shell.
func helper(t *testing.T, text string) Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "helper")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return Config{Helper: []string{path, "arg"}, Timeout: 20 * time.Second}
}

func TestProtocol(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("SQUALL_MARKER", "of the server")
	c := helper(t, fmt.Sprintf("cd %s; cat >stdin; echo \"$@\" >args; env >env\nprintf 'wheel\\nhpc users\\n'", dir))
	id, err := New(c).Login(t.Context(), "ann", "correct horse\n")
	if err != nil || id.User != "ann" || !slices.Equal(id.Groups, []string{"hpc users", "wheel"}) {
		t.Errorf("Login = %+v, %v", id, err)
	}
	for name, want := range map[string]string{"stdin": "ann\x00correct horse\n\x00", "args": "arg\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s of the helper: %q, %v", name, got, err)
		}
	}
	if env, err := os.ReadFile(filepath.Join(dir, "env")); err != nil || strings.Contains(string(env), "SQUALL_MARKER") {
		t.Errorf("the helper sees the server's environment: %v", err)
	}
	c.Required = []string{"admins"}
	if _, err := New(c).Login(t.Context(), "ann", "x"); !errors.Is(err, login.ErrGroup) {
		t.Errorf("in no required group: %v", err)
	}
	c.Required = []string{"wheel"}
	if _, err := New(c).Login(t.Context(), "ann", "x"); err != nil {
		t.Errorf("in a required group: %v", err)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       error
	}{
		{"refused", "cat >/dev/null; exit 1", login.ErrPassword},
		{"unknown", "cat >/dev/null; exit 2", login.ErrUnknown},
		{"refused without reading", "exit 1", login.ErrPassword},
	} {
		if _, err := New(helper(t, tt.text)).Login(t.Context(), "ann", "x"); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for name, text := range map[string]string{"broken": "echo no libpam >&2; echo more >&2; exit 3", "killed": "kill -9 $$"} {
		_, err := New(helper(t, text)).Login(t.Context(), "ann", "x")
		if squall.KindOf(err) != squall.Unavailable || name == "broken" && !strings.HasSuffix(errors.Unwrap(err).Error(), "exit status 3: no libpam") {
			t.Errorf("%s: %v, %v", name, err, errors.Unwrap(err))
		}
	}
	if _, err := New(Config{Helper: []string{"/no/such/program"}}).Login(t.Context(), "ann", "x"); squall.KindOf(err) != squall.Unavailable {
		t.Errorf("no program: %v", err)
	}
	// What is no name or no password does not reach the program at all.
	yes := New(helper(t, "exit 0"))
	for user, password := range map[string]string{"ann": "", "ann\x00root": "x", "": "x", "bob": "a\x00b", "a:b": "x"} {
		if id, err := yes.Login(t.Context(), user, password); err == nil {
			t.Errorf("Login(%q, %q) = %+v", user, password, id)
		}
	}
}

// A helper that hangs, and whose child keeps the pipes open, is not waited for.
func TestTimeout(t *testing.T) {
	t.Parallel()
	c := helper(t, "sleep 60 & sleep 60")
	c.Timeout = 100 * time.Millisecond
	began := time.Now()
	_, err := New(c).Login(t.Context(), "ann", "x")
	if squall.KindOf(err) != squall.Unavailable || time.Since(began) > 20*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(c).Login(ctx, "ann", "x"); squall.KindOf(err) != squall.Unavailable {
		t.Errorf("canceled: %v", err)
	}
}

// The helper that comes with us asks the real libpam, which reads a private
// directory of services: pam_exec hands the password to a script.
func TestRealPAM(t *testing.T) {
	t.Parallel()
	module := ""
	for _, pattern := range []string{"/lib/*/security/pam_exec.so", "/usr/lib/*/security/pam_exec.so", "/usr/lib64/security/pam_exec.so"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			module = found[0]
		}
	}
	if _, err := exec.LookPath("/usr/bin/python3"); err != nil || module == "" {
		t.Skip("python3 or libpam-modules is not installed")
	}
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	// Two users that every Linux has: one may log in, the other's account is closed.
	write("check", `#!/bin/sh
password=$(tr -d '\000')
case "$PAM_TYPE:$PAM_USER:$password" in
auth:root:"correct horse") exit 0 ;;
auth:daemon:"correct horse") exit 0 ;;
account:root:*) exit 0 ;;
esac
exit 1
`, 0o700)
	write("squall", fmt.Sprintf(`
auth     [success=1 default=ignore] %[1]s expose_authtok quiet %[2]s/check
auth     requisite pam_deny.so
auth     required  pam_permit.so
account  [success=1 default=ignore] %[1]s quiet %[2]s/check
account  requisite pam_deny.so
account  required  pam_permit.so
`, module, dir), 0o600)
	write("nobody", "auth required pam_unix.so\naccount required pam_unix.so\n", 0o600)
	write("broken", "auth required /no/such/module.so\naccount required pam_permit.so\n", 0o600)
	with := func(service string) *Program {
		path, err := filepath.Abs("../../../contrib/pam/squall-pam")
		if err != nil {
			t.Fatal(err)
		}
		return New(Config{Helper: []string{"/usr/bin/python3", path, "--service", service, "--confdir", dir}, Timeout: time.Minute})
	}
	id, err := with("squall").Login(t.Context(), "root", "correct horse")
	if err != nil || id.User != "root" || !slices.Contains(id.Groups, "root") {
		t.Errorf("right password: %+v, %v", id, err)
	}
	if _, err := with("squall").Login(t.Context(), "root", "wrong"); !errors.Is(err, login.ErrPassword) {
		t.Errorf("wrong password: %v", err)
	}
	if _, err := with("squall").Login(t.Context(), "daemon", "correct horse"); !errors.Is(err, login.ErrPassword) {
		t.Errorf("closed account: %v", err)
	}
	if _, err := with("nobody").Login(t.Context(), "nosuchuserhere", "x"); !errors.Is(err, login.ErrUnknown) && !errors.Is(err, login.ErrPassword) {
		t.Errorf("unknown user: %v", err)
	}
	if _, err := with("broken").Login(t.Context(), "root", "x"); squall.KindOf(err) != squall.Unavailable {
		t.Errorf("a module that is not there: %v, %v", err, errors.Unwrap(err))
	}
}

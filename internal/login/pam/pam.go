// Package pam logs users in by asking a program, which asks PAM.
//
// The server itself is not linked with libpam, and it should not be: PAM's
// modules are other people's code that wants root. So the password goes to a
// helper over a pipe, and an exit status comes back. contrib/pam/squall-pam is
// one; anything that keeps the protocol will do:
//
//	stdin   name NUL password NUL
//	exit 0  the password is right; stdout lists the user's groups, one a line
//	exit 1  it is wrong, or the account may not log in
//	exit 2  there is no such user
//	other   it could not be found out; stderr says why, in one line
//
// The name and the password are never arguments, which everybody can see.
package pam

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"squall/internal/login"
	"squall/internal/squall"
)

// Config is which program is asked.
type Config struct {
	Helper   []string      // the program and its arguments
	Required []string      // the user must be in one of these groups; none: every user may log in
	Timeout  time.Duration // for one question; 0: ten seconds
}

// Program is a source of users. It may be used by several goroutines at once.
type Program struct{ c Config }

// New returns the source. It does not look for the program yet.
func New(c Config) *Program {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	return &Program{c}
}

// Name is "pam".
func (*Program) Name() string { return "pam" }

// The helper's exit statuses.
const (
	exitRefused = 1
	exitUnknown = 2
)

// maxOutput bounds what is kept of the helper's output, in bytes.
const maxOutput = 64 << 10

// Login runs the helper once.
func (p *Program) Login(ctx context.Context, user, password string) (login.Identity, error) {
	switch {
	case !login.ValidName(user):
		return login.Identity{}, login.ErrUnknown
	case password == "" || strings.ContainsRune(password, 0):
		return login.Identity{}, login.ErrPassword
	}
	ctx, cancel := context.WithTimeout(ctx, p.c.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.c.Helper[0], p.c.Helper[1:]...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
	cmd.Dir = "/"
	cmd.Stdin = strings.NewReader(user + "\x00" + password + "\x00")
	cmd.WaitDelay = time.Second // a child of the helper may hold the pipes
	var out, errText limited
	cmd.Stdout, cmd.Stderr = &out, &errText
	if err := cmd.Run(); err != nil {
		return login.Identity{}, p.failed(ctx, err, errText.String())
	}
	groups := strings.FieldsFunc(out.String(), func(r rune) bool { return r == '\n' || r == '\r' })
	if !login.Member(groups, p.c.Required) {
		return login.Identity{}, login.ErrGroup
	}
	return login.NewIdentity(user, groups)
}

func (p *Program) failed(ctx context.Context, err error, said string) error {
	exit, ended := errors.AsType[*exec.ExitError](err)
	switch {
	case ctx.Err() != nil:
		err = fmt.Errorf("%s: no answer in %s", p.c.Helper[0], p.c.Timeout)
	case ended && exit.ExitCode() == exitRefused:
		return login.ErrPassword
	case ended && exit.ExitCode() == exitUnknown:
		return login.ErrUnknown
	default:
		first, _, _ := strings.Cut(strings.TrimSpace(said), "\n")
		err = fmt.Errorf("%s: %w: %s", p.c.Helper[0], err, first)
	}
	return &squall.Error{Kind: squall.Unavailable, Msg: "the login program does not work", Err: err}
}

// Check reports whether the program can be found.
func (p *Program) Check() error {
	_, err := exec.LookPath(p.c.Helper[0])
	return err
}

// limited keeps the beginning of what is written to it.
type limited struct{ b bytes.Buffer }

// Write takes all and keeps what fits.
func (l *limited) Write(b []byte) (int, error) {
	l.b.Write(b[:min(len(b), max(0, maxOutput-l.b.Len()))])
	return len(b), nil
}

// String is what was kept.
func (l *limited) String() string { return l.b.String() }

var _ login.Passwords = (*Program)(nil)

package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"squall/internal/auth"
	"squall/internal/squall"
)

// access is what files say about who may come in: certificate, users and roles.
// It follows the files; a file that is wrong after a change leaves what was
// right before in force.
type access struct {
	log    *slog.Logger
	cert   atomic.Pointer[tls.Certificate]
	users  atomic.Pointer[auth.Htpasswd]
	policy atomic.Pointer[auth.Policy]
	files  []followed
	// tell is called after a change is in force, with what of the roles differs.
	// It is set before run, or not at all.
	tell func(name string, differs []string)
}

// followed is something read from files.
type followed struct {
	name  string
	stamp func() string // differs when the files have changed
	load  func() error
	last  string
}

// followEvery is how often the files are looked at.
const followEvery = 3 * time.Second

// openAccess reads all files that c names. Any mistake in them is an error of
// kind Invalid: a server must not start with other rights than were written.
func openAccess(c *Config, log *slog.Logger) (*access, error) {
	a := &access{log: log}
	conf := c.Access
	if conf.TLSCert != "" {
		a.follow("certificate", fileStamp(conf.TLSCert, conf.TLSKey), func() error {
			pair, err := tls.LoadX509KeyPair(conf.TLSCert, conf.TLSKey)
			if err != nil {
				return fmt.Errorf("server.tls_cert, server.tls_key: %w", err)
			}
			a.cert.Store(&pair)
			return nil
		})
	}
	if conf.Htpasswd != "" {
		a.follow("users", fileStamp(conf.Htpasswd), func() error {
			users, err := readHtpasswd(conf.Htpasswd)
			if err != nil {
				return err
			}
			a.users.Store(&users)
			return nil
		})
	}
	if conf.RBAC {
		a.follow("roles", dirStamp(c.RBACPath()), func() error {
			p, err := readPolicy(c.RBACPath())
			if err != nil {
				return err
			}
			p.Isolated = conf.Isolated
			a.policy.Store(p)
			return nil
		})
	}
	for i := range a.files {
		f := &a.files[i]
		f.last = f.stamp()
		if err := f.load(); err != nil {
			return nil, squall.Errorf(squall.Invalid, "%w", err)
		}
	}
	return a, nil
}

func (a *access) follow(name string, stamp func() string, load func() error) {
	a.files = append(a.files, followed{name: name, stamp: stamp, load: load})
}

// run follows the files until ctx ends.
func (a *access) run(ctx context.Context) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			a.refresh()
		}
	}
}

// refresh reads what has changed. A file that is wrong is told of once.
func (a *access) refresh() {
	for i := range a.files {
		f := &a.files[i]
		now := f.stamp()
		if now == f.last {
			continue
		}
		f.last = now
		before := a.Policy()
		if err := f.load(); err != nil {
			a.log.Error("changed files are wrong; what was in force stays", "what", f.name, "error", err)
			continue
		}
		a.log.Info("changed files are in force", "what", f.name)
		if a.tell == nil {
			continue
		}
		var differs []string
		if after := a.Policy(); before != after {
			differs = changesOf(before, after)
		}
		a.tell(f.name, differs)
	}
}

// Policy returns the roles, nil when they do not count.
func (a *access) Policy() *auth.Policy { return a.policy.Load() }

// Htpasswd returns the users of the file.
func (a *access) Htpasswd() auth.Htpasswd {
	if users := a.users.Load(); users != nil {
		return *users
	}
	return nil
}

// tlsConfig is for the listener; nil without certificate. HTTP/2 is left out:
// its streams share one connection, and one slow reader would hold up the rest.
func (a *access) tlsConfig() *tls.Config {
	if a.cert.Load() == nil {
		return nil
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.cert.Load(), nil },
	}
}

func readHtpasswd(path string) (auth.Htpasswd, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("auth.htpasswd: %w", err)
	}
	users, problems := auth.ParseHtpasswd(path, string(text))
	return users, joinProblems(problems)
}

func readPolicy(dir string) (*auth.Policy, error) {
	if _, err := os.Stat(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("rbac.dir: %w", err)
	}
	p, problems := auth.ReadPolicy(os.DirFS(dir))
	for i := range problems {
		problems[i].File = filepath.Join(dir, problems[i].File)
	}
	return p, joinProblems(problems)
}

func joinProblems(problems []auth.Problem) error {
	list := make([]error, len(problems))
	for i, p := range problems {
		list[i] = p
	}
	return errors.Join(list...)
}

// fileStamp tells versions of files apart.
func fileStamp(paths ...string) func() string {
	return func() string {
		var b strings.Builder
		for _, path := range paths {
			info, err := os.Stat(path)
			if err != nil {
				fmt.Fprintf(&b, "%v\n", err)
				continue
			}
			fmt.Fprintf(&b, "%s %d %d\n", path, info.ModTime().UnixNano(), info.Size())
		}
		return b.String()
	}
}

// dirStamp tells versions of the files in a directory's sub-directories apart.
func dirStamp(dir string) func() string {
	return func() string {
		paths, err := filepath.Glob(filepath.Join(dir, "*", "*.y*ml"))
		if err != nil {
			return err.Error() // the directory's name is a bad pattern
		}
		return fileStamp(paths...)()
	}
}

package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// cluster is a PostgreSQL server.
type cluster struct {
	base   string // URL of a server that is not ours, otherwise empty
	dir    string // our own: holds data and socket
	port   int
	server *exec.Cmd
	ended  chan struct{} // closed when the server process has ended
}

// superuser is the role the clusters are initialised with.
const superuser = "squall"

// url returns the address of one database.
func (c *cluster) url(database string) string {
	if c.base != "" {
		u, err := url.Parse(c.base)
		if err != nil {
			return c.base // pgx reports it
		}
		u.Path = "/" + database
		return u.String()
	}
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", superuser, c.port, database)
}

// missingError says that PostgreSQL is not installed.
type missingError struct{ what string }

func (e *missingError) Error() string {
	return e.what + " is not installed (neither in PATH nor in /usr/lib/postgresql/*/bin): install the package postgresql"
}

// binary finds a program of the server, of the newest version installed.
func binary(name string) (string, error) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // the pattern is well formed
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	if len(dirs) > 0 {
		return slices.MaxFunc(dirs, func(a, b string) int { return version(a) - version(b) }), nil
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return "", &missingError{name}
}

// account is the user the server runs as: PostgreSQL refuses to run as root.
type account struct{ uid, gid int }

func serverAccount() (account, error) {
	if os.Getuid() != 0 {
		return account{os.Getuid(), os.Getgid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, err1 := strconv.Atoi(u.Uid)
			gid, err2 := strconv.Atoi(u.Gid)
			return account{uid, gid}, errors.Join(err1, err2)
		}
	}
	return account{}, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

// attributes makes a command run as the account.
func (a account) attributes() *syscall.SysProcAttr {
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{}
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}}
}

// dirPrefix is followed by our process id, so that a later process can tell
// which directories are left over.
const dirPrefix = "squall-pgtest-"

func startCluster() (*cluster, error) {
	postgres, err := binary("postgres")
	if err != nil {
		return nil, err
	}
	as, err := serverAccount()
	if err != nil {
		return nil, err
	}
	removeLeftovers()
	dir, err := os.MkdirTemp("", dirPrefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, ended: make(chan struct{})}
	if err := c.initialise(as); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	for attempt := 0; ; attempt++ { // another process may take the port meanwhile
		if err = c.launch(postgres, as); err == nil {
			return c, nil
		}
		if attempt == 3 {
			_ = os.RemoveAll(dir)
			return nil, fmt.Errorf("start PostgreSQL: %w", err)
		}
	}
}

// initialise fills dir/data: a copy of a cluster that initdb made once on this
// machine, because initdb takes a second and a copy a tenth of it.
func (c *cluster) initialise(as account) error {
	template, err := templateCluster(as)
	if err != nil {
		return err
	}
	if out, err := exec.Command("cp", "-a", template, filepath.Join(c.dir, "data")).CombinedOutput(); err != nil {
		return fmt.Errorf("copy cluster: %w: %s", err, out)
	}
	return os.Chown(c.dir, as.uid, as.gid)
}

// templateCluster returns the data directory initdb made, after making it if
// this is the first process of this user and version.
func templateCluster(as account) (string, error) {
	initdb, err := binary("initdb")
	if err != nil {
		return "", err
	}
	version, err := exec.Command(initdb, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("initdb --version: %w", err)
	}
	fields := strings.Fields(string(version)) // "initdb (PostgreSQL) 15.17 (Debian ...)"
	name := fmt.Sprintf("squall-pgcache-%d-%s", as.uid, fields[min(2, len(fields)-1)])
	cache := filepath.Join(os.TempDir(), name)
	if err := os.Mkdir(cache, 0o700); err == nil {
		if err := os.Chown(cache, as.uid, as.gid); err != nil {
			return "", err
		}
	} else if !errors.Is(err, os.ErrExist) {
		return "", err
	}
	// The name can be guessed: believe only what belongs to us.
	info, err := os.Lstat(cache)
	if err != nil {
		return "", err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || int(st.Uid) != as.uid || info.Mode().Perm() != 0o700 {
		return "", fmt.Errorf("%s exists and is not a private directory of the user %d: remove it", cache, as.uid)
	}
	lock, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	data, fresh := filepath.Join(cache, "data"), filepath.Join(cache, "fresh")
	if _, err := os.Stat(data); err == nil {
		return data, nil
	}
	if err := os.RemoveAll(fresh); err != nil {
		return "", err
	}
	cmd := exec.Command(initdb, "--pgdata", fresh, "--username", superuser, "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--no-instructions")
	cmd.Dir, cmd.SysProcAttr = "/", as.attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w: %s", err, out)
	}
	return data, os.Rename(fresh, data)
}

// launch starts the server and waits until it answers.
func (c *cluster) launch(postgres string, as account) error {
	var err error
	if c.port, err = freePort(); err != nil {
		return err
	}
	var log bytes.Buffer
	cmd := exec.Command(postgres, "-D", filepath.Join(c.dir, "data"), "-k", c.dir, "-h", "127.0.0.1", "-p", strconv.Itoa(c.port),
		"-c", "max_connections=300", "-c", "shared_buffers=64MB", "-c", "max_wal_size=1GB", "-c", "log_min_messages=fatal")
	cmd.Dir, cmd.SysProcAttr = "/", as.attributes()
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT // ends at once with us, however we end
	cmd.Stderr = &log
	ended, started := make(chan struct{}), make(chan error)
	go func() {
		// The signal comes when the starting thread ends, so the thread stays.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // its exit code says nothing about the tests
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		return err
	}
	c.server, c.ended = cmd, ended
	deadline := time.Now().Add(30 * time.Second)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		conn, err := pgx.Connect(ctx, c.url("postgres"))
		if err == nil {
			err = conn.Close(ctx)
		}
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("the server ended: %s", log.Bytes())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			c.kill()
			return fmt.Errorf("the server does not answer: %w", err)
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// kill ends the server without a checkpoint: its data are thrown away.
func (c *cluster) kill() {
	_ = c.server.Process.Signal(syscall.SIGQUIT) // fails when it has ended
	<-c.ended
}

func (c *cluster) stop() {
	if c.base != "" {
		return
	}
	c.kill()
	_ = os.RemoveAll(c.dir) // what stays is removed by the next process
}

// removeLeftovers deletes directories of processes that are gone.
func removeLeftovers() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"*")) // the pattern is well formed
	for _, dir := range dirs {
		rest := strings.TrimPrefix(filepath.Base(dir), dirPrefix)
		pid, err := strconv.Atoi(rest[:max(0, strings.IndexByte(rest, '-'))])
		if err != nil || syscall.Kill(pid, 0) != syscall.ESRCH {
			continue
		}
		_ = os.RemoveAll(dir) // may belong to somebody else
	}
}

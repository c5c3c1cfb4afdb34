package ssh

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// HostKeys says what to do about a host whose key is not known.
type HostKeys string

// The policies. A key that differs from the known one is refused by all but Ignore.
const (
	Strict    HostKeys = "strict"     // refuse it
	AcceptNew HostKeys = "accept-new" // accept it the first time and write it down
	Ignore    HostKeys = "ignore"     // accept any, as st2 does
)

// Config says how hosts are reached. Zero fields get the defaults named.
type Config struct {
	// User logs in where neither the caller nor ssh_config names one; the
	// process's own user.
	User string
	// KeyFiles are tried where the caller gives neither a password nor a key and
	// ssh_config names no IdentityFile; the usual files in ~/.ssh.
	KeyFiles []string
	// AgentSocket is the address of an SSH agent; "none": no agent; empty: SSH_AUTH_SOCK.
	AgentSocket string
	// ConfigFiles are read like ~/.ssh/config, the first value of a key counts;
	// nil: ~/.ssh/config and /etc/ssh/ssh_config. Files that do not exist are passed over.
	ConfigFiles []string

	HostKeys HostKeys // Strict
	// KnownHosts are files of known keys. New ones are written to the first; nil:
	// ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts.
	KnownHosts []string

	ConnectTimeout time.Duration // for everything until a session could begin; 10s
	KeepAlive      time.Duration // how often a connection in use is probed; 15s
	Idle           time.Duration // how long a connection is kept unused; 5min
	// MaxSessions is how many sessions a connection takes at most; 10, which is
	// sshd's own default. Fewer are found out by being refused.
	MaxSessions int
	// MaxConnections is how many connections one account of a host gets; 4.
	MaxConnections int
	// Handshakes is how many run at once; four for each processor, at least 8.
	Handshakes int

	Log *slog.Logger
}

// setDefaults fills the zero fields.
func (c *Config) setDefaults() {
	home, _ := os.UserHomeDir() // without one there are no files in it
	inHome := func(names ...string) (files []string) {
		for _, name := range names {
			if home != "" {
				files = append(files, filepath.Join(home, ".ssh", name))
			}
		}
		return files
	}
	if c.User == "" {
		if u, err := user.Current(); err == nil {
			c.User = u.Username
		}
	}
	if c.KeyFiles == nil {
		c.KeyFiles = inHome("id_ed25519", "id_ecdsa", "id_rsa")
	}
	if c.AgentSocket == "" {
		c.AgentSocket = os.Getenv("SSH_AUTH_SOCK")
	}
	if c.AgentSocket == "none" {
		c.AgentSocket = ""
	}
	if c.ConfigFiles == nil {
		c.ConfigFiles = append(inHome("config"), "/etc/ssh/ssh_config")
	}
	if c.KnownHosts == nil {
		c.KnownHosts = append(inHome("known_hosts"), "/etc/ssh/ssh_known_hosts")
	}
	if c.HostKeys == "" {
		c.HostKeys = Strict
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&c.ConnectTimeout, 10*time.Second)
	def(&c.KeepAlive, 15*time.Second)
	def(&c.Idle, 5*time.Minute)
	if c.MaxSessions <= 0 {
		c.MaxSessions = 10
	}
	if c.MaxConnections <= 0 {
		c.MaxConnections = 4
	}
	if c.Handshakes <= 0 {
		c.Handshakes = max(8, 4*runtime.NumCPU())
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Validate reports everything wrong with c at once.
func (c Config) Validate() error {
	var errs []error
	switch c.HostKeys {
	case "", Strict, AcceptNew, Ignore:
	default:
		errs = append(errs, fmt.Errorf("host keys: %q is not one of %s, %s, %s", c.HostKeys, Strict, AcceptNew, Ignore))
	}
	if c.HostKeys == AcceptNew && c.KnownHosts != nil && len(c.KnownHosts) == 0 {
		errs = append(errs, errors.New("host keys: to accept new ones there must be a file to write them to"))
	}
	return errors.Join(errs...)
}

// expandHome replaces a leading ~ by the home directory.
func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}

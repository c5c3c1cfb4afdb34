package ssh

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kevinburke/ssh_config"
)

// Spec is what the caller says about a host. Empty fields are left to
// ssh_config and the pool's configuration.
type Spec struct {
	Host    string // a name of ssh_config, a host name or an address
	Port    int
	User    string
	Bastion string // host[:port] to go through, with the same user and credentials (st2); wins over ProxyJump
	Login   *Login // nil: what the configuration has
}

// Target is a host with everything settled.
type Target struct {
	Name string // what the caller called it
	Host string // what is dialed
	Port int
	User string
	Via  *Target // the jump host; nil: none

	login          *Login
	keyFiles       []string // of ssh_config
	certFiles      []string
	identitiesOnly bool
	hostKeyAlias   string
	knownHosts     []string // beside the configuration's
	connectTimeout time.Duration
}

// Address is host:port.
func (t *Target) Address() string { return net.JoinHostPort(t.Host, strconv.Itoa(t.Port)) }

// id tells connections apart: only equal ones can be shared.
func (t *Target) id() string {
	id := t.User + "@" + t.Address() + "\x00" + t.hostKeyAlias + "\x00" + t.login.id() + "\x00" + strings.Join(t.keyFiles, "\x00")
	if t.Via != nil {
		id += "\x00via " + t.Via.id()
	}
	return id
}

// sshConfig is the files of ssh_config, read once a pool.
type sshConfig struct{ files []*ssh_config.Config }

func readConfig(paths []string) (*sshConfig, error) {
	c := &sshConfig{}
	for _, path := range paths {
		text, err := os.ReadFile(expandHome(path))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read ssh_config: %w", err)
		}
		parsed, err := ssh_config.DecodeBytes(text)
		if err != nil {
			return nil, fmt.Errorf("read ssh_config %s: %w", path, err)
		}
		c.files = append(c.files, parsed)
	}
	return c, nil
}

// get returns the first value of key for the host, empty when no file has one.
func (c *sshConfig) get(host, key string) string {
	for _, f := range c.files {
		if v, err := f.Get(host, key); err == nil && v != "" {
			return v
		}
	}
	return ""
}

func (c *sshConfig) all(host, key string) (values []string) {
	for _, f := range c.files {
		if v, err := f.GetAll(host, key); err == nil {
			values = append(values, v...)
		}
	}
	return values
}

// maxJumps ends a circle of jump hosts.
const maxJumps = 8

// Resolve settles how s is reached.
func (p *Pool) Resolve(s Spec) (*Target, error) { return p.resolve(s, 0) }

func (p *Pool) resolve(s Spec, depth int) (*Target, error) {
	if depth > maxJumps {
		return nil, fmt.Errorf("the way to %s has more than %d jump hosts: look for a circle of ProxyJump in ssh_config", s.Host, maxJumps)
	}
	if s.Host == "" || strings.HasPrefix(s.Host, "-") || strings.ContainsAny(s.Host, " \t\n\x00/") {
		return nil, fmt.Errorf("%q is not the name of a host", s.Host)
	}
	t := &Target{
		Name: s.Host, Host: s.Host, Port: s.Port, User: s.User, login: s.Login,
		identitiesOnly: strings.EqualFold(p.files.get(s.Host, "IdentitiesOnly"), "yes"),
		hostKeyAlias:   p.files.get(s.Host, "HostKeyAlias"),
		connectTimeout: p.cfg.ConnectTimeout,
	}
	if name := p.files.get(s.Host, "HostName"); name != "" {
		t.Host = strings.ReplaceAll(name, "%h", s.Host)
	}
	if t.Port == 0 {
		t.Port = 22
		if n, err := strconv.Atoi(p.files.get(s.Host, "Port")); err == nil {
			t.Port = n
		}
	}
	if t.Port < 1 || t.Port > 65535 {
		return nil, fmt.Errorf("%d is not a port", t.Port)
	}
	if t.User == "" {
		t.User = p.files.get(s.Host, "User")
	}
	if t.User == "" {
		t.User = p.cfg.User
	}
	if n, err := strconv.Atoi(p.files.get(s.Host, "ConnectTimeout")); err == nil && n > 0 {
		t.connectTimeout = time.Duration(n) * time.Second
	}
	for _, file := range p.files.all(s.Host, "IdentityFile") {
		t.keyFiles = append(t.keyFiles, t.expand(file))
	}
	for _, file := range p.files.all(s.Host, "CertificateFile") {
		t.certFiles = append(t.certFiles, t.expand(file))
	}
	for _, list := range p.files.all(s.Host, "UserKnownHostsFile") {
		for file := range strings.FieldsSeq(list) {
			t.knownHosts = append(t.knownHosts, t.expand(file))
		}
	}
	if command := p.files.get(s.Host, "ProxyCommand"); command != "" && command != "none" {
		return nil, fmt.Errorf("ssh_config has a ProxyCommand for %s, which is not supported: use ProxyJump", s.Host)
	}
	return t, p.settleJump(t, s, depth)
}

// settleJump finds the host to go through: the caller's bastion, or ProxyJump.
func (p *Pool) settleJump(t *Target, s Spec, depth int) (err error) {
	if s.Bastion != "" {
		host, port, err := SplitHost(s.Bastion)
		if err != nil {
			return fmt.Errorf("bastion: %w", err)
		}
		t.Via, err = p.resolve(Spec{Host: host, Port: port, User: s.User, Login: s.Login}, depth+1)
		return err
	}
	jumps := p.files.get(s.Host, "ProxyJump")
	if jumps == "" || jumps == "none" {
		return nil
	}
	// "a,b" goes through a first: b is what this host is reached from.
	var via *Target
	for jump := range strings.SplitSeq(jumps, ",") {
		user, rest, named := strings.Cut(strings.TrimPrefix(strings.TrimSpace(jump), "ssh://"), "@")
		if !named {
			user, rest = "", user
		}
		host, port, err := SplitHost(rest)
		if err != nil {
			return fmt.Errorf("ProxyJump for %s: %w", s.Host, err)
		}
		next, err := p.resolve(Spec{Host: host, Port: port, User: user, Login: s.Login}, depth+1)
		if err != nil {
			return err
		}
		if via != nil {
			next.Via = via
		}
		via = next
	}
	t.Via = via
	return nil
}

// expand replaces the marks that file names in ssh_config may hold.
func (t *Target) expand(file string) string {
	home, _ := os.UserHomeDir()
	return expandHome(strings.NewReplacer("%%", "%", "%h", t.Host, "%r", t.User, "%n", t.Name, "%p", strconv.Itoa(t.Port), "%d", home).Replace(strings.Trim(file, `"`)))
}

// SplitHost takes "host", "host:port", "[v6]:port" or a bare IPv6 address apart;
// port 0 means that none was given.
func SplitHost(text string) (host string, port int, err error) {
	switch {
	case strings.Count(text, ":") > 1 && !strings.HasPrefix(text, "["):
		return text, 0, nil // an IPv6 address
	case strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]"):
		return text[1 : len(text)-1], 0, nil
	case !strings.Contains(text, ":"):
		return text, 0, nil
	}
	host, digits, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not host:port", text)
	}
	if port, err = strconv.Atoi(digits); err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("%q is not a port", digits)
	}
	return host, port, nil
}

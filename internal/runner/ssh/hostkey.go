package ssh

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// HostKeyError says that a host did not prove who it is. Its text tells what to do.
type HostKeyError struct {
	Host    string // as known_hosts writes it: host, or [host]:port
	Key     ssh.PublicKey
	Known   []knownhosts.KnownKey // what was expected; empty: nothing is known
	Revoked bool
}

// Error names the key that was sent and what can be done about it.
func (e *HostKeyError) Error() string {
	sent := e.Key.Type() + " " + ssh.FingerprintSHA256(e.Key)
	switch {
	case e.Revoked:
		return fmt.Sprintf("the key of %s is revoked in known_hosts: %s", e.Host, sent)
	case len(e.Known) == 0:
		return fmt.Sprintf("the key of %s is not known: it sent %s. Compare that with the host's own and accept it with `squall node trust %s`, or set ssh.host_keys to accept-new", e.Host, sent, e.Host)
	}
	k := e.Known[0]
	return fmt.Sprintf("THE KEY OF %s HAS CHANGED: it sent %s, but %s:%d has %s %s. The host was installed anew, or somebody is in between. If it is right, `squall node trust --replace %s` takes it",
		e.Host, sent, k.Filename, k.Line, k.Key.Type(), ssh.FingerprintSHA256(k.Key), e.Host)
}

// knownHosts reads files of known keys, again when they have changed.
type knownHosts struct {
	mu    sync.Mutex
	files map[string]*knownSet // by the names joined
}

type knownSet struct {
	stamp     string
	check     ssh.HostKeyCallback
	authority bool // some hosts are known by their certificates
}

// set returns what the files say now; those that do not exist say nothing.
func (k *knownHosts) set(files []string) (*knownSet, error) {
	var have []string
	var stamp strings.Builder
	for _, file := range files {
		file = expandHome(file)
		if info, err := os.Stat(file); err == nil {
			have = append(have, file)
			fmt.Fprintf(&stamp, "%s %d %d\n", file, info.Size(), info.ModTime().UnixNano())
		}
	}
	name := strings.Join(files, "\x00")
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.files[name]; s != nil && s.stamp == stamp.String() {
		return s, nil
	}
	s := &knownSet{stamp: stamp.String()}
	var err error
	if s.check, err = knownhosts.New(have...); err != nil {
		return nil, fmt.Errorf("read known_hosts: %w", err)
	}
	for _, file := range have {
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte("@cert-authority")) {
			s.authority = true
		}
	}
	if k.files == nil {
		k.files = map[string]*knownSet{}
	}
	k.files[name] = s
	return s, nil
}

// knownFiles are the files in which t's key may stand.
func (p *Pool) knownFiles(t *Target) []string {
	return append(slices.Clone(p.cfg.KnownHosts), t.knownHosts...)
}

// hostAddress is what t's key is looked up under.
func (t *Target) hostAddress() string {
	if t.hostKeyAlias != "" {
		return net.JoinHostPort(t.hostKeyAlias, "22")
	}
	return t.Address()
}

// hostKeys returns the check of t's key and the kinds of keys to ask it for:
// those that are known, so that a host with several keys shows the right one.
func (p *Pool) hostKeys(t *Target) (ssh.HostKeyCallback, []string, error) {
	if p.cfg.HostKeys == Ignore {
		return ssh.InsecureIgnoreHostKey(), nil, nil //nolint:gosec // asked for by the configuration
	}
	set, err := p.known.set(p.knownFiles(t))
	if err != nil {
		return nil, nil, err
	}
	var algorithms []string
	for _, key := range set.known(t.hostAddress()) {
		algorithms = append(algorithms, algorithmsOf(key.Key.Type())...)
	}
	switch {
	case set.authority:
		algorithms = nil // certificates and keys, in the library's order
	case len(algorithms) == 0:
		algorithms = plainAlgorithms()
	}
	return func(_ string, remote net.Addr, key ssh.PublicKey) error {
		return p.checkHost(t, set, remote, key)
	}, algorithms, nil
}

func (p *Pool) checkHost(t *Target, set *knownSet, remote net.Addr, key ssh.PublicKey) error {
	err := set.check(t.hostAddress(), remote, key)
	var unknown *knownhosts.KeyError
	var revoked *knownhosts.RevokedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &revoked):
		return &HostKeyError{Host: knownhosts.Normalize(t.hostAddress()), Key: key, Revoked: true}
	case !errors.As(err, &unknown):
		return err
	}
	if len(unknown.Want) == 0 && p.cfg.HostKeys == AcceptNew {
		if err := p.Trust(t, key, false); err != nil {
			return err
		}
		p.cfg.Log.Warn("a new host key was accepted", "host", knownhosts.Normalize(t.hostAddress()), "key", ssh.FingerprintSHA256(key))
		return nil
	}
	return &HostKeyError{Host: knownhosts.Normalize(t.hostAddress()), Key: key, Known: unknown.Want}
}

// known returns the keys that address may show.
func (s *knownSet) known(address string) []knownhosts.KnownKey {
	var want *knownhosts.KeyError
	if errors.As(s.check(address, &net.TCPAddr{IP: net.IPv4zero}, noKey{}), &want) {
		return want.Want
	}
	return nil
}

// noKey is a key that no host has: asking for it makes the library say which ones it knows.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return []byte("none") }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("not a key") }

// algorithmsOf are the signatures a key of that kind can make.
func algorithmsOf(kind string) []string {
	if kind == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	}
	return []string{kind}
}

func plainAlgorithms() []string {
	return []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
}

// Trust writes key down as that of t, in the first of the configuration's files.
// replace drops other keys of the host from that file first; without it they
// stay, and a host with another key of the same kind stays refused.
func (p *Pool) Trust(t *Target, key ssh.PublicKey, replace bool) error {
	if len(p.cfg.KnownHosts) == 0 {
		return errors.New("there is no file of known hosts to write to: set ssh.known_hosts")
	}
	p.known.mu.Lock()
	defer p.known.mu.Unlock()
	file := expandHome(p.cfg.KnownHosts[0])
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("write known_hosts: %w", err)
	}
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("write known_hosts: %w", err)
	}
	host := knownhosts.Normalize(t.hostAddress())
	text := old
	if replace {
		text = without(old, host)
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	text = append(slices.Clip(text), knownhosts.Line([]string{t.hostAddress()}, key)+"\n"...)
	// A reader sees the old file or the new one, never half of it.
	next := file + ".new"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return fmt.Errorf("write known_hosts: %w", err)
	}
	if err := os.Rename(next, file); err != nil {
		return fmt.Errorf("write known_hosts: %w", err)
	}
	return nil
}

// without returns the lines that are not plainly about host: a hashed name or a
// pattern is somebody's own work and stays.
func without(text []byte, host string) []byte {
	var kept []byte
	for line := range bytes.Lines(text) {
		names, _, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		if !slices.Contains(strings.Split(names, ","), host) {
			kept = append(kept, line...)
		}
	}
	return kept
}

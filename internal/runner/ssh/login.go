package ssh

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Login is how a caller proves who he is: a password, or a private key. It is
// made once for all hosts of an action, because opening an encrypted key is slow
// on purpose.
type Login struct {
	password string
	signers  []ssh.Signer
	hash     string // tells logins apart without holding their secrets
}

// NewLogin makes a login of a password, or of a private key given as its text or
// as the name of its file, with the passphrase it may need. st2: a password wins.
// It returns nil when nothing is given: then the configuration's keys and the
// agent count.
func NewLogin(password, privateKey, passphrase string) (*Login, error) {
	sum := sha256.Sum256([]byte(password + "\x00" + privateKey + "\x00" + passphrase))
	l := &Login{hash: hex.EncodeToString(sum[:])}
	switch {
	case password != "":
		l.password = password
		return l, nil
	case privateKey == "":
		return nil, nil
	}
	text := []byte(privateKey)
	name := "the given private key"
	if !strings.Contains(privateKey, "PRIVATE KEY") {
		name = "the private key " + privateKey
		var err error
		if text, err = os.ReadFile(expandHome(privateKey)); err != nil {
			return nil, fmt.Errorf("read the private key: %w", err)
		}
	}
	signer, err := parseKey(text, passphrase)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be used: %w", name, err)
	}
	l.signers = []ssh.Signer{signer}
	if !strings.Contains(privateKey, "PRIVATE KEY") {
		if cert, ok := certificate(expandHome(privateKey)+"-cert.pub", signer); ok {
			l.signers = []ssh.Signer{cert, signer}
		}
	}
	return l, nil
}

func (l *Login) id() string {
	if l == nil {
		return ""
	}
	return l.hash
}

// parseKey reads a private key. Errors never hold any of its text.
func parseKey(text []byte, passphrase string) (ssh.Signer, error) {
	signer, err := ssh.ParsePrivateKey(text)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		if passphrase == "" {
			return nil, errors.New("it is encrypted: it needs a passphrase")
		}
		if signer, err = ssh.ParsePrivateKeyWithPassphrase(text, []byte(passphrase)); err != nil {
			return nil, errors.New("the passphrase does not open it")
		}
		return signer, nil
	}
	if err != nil {
		return nil, errors.New("it is not a private key in a form that is understood")
	}
	return signer, nil
}

// certificate joins a key with the certificate that was made for it.
func certificate(file string, key ssh.Signer) (ssh.Signer, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, false
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, false
	}
	cert, ok := public.(*ssh.Certificate)
	if !ok {
		return nil, false
	}
	signer, err := ssh.NewCertSigner(cert, key)
	return signer, err == nil // an error: it belongs to another key
}

// methods returns the ways to log in to t, and what to call at the end of the handshake.
func (p *Pool) methods(t *Target) (methods []ssh.AuthMethod, done func()) {
	done = func() {}
	if l := t.login; l != nil {
		if l.password == "" {
			return []ssh.AuthMethod{ssh.PublicKeys(l.signers...)}, done
		}
		// Hosts that ask by keyboard-interactive want the same word; each question
		// without echo is taken for it.
		ask := func(_, _ string, questions []string, echos []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i := range questions {
				if !echos[i] {
					answers[i] = l.password
				}
			}
			return answers, nil
		}
		return []ssh.AuthMethod{ssh.Password(l.password), ssh.KeyboardInteractive(ask)}, done
	}
	signers := p.fileSigners(t)
	var conn net.Conn
	list := func() ([]ssh.Signer, error) {
		all := signers
		if p.cfg.AgentSocket != "" && !t.identitiesOnly {
			var err error
			if conn, err = net.Dial("unix", p.cfg.AgentSocket); err == nil {
				held, err := agent.NewClient(conn).Signers()
				if err != nil {
					p.cfg.Log.Warn("the SSH agent does not answer", "error", err)
				}
				all = append(held, all...)
			} else {
				p.cfg.Log.Warn("the SSH agent cannot be reached", "error", err)
			}
		}
		if len(all) == 0 {
			return nil, errors.New("there is neither a password nor a private key to log in with: give one, or set ssh.key_files or an agent on the server")
		}
		return all, nil
	}
	return []ssh.AuthMethod{ssh.PublicKeysCallback(list)}, func() {
		if conn != nil {
			conn.Close()
		}
	}
}

// fileSigners reads the keys of ssh_config or of the configuration, each file
// once. A file that cannot be used is passed over, as ssh does, and logged.
func (p *Pool) fileSigners(t *Target) (signers []ssh.Signer) {
	files, explicit := t.keyFiles, true
	if len(files) == 0 {
		files, explicit = p.cfg.KeyFiles, false
	}
	for _, file := range files {
		signers = append(signers, p.keyFile(expandHome(file), explicit)...)
	}
	for _, file := range t.certFiles {
		for _, key := range signers {
			if cert, ok := certificate(file, key); ok {
				signers = append([]ssh.Signer{cert}, signers...)
				break
			}
		}
	}
	return signers
}

type keyFile struct {
	changed int64 // of the file, so that a new key is noticed
	signers []ssh.Signer
}

func (p *Pool) keyFile(file string, explicit bool) []ssh.Signer {
	info, err := os.Stat(file)
	if err != nil {
		if explicit || !errors.Is(err, fs.ErrNotExist) {
			p.cfg.Log.Warn("a private key cannot be read", "file", file, "error", err)
		}
		return nil
	}
	p.mu.Lock()
	known, ok := p.keys[file]
	p.mu.Unlock()
	if ok && known.changed == info.ModTime().UnixNano() {
		return known.signers
	}
	found := keyFile{changed: info.ModTime().UnixNano()}
	if text, err := os.ReadFile(file); err != nil {
		p.cfg.Log.Warn("a private key cannot be read", "file", file, "error", err)
	} else if signer, err := parseKey(text, ""); err != nil {
		p.cfg.Log.Warn("a private key cannot be used", "file", file, "error", err)
	} else {
		found.signers = []ssh.Signer{signer}
		if cert, ok := certificate(file+"-cert.pub", signer); ok {
			found.signers = []ssh.Signer{cert, signer}
		}
	}
	p.mu.Lock()
	p.keys[file] = found
	p.mu.Unlock()
	return found.signers
}

package pyenv

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"squall/internal/squall"
)

// Maker makes environments. Calls for one pack must come one after the other.
type Maker struct {
	Dir       string // holds the environments
	Python    string // path or name of the interpreter they are made from
	Installer string // "pip", "uv" or "auto": pip, where it is there
	// Index is the address of the package index; "": what the installer is
	// configured with; "none": there is none.
	Index  string
	Wheels string // a directory of wheels to look into first; "": none
	// SitePackages lets environments see what is installed for Python.
	SitePackages bool
}

// File is the file of a pack that says what it requires.
const File = "requirements.txt"

// fingerprintFile, in an environment, says what it was made from. It is written
// last: an environment without it is not complete.
const fingerprintFile = "squall-fingerprint"

// oldPrefix begins the name of the link to what a pack had before, while it may
// still come back; none is where that link leads when there was nothing.
const (
	oldPrefix = ".old-"
	none      = "none"
)

// Needs reports whether the pack in dir requires anything.
func Needs(dir string) (bool, error) {
	text, err := os.ReadFile(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) != "" {
			return true, nil
		}
	}
	return false, err
}

// Prepare makes the environment that the pack in dir needs and returns its
// directory, "" when it needs none. Without fresh the present one is returned
// when it was made from the same. What the installer says goes to progress. When
// it fails nothing is left; errors of kind Invalid say which requirement cannot
// be met, those of kind Unavailable what this machine lacks.
func (m *Maker) Prepare(ctx context.Context, pack, dir string, fresh bool, progress io.Writer) (env string, err error) {
	needs, err := Needs(dir)
	if err != nil || !needs {
		return "", err
	}
	python, err := m.interpreter(ctx)
	if err != nil {
		return "", err
	}
	madeFrom, err := m.fingerprint(dir, python)
	if err != nil {
		return "", err
	}
	if current, err := m.current(pack); err == nil && !fresh {
		if have, err := os.ReadFile(filepath.Join(current, fingerprintFile)); err == nil && string(have) == madeFrom {
			fmt.Fprintf(progress, "the environment of pack %s is up to date\n", pack)
			return current, nil
		}
	}
	if err := os.MkdirAll(m.Dir, 0o755); err != nil {
		return "", squall.Errorf(squall.Unavailable, "the directory for environments cannot be made: %w", err)
	}
	var id [4]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand ends the program instead
	made := filepath.Join(m.Dir, "."+pack+"-"+hex.EncodeToString(id[:]))
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(made))
		}
	}()
	if err := m.make(ctx, pack, python, made, filepath.Join(dir, File), progress); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(made, fingerprintFile), []byte(madeFrom), 0o644); err != nil {
		return "", err
	}
	return made, nil
}

// fingerprint names everything an environment is made from, as far as it lies
// here: what an index offers tomorrow is not in it.
func (m *Maker) fingerprint(dir string, python *interpreter) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, File))
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %s %t\n%s", python.path, python.version, m.SitePackages, text)
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// current returns the directory of the environment that a pack uses.
func (m *Maker) current(pack string) (string, error) {
	return filepath.EvalSymlinks(filepath.Join(m.Dir, pack))
}

// Use makes a prepared environment ("": none) the one of the pack. What it had
// before can come back with Undo until Done is called. Using what is used
// already changes nothing.
func (m *Maker) Use(pack, env string) error {
	link, old := filepath.Join(m.Dir, pack), filepath.Join(m.Dir, oldPrefix+pack)
	before, err := os.Readlink(link)
	if errors.Is(err, fs.ErrNotExist) {
		before = none
		if env == "" {
			return nil
		}
	} else if err != nil {
		return fmt.Errorf("the environment of pack %s: %w", pack, err)
	}
	if err := relink(before, old); err != nil {
		return err
	}
	if env == "" {
		return os.Remove(link)
	}
	return relink(filepath.Base(env), link)
}

// Undo brings back what the pack had before a Use that was not Done, and deletes
// what was prepared. It is also what a start does after a crash.
func (m *Maker) Undo(pack string) error {
	link, old := filepath.Join(m.Dir, pack), filepath.Join(m.Dir, oldPrefix+pack)
	before, err := os.Readlink(old)
	if errors.Is(err, fs.ErrNotExist) {
		return m.sweep(pack, "")
	}
	if err != nil {
		return err
	}
	if before == none {
		if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	} else if err := relink(before, link); err != nil {
		return err
	}
	return errors.Join(os.Remove(old), m.sweep(pack, ""))
}

// Done keeps what Use has made. The environment that was there before stays
// until the next change, for actions that still run in it; older ones go.
func (m *Maker) Done(pack string) error {
	old := filepath.Join(m.Dir, oldPrefix+pack)
	before, err := os.Readlink(old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		if err := os.Remove(old); err != nil {
			return err
		}
	}
	return m.sweep(pack, before)
}

// Remove deletes the environments of a pack.
func (m *Maker) Remove(pack string) error {
	for _, link := range []string{pack, oldPrefix + pack} {
		if err := os.Remove(filepath.Join(m.Dir, link)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return m.sweep(pack, "")
}

// sweep deletes the environments of a pack that it does not use, but for keep.
func (m *Maker) sweep(pack, keep string) error {
	entries, err := os.ReadDir(m.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	current, _ := os.Readlink(filepath.Join(m.Dir, pack))
	var errs []error
	for _, e := range entries {
		id, own := strings.CutPrefix(e.Name(), "."+pack+"-")
		if !own || len(id) != 8 || e.Name() == current || e.Name() == keep {
			continue
		}
		errs = append(errs, os.RemoveAll(filepath.Join(m.Dir, e.Name())))
	}
	return errors.Join(errs...)
}

// relink makes name a link to target, in the place of the one that is there.
func relink(target, name string) error {
	part := name + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, part); err != nil {
		return err
	}
	return os.Rename(part, name)
}

// lines writes what a program prints to a writer, whole lines only, and keeps
// the end of it.
type lines struct {
	to   io.Writer
	part bytes.Buffer
	tail []string
}

// keptLines is enough for what installers say last.
const keptLines = 200

func (l *lines) Write(p []byte) (int, error) {
	l.part.Write(p)
	for {
		line, err := l.part.ReadString('\n')
		if err != nil {
			l.part.WriteString(line)
			return len(p), nil
		}
		line = strings.TrimRight(line, "\r\n")
		l.tail = append(l.tail, line)
		if len(l.tail) > keptLines {
			l.tail = l.tail[1:]
		}
		if _, err := fmt.Fprintln(l.to, line); err != nil {
			return 0, err
		}
	}
}

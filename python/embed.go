// Package python holds the Python library that ships inside the binary: the
// modules that packs made for StackStorm import, written for Squall (lib), small
// stand-ins for libraries packs expect without listing them (fallback), and the
// programs that run actions and sensors (lib/squall_runner). It is data;
// internal/app lays it into the data directory. It works with Python 3.9 to 3.13
// and needs nothing but Python.
package python

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Files holds the directories lib and fallback.
//
//go:embed all:lib all:fallback
var Files embed.FS

// Digest names the content of Files: its first 12 hex digits of SHA-256.
var Digest = sync.OnceValue(func() string {
	sum := sha256.New()
	_ = walk(func(name string, text []byte) error {
		fmt.Fprintf(sum, "%s %d\n", name, len(text))
		sum.Write(text)
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil))[:12]
})

// Unpack lays the library into a directory of dir that is named by its digest
// and returns its path. What is there already is kept; a start that was
// interrupted is finished. Directories of other digests are left: a server that
// is being replaced may still run actions with them.
func Unpack(dir string) (string, error) {
	target := filepath.Join(dir, Digest())
	err := walk(func(name string, text []byte) error {
		path := filepath.Join(target, filepath.FromSlash(name))
		if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, text) {
			return nil
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		part, err := os.CreateTemp(filepath.Dir(path), ".part-")
		if err != nil {
			return err
		}
		_, err = part.Write(text)
		if closeErr := part.Close(); err == nil {
			err = closeErr
		}
		if err == nil {
			err = os.Chmod(part.Name(), 0o644)
		}
		if err == nil {
			err = os.Rename(part.Name(), path)
		}
		if err != nil {
			_ = os.Remove(part.Name()) // the first error counts
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("unpack the Python library: %w", err)
	}
	return target, nil
}

// walk calls fn with every file, in lexical order.
func walk(fn func(name string, text []byte) error) error {
	return fs.WalkDir(Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".pyc") {
			return err
		}
		text, err := Files.ReadFile(name)
		if err != nil {
			return err
		}
		return fn(name, text)
	})
}

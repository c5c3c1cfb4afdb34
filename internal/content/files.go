package content

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"squall/internal/squall"
	"squall/internal/store"
)

// File is a file of a pack; Path is relative to the pack's directory.
type File struct {
	Path string
	Text []byte
}

// maxFile bounds a file that is written through the API.
const maxFile = 8 << 20

// Searched lists the directories in which packs are looked for.
func (s *Service) Searched() []string { return append(slices.Clone(s.Dirs), s.Dir) }

// WriteFiles writes files into the directory of a registered pack and adds them
// to the pack's list. What is there is replaced. Nothing outside of the
// directory can be written, not even through symbolic links. Error kinds:
// NotFound for a pack without files, Invalid for a path that leads out of it,
// Denied when the directory cannot be written.
func (s *Service) WriteFiles(ctx context.Context, ref string, files []File) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, root, err := s.openPack(ctx, ref)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range files {
		if err := writeFile(root, f); err != nil {
			return fileError(ref, f.Path, err)
		}
	}
	return s.relist(ctx, ref, dir)
}

// RemoveFiles removes files of a pack; what is not there is no error.
func (s *Service) RemoveFiles(ctx context.Context, ref string, names []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, root, err := s.openPack(ctx, ref)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range names {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return errOutside(ref, name)
		}
		if err := root.Remove(filepath.FromSlash(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fileError(ref, name, err)
		}
	}
	return s.relist(ctx, ref, dir)
}

// openPack opens the directory in which a registered pack lies.
func (s *Service) openPack(ctx context.Context, ref string) (dir string, root *os.Root, err error) {
	var p *squall.Pack
	err = s.Store.View(ctx, func(tx store.Tx) (err error) {
		p, err = tx.Pack(ctx, ref)
		return err
	})
	if err != nil {
		return "", nil, err
	}
	root, err = os.OpenRoot(p.Path)
	if errors.Is(err, fs.ErrNotExist) || p.Path == "" {
		return "", nil, squall.Errorf(squall.NotFound, "Directory for pack %q doesn't exist", ref)
	}
	return p.Path, root, err
}

func writeFile(root *os.Root, f File) error {
	name := filepath.FromSlash(f.Path)
	if !filepath.IsLocal(name) || name == "." {
		return errOutside(path.Base(root.Name()), f.Path)
	}
	if len(f.Text) > maxFile {
		return squall.Errorf(squall.Invalid, "File %q is larger than the %d bytes allowed.", f.Path, maxFile)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if strings.HasPrefix(string(f.Text), "#!") {
		mode = 0o755
	}
	if err := root.WriteFile(name, f.Text, mode); err != nil {
		return err
	}
	return root.Chmod(name, mode) // a file that was there keeps its mode otherwise
}

func errOutside(ref, name string) error {
	return squall.Errorf(squall.Invalid, "Invalid file path: %q. It must be relative to the directory of pack %q and stay in it.", name, ref)
}

// fileError says which file could not be written or removed.
func fileError(ref, name string, err error) error {
	if squall.KindOf(err) != squall.Internal {
		return err
	}
	if errors.Is(err, fs.ErrPermission) {
		return squall.Errorf(squall.Denied, "File %q of pack %q cannot be changed (permission denied): the server's user must be allowed to write there.", name, ref)
	}
	if strings.Contains(err.Error(), "path escapes from parent") { // os has no name for it
		return errOutside(ref, name)
	}
	for _, impossible := range []error{syscall.EISDIR, syscall.ENOTDIR, syscall.EEXIST, syscall.EINVAL, syscall.ENAMETOOLONG, syscall.ELOOP} {
		if errors.Is(err, impossible) {
			return squall.Errorf(squall.Invalid, "File %q of pack %q cannot be written: %s.", name, ref, impossible)
		}
	}
	return fmt.Errorf("change file %s of pack %s: %w", name, ref, err)
}

// relist brings the list of the pack's files up to date.
func (s *Service) relist(ctx context.Context, ref, dir string) error {
	files := filesOf(dir)
	return s.Store.Update(ctx, func(tx store.Tx) error {
		p, err := tx.Pack(ctx, ref)
		if err != nil {
			return err
		}
		p.Files = files
		return tx.PutPack(ctx, p)
	})
}

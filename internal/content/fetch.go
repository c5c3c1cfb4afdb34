package content

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"squall/internal/squall"
)

// Bounds of an archive: larger than any known pack, smaller than a disk.
const (
	maxArchiveFiles = 50_000
	maxArchiveBytes = 1 << 30
)

// source is where a pack comes from: "path", "archive.tar.gz", "URL" or
// "name", the last two with "=version" behind (st2).
type source struct {
	kind    string // "directory", "archive", "git", "index"
	place   string
	version string // branch, tag or commit; "": the default branch
}

func parseSource(text string) (source, error) {
	if text == "" || strings.HasPrefix(text, "-") || strings.ContainsAny(text, "\x00\n") {
		return source{}, squall.Errorf(squall.Invalid, "%q is no pack: give a directory, an archive, a git address or a name", text)
	}
	place, version, _ := strings.Cut(text, "=")
	if strings.Contains(place, "?") { // the sign belongs to the address
		place, version = text, ""
	}
	if strings.HasPrefix(version, "-") {
		return source{}, squall.Errorf(squall.Invalid, "%q is no branch, tag or commit", version)
	}
	switch {
	case strings.Contains(place, "://"), strings.HasPrefix(place, "git@"), strings.HasSuffix(place, ".git") && !isDir(place):
		return source{"git", place, version}, nil
	case isArchive(text):
		return source{"archive", text, ""}, nil
	case strings.Contains(text, "/"), strings.HasPrefix(text, "."):
		return source{"directory", text, ""}, nil
	}
	return source{"index", place, version}, nil
}

func isArchive(name string) bool {
	for _, ext := range []string{".tar.gz", ".tgz", ".tar", ".zip"} {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// noPack says why there is no pack in a directory.
func noPack(dir string) error {
	_, err := os.Stat(filepath.Join(dir, "pack.yaml"))
	switch {
	case errors.Is(err, fs.ErrPermission):
		return squall.Errorf(squall.Invalid, "the server may not read %s: it runs as user id %d", dir, os.Geteuid())
	case isDir(dir):
		return squall.Errorf(squall.NotFound, "there is no pack in %q: it has no pack.yaml", dir)
	default:
		return squall.Errorf(squall.NotFound, "there is no directory %q on the machine of the server", dir)
	}
}

// fetch brings the pack of a source into dir, which does not exist yet.
func (s *Service) fetch(ctx context.Context, src source, dir string) error {
	switch src.kind {
	case "index":
		entry, err := s.Lookup(src.place)
		if err != nil {
			return err
		}
		return clone(ctx, source{"git", entry.Repo, src.version}, dir)
	case "git":
		return clone(ctx, src, dir)
	case "archive":
		return unpack(src.place, dir)
	}
	if !isPack(src.place) {
		return noPack(src.place)
	}
	if err := os.CopyFS(dir, os.DirFS(src.place)); err != nil {
		return squall.Errorf(squall.Invalid, "pack in %q cannot be copied: %w", src.place, err)
	}
	return os.RemoveAll(filepath.Join(dir, ".git"))
}

// clone gets a git repository. git finds proxies and keys in its environment
// and configuration, as on the command line; it never asks for a password.
func clone(ctx context.Context, src source, dir string) error {
	if err := git(ctx, "", "clone", "--quiet", "--", src.place, dir); err != nil {
		return squall.Errorf(squall.Invalid, "repository %s cannot be cloned: %w", src.place, err)
	}
	if src.version == "" {
		return nil
	}
	err := git(ctx, dir, "checkout", "--quiet", "--detach", src.version)
	for _, other := range []string{"v" + src.version, "origin/" + src.version} { // st2: "1.2.0" finds the tag v1.2.0
		if err == nil {
			return nil
		}
		if git(ctx, dir, "checkout", "--quiet", "--detach", other) == nil {
			err = nil
		}
	}
	if err != nil {
		return squall.Errorf(squall.NotFound, "repository %s has no branch, tag or commit %q", src.place, src.version)
	}
	return nil
}

func git(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	// The default protocols, without those that run programs.
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=file:git:http:https:ssh")
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return errors.New("git is not installed")
		}
		if text := strings.TrimSpace(out.String()); text != "" {
			return errors.New(text)
		}
		return err
	}
	return nil
}

// unpack extracts an archive whose top, or whose only directory at the top, is
// a pack. What does not stay inside, and what is neither file nor directory, is
// refused.
func unpack(archive, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	x := &extraction{root: root}
	if strings.HasSuffix(archive, ".zip") {
		err = x.zip(archive)
	} else {
		err = x.tar(archive)
	}
	if err != nil {
		return squall.Errorf(squall.Invalid, "archive %s: %w", archive, err)
	}
	if isPack(dir) {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) != 1 || !isPack(filepath.Join(dir, entries[0].Name())) {
		return squall.Errorf(squall.Invalid, "archive %s holds no pack: there is no pack.yaml at its top", archive)
	}
	inner := dir + ".inner"
	if err := os.Rename(filepath.Join(dir, entries[0].Name()), inner); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil {
		return err
	}
	return os.Rename(inner, dir)
}

// extraction writes the entries of an archive below a root.
type extraction struct {
	root  *os.Root // refuses names and links that lead outside
	files int
	bytes int64
}

func (x *extraction) zip(name string) error {
	r, err := zip.OpenReader(name)
	if err != nil {
		return err
	}
	defer r.Close()
	for _, f := range r.File {
		body, err := f.Open()
		if err != nil {
			return err
		}
		err = x.put(f.Name, f.Mode(), body)
		body.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *extraction) tar(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var in io.Reader = f
	if !strings.HasSuffix(name, ".tar") {
		if in, err = gzip.NewReader(f); err != nil {
			return err
		}
	}
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue // git writes the commit's name into one
		}
		if err := x.put(h.Name, h.FileInfo().Mode(), r); err != nil {
			return err
		}
	}
}

// put writes one entry. Of the mode only the executable bits count.
func (x *extraction) put(name string, mode fs.FileMode, body io.Reader) error {
	if x.files++; x.files > maxArchiveFiles {
		return fmt.Errorf("it has more than %d files", maxArchiveFiles)
	}
	clean := path.Clean(name)
	if clean == "." {
		return nil
	}
	if !filepath.IsLocal(clean) || strings.Contains(name, `\`) {
		return fmt.Errorf("%q leads outside", name)
	}
	switch {
	case mode.IsDir():
		return x.root.MkdirAll(clean, 0o755)
	case !mode.IsRegular():
		return fmt.Errorf("%q is neither a file nor a directory", name)
	}
	if err := x.root.MkdirAll(path.Dir(clean), 0o755); err != nil {
		return err
	}
	f, err := x.root.OpenFile(clean, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644|mode&0o111)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(body, maxArchiveBytes-x.bytes+1))
	if x.bytes += n; err == nil && x.bytes > maxArchiveBytes {
		err = fmt.Errorf("it holds more than %d bytes", int64(maxArchiveBytes))
	}
	return errors.Join(err, f.Close())
}

// Entry is a pack in an index (st2: index.json of the Exchange).
type Entry struct {
	Ref         string          `json:"ref"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Version     string          `json:"version"`
	Author      string          `json:"author"`
	Email       string          `json:"email"`
	Repo        string          `json:"repo_url"`
	Keywords    []string        `json:"keywords"`
	Content     json.RawMessage `json:"content,omitempty"`
}

// Index reads the index file: the packs that can be installed by name. Without
// an index file there are none.
func (s *Service) Index() (map[string]*Entry, error) {
	if s.IndexFile == "" {
		return nil, nil
	}
	doc, err := os.ReadFile(s.IndexFile)
	if err != nil {
		return nil, squall.Errorf(squall.Unavailable, "index of packs: %w", err)
	}
	var index struct {
		Packs map[string]*Entry `json:"packs"`
	}
	if err := json.Unmarshal(doc, &index); err != nil {
		return nil, squall.Errorf(squall.Invalid, "index of packs %s: %w", s.IndexFile, err)
	}
	return index.Packs, nil
}

// Lookup finds a pack in the index. Error kind: NotFound.
func (s *Service) Lookup(name string) (*Entry, error) {
	index, err := s.Index()
	if err != nil {
		return nil, err
	}
	if e := index[name]; e != nil && e.Repo != "" {
		return e, nil
	}
	if s.IndexFile == "" {
		return nil, squall.Errorf(squall.NotFound, "pack %q cannot be found by name: there is no index (packs.index); give a directory, an archive or a git address", name)
	}
	return nil, squall.Errorf(squall.NotFound, "pack %q is not in the index %s", name, s.IndexFile)
}

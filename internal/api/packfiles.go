package api

import (
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"unicode/utf8"

	"squall/internal/api/wire"
	"squall/internal/squall"
)

// Bounds of what is shown of a pack's files: a file alone, all of them (st2
// leaves out larger ones).
const (
	maxPackFile  = 200 << 10
	maxPackFiles = 16 << 20
)

// openPack opens the directory of a pack. Nothing outside of it can be reached
// through what is returned, not even by symbolic links.
func (s *Server) openPack(r *request, ref string) (*squall.Pack, *os.Root, error) {
	packs, err := s.packs(r)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range packs {
		if p.Ref != ref && string(wire.ObjectID("pack", p.Ref)) != ref {
			continue
		}
		root, err := os.OpenRoot(p.Path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, squall.Errorf(squall.NotFound, "The files of pack %q are not there", ref)
		}
		return p, root, err
	}
	return nil, nil, squall.Errorf(squall.NotFound, "Pack with ref or id %q does not exist", ref)
}

// packFiles answers with the text files of a pack. Files that are too large or
// no text are left out (st2).
func (s *Server) packFiles(w http.ResponseWriter, r *request) error {
	p, root, err := s.openPack(r, r.params["ref"])
	if err != nil {
		return err
	}
	defer root.Close()
	type file struct {
		Path    string `json:"file_path"`
		Content string `json:"content"`
	}
	files := []file{}
	total := 0
	for _, name := range p.Files {
		text, err := readFile(root, name)
		if err != nil || !utf8.Valid(text) {
			continue // went away, is too large, or no text
		}
		if total += len(text); total > maxPackFiles {
			break
		}
		files = append(files, file{name, string(text)})
	}
	return respondJSON(w, http.StatusOK, files)
}

// maxDefinition bounds the file of a workflow or of an entry point.
const maxDefinition = 8 << 20

// readPackFile reads a file of a pack. What is not there is fs.ErrNotExist.
func (s *Server) readPackFile(r *request, pack, name string) ([]byte, error) {
	_, root, err := s.openPack(r, pack)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return nil, fs.ErrNotExist
	}
	text, err := readUpTo(root, name, maxDefinition)
	if errors.Is(err, errTooLarge) {
		return nil, squall.Errorf(squall.Invalid, "File %s exceeds maximum allowed file size (%d bytes)", name, maxDefinition)
	}
	return text, err
}

var errTooLarge = errors.New("too large")

func readFile(root *os.Root, name string) ([]byte, error) { return readUpTo(root, name, maxPackFile) }

func readUpTo(root *os.Root, name string, limit int64) ([]byte, error) {
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	if info.Size() > limit {
		return nil, errTooLarge
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// packFile answers with one file as it is.
func (s *Server) packFile(w http.ResponseWriter, r *request) error {
	p, root, err := s.openPack(r, r.params["ref"])
	if err != nil {
		return err
	}
	defer root.Close()
	name := r.params["path"]
	if !filepath.IsLocal(name) || path.IsAbs(name) {
		return squall.Errorf(squall.Invalid, `Invalid file path: "%s". File path needs to be relative to the pack directory (%s). For example "my_action.py".`, name, p.Path)
	}
	text, err := readFile(root, name)
	switch {
	case errors.Is(err, errTooLarge):
		return squall.Errorf(squall.Invalid, "File %s exceeds maximum allowed file size (%d bytes)", name, maxPackFile)
	case err != nil:
		return &squall.Error{Kind: squall.NotFound, Msg: "File \"" + name + "\" not found", Err: err}
	}
	kind := "application/octet-stream"
	if byName := mime.TypeByExtension(path.Ext(name)); path.Ext(name) == ".png" && byName != "" {
		kind = byName
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff") // somebody else wrote it
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(http.StatusOK)
	_, err = w.Write(text)
	return err
}

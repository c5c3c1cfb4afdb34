package api

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"time"
	"unicode/utf8"

	"squall/internal/api/wire"
	"squall/internal/squall"
)

// Bounds of what is shown of a pack's files: a file alone, all of them (st2
// leaves out larger ones).
const (
	maxPackFile  = 500 * 1000
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
	return nil, nil, squall.Errorf(squall.NotFound, "Resource with a ref or id %q not found", ref)
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
		text, _, err := readFile(root, name)
		if head := text[:min(len(text), 1024)]; err != nil || !utf8.Valid(text) || bytes.Contains(head, []byte("\uFEFF")) || bytes.Contains(head, []byte{0}) {
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
	text, _, err := readUpTo(root, name, maxDefinition)
	if errors.Is(err, errTooLarge) {
		return nil, squall.Errorf(squall.Invalid, "File %s exceeds maximum allowed file size (%d bytes)", name, maxDefinition)
	}
	return text, err
}

var errTooLarge = errors.New("too large")

func readFile(root *os.Root, name string) ([]byte, time.Time, error) {
	return readUpTo(root, name, maxPackFile)
}

// readUpTo reads a file that is not larger than limit, and when it was changed.
func readUpTo(root *os.Root, name string, limit int64) ([]byte, time.Time, error) {
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	if !info.Mode().IsRegular() {
		return nil, time.Time{}, fs.ErrNotExist
	}
	if info.Size() > limit {
		return nil, time.Time{}, errTooLarge
	}
	text, err := io.ReadAll(io.LimitReader(f, limit))
	return text, info.ModTime(), err
}

// fileTypes are the media types of files, as Python guesses them. Those that a
// browser would run are not among them.
var fileTypes = map[string]string{
	".css": "text/css", ".csv": "text/csv", ".gif": "image/gif", ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".json": "application/json",
	".md": "text/markdown", ".pl": "text/plain", ".png": "image/png", ".ps": "application/postscript", ".py": "text/x-python",
	".sh": "application/x-sh", ".tar": "application/x-tar", ".txt": "text/plain", ".zip": "application/zip",
}

// packFile answers with one file as it is, or with the word that it has not changed.
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
	text, changed, err := readFile(root, name)
	switch {
	case errors.Is(err, errTooLarge):
		return squall.Errorf(squall.Invalid, "File %s exceeds maximum allowed file size (%d bytes)", name, int64(maxPackFile))
	case err != nil:
		return &squall.Error{Kind: squall.NotFound, Msg: "File \"" + name + "\" not found", Err: err}
	}
	h := w.Header()
	etag, at := strconv.FormatFloat(float64(changed.UnixNano())/1e9, 'f', -1, 64), changed.UTC().Format(http.TimeFormat)
	h["ETag"] = []string{etag} // st2: without quotes, and spelled so
	h.Set("Last-Modified", at)
	if none, since := r.Header.Get("If-None-Match"), r.Header.Get("If-Modified-Since"); none == etag || none == "" && since == at {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", orDefault(fileTypes[path.Ext(name)], "application/octet-stream"))
	h.Set("X-Content-Type-Options", "nosniff") // somebody else wrote it
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(http.StatusOK)
	_, err = w.Write(text)
	return err
}

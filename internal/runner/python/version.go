package python

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"squall/internal/runner"
)

// checkOut returns a directory with the pack's files as they are in version: a
// commit, tag or branch of the pack's own repository. What a commit holds never
// changes, so it is laid out once.
func (r *Runner) checkOut(ctx context.Context, job *runner.Job, version string) (string, error) {
	pack := job.Action.Ref.Pack
	if strings.HasPrefix(version, "-") {
		return "", fmt.Errorf("content_version %q is no commit, tag or branch", version)
	}
	// Not a repository somewhere above: the pack's own.
	if _, err := os.Stat(filepath.Join(job.PackDir, ".git")); err != nil {
		return "", fmt.Errorf("content_version %q: pack %s is no git repository", version, pack)
	}
	commit, err := git(ctx, job.PackDir, "rev-parse", "--verify", "--quiet", version+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("content_version %q: pack %s has no such commit, tag or branch", version, pack)
	}
	dir := filepath.Join(r.cfg.Versions, pack, strings.TrimSpace(string(commit)))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("content_version %q: %w", version, err)
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), ".part-")
	if err != nil {
		return "", fmt.Errorf("content_version %q: %w", version, err)
	}
	defer func() { _ = os.RemoveAll(part) }() // renamed when all went well
	archive, err := git(ctx, job.PackDir, "archive", "--format=tar", filepath.Base(dir))
	if err == nil {
		err = untar(strings.NewReader(string(archive)), part)
	}
	if err != nil {
		return "", fmt.Errorf("content_version %q of pack %s: %w", version, pack, err)
	}
	if err := os.Rename(part, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr == nil {
			return dir, nil // another run was faster
		}
		return "", err
	}
	return dir, nil
}

func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir, "-c", "safe.directory=*"}, args...)...)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		err = errors.New(strings.TrimSpace(string(exit.Stderr)))
	}
	return out, err
}

// untar writes an archive that git made below dir.
func untar(in io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := filepath.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(name, 0o755)
		case tar.TypeReg:
			err = write(root, name, h, r)
		case tar.TypeSymlink:
			err = root.Symlink(h.Linkname, name)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

func write(root *os.Root, name string, h *tar.Header, from io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644|h.FileInfo().Mode()&0o111)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

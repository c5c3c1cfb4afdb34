package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/pkg/sftp"
)

// Files is the file system of a host. Close it.
type Files struct {
	s    *session
	c    *sftp.Client
	host string
	stop func() bool
}

// Files opens the host's file system, by SFTP. It ends with ctx.
func (p *Pool) Files(ctx context.Context, t *Target) (*Files, error) {
	s, err := p.open(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := s.request(ctx, "subsystem", struct{ Name string }{"sftp"}); err != nil {
		s.close()
		return nil, fmt.Errorf("copy files to %s: %w", t.Name, err)
	}
	go func() { exitOf(s.reqs) }()                            // ends with the channel
	go func() { _, _ = io.Copy(io.Discard, s.ch.Stderr()) }() // as well
	stop := context.AfterFunc(ctx, func() { s.ch.Close() })   // the protocol knows no deadline
	client, err := sftp.NewClientPipe(s.ch, s.ch, sftp.UseConcurrentWrites(true))
	if err != nil {
		stop()
		s.close()
		return nil, fmt.Errorf("copy files to %s: %w", t.Name, err)
	}
	return &Files{s: s, c: client, host: t.Name, stop: stop}, nil
}

// Close ends the session.
func (f *Files) Close() {
	f.stop()
	f.c.Close()
	f.s.close()
}

// Mkdir makes a directory and those above it, for the user alone.
func (f *Files) Mkdir(dir string) error {
	if err := f.c.MkdirAll(path.Dir(dir)); err != nil {
		return f.problem("make directory", path.Dir(dir), err)
	}
	if err := f.c.Mkdir(dir); err != nil {
		return f.problem("make directory", dir, err)
	}
	return nil
}

// Put copies a file of this machine.
func (f *Files) Put(local, remote string, mode fs.FileMode) error {
	from, err := os.Open(local)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := f.c.OpenFile(remote, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return f.problem("write", remote, err)
	}
	_, err = to.ReadFrom(from)
	err = errors.Join(err, to.Chmod(mode), to.Close())
	if err != nil {
		return f.problem("write", remote, err)
	}
	return nil
}

// PutTree copies a directory with all below it; links are followed for files and
// passed over for directories, which could lead in circles.
func (f *Files) PutTree(local, remote string) error {
	return filepath.WalkDir(local, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(local, name)
		if err != nil {
			return err
		}
		to := path.Join(remote, filepath.ToSlash(rel))
		if d.IsDir() {
			if err := f.c.MkdirAll(to); err != nil {
				return f.problem("make directory", to, err)
			}
			return nil
		}
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		return f.Put(name, to, info.Mode().Perm())
	})
}

// RemoveTree deletes a directory with all below it.
func (f *Files) RemoveTree(dir string) error {
	if err := f.c.RemoveAll(dir); err != nil {
		return f.problem("delete", dir, err)
	}
	return nil
}

func (f *Files) problem(what, name string, err error) error {
	return fmt.Errorf("%s %s on %s: %w", what, name, f.host, err)
}

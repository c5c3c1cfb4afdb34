package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"squall/internal/auth"
	"squall/internal/reseal"
	"squall/internal/squall"
	"squall/internal/store"
)

// KeyringFile is the keyring's name in the data directory.
const KeyringFile = "keyring"

// KeyringPath is where the keys lie that secrets are encrypted with.
func (c *Config) KeyringPath() string {
	if c.Server.Keyring != "" {
		return c.Server.Keyring
	}
	return filepath.Join(c.Server.Data, KeyringFile)
}

// keyringNote is kept in the database, sealed with the keyring: who cannot open
// it has other keys than those the secrets in there are sealed with.
var keyringNote = squall.KeyRef{Scope: squall.InternalScope, Name: "keyring"}

// openKeyring reads the keyring, or makes one when neither it nor anything
// sealed exists. Error kinds: Invalid when the file is no keyring, Conflict
// when it is not the one the database was written with.
func openKeyring(ctx context.Context, st store.Store, path string, log *slog.Logger) (*auth.Keyring, error) {
	var note *squall.KeyValue
	err := st.View(ctx, func(tx store.Tx) (err error) {
		note, err = tx.Key(ctx, keyringNote)
		return err
	})
	if err != nil && squall.KindOf(err) != squall.NotFound {
		return nil, fmt.Errorf("read note of the keyring: %w", err)
	}
	ring, err := readKeyring(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && note != nil:
		return nil, squall.Errorf(squall.Conflict,
			"there is no keyring at %s, but the database holds secrets: copy the file from another node or from the backup (or name it with server.keyring)", path)
	case errors.Is(err, fs.ErrNotExist):
		if ring, err = createKeyring(path); err != nil {
			return nil, err
		}
		log.Info("created the keyring; secrets cannot be read without it, keep a copy", "file", path)
	case err != nil:
		return nil, err
	}
	err = st.Update(ctx, func(tx store.Tx) error {
		note, err := tx.Key(ctx, keyringNote)
		switch {
		case squall.KindOf(err) == squall.NotFound:
			return tx.PutKey(ctx, &squall.KeyValue{
				ID: squall.NewIDSource().Next(tx.Now()), KeyRef: keyringNote, Secret: true, Value: ring.Seal(auth.ForNote, "squall"),
			})
		case err != nil:
			return err
		}
		if _, err := ring.Open(auth.ForNote, note.Value); err != nil {
			return squall.Errorf(squall.Conflict,
				"the keyring %s is not the one this database was written with: copy the file from another node or from the backup (%w)", path, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("check the keyring: %w", err)
	}
	return ring, nil
}

// readKeyring reads the file. A file that others may read is refused, like a
// private key of ssh.
func readKeyring(path string) (*auth.Keyring, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read keyring: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, squall.Errorf(squall.Invalid, "others may read the keyring %s (mode %04o): chmod 600 %s", path, info.Mode().Perm(), path)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read keyring: %w", err)
	}
	ring, err := auth.ParseKeyring(file)
	if err != nil {
		return nil, fmt.Errorf("read keyring %s: %w", path, err)
	}
	return ring, nil
}

// createKeyring makes a keyring. Of several nodes that start at once on a file
// they share, one makes it, and the others read what it made.
func createKeyring(path string) (*auth.Keyring, error) {
	ring := auth.NewKeyring(time.Now())
	err := writeKeyring(path, ring, os.Link)
	if errors.Is(err, fs.ErrExist) {
		return readKeyring(path)
	}
	return ring, err
}

// writeKeyring writes the whole file under another name and puts it in place
// with os.Link, which keeps an existing file, or os.Rename, which replaces it.
func writeKeyring(path string, ring *auth.Keyring, place func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".keyring-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write keyring: %w", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // after a rename there is nothing to remove
	_, err = f.Write(ring.Encode())
	err = errors.Join(err, keepOwner(f, path), f.Sync(), f.Close())
	if err == nil {
		err = place(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write keyring: %w", err)
	}
	return nil
}

// keepOwner gives f the owner of the file it is to replace: when root rotates
// the keys of a server that runs as somebody else, that one must still read them.
func keepOwner(f *os.File, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return nil // nothing is replaced
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Geteuid() {
		return nil
	}
	return f.Chown(int(owner.Uid), int(owner.Gid))
}

// keyOfNode names the key with which the process of a node seals.
func keyOfNode(node string) squall.KeyRef {
	return squall.KeyRef{Scope: squall.InternalScope, Name: "keyring/node/" + node}
}

// noteKeyOfNode notes it, for those who replace keys.
func noteKeyOfNode(ctx context.Context, st store.Store, ring *auth.Keyring, node string) error {
	err := st.Update(ctx, func(tx store.Tx) error {
		return tx.PutKey(ctx, &squall.KeyValue{ID: squall.NewIDSource().Next(tx.Now()), KeyRef: keyOfNode(node), Value: ring.Keys()[0]})
	})
	if err != nil {
		return fmt.Errorf("note which key the node seals with: %w", err)
	}
	return nil
}

// resealedNote names the key that everything was sealed again with last.
var resealedNote = squall.KeyRef{Scope: squall.InternalScope, Name: "keyring/resealed"}

// sealAgain seals with the newest key what older ones sealed, once for every new
// key. Only a server that is alone with its database does it by itself: of a
// cluster nobody here knows whether all nodes have the newest key.
func (s *server) sealAgain(ctx context.Context) error {
	if s.config.Database.URL != "" || len(s.keyring.Keys()) < 2 {
		return nil
	}
	newest := s.keyring.Keys()[0]
	err := s.store.View(ctx, func(tx store.Tx) error {
		note, err := tx.Key(ctx, resealedNote)
		if err == nil && note.Value == newest {
			newest = ""
		}
		return err
	})
	if newest == "" {
		return nil
	}
	if err != nil && squall.KindOf(err) != squall.NotFound && ctx.Err() == nil {
		s.log.Warn("the note of the keyring cannot be read", "error", err)
	}
	report, err := (&reseal.Sealer{Store: s.store, Ring: s.keyring, Log: s.log.With("part", "keyring")}).Run(ctx)
	switch {
	case ctx.Err() != nil: // the next start goes on
	case err != nil:
		s.log.Error("secrets could not be sealed again with the newest key; the next start goes on", "done", report.Resealed, "error", err)
	case report.Resealed > 0:
		s.log.Info("sealed secrets again with the newest key", "count", report.Resealed, "key", newest)
	}
	if err != nil {
		return nil
	}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		return tx.PutKey(ctx, &squall.KeyValue{ID: squall.NewIDSource().Next(tx.Now()), KeyRef: resealedNote, Value: newest})
	})
	if err != nil && ctx.Err() == nil {
		s.log.Warn("that secrets were sealed again is not noted; the next start looks anew", "error", err)
	}
	return nil
}

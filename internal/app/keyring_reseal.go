package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"squall/internal/auth"
	"squall/internal/reseal"
	"squall/internal/squall"
	"squall/internal/store"
)

// reencryptCommand seals again what older keys sealed.
func reencryptCommand(stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use: "reencrypt", Short: "Seal again with the newest key what older ones sealed", Args: cobra.NoArgs,
		Long: `Seal again with the newest key what older ones sealed: secrets of the datastore
and of the packs' configurations, parameters and results of executions, the state
of workflows, rollouts. Servers on PostgreSQL may run meanwhile when all of them
have the newest key; with the embedded database the server does it by itself after
its start. It may be stopped and started again at any time.`,
	}
	sources := sourceFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, _, err := LoadConfig(sources())
		if err != nil {
			return &ConfigError{err}
		}
		return withSealer(cmd, c, func(s *reseal.Sealer) error {
			report, err := s.Run(cmd.Context())
			fmt.Fprintf(stdout, "%d secrets sealed again with %s\n", report.Resealed, s.Ring.Keys()[0])
			if err == nil && report.Failed > 0 {
				err = squall.Errorf(squall.Conflict, "%d secrets cannot be opened with this keyring and stay as they are", report.Failed)
			}
			return err
		})
	}
	return cmd
}

// removeKeyCommand takes an older key out of the keyring.
func removeKeyCommand(stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use: "remove KEYID", Short: "Take an older key out of the keyring", Args: cobra.ExactArgs(1),
		Long: `Take an older key out of the keyring, after squall keyring reencrypt. While
anything in the database is sealed with it, which is looked for everywhere, the key
stays, and the message says what that is. Backups of the database that are older
need the key: keep a copy of the keyring with each of them.`,
	}
	sources := sourceFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, _, err := LoadConfig(sources())
		if err != nil {
			return &ConfigError{err}
		}
		return withSealer(cmd, c, func(s *reseal.Sealer) error {
			key := strings.ToLower(args[0])
			left, err := s.Ring.Without(key)
			if err != nil {
				return err
			}
			uses, err := s.Uses(cmd.Context(), key)
			if err != nil {
				return err
			}
			if len(uses) > 0 {
				return squall.Errorf(squall.Conflict, "the key %s is still needed for %s: run squall keyring reencrypt, then remove it", key, usesText(uses))
			}
			if err := writeKeyring(c.KeyringPath(), left, os.Rename); err != nil {
				return err
			}
			fmt.Fprintf(stdout, "%s is removed\n", key)
			return nil
		})
	}
	return cmd
}

// usesText is "3 documents of the datastore (st2kv.system:a), ...".
func usesText(uses []reseal.Use) string {
	var list []string
	for _, u := range uses {
		list = append(list, fmt.Sprintf("%d in %s (such as %s)", u.Count, u.Part, u.Sample))
	}
	return strings.Join(list, ", ")
}

// withSealer opens database and keyring for fn. It refuses when they do not belong
// together, and while a server runs that does not know the newest key: it would
// go on sealing with an older one.
func withSealer(cmd *cobra.Command, c *Config, fn func(*reseal.Sealer) error) error {
	ctx := cmd.Context()
	log := newLogger(cmd.ErrOrStderr(), "warn", c.Log.Format)
	ring, err := readKeyring(c.KeyringPath())
	if err != nil {
		return err
	}
	st, err := openStore(ctx, c, nil, log)
	if err != nil {
		return err
	}
	defer st.Close() //nolint:errcheck // every transaction has ended
	if err := mustFit(ctx, st, ring, c.KeyringPath()); err != nil {
		return err
	}
	if c.Database.URL != "" { // the embedded one has no other user
		if err := refuseOlderNodes(ctx, st, ring); err != nil {
			return err
		}
	}
	return fn(&reseal.Sealer{Store: st, Ring: ring, Log: log, Progress: progressTo(cmd.ErrOrStderr())})
}

// mustFit refuses a keyring that is not the database's. Error kind: Conflict.
func mustFit(ctx context.Context, st store.Store, ring *auth.Keyring, path string) error {
	var note *squall.KeyValue
	err := st.View(ctx, func(tx store.Tx) (err error) {
		note, err = tx.Key(ctx, keyringNote)
		return err
	})
	switch {
	case squall.KindOf(err) == squall.NotFound:
		return squall.Errorf(squall.Conflict, "no server has used this database with a keyring yet: is it the right one?")
	case err != nil:
		return fmt.Errorf("read note of the keyring: %w", err)
	}
	if _, err := ring.Open(auth.ForNote, note.Value); err != nil {
		return squall.Errorf(squall.Conflict, "the keyring %s is not the one this database was written with (%w)", path, err)
	}
	return nil
}

// refuseOlderNodes refuses while a node lives that seals with another key than the
// newest: it does not know that one. Error kind: Conflict.
func refuseOlderNodes(ctx context.Context, st store.Store, ring *auth.Keyring) error {
	var older []string
	err := st.View(ctx, func(tx store.Tx) error {
		nodes, err := tx.Nodes(ctx)
		older = nil
		for _, n := range nodes {
			if !n.LeaseUntil.After(tx.Now()) {
				continue
			}
			note, err := tx.Key(ctx, keyOfNode(n.Name))
			if err != nil && squall.KindOf(err) != squall.NotFound {
				return err
			}
			if err != nil || note.Value != ring.Keys()[0] {
				older = append(older, n.Name)
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	if len(older) > 0 {
		return squall.Errorf(squall.Conflict, "the newest key is not known to %s: copy the keyring to all nodes and restart these first", strings.Join(older, ", "))
	}
	return nil
}

// progressTo tells now and then how far a Sealer is.
func progressTo(w io.Writer) func(part string, looked, resealed int) {
	last := time.Now()
	return func(part string, looked, resealed int) {
		if time.Since(last) > progressEvery {
			last = time.Now()
			fmt.Fprintf(w, "%s: looked at %d, sealed %d again\n", part, looked, resealed)
		}
	}
}

const progressEvery = 2 * time.Second

package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"squall/internal/auth"
	"squall/internal/squall"
)

// keyringCommand works on the keyring's file, on the server's machine.
func keyringCommand(stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keyring",
		Short: "The keys that secrets are encrypted with",
		Long: `The keys that secrets are encrypted with. They lie in one file (keyring in the
data directory, or server.keyring), which every node of a cluster needs alike. A
running server reads it at its start: restart it after a change.`,
	}
	cmd.AddCommand(
		keyringStep(&cobra.Command{
			Use: "show", Short: "List the names of the keys", Args: cobra.NoArgs,
		}, func(ring *auth.Keyring, _ []string) (*auth.Keyring, error) {
			for i, id := range ring.Keys() {
				use := "opens"
				if i == 0 {
					use = "seals and opens"
				}
				fmt.Fprintf(stdout, "%s  %s\n", id, use)
			}
			fmt.Fprintf(stdout, "%d keys of StackStorm open what its clients encrypted\n", ring.StackStormKeys())
			return ring, nil
		}),
		keyringStep(&cobra.Command{
			Use: "rotate", Short: "Add a key, which seals from now on", Args: cobra.NoArgs,
			Long: `Add a key, which seals from now on; the older ones go on opening. A server with
the embedded database then seals again, after its next start, what older keys
sealed. In a cluster, copy the file to every node before you restart the first,
and run squall keyring reencrypt when all of them have it. After that the older
keys can be removed: squall keyring remove`,
		}, func(ring *auth.Keyring, _ []string) (*auth.Keyring, error) {
			ring = ring.Rotate(time.Now())
			fmt.Fprintf(stdout, "%s seals after the next start of the server\n", ring.Keys()[0])
			return ring, nil
		}),
		keyringStep(&cobra.Command{
			Use: "import-st2 FILE", Short: "Accept what StackStorm's clients encrypted", Args: cobra.ExactArgs(1),
			Long: `Add StackStorm's datastore_key.json, so that values which clients encrypted with
it (st2 key set --encrypted) are accepted and can be decrypted. To take over the
keys and values themselves, see: squall key import-st2`,
		}, func(ring *auth.Keyring, args []string) (*auth.Keyring, error) {
			file, err := os.ReadFile(args[0])
			if err != nil {
				return nil, squall.Errorf(squall.Invalid, "%w", err)
			}
			key, err := auth.ParseStackStormKey(file)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", args[0], err)
			}
			fmt.Fprintln(stdout, "StackStorm's key opens after the next start of the server")
			return ring.WithStackStorm(key), nil
		}),
	)
	cmd.AddCommand(reencryptCommand(stdout), removeKeyCommand(stdout))
	return cmd
}

// keyringStep makes cmd read the keyring, change it, and write it if it changed.
func keyringStep(cmd *cobra.Command, change func(*auth.Keyring, []string) (*auth.Keyring, error)) *cobra.Command {
	sources := sourceFlags(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		c, _, err := LoadConfig(sources())
		if err != nil {
			return &ConfigError{err}
		}
		path := c.KeyringPath()
		ring, err := readKeyring(path)
		if errors.Is(err, fs.ErrNotExist) {
			return squall.Errorf(squall.NotFound, "there is no keyring at %s: the first start of the server makes it", path)
		}
		if err != nil {
			return err
		}
		changed, err := change(ring, args)
		if err != nil || changed == ring {
			return err
		}
		return writeKeyring(path, changed, os.Rename)
	}
	return cmd
}

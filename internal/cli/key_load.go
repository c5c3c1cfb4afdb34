package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"squall/internal/api/wire"
	"squall/internal/auth"
	"squall/internal/squall"
)

// keyEntry is one key in a file: what `key list -j` prints, of Squall or of
// StackStorm, can be loaded again.
type keyEntry struct {
	Name      string     `yaml:"name"`
	Value     any        `yaml:"value"`
	Scope     string     `yaml:"scope"`
	User      string     `yaml:"user"`
	Secret    bool       `yaml:"secret"`
	Encrypted bool       `yaml:"encrypted"`
	TTL       int64      `yaml:"ttl"`
	Expire    *time.Time `yaml:"expire_timestamp"`
}

// readEntries reads a file of keys: a list, or one key alone; JSON is YAML.
func (a *app) readEntries(path string) ([]keyEntry, error) {
	text, err := a.readFile(path)
	if err != nil {
		return nil, err
	}
	var list []keyEntry
	if err := yaml.Unmarshal(text, &list); err != nil {
		var one keyEntry
		if yaml.Unmarshal(text, &one) != nil || one.Name == "" {
			return nil, usageErrorf("%s is no list of keys: %w", path, err)
		}
		list = []keyEntry{one}
	}
	for i, e := range list {
		if e.Name == "" {
			return nil, usageErrorf("%s: entry %d has no name", path, i+1)
		}
	}
	return list, nil
}

func (a *app) readFile(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(a.io.Stdin)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usageErrorf("%w", err)
	}
	return text, nil
}

// request turns an entry into a request. over says that it has expired already.
func (e *keyEntry) request(convert bool, now time.Time) (req wire.KeyRequest, over bool, err error) {
	req = wire.KeyRequest{Name: e.Name, Scope: e.Scope, User: e.User, Secret: e.Secret, Encrypted: e.Encrypted, TTL: e.TTL}
	switch v := e.Value.(type) {
	case string:
		req.Value = v
	default:
		if !convert {
			return req, false, usageErrorf("the value of key %q is not a text; --convert makes it JSON", e.Name)
		}
		text, err := json.Marshal(v)
		if err != nil {
			return req, false, usageErrorf("the value of key %q cannot be made JSON: %w", e.Name, err)
		}
		req.Value = string(text)
	}
	if e.Expire != nil && e.TTL == 0 {
		left := e.Expire.Sub(now)
		if left <= 0 {
			return req, true, nil
		}
		req.TTL = int64(math.Ceil(left.Seconds()))
	}
	return req, false, nil
}

func (a *app) keyLoadCommand() *cobra.Command {
	var (
		out     format
		convert bool
	)
	cmd := &cobra.Command{
		Use:   "load FILE",
		Short: "Set keys from a file",
		Long: `Set keys from a file of JSON or YAML (- is standard input): a list of objects
with name, value and, where needed, scope, user, secret, encrypted and ttl. What
"squall key list -j" prints can be loaded again. Keys that have expired are left
out. Everything is read before the first key is set.`,
		Example: "  squall key load keys.yaml\n  squall key list --scope all -j > keys.json; squall key load keys.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			entries, err := a.readEntries(args[0])
			if err != nil {
				return err
			}
			return a.setKeys(cmd, out, entries, convert)
		},
	}
	out.addTo(cmd)
	cmd.Flags().BoolVarP(&convert, "convert", "c", false, "make values that are no texts JSON")
	return cmd
}

// setKeys sets all entries and shows what they have become.
func (a *app) setKeys(cmd *cobra.Command, out format, entries []keyEntry, convert bool) error {
	var reqs []wire.KeyRequest
	expired := 0
	for i := range entries {
		req, over, err := entries[i].request(convert, time.Now())
		switch {
		case err != nil:
			return err
		case over:
			expired++
		default:
			reqs = append(reqs, req)
		}
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	keys := make([]*wire.Key, 0, len(reqs))
	for i, req := range reqs {
		k, err := c.SetKey(cmd.Context(), req)
		if err != nil {
			err = fmt.Errorf("key %q, after %d of %d were set: %w", req.Name, i, len(reqs), err)
			if squall.KindOf(err) == squall.Denied && req.User != "" {
				err = fmt.Errorf("%w; start the server with rbac.enabled for the time of the import", err)
			}
			return err
		}
		keys = append(keys, k)
	}
	if out.machine() {
		return out.print(a.io.Stdout, keys)
	}
	_, err = fmt.Fprintf(a.io.Stdout, "%d keys set, %d left out because they have expired\n", len(keys), expired)
	return err
}

func (a *app) keyImportCommand() *cobra.Command {
	var (
		out     format
		keyFile string
	)
	cmd := &cobra.Command{
		Use:   "import-st2 FILE",
		Short: "Take over keys from StackStorm",
		Long: `Take over keys from StackStorm. FILE (- is standard input) is what StackStorm
prints for

  st2 key list --scope all -n -1 -j

run there by an administrator. The values of secrets in it are encrypted;
--key-file is StackStorm's key (encryption_key_path in st2.conf, usually
/etc/st2/keys/datastore_key.json). Every value is verified and decrypted here
before the first key is set; the server encrypts it with a key of its own.
Keys of other users need an administrator.`,
		Example: "  squall key import-st2 keys.json --key-file datastore_key.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			entries, err := a.readEntries(args[0])
			if err != nil {
				return err
			}
			if err := a.decryptEntries(entries, keyFile); err != nil {
				return err
			}
			return a.setKeys(cmd, out, entries, false)
		},
	}
	out.addTo(cmd)
	cmd.Flags().StringVar(&keyFile, "key-file", "", "StackStorm's datastore_key.json; not needed when nothing is encrypted")
	return cmd
}

// decryptEntries replaces ciphertext by plain text.
func (a *app) decryptEntries(entries []keyEntry, keyFile string) error {
	var key *auth.StackStormKey
	for i := range entries {
		e := &entries[i]
		if !e.Encrypted {
			continue
		}
		if key == nil {
			if keyFile == "" {
				return usageErrorf("the value of key %q is encrypted: name StackStorm's key with --key-file", e.Name)
			}
			text, err := a.readFile(keyFile)
			if err != nil {
				return err
			}
			if key, err = auth.ParseStackStormKey(text); err != nil {
				return fmt.Errorf("%s: %w", keyFile, err)
			}
		}
		sealed, _ := e.Value.(string)
		plain, err := key.Decrypt(sealed)
		if err != nil {
			return fmt.Errorf("key %q: %w", e.Name, err)
		}
		e.Value, e.Secret, e.Encrypted = plain, true, false
	}
	return nil
}

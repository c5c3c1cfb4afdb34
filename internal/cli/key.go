package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"squall/internal/api/wire"
	"squall/internal/client"
)

func (a *app) keyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Keys and values of the datastore",
		Long: `Keys and values of the datastore.

A key of scope system belongs to everybody, a key of scope user to one user.
Templates read them as {{ st2kv.system.NAME }} and {{ st2kv.user.NAME }}. The
values of secret keys (set --encrypt) are encrypted; list and get show their
ciphertext unless told to --decrypt.`,
	}
	cmd.AddCommand(a.keyListCommand(), a.keyGetCommand(), a.keySetCommand(), a.keyDeleteCommand(), a.keyLoadCommand(), a.keyImportCommand())
	return cmd
}

// keyFlags are the flags that say which key is meant.
func keyFlags(cmd *cobra.Command, q *client.KeyQuery, scopes string) {
	cmd.Flags().StringVarP(&q.Scope, "scope", "s", "system", scopes)
	cmd.Flags().StringVarP(&q.User, "user", "u", "", "owner of keys of scope user (default: you); for administrators")
}

func (a *app) keyListCommand() *cobra.Command {
	var (
		out format
		q   client.KeyQuery
	)
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List keys",
		Example: "  squall key list --prefix mysql.\n  squall key list --scope all --decrypt -j",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			keys, err := c.Keys(cmd.Context(), q)
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, keys)
			}
			rows := make([][]string, len(keys))
			for i, k := range keys {
				rows[i] = []string{k.Name, strings.TrimPrefix(k.Scope, "st2kv."), k.User, yesNo(k.Secret), expiry(&k), oneLine(k.Value)}
			}
			return a.io.table(newStyles(a.io.renderer()), []string{"NAME", "SCOPE", "USER", "SECRET", "EXPIRES", "VALUE"}, rows)
		},
	}
	out.addTo(cmd)
	keyFlags(cmd, &q, "system, user or all")
	cmd.Flags().StringVarP(&q.Prefix, "prefix", "p", "", "only names that begin with this")
	cmd.Flags().BoolVarP(&q.Decrypt, "decrypt", "d", false, "show secrets in plain text")
	cmd.Flags().IntVarP(&q.Limit, "last", "n", 0, "at most so many; 0: all")
	return cmd
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func expiry(k *wire.Key) string {
	if k.Expire == nil {
		return "-"
	}
	return k.Expire.Local().Format("2006-01-02 15:04:05")
}

func (a *app) keyGetCommand() *cobra.Command {
	var (
		out format
		q   client.KeyQuery
	)
	cmd := &cobra.Command{
		Use:     "get NAME",
		Short:   "Show a key",
		Example: "  squall key get mysql.host\n  squall key get mysql.password --decrypt",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			k, err := c.Key(cmd.Context(), args[0], q)
			if err != nil {
				return err
			}
			return a.showKey(out, k)
		},
	}
	out.addTo(cmd)
	keyFlags(cmd, &q, "system or user")
	cmd.Flags().BoolVarP(&q.Decrypt, "decrypt", "d", false, "show a secret in plain text")
	return cmd
}

func (a *app) showKey(out format, k *wire.Key) error {
	if out.machine() {
		return out.print(a.io.Stdout, k)
	}
	st := newStyles(a.io.renderer())
	lines := [][2]string{{"name:", k.Name}, {"value:", k.Value}, {"scope:", k.Scope}}
	if k.User != "" {
		lines = append(lines, [2]string{"user:", k.User})
	}
	lines = append(lines, [2]string{"secret:", yesNo(k.Secret)}, [2]string{"encrypted:", yesNo(k.Encrypted)}, [2]string{"expires:", expiry(k)})
	for _, l := range lines {
		if _, err := fmt.Fprintf(a.io.Stdout, "%s%s%s\n", st.key.Render(l[0]), strings.Repeat(" ", 11-len(l[0])), l[1]); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) keySetCommand() *cobra.Command {
	var (
		out format
		q   client.KeyQuery
		req wire.KeyRequest
	)
	cmd := &cobra.Command{
		Use:   "set NAME [VALUE]",
		Short: "Create or replace a key",
		Long: `Create or replace a key. Without VALUE, or with -, the value is read from
standard input, where other users of this machine cannot see it; a newline at its
end is dropped.`,
		Example: `  squall key set mysql.host db1
  squall key set mysql.password --encrypt < password-file
  squall key set lock held --ttl 600`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Name, req.Scope, req.User = args[0], q.Scope, q.User
			if len(args) == 2 && args[1] != "-" {
				req.Value = args[1]
			} else {
				text, err := a.readValue(args[0])
				if err != nil {
					return err
				}
				req.Value = text
			}
			if req.TTL < 0 {
				return usageErrorf("--ttl: %d is not a number of seconds", req.TTL)
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			k, err := c.SetKey(cmd.Context(), req)
			if err != nil {
				return err
			}
			return a.showKey(out, k)
		},
	}
	out.addTo(cmd)
	keyFlags(cmd, &q, "system or user")
	cmd.Flags().Int64VarP(&req.TTL, "ttl", "l", 0, "seconds after which the key is gone; 0: never")
	cmd.Flags().BoolVarP(&req.Secret, "encrypt", "e", false, "keep the value encrypted")
	cmd.Flags().BoolVar(&req.Encrypted, "encrypted", false, "VALUE is encrypted already")
	return cmd
}

// readValue reads a value from standard input, at a terminal without showing it.
func (a *app) readValue(name string) (string, error) {
	if a.io.ReadPassword != nil {
		return a.io.ReadPassword("Value of " + name + ": ")
	}
	text, err := io.ReadAll(io.LimitReader(a.io.Stdin, 8<<20))
	if err != nil {
		return "", fmt.Errorf("read the value: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}

func (a *app) keyDeleteCommand() *cobra.Command {
	var q client.KeyQuery
	cmd := &cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete a key",
		Example: "  squall key delete mysql.password",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			if err := c.DeleteKey(cmd.Context(), args[0], q); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.io.Stdout, "Resource with id %q has been successfully deleted.\n", args[0]) // st2's words
			return err
		},
	}
	keyFlags(cmd, &q, "system or user")
	return cmd
}

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"squall/internal/api/wire"
	"squall/internal/client"
	"squall/internal/squall"
)

// credentials are the tokens that login keeps, by server, in a file only the
// user can read.
type credentials struct{ path string }

type credential struct {
	User   string    `json:"user"`
	Token  string    `json:"token"`
	Expiry time.Time `json:"expiry"`
}

func (a *app) credentials() credentials {
	if a.io.Home == "" {
		return credentials{}
	}
	return credentials{filepath.Join(a.io.Home, "squall", "credentials.json")}
}

func (c credentials) read() (map[string]credential, error) {
	kept := map[string]credential{}
	if c.path == "" {
		return kept, nil
	}
	text, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return kept, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &kept); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): delete it and log in again", c.path, err)
	}
	return kept, nil
}

func (c credentials) get(url string) (credential, bool) {
	kept, err := c.read()
	if err != nil {
		return credential{}, false // the command then says "not logged in", which is the cure
	}
	cr, ok := kept[url]
	return cr, ok
}

// change reads, changes and replaces the file in one step.
func (c credentials) change(fn func(map[string]credential)) error {
	if c.path == "" {
		return errors.New("there is no home directory to keep the token in; use SQUALL_TOKEN")
	}
	kept, err := c.read()
	if err != nil {
		return err
	}
	fn(kept)
	text, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(c.path), ".credentials-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // after the rename it is gone
	if _, err := tmp.Write(text); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), c.path)
}

func (a *app) loginCommand() *cobra.Command {
	var ttl time.Duration
	var printToken, sso, device bool
	cmd := &cobra.Command{
		Use:   "login [USER]",
		Short: "Get a token and keep it for the next commands",
		Long: `Get a token for the server and keep it, readable by you only, for the next commands.
The password comes from SQUALL_PASSWORD or is asked for. With --sso you log in at
the site's identity provider in a browser on this machine, with --device in one
on any other.`,
		Example: `  squall login admin
  SQUALL_PASSWORD=$(cat /var/lib/squall/admin-password) squall login admin --ttl 1h
  export SQUALL_TOKEN=$(squall login admin --print)
  squall login --sso`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			var token *wire.Token
			switch {
			case device:
				token, err = a.loginByDevice(cmd.Context(), c, ttl)
			case sso:
				token, err = a.loginByBrowser(cmd.Context(), c, ttl)
			default:
				token, err = a.loginByPassword(cmd.Context(), c, args, ttl)
			}
			if err != nil {
				return err
			}
			if printToken {
				_, err = fmt.Fprintln(a.io.Stdout, token.Token)
				return err
			}
			err = a.credentials().change(func(kept map[string]credential) {
				kept[a.serverURL()] = credential{User: token.User, Token: token.Token, Expiry: token.Expiry.Time}
			})
			if err != nil {
				return fmt.Errorf("the token cannot be kept: %w\nTo have it in the environment: export SQUALL_TOKEN=$(squall login --print USER)", err)
			}
			_, err = fmt.Fprintf(a.io.Stdout, "Logged in to %s as %s until %s.\n", a.serverURL(), token.User, token.Expiry.Local().Format(time.RFC1123))
			return err
		},
	}
	cmd.Flags().DurationVar(&ttl, "ttl", 0, "life of the token, such as 1h (default: the server's auth.token_ttl)")
	cmd.Flags().BoolVar(&printToken, "print", false, "print the token instead of keeping it")
	cmd.Flags().BoolVar(&sso, "sso", false, "log in at the identity provider, in a browser on this machine")
	cmd.Flags().BoolVar(&device, "device", false, "log in at the identity provider, in a browser on another machine")
	return cmd
}

func (a *app) loginByPassword(ctx context.Context, c *client.Client, args []string, ttl time.Duration) (*wire.Token, error) {
	user := a.io.Env("SQUALL_USER")
	if len(args) > 0 {
		user = args[0]
	}
	if user == "" {
		return nil, usageErrorf("whose login? squall login USER")
	}
	password := a.io.Env("SQUALL_PASSWORD")
	if password == "" && a.io.ReadPassword != nil {
		var err error
		if password, err = a.io.ReadPassword("Password of " + user + ": "); err != nil {
			return nil, err
		}
	}
	if password == "" {
		return nil, usageErrorf("no password: set SQUALL_PASSWORD, or run this at a terminal")
	}
	token, err := c.Login(ctx, user, password, ttl)
	if squall.KindOf(err) == squall.Unauthentic {
		return nil, &ExitError{Code: ExitDenied, Err: fmt.Errorf("%s: user or password is wrong\nThe first password of admin lies in the file admin-password of the server's data directory.", a.serverURL())}
	}
	return token, err
}

func (a *app) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "logout",
		Short:   "Revoke and forget the token that login has kept",
		Example: "  squall logout",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kept, ok := a.credentials().get(a.serverURL())
			if !ok {
				_, err := fmt.Fprintf(a.io.Stdout, "Not logged in to %s.\n", a.serverURL())
				return err
			}
			a.token = kept.Token
			c, err := a.connect()
			if err != nil {
				return err
			}
			// A token the server does not know any more is as good as revoked.
			if err := c.Logout(cmd.Context()); err != nil && squall.KindOf(err) != squall.Unauthentic && squall.KindOf(err) != squall.NotFound {
				return err
			}
			if err := a.credentials().change(func(kept map[string]credential) { delete(kept, a.serverURL()) }); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.io.Stdout, "Logged out of %s.\n", a.serverURL())
			return err
		},
	}
}

func (a *app) whoamiCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "whoami",
		Short:   "Print who the server takes you for",
		Example: "  squall whoami",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			u, err := c.Whoami(cmd.Context())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.io.Stdout, "%s at %s\n", u.Name, a.serverURL())
			return err
		},
	}
}

func (a *app) waitCommand() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:     "wait",
		Short:   "Wait until the server is ready for work",
		Example: "  squall wait --timeout 30s",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			for {
				err := c.Ready(ctx)
				if err == nil {
					return nil
				}
				select {
				case <-ctx.Done():
					if cmd.Context().Err() != nil {
						return cmd.Context().Err()
					}
					return &ExitError{Code: ExitTimeout, Err: fmt.Errorf("not ready after %s: %w", timeout, err)}
				case <-time.After(50 * time.Millisecond):
				}
			}
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "how long to wait")
	return cmd
}

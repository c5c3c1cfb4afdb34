package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"squall/internal/api/wire"
)

func (a *app) userCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Look at users, make them, and keep them out",
		Long: `Look at users, make them, and keep them out. Users of a directory or an identity
provider appear by themselves when they first log in; those of auth.htpasswd are
not listed. All of it is for administrators.`,
	}
	cmd.AddCommand(
		a.userListCommand(), a.userGetCommand(), a.userCreateCommand(), a.userPasswdCommand(),
		a.userSwitchCommand("disable", "Keep a user out, by every way, from now on", func(r *wire.AccountRequest) { r.Disabled = new(true) }),
		a.userSwitchCommand("enable", "Let a user in again", func(r *wire.AccountRequest) { r.Disabled = new(false) }),
		a.userSwitchCommand("promote", "Make a user an administrator", func(r *wire.AccountRequest) { r.Admin = new(true) }),
		a.userSwitchCommand("demote", "Make an administrator a user", func(r *wire.AccountRequest) { r.Admin = new(false) }),
		a.userDeleteCommand(),
	)
	return cmd
}

func (a *app) userListCommand() *cobra.Command {
	var out format
	var source string
	cmd := &cobra.Command{
		Use: "list", Short: "List the users", Args: cobra.NoArgs,
		Example: "  squall user list\n  squall user list --source service -j",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			list, err := c.Users(cmd.Context(), source)
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, list)
			}
			return a.printUsers(list)
		},
	}
	out.addTo(cmd)
	cmd.Flags().StringVar(&source, "source", "", "only users of this source: local, service, ldap, pam, oidc, saml, proxy, jwt")
	return cmd
}

func (a *app) printUsers(list []wire.Account) error {
	rows := make([][]string, len(list))
	for i, u := range list {
		var is []string
		for word, so := range map[string]bool{"administrator": u.Admin, "disabled": u.Disabled} {
			if so {
				is = append(is, word)
			}
		}
		rows[i] = []string{
			oneLine(u.Name), u.Source, firstOf(strings.Join(is, ", "), "-"), firstOf(oneLine(strings.Join(u.Groups, ", ")), "-"),
			u.CreatedAt.Local().Format(time.DateTime), oneLine(u.Description),
		}
	}
	return a.io.table(newStyles(a.io.renderer()), []string{"NAME", "SOURCE", "IS", "GROUPS", "SINCE", "DESCRIPTION"}, rows)
}

func (a *app) userGetCommand() *cobra.Command {
	var out format
	cmd := &cobra.Command{
		Use: "get NAME", Short: "Show one user", Args: cobra.ExactArgs(1), Example: "  squall user get ann",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			u, err := c.User(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, u)
			}
			return a.printUsers([]wire.Account{*u})
		},
	}
	out.addTo(cmd)
	return cmd
}

func (a *app) userCreateCommand() *cobra.Command {
	var req wire.AccountRequest
	var admin bool
	var description string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a user with a password, or a service account",
		Long: `Make a user with a password, or a service account, which comes in with API keys
only. The password comes from standard input or is asked for at the terminal.`,
		Example: "  squall user create ann\n  squall user create backup --service --description 'nightly backup'\n  squall apikey create --user backup",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			req.Name = args[0]
			if !req.Service {
				if req.Password, err = a.newPassword(req.Name); err != nil {
					return err
				}
			}
			if cmd.Flags().Changed("admin") {
				req.Admin = &admin
			}
			if description != "" {
				req.Description = &description
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			u, err := c.CreateUser(cmd.Context(), req)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.io.Stdout, "%s is a user of source %s.\n", oneLine(u.Name), u.Source)
			return err
		},
	}
	cmd.Flags().BoolVar(&req.Service, "service", false, "a service account")
	cmd.Flags().BoolVar(&admin, "admin", false, "an administrator")
	cmd.Flags().StringVar(&description, "description", "", "what the account is for")
	return cmd
}

// newPassword asks twice at a terminal, and reads a line where there is none.
func (a *app) newPassword(user string) (string, error) {
	if a.io.ReadPassword == nil {
		text, err := io.ReadAll(io.LimitReader(a.io.Stdin, 4096))
		password := strings.TrimRight(string(text), "\r\n")
		if err == nil && password == "" {
			err = usageErrorf("no password: write it to standard input, or run this at a terminal")
		}
		return password, err
	}
	password, err := a.io.ReadPassword("New password of " + user + ": ")
	if err != nil {
		return "", err
	}
	again, err := a.io.ReadPassword("Again: ")
	if err == nil && again != password {
		err = usageErrorf("the two are not the same")
	}
	return password, err
}

func (a *app) userPasswdCommand() *cobra.Command {
	return &cobra.Command{
		Use: "passwd NAME", Short: "Give a user of the database a new password", Args: cobra.ExactArgs(1),
		Example: "  squall user passwd ann\n  squall user passwd admin < new-password",
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := a.newPassword(args[0])
			if err != nil {
				return err
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			if _, err := c.ChangeUser(cmd.Context(), args[0], wire.AccountRequest{Password: password}); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.io.Stdout, "%s has a new password.\n", args[0])
			return err
		},
	}
}

// userSwitchCommand is a command that changes one thing about users.
func (a *app) userSwitchCommand(name, short string, change func(*wire.AccountRequest)) *cobra.Command {
	return &cobra.Command{
		Use: name + " NAME...", Short: short, Args: cobra.MinimumNArgs(1), Example: "  squall user " + name + " ann",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			var req wire.AccountRequest
			change(&req)
			var list []wire.Account
			for _, user := range args {
				u, err := c.ChangeUser(cmd.Context(), user, req)
				if err != nil {
					return fmt.Errorf("%s: %w", user, err)
				}
				list = append(list, *u)
			}
			return a.printUsers(list)
		},
	}
}

func (a *app) userDeleteCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "delete NAME...",
		Short:   "Remove users and their API keys",
		Example: "  squall user delete ann",
		Long: `Remove users and their API keys. Who comes from a directory or an identity provider
comes back with the next login: disable them instead.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			for _, user := range args {
				if err := c.DeleteUser(cmd.Context(), user); err != nil {
					return fmt.Errorf("%s: %w", user, err)
				}
				if _, err := fmt.Fprintf(a.io.Stdout, "%s is gone.\n", user); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

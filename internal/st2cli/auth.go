package st2cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"squall/internal/api/wire"
	"squall/internal/argparse"
	"squall/internal/expr/value"
)

// authArgs are the arguments of auth and login.
func authArgs(more argparse.Arg) []argparse.Arg {
	return append(append([]argparse.Arg{}, formatArgs...),
		argparse.Arg{Name: "username", Help: "who logs in"},
		argparse.Arg{Flags: []string{"-p", "--password"}, Name: "password", Help: "the password; without it you are asked"},
		argparse.Arg{Flags: []string{"-l", "--ttl"}, Name: "ttl", Type: argparse.Int, Help: "life of the token in seconds, at most what the server allows"},
		more)
}

// login gets a token with the password given or asked for.
func (c *call) login() (*wire.Token, error) {
	password := c.v.String("password")
	if password == "" {
		var err error
		switch {
		case c.ReadPassword != nil:
			password, err = c.ReadPassword("Password: ")
		default:
			password, err = c.ask("Password: ")
		}
		if err != nil {
			return nil, err
		}
		c.v["password"] = password
	}
	return c.api.Login(c, c.v.String("username"), password, time.Duration(c.v.Int("ttl"))*time.Second)
}

func authCommand() *argparse.Command {
	return &argparse.Command{Name: "auth", Help: "Get a token.", Args: authArgs(
		argparse.Arg{Flags: []string{"-t", "--only-token"}, Name: "only_token", Nargs: argparse.Switch, Help: "print the token alone"},
	), Run: command(func(c *call) error {
		t, err := c.login()
		if err != nil {
			return err
		}
		if c.v.Bool("only_token") {
			c.print(t.Token)
			return nil
		}
		return c.one(value.DictOf("user", t.User, "token", t.Token, "expiry", t.Expiry.UTC().Format("2006-01-02T15:04:05.000000Z")), []string{"user", "token", "expiry"}, defaultOrder, nil)
	})}
}

func loginCommand() *argparse.Command {
	return &argparse.Command{Name: "login", Help: "Get a token, keep it and remember the user in the configuration file.", Args: authArgs(
		argparse.Arg{Flags: []string{"-w", "--write-password"}, Name: "write_password", Nargs: argparse.Switch, Help: "keep the password in the configuration file, readable"},
	), Run: command(func(c *call) error {
		user := c.v.String("username")
		t, err := c.login()
		if err != nil {
			return invalid("Failed to log in as %s: %s", user, textOf(err))
		}
		if err := c.keepToken(t); err != nil {
			return err
		}
		password := ""
		if c.v.Bool("write_password") {
			password = c.v.String("password")
		}
		if err := c.rememberUser(user, password); err != nil {
			return err
		}
		c.print("Logged in as " + user)
		if password == "" {
			c.print("\n" + passwordNote)
		}
		return nil
	})}
}

// passwordNote is word for word what st2 says, for programs that wait for it.
const passwordNote = `Note: You didn't use --write-password option so the password hasn't been stored in the client config and you will need to login again in 24 hours when the auth token expires.
As an alternative, you can run st2 login command with the "--write-password" flag, but keep it mind this will cause it to store the password in plain-text in the client config file (~/.st2/config).`

// rememberUser writes the user, and the password unless it is empty, into the
// configuration file, whose other lines stay as they are.
func (c *call) rememberUser(user, password string) error {
	path, _ := c.configPath(c.v)
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return replaceFile(path, []byte(setCredentials(string(content), user, password)))
}

// setCredentials replaces user and password in the section [credentials].
func setCredentials(ini, user, password string) string {
	own := "username = " + user + "\n"
	if password != "" {
		own += "password = " + password + "\n"
	}
	var b strings.Builder
	inside, written := false, false
	for line := range strings.Lines(ini) {
		bare := strings.TrimSpace(line)
		if strings.HasPrefix(bare, "[") {
			inside = strings.HasPrefix(bare, "[credentials]")
		}
		name, _, _ := strings.Cut(strings.ReplaceAll(bare, ":", "="), "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if inside && (name == "username" || name == "password") {
			continue
		}
		b.WriteString(strings.TrimRight(line, "\n") + "\n")
		if inside && !written {
			b.WriteString(own)
			written = true
		}
	}
	if !written {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("[credentials]\n" + own)
	}
	return b.String()
}

func whoamiCommand() *argparse.Command {
	return &argparse.Command{Name: "whoami", Help: "Show who the server takes you for.", Args: formatArgs, Run: command(func(c *call) error {
		d, err := c.fetch("/api/v1/user", nil)
		switch {
		case err != nil && c.style == Plain:
			return err
		case err != nil || d == nil: // st2: also without a token, and not a failure
			c.print("Unable to retrieve currently logged-in user")
			return nil
		}
		method := text(d, "authentication.method")
		c.print(fmt.Sprintf("Currently logged in as \"%s\".\n\nAuthentication method: %s", text(d, "username"), method))
		if method == "authentication token" {
			c.print("Authentication token expire time: " + str(member(d, "authentication.token_expire")))
		}
		var names []string
		if l, ok := member(d, "rbac.roles").(*value.List); ok {
			for _, r := range l.Items {
				names = append(names, str(r))
			}
		}
		c.print(fmt.Sprintf("\nRBAC:\n - Enabled: %s\n - Roles: %s", str(member(d, "rbac.enabled")), strings.Join(names, ", ")))
		return nil
	})}
}

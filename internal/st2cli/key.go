package st2cli

import (
	"bufio"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"squall/internal/argparse"
	"squall/internal/expr/value"
)

var keys = &resource{
	path: "/api/v1/keys", one: "Key Value Pair", many: "key value pairs", id: "name",
	columns: []string{"name", "value", "secret", "encrypted", "scope", "user", "expire_timestamp"},
	attr:    []string{"name", "value", "secret", "encrypted", "scope", "expire_timestamp"},
	order:   defaultOrder,
	show:    map[string]func(*call, any) any{"expire_timestamp": (*call).showTime},
}

// Arguments of keys.
var (
	decryptArg = argparse.Arg{Flags: []string{"-d", "--decrypt"}, Name: "decrypt", Nargs: argparse.Switch, Help: "show secrets in plain text"}
	ownerArg   = argparse.Arg{Flags: []string{"-u", "--user"}, Name: "user", Help: "owner of keys of scope user, for administrators"}
)

func scopeArg(normal string) argparse.Arg {
	return argparse.Arg{Flags: []string{"-s", "--scope"}, Name: "scope", Default: normal, Help: "scope of the key: system or user (default " + normal + ")"}
}

func keyCommands() []*argparse.Command {
	// st2 shows the time of a single key as it is stored.
	get := *keys
	get.show = nil
	l := listing{
		last: 50, bare: true, turned: true, empty: noItems,
		query: map[string]string{"prefix": "prefix", "decrypt": "decrypt", "scope": "scope", "user": "user"},
	}
	cmd := keys.list(l)
	cmd.Args = args(attrArg, widthArg,
		argparse.Arg{Flags: []string{"--prefix"}, Name: "prefix", Help: "only keys whose name begins with this"},
		decryptArg, scopeArg("all"), ownerArg,
		argparse.Arg{Flags: []string{"-n", "--last"}, Name: "last", Type: argparse.Int, Default: int64(50), Help: "how many (default 50); -1: all"})
	return []*argparse.Command{
		cmd,
		get.getCommand(keyScope, decryptArg, scopeArg("system")),
		keyDelete(), keys.clone(), keySet(), keyLoad(), keyDeleteByPrefix(),
	}
}

// keyScope is the part of a query that says which key is meant.
func keyScope(c *call) url.Values {
	q := url.Values{"scope": {first(c.v.String("scope"), "system")}}
	if c.v.Bool("decrypt") {
		q.Set("decrypt", "true")
	}
	if u := c.v.String("user"); u != "" {
		q.Set("user", u)
	}
	return q
}

func keySet() *argparse.Command {
	return &argparse.Command{Name: "set", Help: "Create or change a key.", Args: args(
		argparse.Arg{Flags: []string{"-e", "--encrypt"}, Name: "secret", Nargs: argparse.Switch, Exclude: "encryption", Help: "keep the value encrypted"},
		argparse.Arg{Flags: []string{"--encrypted"}, Name: "encrypted", Nargs: argparse.Switch, Exclude: "encryption", Help: "the value is encrypted already"},
		argparse.Arg{Name: "name", Help: "name of the key"},
		argparse.Arg{Name: "value", Nargs: argparse.Optional, Help: "its value; without one it is asked for"},
		argparse.Arg{Flags: []string{"-l", "--ttl"}, Name: "ttl", Type: argparse.Int, Help: "seconds after which the key is gone"},
		scopeArg("system"), ownerArg,
	), Run: command(func(c *call) error {
		content := c.v.String("value")
		if content == "" {
			fmt.Fprint(c.Stdout, "Please insert value for key: ")
			line, err := bufio.NewReader(c.Stdin).ReadString('\n')
			if line == "" && err != nil {
				return errNobody
			}
			content = strings.TrimRight(line, "\r\n")
		}
		body := value.DictOf("name", c.v.String("name"), "scope", c.v.String("scope"), "user", c.v["user"], "value", content)
		if ttl := c.v["ttl"]; ttl != nil {
			body.SetStr("ttl", ttl)
		}
		for _, name := range []string{"secret", "encrypted"} {
			if c.v.Bool(name) {
				body.SetStr(name, true)
			}
		}
		d, err := c.sendDocument(http.MethodPut, at(keys.path, c.v.String("name")), body)
		if err != nil {
			return err
		}
		return c.one(d, []string{"name", "value", "scope", "expire_timestamp"}, defaultOrder, nil)
	})}
}

func keyDelete() *argparse.Command {
	return &argparse.Command{Name: "delete", Help: "Delete a key.", Args: args(
		argparse.Arg{Name: "name", Help: "name of the key"}, scopeArg("system"), ownerArg,
	), Run: command(func(c *call) error {
		name := c.v.String("name")
		_, err := c.api.Do(c, http.MethodDelete, at(keys.path, name), keyScope(c), nil)
		switch {
		case statusOf(err) == http.StatusNotFound:
			return c.missingOperation(keys, name)
		case err != nil:
			return err
		}
		c.deleted(name)
		return nil
	})}
}

func keyDeleteByPrefix() *argparse.Command {
	return &argparse.Command{Name: "delete_by_prefix", Help: "Delete the keys of scope system whose names begin alike.", Example: "squall key delete_by_prefix --prefix mysql.", Args: args(
		argparse.Arg{Flags: []string{"-p", "--prefix"}, Name: "prefix", Required: true, Help: "how the names begin"},
	), Run: command(func(c *call) error {
		docs, _, err := c.collect(keys.path, url.Values{"prefix": {c.v.String("prefix")}}, 0)
		if err != nil {
			return err
		}
		var gone []string
		for _, d := range docs {
			name := text(d, "name")
			if _, err := c.api.Do(c, http.MethodDelete, at(keys.path, name), nil, nil); err != nil && statusOf(err) != http.StatusNotFound {
				return err
			}
			gone = append(gone, name)
		}
		c.print(fmt.Sprintf("Deleted %d keys", len(gone)))
		c.print("Deleted key ids: " + strings.Join(gone, ", "))
		return nil
	})}
}

func keyLoad() *argparse.Command {
	return &argparse.Command{Name: "load", Help: "Create or change keys from a file.", Args: args(
		argparse.Arg{Flags: []string{"-c", "--convert"}, Name: "convert", Nargs: argparse.Switch, Help: "store values that are no texts as JSON"},
		argparse.Arg{Name: "file", Help: "JSON or YAML file with a key or a list of keys"},
	), Run: command(func(c *call) error {
		path := c.v.String("file")
		if full, err := filepath.Abs(path); err == nil && c.style == Boxed {
			path = full
		}
		v, err := c.readFile(path)
		if err != nil {
			return err
		}
		if d, ok := v.(document); ok {
			v = value.NewList(d)
		}
		var done []document
		for i, k := range list(v) {
			name := text(k, "name")
			content, ok := k.GetStr("value")
			if name == "" || !ok {
				return invalid("key %s of the file has no name or no value", strconv.Itoa(i+1))
			}
			if _, isText := content.(string); !isText {
				if !c.v.Bool("convert") {
					return invalid("Item '%s' has a value that is not a string. Either pass in the -c/--convert option to convert non-string types to JSON strings automatically, or convert the data to a string in the file", name)
				}
				if content, err = value.DumpJSON(nil, content, value.JSONOptions{}); err != nil {
					return err
				}
			}
			body := value.DictOf("name", name, "value", content, "scope", first(text(k, "scope"), "system"))
			for _, other := range []string{"user", "encrypted", "secret", "ttl"} {
				x, _ := k.GetStr(other)
				if yes, err := value.Truth(x); err == nil && yes {
					body.SetStr(other, x)
				}
			}
			if _, err := c.sendDocument(http.MethodPut, at(keys.path, name), body); err != nil {
				return err
			}
			done = append(done, body)
		}
		if len(done) == 0 {
			c.print(noItems)
			return nil
		}
		return c.table(done, []string{"name", "value", "secret", "scope", "user", "ttl"}, nil)
	})}
}

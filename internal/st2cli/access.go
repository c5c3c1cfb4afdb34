package st2cli

import (
	"fmt"
	"net/http"
	"net/url"

	"squall/internal/argparse"
	"squall/internal/expr/value"
)

var apiKeys = &resource{
	path: "/api/v1/apikeys", one: "API Key", many: "api keys", id: "key_or_id",
	columns: []string{"id", "user", "metadata"},
	plain:   []string{"id", "user", "enabled", "created_at", "metadata"},
	order:   []string{"id", "user", "metadata"},
}

func apiKeyCommands() []*argparse.Command {
	l := listing{bare: true, empty: noItems, query: map[string]string{"user": "user", "show_secrets": "show_secrets"}, args: []argparse.Arg{
		{Flags: []string{"-u", "--user"}, Name: "user", Help: "only keys of this user"},
		{Flags: []string{"-d", "--detail"}, Name: "detail", Nargs: argparse.Switch, Help: "show all attributes"},
		{Flags: []string{"--show-secrets"}, Name: "show_secrets", Nargs: argparse.Switch, Help: "show hashes"},
	}}
	cmd := apiKeys.list(l)
	cmd.Run = command(func(c *call) error {
		docs, total, err := apiKeys.query(c, l)
		if err != nil {
			return err
		}
		r := *apiKeys
		if c.v.Bool("detail") {
			delete(c.v, "attr")
			r.columns, r.plain = []string{"all"}, nil
		}
		return r.showList(c, l, docs, total)
	})
	return []*argparse.Command{cmd, apiKeys.getCommand(nil), apiKeyCreate(), apiKeys.delete(), apiKeys.clone(), apiKeys.enable(true), apiKeys.enable(false), apiKeyLoad()}
}

func apiKeyCreate() *argparse.Command {
	return &argparse.Command{Name: "create", Help: "Create an api key; it is shown this once.", Example: "squall apikey create\nKEY=$(squall apikey create --only-key --metadata '{\"for\": \"monitoring\"}')", Args: args(
		argparse.Arg{Flags: []string{"-u", "--user"}, Name: "user", Help: "whose key (default: yours)"},
		argparse.Arg{
			Flags: []string{"-m", "--metadata"}, Name: "metadata", Type: argparse.JSON, Help: "JSON object that is kept with the key",
			Read: func(word string) (any, error) { return value.LoadJSON(nil, word) },
		},
		argparse.Arg{Flags: []string{"-k", "--only-key"}, Name: "only_key", Nargs: argparse.Switch, Help: "print the key alone"},
	), Run: command(func(c *call) error {
		body := value.NewDict(2)
		if u := c.v.String("user"); u != "" {
			body.SetStr("user", u)
		}
		if m := c.v["metadata"]; m != nil {
			body.SetStr("metadata", m)
		}
		d, err := c.sendDocument(http.MethodPost, apiKeys.path, body)
		if err != nil {
			return c.failed(err)
		}
		if c.v.Bool("only_key") {
			c.print(text(d, "key"))
			return nil
		}
		return c.one(d, nil, defaultOrder, nil)
	})}
}

func apiKeyLoad() *argparse.Command {
	return &argparse.Command{Name: "load", Help: "Create or change api keys from a file with their hashes.", Example: "squall apikey load keys.yaml", Args: args(
		argparse.Arg{Name: "file", Help: "JSON or YAML file with a key or a list of keys"}, widthArg,
	), Run: command(func(c *call) error {
		v, err := c.readFile(c.v.String("file"))
		if err != nil {
			return err
		}
		if d, ok := v.(document); ok {
			v = value.NewList(d)
		}
		keys := list(v)
		if len(keys) == 0 {
			c.print(fmt.Sprintf("No %s found in %s.", apiKeys.lower(), c.v.String("file")))
			return nil
		}
		var done []document
		for i, k := range keys {
			body := value.NewDict(5)
			for _, name := range []string{"id", "user", "key_hash", "metadata", "enabled"} {
				if x, ok := k.GetStr(name); ok {
					body.SetStr(name, x)
				} else if name == "user" || name == "key_hash" {
					return invalid("%s: key %d has no %s", c.v.String("file"), i+1, name)
				}
			}
			if !body.Has("enabled") {
				body.SetStr("enabled", false)
			}
			d, err := c.putOrPost(apiKeys.path, text(k, "id"), body)
			if err != nil {
				return err
			}
			done = append(done, d)
		}
		return c.table(done, apiKeys.columns, nil)
	})}
}

// putOrPost changes what has the id, or creates it.
func (c *call) putOrPost(path, id string, body document) (document, error) {
	if id != "" {
		d, err := c.sendDocument(http.MethodPut, at(path, id), body)
		if err == nil || statusOf(err) != http.StatusNotFound {
			return d, err
		}
	}
	return c.sendDocument(http.MethodPost, path, body)
}

var roles = &resource{
	path: "/api/v1/rbac/roles", one: "Role", many: "roles", id: "id",
	columns: []string{"id", "name", "system", "description"},
	plain:   []string{"name", "system", "description"},
	order:   []string{"id", "name", "system", "permission_grants"},
}

func roleCommands() []*argparse.Command {
	return []*argparse.Command{
		roles.list(listing{bare: true, empty: noItems, query: map[string]string{"system": "system"}, before: []argparse.Arg{
			{Flags: []string{"-s", "--system"}, Name: "system", Nargs: argparse.Switch, Exclude: "system", Help: "only the roles that come with the program"},
		}}),
		roles.getCommand(nil),
	}
}

var assignments = &resource{
	path: "/api/v1/rbac/role_assignments", one: "Role Assignment", many: "role assignments", id: "id",
	columns: []string{"id", "role", "user", "is_remote", "source", "description"},
	order:   []string{"id", "role", "user", "is_remote", "description"},
}

func assignmentCommands() []*argparse.Command {
	return []*argparse.Command{
		assignments.list(listing{bare: true, empty: noItems, query: map[string]string{"role": "role", "user": "user", "source": "source", "remote": "remote"}, before: []argparse.Arg{
			{Flags: []string{"-r", "--role"}, Name: "role", Help: "only those of this role"},
			{Flags: []string{"-u", "--user"}, Name: "user", Help: "only those of this user"},
			{Flags: []string{"-s", "--source"}, Name: "source", Help: "only those from this file"},
			{Flags: []string{"--remote"}, Name: "remote", Nargs: argparse.Switch, Help: "only those that a login gave"},
		}}),
		assignments.getCommand(nil),
	}
}

// The registry of services: its groups are texts, its members have no ids.

func groupCommands() []*argparse.Command {
	return []*argparse.Command{{Name: "list", Help: "List the groups.", Args: args(attrArg, widthArg), Run: command(func(c *call) error {
		names, err := c.groups()
		if err != nil {
			return err
		}
		var docs []document
		for _, n := range names {
			docs = append(docs, value.DictOf("group_id", n))
		}
		return c.listed(docs, []string{"group_id"})
	})}}
}

func memberCommands() []*argparse.Command {
	return []*argparse.Command{{Name: "list", Help: "List the members of the groups.", Args: args(attrArg, widthArg,
		argparse.Arg{Flags: []string{"--group-id"}, Name: "group_id", Help: "only the members of this group"},
	), Run: command(func(c *call) error {
		groups := []any{c.v.String("group_id")}
		if groups[0] == "" {
			var err error
			if groups, err = c.groups(); err != nil {
				return err
			}
		}
		var docs []document
		for _, g := range groups {
			a, err := c.api.Do(c, http.MethodGet, "/api/v1/service_registry/groups/"+url.PathEscape(str(g))+"/members", nil, nil)
			if err != nil {
				return err
			}
			v, err := decode(a)
			if err != nil {
				return err
			}
			d, _ := v.(document)
			for _, m := range list(member(d, "members")) {
				docs = append(docs, value.DictOf("group_id", g, "member_id", member(m, "member_id"), "capabilities", member(m, "capabilities")))
			}
		}
		return c.listed(docs, []string{"group_id", "member_id", "capabilities"})
	})}}
}

func (c *call) groups() ([]any, error) {
	d, err := c.fetch("/api/v1/service_registry/groups", nil)
	if err != nil {
		return nil, err
	}
	l, _ := member(d, "groups").(*value.List)
	if l == nil {
		return nil, nil
	}
	return l.Items, nil
}

// listed shows documents that were made here.
func (c *call) listed(docs []document, columns []string) error {
	if len(docs) == 0 {
		c.print(noItems)
		return nil
	}
	return c.table(docs, c.attributes(columns), nil)
}

package st2cli

import (
	"bufio"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"squall/internal/argparse"
	"squall/internal/client"
	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
)

var packs = &resource{
	path: "/api/v1/packs", one: "Pack", many: "packs", id: "ref",
	columns: []string{"ref", "name", "description", "version", "author"},
	attr:    []string{"name", "version", "author", "email", "keywords", "description"},
	order:   []string{"name", "version", "author", "email", "keywords", "description"},
}

func packCommands() []*argparse.Command {
	return []*argparse.Command{
		packs.list(listing{empty: noItems}), packs.getCommand(nil), packShow(), packSearch(),
		packChange("install", "Install packs.", "name of the pack in the index, address of its repository, or file:// and a directory",
			argparse.Arg{Flags: []string{"--force"}, Name: "force", Nargs: argparse.Switch, Help: "install also what is made for another version"},
			argparse.Arg{Flags: []string{"--skip-dependencies"}, Name: "skip_dependencies", Nargs: argparse.Switch, Help: "without the packs it depends on"}),
		packChange("remove", "Remove packs.", "name of the pack"), packRegister(), packConfig(),
	}
}

func packShow() *argparse.Command {
	return &argparse.Command{Name: "show", Help: "Show what the index says about a pack.", Args: args(
		argparse.Arg{Name: "pack", Help: "name of the pack"},
	), Run: command(func(c *call) error {
		d, err := c.sendDocument(http.MethodPost, packs.path+"/index/search", value.DictOf("pack", c.v.String("pack")))
		if err != nil {
			return c.failed(err)
		}
		return c.one(d, nil, defaultOrder, nil)
	})}
}

func packSearch() *argparse.Command {
	return &argparse.Command{Name: "search", Help: "Search the index for packs.", Args: args(
		attrArg, widthArg, argparse.Arg{Name: "query", Help: "a word"},
	), Run: command(func(c *call) error {
		v, err := c.send(http.MethodPost, packs.path+"/index/search", value.DictOf("query", c.v.String("query")))
		if err != nil {
			return err
		}
		return c.listed(list(v), []string{"name", "description", "version", "author"})
	})}
}

func packRegister() *argparse.Command {
	return &argparse.Command{Name: "register", Help: "Register packs from their files, all of them without names.", Args: args(
		argparse.Arg{Name: "packs", Metavar: "pack", Nargs: argparse.Any, Help: "names of the packs"},
		argparse.Arg{Flags: []string{"--types"}, Name: "types", Nargs: argparse.Some, Help: "kinds of content"},
	), Run: command(func(c *call) error {
		body := value.NewDict(2)
		for _, name := range []string{"types", "packs"} {
			if words := c.v.Strings(name); len(words) > 0 {
				body.SetStr(name, value.FromGo(words))
			}
		}
		d, err := c.sendDocument(http.MethodPost, packs.path+"/register", body)
		if err != nil {
			return c.failed(err)
		}
		return c.one(d, nil, defaultOrder, nil)
	})}
}

// packChange is install or remove.
func packChange(name, help, about string, more ...argparse.Arg) *argparse.Command {
	const one = "detail"
	own := append([]argparse.Arg{
		widthArg,
		{Flags: []string{"--attr"}, Name: "attr", Nargs: argparse.Some, Exclude: one, Help: "which attributes to show"},
		{Flags: []string{"-d", "--detail"}, Name: "detail", Nargs: argparse.Switch, Exclude: one, Help: "show everything about a failed execution"},
		{Name: "packs", Metavar: "pack", Nargs: argparse.Some, Help: about},
	}, more...)
	return &argparse.Command{Name: name, Help: help, Args: args(own...), Run: command(func(c *call) error {
		wanted := c.v.Strings("packs")
		before, _, err := c.collect(packs.path, nil, 0)
		if err != nil {
			return err
		}
		path, body := packs.path+"/uninstall", value.DictOf("packs", value.FromGo(wanted))
		if name == "install" {
			path = packs.path + "/install"
			body.SetStr("force", c.v.Bool("force"))
			body.SetStr("skip_dependencies", c.v.Bool("skip_dependencies"))
			if !c.machine() {
				c.announce(wanted)
			}
		}
		d, err := c.sendDocument(http.MethodPost, path, body)
		if err != nil {
			return err
		}
		ex, err := c.stages(text(d, "execution_id"))
		if err != nil {
			return err
		}
		if text(ex, "status") != "succeeded" {
			c.v["depth"] = int64(1)
			delete(c.v, "attr")
			if err := c.showExecution(ex); err != nil {
				return err
			}
			return exitStatus(exitFailed)
		}
		return c.showChanged(name, ex, wanted, before)
	})}
}

// announce says what the index knows to be in the packs.
func (c *call) announce(wanted []string) {
	counts := map[string]int64{}
	for _, pack := range wanted {
		if strings.HasPrefix(pack, "file://") {
			return
		}
		d, err := c.sendDocument(http.MethodPost, packs.path+"/index/search", value.DictOf("pack", pack))
		if err != nil {
			return // the index is a help, not a condition
		}
		content, _ := member(d, "content").(document)
		if content == nil {
			continue
		}
		for _, kind := range names(content) {
			n, _ := member(content, kind+".count").(int64)
			counts[kind] += n
		}
	}
	if len(counts) == 0 {
		return
	}
	word := "pack"
	if len(wanted) > 1 {
		word = "packs"
	}
	c.print(fmt.Sprintf("\nFor the \"%s\" %s, the following content will be registered:\n", strings.Join(wanted, ", "), word))
	for _, kind := range []string{"actions", "rules", "sensors", "aliases", "triggers"} {
		c.print(fmt.Sprintf("%-10s|  %d", kind, counts[kind]))
	}
	c.print("\nInstallation may take a while for packs with many items.")
}

// stages shows the tasks of an execution while they run, and returns it ended.
func (c *call) stages(id string) (document, error) {
	told := map[string]bool{}
	line := func(status, name string) {
		if !c.machine() && !told[name+status] {
			told[name+status] = true
			lead := "\r"
			if status == "scheduled" || !told[name] {
				lead = "\n"
			}
			told[name] = true
			shown := str(c.status(status))
			pad := max(0, 20-len(shown)) // st2: the codes of the colour count
			fmt.Fprintf(c.Stdout, "%s\t[%s%s%s] %s", lead, strings.Repeat(" ", pad/2), shown, strings.Repeat(" ", pad-pad/2), name)
		}
	}
	err := c.api.FollowEvents(c, client.EventQuery{
		Names: []string{"st2.execution__create", "st2.execution__update"}, EndExecution: id,
		Opened: func() error {
			ex, err := c.execution(id)
			if err == nil && slices.Contains(finished, text(ex, "status")) {
				err = errEnded
			}
			return err
		},
	}, func(ev client.Event) error {
		v, err := value.FromJSON(ev.Data)
		d, _ := v.(document)
		if err == nil && text(d, "parent") == id {
			line(text(d, "status"), first(text(d, "context.orquesta.task_name"), text(d, "context.chain.name")))
		}
		return nil
	})
	if err != nil && err != errEnded { //nolint:errorlint // it is handed through as it is
		return nil, err
	}
	if len(told) > 0 {
		c.print("")
	}
	return c.execution(id)
}

// errEnded ends the watching of what has ended already.
var errEnded = exitStatus(-1)

// showChanged shows the packs that were installed or removed.
func (c *call) showChanged(verb string, ex document, wanted []string, before []document) error {
	attributes := c.attributes([]string{"ref", "name", "description", "version", "author"})
	after, _, err := c.collect(packs.path, nil, 0)
	if err != nil {
		return err
	}
	from := before
	if verb == "install" {
		from = after
		if l, ok := member(ex, "result.output.packs_list").(*value.List); ok {
			wanted = nil
			for _, p := range l.Items {
				wanted = append(wanted, str(p))
			}
		}
	}
	isOf := func(d document) bool {
		return slices.Contains(wanted, text(d, "ref")) || slices.Contains(wanted, text(d, "name"))
	}
	if verb == "remove" && slices.ContainsFunc(after, isOf) {
		return c.failed(invalid("Pack %s has not been removed properly", strings.Join(wanted, ", ")))
	}
	var shown []document
	for _, d := range from {
		if isOf(d) {
			shown = append(shown, d)
		}
	}
	switch {
	case len(shown) == 1:
		err = c.one(shown[0], attributes, nil, nil)
	default:
		err = c.listed(shown, attributes)
	}
	if l, ok := member(ex, "result.output.warning_list").(*value.List); ok && verb == "install" {
		for _, w := range l.Items {
			c.print(str(w))
		}
	}
	return err
}

func packConfig() *argparse.Command {
	return &argparse.Command{Name: "config", Help: "Ask for the configuration of a pack and store it.", Args: args(
		argparse.Arg{Name: "name", Help: "name of the pack"},
	), Run: command(func(c *call) error {
		name := c.v.String("name")
		schema, err := c.fetch(at("/api/v1/config_schemas", name), nil)
		if err != nil {
			return c.failed(err)
		}
		if schema == nil {
			return c.failed(notFound("Pack \"%s\" doesn't exist or doesn't have a config schema defined.", name))
		}
		attributes, _ := member(schema, "attributes").(document)
		in := c.lines()
		values, err := c.formFrom(in, "", attributes)
		if err != nil {
			return c.failed(err)
		}
		if c.style == Boxed {
			if values, err = c.preview(in, values); err != nil {
				return c.failed(err)
			}
		}
		answer, err := askFrom(c, in, "---\nDo you want me to save it? [y]: ")
		if err != nil {
			return c.failed(err)
		}
		if strings.HasPrefix(strings.ToLower(answer), "n") {
			return c.failed(invalid("Interrupted"))
		}
		d, err := c.sendDocument(http.MethodPut, at("/api/v1/configs", name), values)
		if err != nil {
			return c.failed(err)
		}
		return c.one(d, nil, defaultOrder, nil)
	})}
}

// preview lets the user change what was answered in an editor.
func (c *call) preview(in *bufio.Reader, values document) (document, error) {
	answer, err := askFrom(c, in, "---\nDo you want to preview the config in an editor before saving? [y]: ")
	if err != nil || answer != "" && answer != "y" || c.Edit == nil {
		return values, err
	}
	t, err := asYAML(values)
	if err != nil {
		return nil, err
	}
	if t, err = c.Edit(t); err != nil {
		return nil, err
	}
	v, err := pyyaml.SafeLoad(nil, t)
	if err != nil {
		return nil, err
	}
	changed, ok := v.(document)
	if !ok {
		return nil, invalid("the configuration must be a mapping, not %s", value.TypeName(v))
	}
	return changed, nil
}

package st2cli

import (
	"fmt"
	"net/http"
	"strings"

	"squall/internal/argparse"
	"squall/internal/expr/value"
	"squall/internal/squall"
)

var actions = &resource{
	path: "/api/v1/actions", one: "Action", many: "actions", id: "ref_or_id",
	columns: []string{"ref", "pack", "description"},
	order:   []string{"id", "uid", "ref", "pack", "name", "description", "enabled", "entry_point", "runner_type", "parameters"},
}

func actionCommands() []*argparse.Command {
	return []*argparse.Command{
		actions.list(inPack), actions.getCommand(nil), actions.create(), actions.update(), actionDelete(), actionClone(),
		actions.enable(true), actions.enable(false), runCommand("execute", "Run an action without waiting for it."),
	}
}

func actionDelete() *argparse.Command {
	cmd := actions.delete()
	cmd.Args = append(cmd.Args, argparse.Arg{Flags: []string{"-r", "--remove-files"}, Name: "remove_files", Nargs: argparse.Switch, Help: "delete the action's files too"})
	cmd.Run = command(func(c *call) error {
		id := c.v.String("ref_or_id")
		d, err := actions.get(c, id)
		if squall.KindOf(err) == squall.NotFound {
			if c.style == Boxed { // st2: not a failure
				fmt.Fprintf(c.Stdout, "Action \"%s\" is not found.\n\n", id)
				return nil
			}
			return notFound("Action \"%s\" is not found.", id)
		}
		if err == nil {
			_, err = c.send(http.MethodDelete, at(actions.path, key(d, id)), value.DictOf("remove_files", c.v.Bool("remove_files")))
		}
		if err != nil && statusOf(err) != http.StatusNotFound {
			return err
		}
		c.deleted(id)
		return nil
	})
	return cmd
}

func actionClone() *argparse.Command {
	return &argparse.Command{Name: "clone", Help: "Copy an action under another name.", Example: "squall action clone core.local mypack local", Args: args(
		argparse.Arg{Name: "source_ref_or_id", Metavar: "source-ref-or-id", Help: "reference or id of the action"},
		argparse.Arg{Name: "dest_pack_name", Metavar: "dest-pack-name", Help: "pack of the copy"},
		argparse.Arg{Name: "dest_action_name", Metavar: "dest-action-name", Help: "name of the copy"},
		argparse.Arg{Flags: []string{"-f", "--force"}, Name: "force", Nargs: argparse.Switch, Help: "replace an action of that name"},
	), Run: command(func(c *call) error {
		d, err := c.cloneAction(c.v.String("source_ref_or_id"), c.v.String("dest_pack_name"), c.v.String("dest_action_name"))
		switch {
		case err == nil && d == nil:
			return nil
		case err == nil:
			return c.one(d, nil, defaultOrder, nil)
		case c.style == Plain || c.Err() != nil:
			return err
		case squall.KindOf(err) == squall.NotFound && statusOf(err) == 0:
			fmt.Fprintf(c.Stdout, "Action \"%s\" is not found.\n\n", c.v.String("source_ref_or_id"))
		default:
			c.print("ERROR: " + textOf(err))
		}
		return nil // st2: not a failure
	})}
}

// cloneAction copies an action. It returns nil when the user does not want to
// replace another one.
func (c *call) cloneAction(source, pack, name string) (document, error) {
	if _, err := actions.get(c, source); err != nil {
		return nil, err
	}
	overwrite := c.v.Bool("force")
	there, err := c.fetch(at(actions.path, pack+"."+name), nil)
	if err != nil {
		return nil, err
	}
	if there != nil && !overwrite {
		answer, err := c.ask("The destination action already exists. Do you want to overwrite? (y/n): ")
		if err != nil {
			return nil, err
		}
		if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
			c.print("Action is not cloned.")
			return nil, nil
		}
		overwrite = true
	}
	return c.sendDocument(http.MethodPost, at(actions.path, source)+"/clone", value.DictOf("dest_pack", pack, "dest_action", name, "overwrite", overwrite))
}

package st2cli

import (
	"fmt"
	"net/http"
	"strings"

	"squall/internal/argparse"
	"squall/internal/expr/value"
)

var aliases = &resource{
	path: "/api/v1/actionalias", one: "Action Alias", many: "action aliases", id: "ref_or_id",
	columns: []string{"ref", "pack", "description", "enabled"},
	order:   []string{"id", "ref", "pack", "name", "description", "enabled", "action_ref", "formats"},
}

func aliasCommands() []*argparse.Command {
	byName := *aliases
	byName.id = "name_or_id"
	return []*argparse.Command{aliases.list(inPack), aliases.getCommand(nil), aliases.create(), byName.update(), byName.delete(), aliases.clone(), aliasMatch(), aliasExecute(), aliasTest()}
}

// words joins the words of a chat command: quotes may be left out.
func words(c *call, name string) string { return strings.Join(c.v.Strings(name), " ") }

func aliasMatch() *argparse.Command {
	return &argparse.Command{Name: "match", Help: "Find the action alias that a command of the chat means.", Example: "squall action-alias match pack get core", Args: args(
		argparse.Arg{Name: "match_text", Metavar: "command", Nargs: argparse.Some, Shown: "command", Help: "what somebody would write"}, attrArg, widthArg,
	), Run: command(func(c *call) error {
		d, err := c.sendDocument(http.MethodPost, aliases.path+"/match", value.DictOf("command", words(c, "match_text")))
		if err != nil {
			return err
		}
		found, _ := member(d, "actionalias").(document)
		if found == nil {
			c.print(noItems)
			return nil
		}
		return c.table([]document{found}, c.attributes([]string{"name", "description"}), nil)
	})}
}

var aliasWords = argparse.Arg{Name: "command_text", Metavar: "command", Nargs: argparse.Some, Shown: "command", Help: "what somebody would write"}

// executeAlias runs what a command of the chat means.
func (c *call) executeAlias() (document, error) {
	d, err := c.sendDocument(http.MethodPost, "/api/v1/aliasexecution/match_and_execute",
		value.DictOf("command", words(c, "command_text"), "user", c.v.String("user"), "source_channel", "cli"))
	if err != nil {
		return nil, err
	}
	results := list(member(d, "results"))
	if len(results) == 0 {
		return nil, invalid("the server started nothing")
	}
	return results[0], nil
}

func aliasExecute() *argparse.Command {
	return &argparse.Command{Name: "execute", Help: "Run what a command of the chat means.", Example: "squall action-alias execute pack get core", Args: args(aliasWords, asUser), Run: command(func(c *call) error {
		r, err := c.executeAlias()
		if err != nil {
			return err
		}
		fmt.Fprintf(c.Stdout, "Matching Action-alias: '%s'\nTo get the results, execute:\n %s execution get %s\n", text(r, "actionalias.ref"), c.program(), text(r, "execution.id"))
		return nil
	})}
}

func aliasTest() *argparse.Command {
	own := append([]argparse.Arg{aliasWords, asUser}, viewArgs()...)
	return &argparse.Command{Name: "test", Help: "Run what a command of the chat means and show what the chat would show.", Example: "squall action-alias test pack get core", Args: args(append(own, asyncArg)...), Run: command(func(c *call) error {
		c.print("Triggering execution via action alias\n")
		r, err := c.executeAlias()
		if err != nil {
			return err
		}
		ex, _ := member(r, "execution").(document)
		if ex == nil {
			return invalid("the server started nothing")
		}
		c.print(fmt.Sprintf("Execution (%s) has been started, waiting for it to finish...\n", text(ex, "id")))
		if ex, err = c.await(ex); err != nil {
			return err
		}
		c.print(fmt.Sprintf("\nExecution (%s) has finished, rendering result...\n", text(ex, "id")))
		ex, err = c.sendDocument(http.MethodPost, executions.path, value.DictOf(
			"action", "chatops.format_execution_result", "parameters", value.DictOf("execution_id", text(ex, "id")), "user", c.v.String("user")))
		if err != nil {
			return err
		}
		c.print(fmt.Sprintf("Execution (%s) has been started, waiting for it to finish...\n", text(ex, "id")))
		if ex, err = c.await(ex); err != nil {
			return err
		}
		message := member(ex, "result.result.message")
		if message == nil {
			return invalid("the execution %s has not made a message of the result", text(ex, "id"))
		}
		rule := strings.Repeat("=", 80)
		c.print(fmt.Sprintf("\nFormatted ChatOps result message\n\n%s\n%s\n%s\n", rule, str(message), rule))
		return nil
	})}
}

package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"squall/internal/api/wire"
)

const targetHelp = `A target says which machines: names, tags and tests of attributes, joined by
& (and), | or , (or), ! (not) and parentheses, with parts of lists behind:

  web            the machine or the tag web       @web       only the tag
  web*           names by a pattern               web[01-20] names by numbers
  rack=7         an attribute; also != < <= > >=  *          all
  web & !drained      @storage[0:10]      (web | db) & zone=north`

func (a *app) nodeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "node", Short: "Look after machines and run actions on many of them",
		Long: "Look after the inventory of machines, and run actions on many of them.\n\n" + targetHelp,
	}
	cmd.AddCommand(a.nodeListCommand(), a.nodeShowCommand(), a.nodeImportCommand(), a.nodeRemoveCommand(),
		a.nodeRunCommand(), a.nodePingCommand(), a.nodeTrustCommand())
	return cmd
}

func (a *app) nodeListCommand() *cobra.Command {
	var out format
	cmd := &cobra.Command{
		Use:     "list [TARGET]",
		Short:   "List machines of the inventory",
		Long:    "List machines of the inventory, all or those that a target means.\n\n" + targetHelp,
		Example: "  squall node list\n  squall node list 'web & !drained'\n  squall node list '@storage[0:10]' -j",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			list, err := c.FleetNodes(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, list)
			}
			rows := make([][]string, len(list))
			for i, n := range list {
				rows[i] = []string{n.Name, firstOf(nodeAddress(n), "-"), firstOf(strings.Join(n.Tags, ","), "-"), firstOf(attributes(n), "-"), firstOf(n.Source, "-")}
			}
			return a.io.table(newStyles(a.io.renderer()), []string{"NAME", "ADDRESS", "TAGS", "ATTRIBUTES", "FROM"}, rows)
		},
	}
	out.addTo(cmd)
	return cmd
}

func nodeAddress(n wire.FleetNode) string {
	if n.Port == 0 {
		return n.Address
	}
	return firstOf(n.Address, n.Name) + ":" + strconv.Itoa(n.Port)
}

func attributes(n wire.FleetNode) string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(n.Attributes)) {
		list = append(list, k+"="+oneLine(n.Attributes[k]))
	}
	return strings.Join(list, " ")
}

func (a *app) nodeShowCommand() *cobra.Command {
	var out format
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Show a machine", Args: cobra.ExactArgs(1), Example: "  squall node show web1",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			list, err := c.FleetNodes(cmd.Context(), "")
			if err != nil {
				return err
			}
			i := slices.IndexFunc(list, func(n wire.FleetNode) bool { return n.Name == args[0] })
			if i < 0 {
				return fmt.Errorf("there is no machine %q in the inventory", args[0])
			}
			if !out.json {
				out.yaml = true
			}
			return out.print(a.io.Stdout, list[i])
		},
	}
	out.addTo(cmd)
	return cmd
}

func (a *app) nodeRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME ...", Short: "Remove machines from the inventory", Args: cobra.MinimumNArgs(1), Example: "  squall node remove web1 web2",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			for _, name := range args {
				if err := c.DeleteFleetNode(cmd.Context(), name); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (a *app) nodeTrustCommand() *cobra.Command {
	var req wire.HostKeyRequest
	cmd := &cobra.Command{
		Use:   "trust HOST[:PORT]",
		Short: "Accept the SSH key of a machine",
		Long: `Accept the SSH key of a machine. Without --fingerprint it shows the key that the
machine sends. Compare it with the machine's own, which this prints there:

  ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub

and accept it by saying it. --replace drops older keys of the machine.`,
		Example: "  squall node trust web1\n  squall node trust web1 --fingerprint SHA256:uE0oW...\n  squall node trust --replace web1 --fingerprint SHA256:uE0oW...",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			req.Host = args[0]
			key, err := c.HostKey(cmd.Context(), req)
			if err != nil {
				return err
			}
			if key.Trusted {
				_, err = fmt.Fprintf(a.io.Stdout, "%s %s of %s is trusted\n", key.Type, key.Fingerprint, key.Host)
				return err
			}
			_, err = fmt.Fprintf(a.io.Stdout, "%s sends %s %s\nIf that is its own: squall node trust %s --fingerprint %s\n", key.Host, key.Type, key.Fingerprint, key.Host, key.Fingerprint)
			return err
		},
	}
	cmd.Flags().StringVar(&req.Fingerprint, "fingerprint", "", "accept the key with this fingerprint")
	cmd.Flags().BoolVar(&req.Replace, "replace", false, "drop older keys of the machine")
	return cmd
}

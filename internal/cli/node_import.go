package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"squall/internal/api/wire"
	"squall/internal/fleet"
	"squall/internal/squall"
)

func (a *app) nodeImportCommand() *cobra.Command {
	var (
		command, source string
		prune, dry      bool
		out             format
	)
	cmd := &cobra.Command{
		Use:        "import [FILE | - | NAME ...]",
		SuggestFor: []string{"add", "create", "set"},
		Short:      "Bring machines into the inventory",
		Long: `Bring machines into the inventory: from a file, from the output of a command, or
by their names. Understood are lists of our own

  - name: web1
    address: 10.0.0.1     # where it is reached, if the name is not it
    port: 2222
    tags: [web, canary]
    attributes: {rack: 7, zone: north}

and inventories of Ansible: INI, YAML, and what ansible-inventory --list prints.
Groups become tags, variables attributes.

Machines that are there already are replaced. With --prune, those of the same
--source go that are not named any more.`,
		Example: `  squall node import machines.yaml --prune
  squall node import /etc/ansible/hosts --source ansible --prune
  squall node import --command 'ansible-inventory --list' --source ansible --prune
  squall node import web1 web2 web3`,
		RunE: func(cmd *cobra.Command, args []string) error {
			nodes, from, err := a.readInventory(cmd, command, args)
			if err != nil {
				return err
			}
			in := wire.FleetImport{Source: firstOf(source, from), Prune: prune, Nodes: []wire.FleetNode{}}
			for _, n := range nodes {
				doc := wire.FleetNodeOf(n)
				doc.UpdatedAt, doc.Source = nil, in.Source
				in.Nodes = append(in.Nodes, doc)
			}
			if dry {
				return out.print(a.io.Stdout, in.Nodes)
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			done, err := c.ImportFleet(cmd.Context(), in)
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, done)
			}
			text := fmt.Sprintf("%d machines stored", done.Stored)
			if len(done.Removed) > 0 {
				text += fmt.Sprintf(", %d removed: %s", len(done.Removed), strings.Join(done.Removed, " "))
			}
			_, err = fmt.Fprintln(a.io.Stdout, text)
			return err
		},
	}
	out.addTo(cmd)
	cmd.Flags().StringVar(&command, "command", "", "read what this command prints, run by sh on this machine")
	cmd.Flags().StringVar(&source, "source", "", "name of the import (default: the file's, or command)")
	cmd.Flags().BoolVar(&prune, "prune", false, "remove machines of the same source that are not named any more")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "print what would be stored")
	return cmd
}

func (a *app) readInventory(cmd *cobra.Command, command string, args []string) (nodes []*squall.FleetNode, source string, err error) {
	switch {
	case command != "":
		run := exec.CommandContext(cmd.Context(), "sh", "-c", command)
		run.Stderr = a.io.Stderr
		text, err := run.Output()
		if err != nil {
			return nil, "", fmt.Errorf("run %q: %w", command, err)
		}
		nodes, err = parseInventory(text)
		return nodes, "command", err
	case len(args) == 0:
		return nil, "", usageErrorf("name a file, machines, or a command with --command")
	case args[0] == "-":
		text, err := io.ReadAll(a.io.Stdin)
		if err != nil {
			return nil, "", err
		}
		nodes, err = parseInventory(text)
		return nodes, "", err
	}
	if text, err := os.ReadFile(args[0]); err == nil && len(args) == 1 {
		nodes, err = parseInventory(text)
		return nodes, args[0], err
	}
	for _, name := range args {
		if strings.ContainsAny(name, "/ ") {
			return nil, "", usageErrorf("%s is neither a file nor the name of a machine", name)
		}
		nodes = append(nodes, &squall.FleetNode{Name: name})
	}
	return nodes, "", nil
}

// parseInventory tells the forms apart: JSON and YAML by their first character or
// by being understood, INI by its sections.
func parseInventory(text []byte) ([]*squall.FleetNode, error) {
	var doc any
	trimmed := strings.TrimSpace(string(text))
	if strings.HasPrefix(trimmed, "{") {
		if err := json.Unmarshal(text, &doc); err != nil {
			return nil, fmt.Errorf("read the inventory: %w", err)
		}
		return fleet.FromDocument(doc)
	}
	if err := yaml.Unmarshal(text, &doc); err == nil {
		switch doc.(type) {
		case map[string]any:
			return fleet.FromDocument(doc)
		case []any:
			if !strings.HasPrefix(trimmed, "[") || strings.HasPrefix(trimmed, "[{") {
				return fleet.FromDocument(doc)
			}
		}
	}
	return fleet.FromINI(string(text))
}

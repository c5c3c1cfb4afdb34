package st2cli

import (
	"net/http"
	"os"
	"strings"

	"squall/internal/argparse"
	"squall/internal/client"
	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
)

func workflowCommands() []*argparse.Command {
	return []*argparse.Command{{
		Name: "inspect", Help: "List what is wrong with the definition of a workflow.",
		Args: []argparse.Arg{
			{Flags: []string{"--file"}, Name: "file", Exclude: "source", Help: "file with the definition"},
			{Flags: []string{"--action"}, Name: "action", Exclude: "source", Help: "action whose definition the server reads"},
		},
		Run: command(inspect),
	}}
}

func inspect(c *call) error {
	definition, err := c.definition()
	if err != nil {
		return err
	}
	a, err := c.api.Do(c, http.MethodPost, "/api/v1/workflows/inspect", nil, client.Text(definition))
	if err != nil {
		return err
	}
	v, err := decode(a)
	if err != nil {
		return err
	}
	found, ok := v.(*value.List)
	if !ok {
		return invalid("The inspection result is not type of list: %s", str(v))
	}
	if len(found.Items) == 0 {
		c.print("No errors found in workflow definition.")
		return nil
	}
	t, err := pyyaml.SafeDump(nil, found, pyyaml.DumpOptions{AllowUnicode: true})
	if err != nil {
		return err
	}
	c.print(t)
	return nil
}

// definition is the workflow to look at. st2 reads an action's from the local
// disk; here the server hands it out.
func (c *call) definition() (string, error) {
	if path := c.v.String("file"); path != "" {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", invalid("File \"%s\" does not exist on local system.", path)
		}
		return string(content), nil
	}
	ref := c.v.String("action")
	if ref == "" {
		return "", c.usage("one of the arguments --file --action is required")
	}
	d, err := c.fetch(at(actions.path, ref), nil)
	if err != nil {
		return "", err
	}
	if d == nil {
		return "", notFound("Unable to identify action \"%s\".", ref)
	}
	pack, _, _ := strings.Cut(text(d, "ref"), ".")
	a, err := c.api.Do(c, http.MethodGet, at("/api/v1/packs/views/file", pack)+"/actions/"+text(d, "entry_point"), nil, nil)
	if err != nil {
		return "", err
	}
	return string(a.Body), nil
}

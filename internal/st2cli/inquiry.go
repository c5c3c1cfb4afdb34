package st2cli

import (
	"net/http"

	"squall/internal/argparse"
	"squall/internal/expr/value"
)

var inquiries = &resource{
	path: "/api/v1/inquiries", one: "Inquiry", many: "inquiries", id: "id",
	columns: []string{"id", "roles", "users", "route", "ttl"},
	attr:    []string{"id", "roles", "users", "route", "ttl", "schema"},
	order:   defaultOrder,
}

func inquiryCommands() []*argparse.Command {
	return []*argparse.Command{
		inquiries.list(listing{last: 50, bare: true, oldest: true, before: []argparse.Arg{}}), inquiries.getCommand(nil),
		{Name: "respond", Help: "Answer an inquiry.", Example: "squall inquiry respond 6b0314e16e31f466e4e4acc3\nsquall inquiry respond 6b0314e16e31f466e4e4acc3 --response '{\"continue\": true}'", Args: args(
			argparse.Arg{Name: "id", Help: "id of the inquiry"},
			argparse.Arg{Flags: []string{"-r", "--response"}, Name: "response", Help: "the whole answer as JSON; without it you are asked"},
		), Run: command(respond)},
	}
}

func respond(c *call) error {
	id := c.v.String("id")
	d, err := inquiries.get(c, id)
	if err != nil {
		return err
	}
	var answer any
	if given := c.v.String("response"); given != "" {
		answer, err = value.LoadJSON(nil, given)
		if err != nil && c.style == Plain {
			return invalid("--response is not JSON such as {\"go\": true}: %s", given)
		}
	} else {
		properties, _ := member(d, "schema.properties").(document)
		answer, err = c.form(properties)
	}
	if err != nil {
		return err
	}
	if d, err = c.sendDocument(http.MethodPut, at(inquiries.path, id), value.DictOf("id", id, "response", answer)); err != nil {
		return err
	}
	c.print("\nResponse accepted for inquiry " + key(d, id) + ".")
	return nil
}

package st2cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"squall/internal/argparse"
	"squall/internal/expr/pyyaml"
	"squall/internal/expr/value"
	"squall/internal/squall"
)

// getEach fetches the documents that the user named. One that does not exist is
// told; it ends the command only when it is the only one.
func (r *resource) getEach(c *call, ids []string, query url.Values) ([]document, error) {
	var docs []document
	for _, id := range ids {
		d, err := c.fetch(at(r.path, id), query)
		if err == nil && d == nil && r.id == "name_or_id" && c.style == Plain {
			d, err = r.get(c, id)
			if squall.KindOf(err) == squall.NotFound {
				err = nil
			}
		}
		if err != nil {
			return nil, err
		}
		if d != nil {
			docs = append(docs, d)
			continue
		}
		if len(ids) == 1 {
			return nil, c.missing(r, id, notFound("Resource %s not found.", id))
		}
		fmt.Fprintf(c.Stdout, "%s \"%s\" is not found.\n\n", r.one, id)
	}
	return docs, nil
}

// missing is the end of a command whose thing does not exist. st2 says so twice.
func (c *call) missing(r *resource, id string, err error) error {
	if c.style == Boxed {
		fmt.Fprintf(c.Stdout, "%s \"%s\" is not found.\n\n", r.one, id)
		return err
	}
	up, _, _ := cutLast(c.prog)
	return notFound("%s \"%s\" is not found.\nTo see what there is: %s list", r.one, id, up)
}

// namely tells, in the plain style, what to do about a thing that does not exist.
func (c *call) namely(r *resource, id string, err error) error {
	if c.style == Plain && squall.KindOf(err) == squall.NotFound {
		return c.missing(r, id, err)
	}
	return err
}

// cutLast splits behind the last space.
func cutLast(s string) (before, after string, ok bool) {
	if i := strings.LastIndexByte(s, ' '); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// getCommand makes the command that shows one or several.
func (r *resource) getCommand(query func(*call) url.Values, more ...argparse.Arg) *argparse.Command {
	own := append([]argparse.Arg{r.idArg(argparse.Some), attrArg}, more...)
	return &argparse.Command{Name: "get", Help: "Show " + r.a() + ".", Args: args(own...), Run: command(func(c *call) error {
		var q url.Values
		if query != nil {
			q = query(c)
		}
		docs, err := r.getEach(c, c.v.Strings(r.id), q)
		if err != nil {
			return err
		}
		for _, d := range docs {
			if err := c.one(d, c.attributes(r.attr), r.order, r.shown(c)); err != nil {
				return err
			}
		}
		return nil
	})}
}

// readFile reads a definition: JSON or YAML by its name; - is YAML from standard
// input, for the plain style.
func (c *call) readFile(path string) (any, error) {
	var content []byte
	var err error
	if path == "-" && c.style == Plain {
		content, err = readAll(c.Stdin)
	} else {
		content, err = os.ReadFile(path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, invalid("File \"%s\" does not exist.", path)
	case err != nil:
		return nil, err
	}
	var doc any
	switch ext := filepath.Ext(path); {
	case ext == ".json":
		doc, err = value.LoadJSON(nil, string(content))
	case ext == ".yaml" || ext == ".yml" || path == "-":
		doc, err = pyyaml.SafeLoad(nil, string(content))
	default:
		return nil, invalid("Unsupported meta type %s, file %s. Allowed: ['.json', '.yaml', '.yml']", ext, path)
	}
	if err != nil && c.style == Plain {
		return nil, invalid("%s: %v", path, err)
	}
	return doc, err
}

func (c *call) readDocument(path string) (document, error) {
	v, err := c.readFile(path)
	if err != nil {
		return nil, err
	}
	d, ok := v.(document)
	if !ok {
		return nil, invalid("%s: want a mapping of attributes, not %s", path, value.TypeName(v))
	}
	return d, nil
}

func (r *resource) fileArg(verb string) argparse.Arg {
	return argparse.Arg{Name: "file", Help: "JSON or YAML file with the " + r.lower() + " to " + verb}
}

// create makes the command that creates one from a file.
func (r *resource) create() *argparse.Command {
	return &argparse.Command{Name: "create", Help: "Create " + r.a() + " from a file.", Args: args(r.fileArg("create")), Run: command(func(c *call) error {
		d, err := c.readDocument(c.v.String("file"))
		if err == nil {
			d, err = c.sendDocument(http.MethodPost, r.path, d)
		}
		if c.style == Plain && squall.KindOf(err) == squall.Conflict {
			up, _, _ := cutLast(c.prog)
			return squall.Errorf(squall.Conflict, "%w\nTo replace it: %s update NAME %s", err, up, c.v.String("file"))
		}
		if err != nil {
			return c.failed(err)
		}
		return c.made(r, d)
	})}
}

// made shows what was created or changed, and in the plain style what is doubtful.
func (c *call) made(r *resource, d document) error {
	err := c.one(d, nil, defaultOrder, nil)
	if err == nil && c.style == Plain && r.doubts != nil {
		for _, doubt := range r.doubts(c, d) {
			fmt.Fprintf(c.Stderr, "warning: %s\n", doubt)
		}
	}
	return err
}

// defaultOrder is what st2 shows first of things it knows nothing about.
var defaultOrder = []string{"id", "name", "pack", "description"}

// failed marks an error that st2 ends with code 2 for.
func (c *call) failed(err error) error {
	if c.style == Plain {
		return err
	}
	return &operationError{err}
}

// update makes the command that replaces one from a file.
func (r *resource) update() *argparse.Command {
	return &argparse.Command{Name: "update", Help: "Replace " + r.a() + " with what a file says.", Args: args(r.idArg(argparse.One), r.fileArg("update")), Run: command(func(c *call) error {
		id := c.v.String(r.id)
		old, err := r.get(c, id)
		if err != nil {
			return c.namely(r, id, err)
		}
		d, err := c.readDocument(c.v.String("file"))
		if err != nil {
			return err
		}
		switch given := member(d, "id"); {
		case given == nil:
			d.SetStr("id", key(old, id))
		case str(given) != key(old, id):
			return invalid("The value for the %s id in the JSON/YAML file does not match the ID provided in the command line arguments.", r.lower())
		}
		if d, err = c.sendDocument(http.MethodPut, at(r.path, key(old, id)), d); err != nil {
			return err
		}
		return c.made(r, d)
	})}
}

// enable makes the commands that switch one on or off.
func (r *resource) enable(on bool) *argparse.Command {
	name, help := "disable", "Switch "+r.a()+" off."
	if on {
		name, help = "enable", "Switch "+r.a()+" on."
	}
	return &argparse.Command{Name: name, Help: help, Args: args(r.idArg(argparse.One)), Run: command(func(c *call) error {
		id := c.v.String(r.id)
		d, err := r.get(c, id)
		if err != nil {
			return c.namely(r, id, err)
		}
		where := at(r.path, key(d, id))
		d.Delete("ref")
		d.SetStr("enabled", on)
		if d, err = c.sendDocument(http.MethodPut, where, d); err != nil {
			return err
		}
		return c.one(d, nil, defaultOrder, nil)
	})}
}

// delete makes the command that deletes one.
func (r *resource) delete() *argparse.Command {
	return &argparse.Command{Name: "delete", Help: "Delete " + r.a() + ".", Args: args(r.idArg(argparse.One)), Run: command(func(c *call) error {
		id := c.v.String(r.id)
		d, err := r.get(c, id)
		if squall.KindOf(err) == squall.NotFound {
			return c.missingOperation(r, id)
		}
		if err == nil {
			_, err = c.api.Do(c, http.MethodDelete, at(r.path, key(d, id)), nil, nil)
		}
		if err != nil && statusOf(err) != http.StatusNotFound {
			return err
		}
		c.deleted(id)
		return nil
	})}
}

// missingOperation is missing with the exit code 2 of st2's deletions.
func (c *call) missingOperation(r *resource, id string) error {
	err := c.missing(r, id, nil)
	if c.style == Plain {
		return err
	}
	return exitStatus(exitUsage)
}

func (c *call) deleted(id string) {
	c.print(fmt.Sprintf("Resource with id \"%s\" has been successfully deleted.", id))
}

// clone is a verb that st2 has for everything and that works for actions only.
func (r *resource) clone() *argparse.Command {
	return &argparse.Command{Name: "clone", Help: "Copy " + r.a() + " (only actions can be copied).", Args: args(), Run: command(func(c *call) error {
		branch, _, _ := cutLast(c.prog)
		_, word, _ := cutLast(branch)
		return invalid("clone '%s' is not implemented.", word)
	})}
}

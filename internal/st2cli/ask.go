package st2cli

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"squall/internal/expr/value"
)

// lines reads answers; one reader for a whole dialogue, for it reads ahead.
func (c *call) lines() *bufio.Reader { return bufio.NewReader(c.Stdin) }

// ask asks for a line.
func (c *call) ask(prompt string) (string, error) { return askFrom(c, c.lines(), prompt) }

func askFrom(c *call, in *bufio.Reader, prompt string) (string, error) {
	fmt.Fprint(c.Stdout, prompt)
	var line string
	var err error
	read := make(chan struct{})
	go func() { // reading cannot be interrupted; who presses Ctrl-C does not wait for it
		line, err = in.ReadString('\n')
		close(read)
	}()
	select {
	case <-read:
	case <-c.Done():
		return "", c.Err()
	}
	switch {
	case err != io.EOF || line != "":
	case c.style == Plain:
		return "", invalid("nobody is there to answer: give the values on the command line, see %s --help", c.prog)
	default:
		return "", errNobody
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// errNobody is that nobody is there to answer, in Python's words.
var errNobody = invalid("EOF when reading a line")

// form asks for the values of a schema, one after the other.
func (c *call) form(schema document) (document, error) {
	return c.formFrom(c.lines(), "", schema)
}

func (c *call) formFrom(in *bufio.Reader, prefix string, schema document) (document, error) {
	out := value.NewDict(4)
	if schema == nil {
		return out, nil
	}
	for k, v := range schema.All() {
		name, _ := k.(string)
		spec, _ := v.(document)
		if spec == nil {
			spec = value.NewDict(0)
		}
		answer, err := c.field(in, prefix+name, spec)
		if err != nil {
			return nil, err
		}
		out.SetStr(name, answer)
	}
	return out, nil
}

// field asks for one value until it is one.
func (c *call) field(in *bufio.Reader, name string, spec document) (any, error) {
	if text(spec, "type") == "object" {
		properties, _ := member(spec, "properties").(document)
		return c.formFrom(in, name+".", properties)
	}
	items, _ := member(spec, "items").(document)
	if text(spec, "type") == "array" && text(items, "type") == "object" {
		return c.objects(in, name, items)
	}
	choices, _ := member(spec, "enum").(*value.List)
	secret, _ := member(spec, "secret").(bool)
	normal := member(spec, "default")
	prompt := name
	if about := text(spec, "description"); about != "" {
		prompt += ", " + about
	}
	switch kind := text(spec, "type"); {
	case choices != nil:
		prompt += numbered(choices) + "\nChoose by number"
	case kind == "array" && member(items, "enum") != nil:
		ofItems, _ := member(items, "enum").(*value.List)
		prompt += numbered(ofItems) + "\nChoose by numbers, with commas between them"
	case kind == "array":
		prompt += " (comma-separated list)"
	case secret:
		prompt += " (secret)"
	case kind != "" && kind != "string":
		prompt += " (" + kind + ")"
	}
	if normal != nil && !secret {
		prompt += " [" + str(normal) + "]"
	}
	for {
		var answer string
		var err error
		if secret && c.ReadPassword != nil {
			answer, err = c.ReadPassword(prompt + ": ")
		} else {
			answer, err = askFrom(c, in, prompt+": ")
		}
		if err != nil {
			return nil, err
		}
		if answer == "" {
			required, _ := member(spec, "required").(bool)
			if normal != nil || !required {
				return normal, nil
			}
			c.print("A value is needed.")
			continue
		}
		v, err := readField(spec, choices, answer)
		if err == nil {
			return v, nil
		}
		c.print(err.Error())
	}
}

// objects asks for a list of objects, one after the other.
func (c *call) objects(in *bufio.Reader, name string, of document) (any, error) {
	properties, _ := member(of, "properties").(document)
	for out := value.NewList(); ; {
		item, err := c.formFrom(in, fmt.Sprintf("%s[%d].", name, len(out.Items)), properties)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, item)
		answer, err := askFrom(c, in, fmt.Sprintf("~~~ Would you like to add another item to \"%s\" array / list? [y]: ", name))
		if err != nil {
			return nil, err
		}
		if answer != "" && answer != "y" {
			return out, nil
		}
	}
}

func numbered(choices *value.List) (lines string) {
	if choices == nil {
		return ""
	}
	for i, choice := range choices.Items {
		lines += fmt.Sprintf("\n %d - %s", i, str(choice))
	}
	return lines
}

func readField(spec document, choices *value.List, answer string) (any, error) {
	if choices != nil {
		n, err := strconv.Atoi(answer)
		if err == nil && n >= 0 && n < len(choices.Items) {
			return choices.Items[n], nil
		}
		if i := slices.IndexFunc(choices.Items, func(v any) bool { return str(v) == answer }); i >= 0 {
			return choices.Items[i], nil
		}
		return nil, invalid("Not one of the choices.")
	}
	switch text(spec, "type") {
	case "boolean":
		switch strings.ToLower(answer) {
		case "1", "y", "yes", "true":
			return true, nil
		case "0", "n", "no", "nope", "nah", "false":
			return false, nil
		}
		return nil, invalid("Does not look like boolean: say yes or no.")
	case "integer":
		return value.ParseInt(nil, answer, 10)
	case "number":
		return value.ParseFloat(answer)
	case "array":
		items := value.NewList()
		of, _ := member(spec, "items").(document)
		if of == nil {
			of = value.NewDict(0)
		}
		choices, _ := member(of, "enum").(*value.List)
		for word := range strings.SplitSeq(answer, ",") {
			v, err := readField(of, choices, strings.TrimSpace(word))
			if err != nil {
				return nil, err
			}
			items.Items = append(items.Items, v)
		}
		return items, nil
	default:
		return answer, nil
	}
}

package st2cli

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"squall/internal/expr/value"
)

// schemas are the parameters of an action and of its runner.
type schemas struct{ action, runner document }

// find is the schema that says a parameter's type. st2: the runner's goes first.
func (s schemas) find(name string) document {
	for _, from := range []document{s.runner, s.action} {
		if from != nil {
			if d, ok := member(from, name).(document); ok {
				return d
			}
		}
	}
	return nil
}

// parameters reads the words behind an action's name: name=value by the types of
// the schemas, @name=file, and from the first word without = on a command.
func (c *call) parameters(ref string, s schemas, words []string) (document, error) {
	out := value.NewDict(len(words))
	if c.v.Bool("inherit_env") && c.Environ != nil {
		env := value.NewDict(32)
		for _, kv := range InheritedEnv(c.Environ()).sorted() {
			env.SetStr(kv[0], kv[1])
		}
		out.SetStr("env", env)
	}
	for i, word := range words {
		name, content, ok := strings.Cut(word, "=")
		if !ok {
			out.SetStr("cmd", strings.Join(words[i:], " "))
			break
		}
		if file, isFile := strings.CutPrefix(name, "@"); isFile {
			if err := fileParameter(out, ref, file, content); err != nil {
				return nil, err
			}
			continue
		}
		v, err := castParameter(content, s.find(name), c.v.Bool("auto_dict"))
		if err != nil {
			return nil, err
		}
		if old, ok := out.GetStr(name); ok { // st2: arrays may be given piece by piece
			have, isList := old.(*value.List)
			more, isMore := v.(*value.List)
			if isList && isMore {
				have.Items = append(have.Items, more.Items...)
				continue
			}
		}
		out.SetStr(name, v)
	}
	if out.Has("file_content") { // what is sent to core.http
		for name, normal := range map[string]any{"method": "POST", "file_name": member(out, "_file_name")} {
			if !out.Has(name) {
				out.SetStr(name, normal)
			}
		}
		out.Delete("_file_name")
	}
	return out, nil
}

// fileParameter takes a value from a file.
func fileParameter(out document, ref, name, path string) error {
	if full, err := filepath.Abs(path); err == nil {
		path = full
	}
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return invalid("File \"%s\" doesn't exist", path)
	case st.IsDir():
		return invalid("\"%s\" is not a file", path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if ref == "core.http" {
		out.SetStr("_file_name", filepath.Base(path))
		out.SetStr("file_content", string(content))
		return nil
	}
	out.SetStr(name, string(content))
	return nil
}

// castParameter reads a value as its schema wants it. Of several types the first
// that fits counts.
func castParameter(word string, schema document, autoDict bool) (any, error) {
	if schema == nil {
		return word, nil
	}
	var types []string
	switch t := member(schema, "type").(type) {
	case string:
		types = []string{t}
	case *value.List:
		for _, item := range t.Items {
			types = append(types, str(item))
		}
	}
	if slices.Contains(types, "string") {
		types = nil
	}
	var firstErr error
	for _, t := range types {
		v, err := castAs(t, word, schema, autoDict)
		if err == nil {
			return v, nil
		}
		if firstErr == nil {
			firstErr = err
		}
	}
	if firstErr != nil {
		return nil, firstErr
	}
	return word, nil
}

func castAs(kind, word string, schema document, autoDict bool) (any, error) {
	switch kind {
	case "boolean":
		// st2 reads it as a literal of Python: 1 and None are none of the two words
		// and get through.
		literal := strings.ToLower(word)
		if literal != "" {
			literal = strings.ToUpper(literal[:1]) + literal[1:]
		}
		if v, err := value.Literal(nil, literal); err == nil {
			return v, nil
		}
		return nil, invalid("Invalid value for boolean parameter. Valid values are: true, false")
	case "integer":
		return value.ParseInt(nil, word, 10)
	case "number":
		return value.ParseFloat(word)
	case "null":
		if word == "" || word == "null" || word == "None" {
			return nil, nil
		}
		return nil, invalid("%s is not null", word)
	case "object":
		if strings.HasPrefix(word, "{") {
			return value.LoadJSON(nil, word)
		}
		out := value.NewDict(4)
		for pair := range strings.SplitSeq(word, ",") {
			if k, v, ok := strings.Cut(pair, "="); ok {
				out.SetStr(k, v)
			}
		}
		return out, nil
	case "array":
		return castArray(word, schema, autoDict)
	default:
		return word, nil
	}
}

func castArray(word string, schema document, autoDict bool) (any, error) {
	if n, err := value.ParseInt(nil, word, 10); err == nil {
		return value.NewList(n), nil
	}
	v, err := value.LoadJSON(nil, word)
	if err != nil {
		items := value.NewList()
		for item := range strings.SplitSeq(word, ",") {
			items.Items = append(items.Items, strings.TrimSpace(item))
		}
		v = items
	}
	items, ok := v.(*value.List)
	if !ok || !autoDict || len(items.Items) == 0 {
		return v, nil
	}
	// --auto-dict: k:v,k:v is one object
	out := value.NewDict(len(items.Items))
	properties, _ := member(schema, "properties").(document)
	for _, item := range items.Items {
		pair, isText := item.(string)
		k, x, hasColon := strings.Cut(pair, ":")
		if !isText || !hasColon {
			return v, nil
		}
		var inner document
		if properties != nil {
			inner, _ = member(properties, k).(document)
		}
		cast, err := castParameter(x, inner, autoDict)
		if err != nil {
			return nil, err
		}
		out.SetStr(k, cast)
	}
	return value.NewList(out), nil
}

// keptBack are variables that --inherit-env leaves out: they belong to the login.
var keptBack = []string{
	"pwd", "mail", "username", "user", "path", "home", "ps1", "shell", "pythonpath", "ssh_tty", "ssh_connection", "lang", "ls_colors", "logname", "oldpwd", "term", "xdg_session_id",
}

// secretEnv are those that log in to servers: they never leave this process.
func secretEnv(name string) bool {
	return strings.HasPrefix(name, "ST2_AUTH_TOKEN") || strings.HasPrefix(name, "ST2_API_KEY") || strings.HasPrefix(name, "SQUALL_")
}

// Environment are variables by name.
type Environment map[string]string

func (e Environment) sorted() (pairs [][2]string) {
	for _, name := range slices.Sorted(maps.Keys(e)) {
		pairs = append(pairs, [2]string{name, e[name]})
	}
	return pairs
}

// InheritedEnv is what --inherit-env hands to an action: the environment without
// what belongs to the login, and without what logs in to servers.
func InheritedEnv(environ []string) Environment {
	out := Environment{}
	for _, kv := range environ {
		name, v, _ := strings.Cut(kv, "=")
		lower := strings.ToLower(name)
		if slices.Contains(keptBack, lower) && (name == lower || name == strings.ToUpper(name)) || secretEnv(name) {
			continue
		}
		out[name] = v
	}
	return out
}

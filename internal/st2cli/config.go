package st2cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"squall/internal/argparse"
)

// config is st2's configuration file, an INI file, with the defaults filled in.
type config struct {
	path   string
	values map[string]string // "section.option"
}

// configOptions are the options that are read, in the order --print-config has.
var configOptions = []struct {
	section, option, normal string
	yesNo                   bool
}{
	{section: "general", option: "base_url"},
	{section: "general", option: "api_version"},
	{section: "general", option: "cacert"},
	{section: "general", option: "silence_ssl_warnings", normal: "False", yesNo: true},
	{section: "general", option: "silence_schema_output", normal: "True", yesNo: true},
	{section: "cli", option: "debug", normal: "False", yesNo: true},
	{section: "cli", option: "cache_token", normal: "True", yesNo: true},
	{section: "cli", option: "timezone", normal: "UTC"},
	{section: "credentials", option: "username"},
	{section: "credentials", option: "password"},
	{section: "credentials", option: "api_key"},
	{section: "credentials", option: "basic_auth"},
	{section: "api", option: "url"},
	{section: "auth", option: "url"},
	{section: "stream", option: "url"},
}

func (c *config) get(name string) string { return c.values[name] }

func (c *config) yes(name string) bool { return c.values[name] == "True" }

// print is --print-config. Secrets are not shown: the output ends up in tickets.
func (c *config) print(w io.Writer) {
	section := ""
	for _, o := range configOptions {
		if o.section != section {
			section = o.section
			fmt.Fprintf(w, "[%s]\n", section)
		}
		v := c.get(o.section + "." + o.option)
		switch {
		case v == "":
			v = "None"
		case slices.Contains([]string{"password", "api_key", "basic_auth"}, o.option):
			v = "********"
		}
		fmt.Fprintf(w, "%s = %s\n", o.option, v)
	}
}

// dir is where st2 keeps its configuration and tokens.
func (p *Program) dir() string { return filepath.Join(p.Home, ".st2") }

// configPath is the configuration file; named tells that somebody named it.
func (p *Program) configPath(v argparse.Values) (path string, named bool) {
	for _, path := range []string{v.String("config_file"), p.Env("ST2_CONFIG_FILE")} {
		if rest, ok := strings.CutPrefix(path, "~/"); ok {
			path = filepath.Join(p.Home, rest)
		}
		if path != "" {
			if full, err := filepath.Abs(path); err == nil {
				path = full
			}
			return path, true
		}
	}
	return filepath.Join(p.dir(), "config"), false
}

// loadConfig reads the configuration file, unless it is to be skipped. A file
// that is not there has only defaults, unless it was named.
func (p *Program) loadConfig(v argparse.Values) (*config, error) {
	c := &config{values: map[string]string{}}
	for _, o := range configOptions {
		c.values[o.section+"."+o.option] = o.normal
	}
	var named bool
	c.path, named = p.configPath(v)
	skip := p.Env("ST2_CLI_SKIP_CONFIG")
	if v.Bool("skip_config") || skip != "" && skip != "0" {
		return c, nil
	}
	text, err := os.ReadFile(c.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !named:
		return c, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, invalid("Config \"%s\" not found", c.path)
	case err != nil:
		return nil, err
	}
	ini, err := parseINI(string(text))
	if err != nil {
		return nil, invalid("%s: %w", c.path, err)
	}
	for _, o := range configOptions {
		name := o.section + "." + o.option
		value, ok := ini[name]
		if !ok {
			continue
		}
		if o.yesNo {
			yes, ok := yesNo(value)
			if !ok {
				return nil, invalid("Not a boolean: %s", value)
			}
			value = map[bool]string{true: "True", false: "False"}[yes]
		}
		c.values[name] = value
	}
	return c, nil
}

// yesNo reads the words Python's configparser takes for true and false.
func yesNo(word string) (yes, ok bool) {
	switch strings.ToLower(word) {
	case "1", "yes", "true", "on":
		return true, true
	case "0", "no", "false", "off":
		return false, true
	}
	return false, false
}

// parseINI reads what st2's files hold of Python's INI syntax: sections, options
// with = or :, comments in lines of their own, values that go on in indented lines.
func parseINI(text string) (map[string]string, error) {
	values := map[string]string{}
	section, last := "", ""
	for i, line := range strings.Split(text, "\n") {
		bare := strings.TrimSpace(line)
		switch {
		case bare == "" || bare[0] == '#' || bare[0] == ';':
			continue
		case line[0] == ' ' || line[0] == '\t':
			if last != "" {
				values[last] += "\n" + bare
				continue
			}
		case bare[0] == '[':
			name, _, ok := strings.Cut(bare[1:], "]")
			if !ok {
				return nil, fmt.Errorf("line %d: the section %q has no end", i+1, bare)
			}
			section, last = name, ""
			continue
		}
		at := strings.IndexAny(bare, "=:")
		if at < 0 || section == "" {
			return nil, fmt.Errorf("line %d: %q is neither a section nor an option of one", i+1, bare)
		}
		last = section + "." + strings.ToLower(strings.TrimSpace(bare[:at]))
		values[last] = strings.TrimSpace(bare[at+1:])
	}
	return values, nil
}

package main

import (
	"fmt"
	"strings"

	"squall/internal/app"
)

// ofMachine are defaults that differ from machine to machine, in words.
var ofMachine = map[string]string{"scheduler.slots": "8 for each CPU, at least 16"}

// settingsPage is the table of settings with their defaults.
func settingsPage() (string, error) {
	_, settings, err := app.LoadConfig(app.Sources{Env: func(string) (string, bool) { return "", false }, Flags: map[string]string{}})
	if err != nil {
		return "", fmt.Errorf("read the defaults: %w", err)
	}
	var b strings.Builder
	b.WriteString(generated)
	b.WriteString("# Settings\n\n" +
		"What can stand in the server's configuration; [running Squall](../operation.md#configuration)\n" +
		"says where. `squall config show` prints the same for your server, with the values it uses and\n" +
		"where each came from. The environment variable of `scheduler.slots` is `SQUALL_SCHEDULER_SLOTS`,\n" +
		"and so on.\n")
	section := ""
	for _, s := range sorted(settings) {
		if name, _, _ := strings.Cut(s.Key, "."); name != section {
			section = name
			fmt.Fprintf(&b, "\n## %s\n\n| setting | default | meaning |\n|---|---|---|\n", name)
		}
		value := s.Value
		if words, ok := ofMachine[s.Key]; ok {
			value = words
		} else if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Key, cell(value), cell(s.Help))
	}
	return b.String(), nil
}

// sorted brings the settings of a section together, in the order in which the
// sections first appear.
func sorted(settings []app.Setting) []app.Setting {
	var names []string
	bySection := map[string][]app.Setting{}
	for _, s := range settings {
		name, _, _ := strings.Cut(s.Key, ".")
		if bySection[name] == nil {
			names = append(names, name)
		}
		bySection[name] = append(bySection[name], s)
	}
	var list []app.Setting
	for _, name := range names {
		list = append(list, bySection[name]...)
	}
	return list
}

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// checkWords looks at a command line before Cobra does, for two mistakes that Cobra
// lets pass: an unknown command below another, and a flag of ours that was meant
// for the command behind `squall run` or `squall node run`.
func checkWords(root *cobra.Command, words []string) error {
	cmd, rest, err := root.Find(words)
	if err != nil {
		return nil //nolint:nilerr // Cobra tells of it itself
	}
	if cmd.HasParent() && cmd.HasSubCommands() && !cmd.Runnable() {
		return unknownBelow(cmd, rest)
	}
	if path := cmd.CommandPath(); path == "squall run" || path == "squall node run" {
		_ = cmd.InheritedFlags() // makes --url and --token known, too
		return swallowed(path, cmd.Flags(), rest)
	}
	return nil
}

// unknownBelow refuses a word that is no command below cmd. Cobra would print the
// help and call it a success.
func unknownBelow(cmd *cobra.Command, words []string) error {
	for i := 0; i < len(words); i++ {
		w := words[i]
		if strings.HasPrefix(w, "-") {
			f := cmd.InheritedFlags().Lookup(strings.TrimLeft(w, "-"))
			if f == nil {
				return nil // --help, or a flag that Cobra refuses
			}
			if f.NoOptDefVal == "" {
				i++ // its value
			}
			continue
		}
		hint := fmt.Sprintf("see %s --help", cmd.CommandPath())
		if cmd.SuggestionsMinimumDistance == 0 {
			cmd.SuggestionsMinimumDistance = 2
		}
		if near := cmd.SuggestionsFor(w); len(near) > 0 {
			hint = fmt.Sprintf("did you mean %s %s?", cmd.CommandPath(), strings.Join(slices.Compact(near), ", "))
		}
		return usageErrorf("there is no command %q below %s; %s", w, cmd.CommandPath(), hint)
	}
	return nil
}

// swallowed refuses a short flag of ours behind the first word of a command:
// `squall run core.local ls -a` would run ls, in the background.
func swallowed(path string, flags *pflag.FlagSet, words []string) error {
	var bare []string // the action or the machines, then the command
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "--":
			return nil
		case strings.HasPrefix(w, "--"):
			f := flags.Lookup(w[2:])
			if f != nil && f.NoOptDefVal == "" {
				i++ // its value
			}
		case len(w) > 1 && w[0] == '-' && len(bare) > 1:
			return usageErrorf("is %s meant for %s, or for squall? for the command: %s %s -- %s %s\nfor squall: write it in front of %s",
				w, bare[1], path, bare[0], strings.Join(bare[1:], " "), strings.Join(words[i:], " "), bare[0])
		case len(w) > 1 && w[0] == '-':
			if f := flags.ShorthandLookup(w[len(w)-1:]); f != nil && f.NoOptDefVal == "" {
				i++
			}
		default:
			name, _, parameter := strings.Cut(w, "=")
			if !parameter || !isName(strings.TrimSuffix(name, ":")) {
				bare = append(bare, w)
			}
		}
	}
	return nil
}

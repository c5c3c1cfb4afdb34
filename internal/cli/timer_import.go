package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"squall/internal/cronfile"
)

func (a *app) timerImportCommand() *cobra.Command {
	var system, dry, disabled bool
	var owner, prefix string
	var out format
	cmd := &cobra.Command{
		Use:   "import FILE|DIRECTORY...",
		Short: "Take over crontabs, /etc/cron.d and systemd timers",
		Long: `Take over crontabs, /etc/cron.d and systemd timers, as schedules that run
core.local. Each line is reported: taken over, with remarks, or not, and why. Files
named *.timer are systemd timers. The lines of /etc/crontab and of files in
directories called cron.d name a user (--system says so of others).

Names are made of the file's name and the line, so that an import can be repeated.`,
		Example: `  squall timer import --dry-run /etc/crontab /etc/cron.d
  crontab -l > me.cron && squall timer import --owner ann me.cron
  squall timer import /usr/lib/systemd/system/logrotate.timer`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := cronFiles(args)
			if err != nil {
				return err
			}
			var report []importLine
			for _, f := range files {
				lines, err := importFile(f, system || systemCrontab(f), owner, prefix)
				if err != nil {
					return err
				}
				report = append(report, lines...)
			}
			if err := a.createImported(cmd, report, dry, disabled); err != nil {
				return err
			}
			return a.printImport(out, report, dry)
		},
	}
	out.addTo(cmd)
	cmd.Flags().BoolVar(&system, "system", false, "lines name a user, as those of /etc/crontab do")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only report")
	cmd.Flags().BoolVar(&disabled, "disabled", false, "make the schedules without enabling them")
	cmd.Flags().StringVar(&owner, "owner", "", "who runs the lines of crontabs that name no user (default: the server's user)")
	cmd.Flags().StringVar(&prefix, "prefix", "", "in front of the schedules' names")
	return cmd
}

// importLine is what becomes of a line.
type importLine struct {
	File     string        `json:"file"`
	Line     int           `json:"line"`
	Schedule string        `json:"schedule,omitempty"` // its name; empty: the line is not taken over
	Note     string        `json:"note,omitempty"`
	rule     *ruleDocument // nil: a remark only
}

// cronFiles lists the files that are meant. Of directories, those that cron reads.
func cronFiles(args []string) (files []string, err error) {
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, usageErrorf("%w", err)
		}
		if !info.IsDir() {
			files = append(files, arg)
			continue
		}
		entries, err := os.ReadDir(arg)
		if err != nil {
			return nil, usageErrorf("%w", err)
		}
		for _, e := range entries {
			if e.Type().IsRegular() && (cronName.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".timer")) {
				files = append(files, filepath.Join(arg, e.Name()))
			}
		}
	}
	return files, nil
}

// cronName is what cron takes for a name in its directories; others are
// leftovers of editors and packages.
var cronName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func systemCrontab(path string) bool {
	full, err := filepath.Abs(path)
	return err == nil && (full == "/etc/crontab" || filepath.Base(filepath.Dir(full)) == "cron.d")
}

func importFile(path string, system bool, owner, prefix string) ([]importLine, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usageErrorf("%w", err)
	}
	var entries []cronfile.Entry
	var notes []cronfile.Note
	base := filepath.Base(path)
	if strings.HasSuffix(base, ".timer") {
		entries, notes = cronfile.Systemd(base, string(text))
	} else {
		entries, notes = cronfile.Crontab(string(text), system)
	}
	var lines []importLine
	for _, e := range entries {
		if e.User == "" {
			e.User = owner
		}
		name := prefix + importName(base, e.Line)
		rule, err := importedRule(path, name, &e)
		if err != nil {
			return nil, err
		}
		lines = append(lines, importLine{File: path, Line: e.Line, Schedule: name, rule: rule})
	}
	for _, n := range notes {
		l := importLine{File: path, Line: n.Line, Note: n.Text}
		if !n.Lost {
			l.Schedule = prefix + importName(base, n.Line)
		}
		lines = append(lines, l)
	}
	slices.SortStableFunc(lines, func(a, b importLine) int { return a.Line - b.Line })
	return lines, nil
}

var notInNames = regexp.MustCompile(`[^a-z0-9_]+`)

func importName(file string, line int) string {
	return strings.Trim(notInNames.ReplaceAllString(strings.ToLower(file), "_"), "_") + fmt.Sprintf("_%d", line)
}

func importedRule(path, name string, e *cronfile.Entry) (*ruleDocument, error) {
	s := schedule{Cron: e.Cron, Calendar: e.Calendar, Timezone: e.Zone, Missed: e.Missed, Key: name}
	if e.Every > 0 {
		s.Every = e.Every.String()
	}
	if e.Jitter > 0 {
		s.Jitter = e.Jitter.String()
	}
	params := map[string]any{"cmd": literal(importedCommand(e)), "timeout": 24 * 3600}
	if len(e.Env) > 0 {
		env := map[string]string{}
		for k, v := range e.Env {
			env[k] = literal(v)
		}
		params["env"] = env
	}
	doc, err := json.Marshal(params)
	if err != nil {
		return nil, fmt.Errorf("line %d of %s: %w", e.Line, path, err)
	}
	return &ruleDocument{
		Name: name, Pack: schedulePack, Description: fmt.Sprintf("line %d of %s", e.Line, path), Enabled: true, Criteria: map[string]any{},
		Trigger: ruleTrigger{scheduleType, s}, Action: ruleAction{"core.local", doc},
	}, nil
}

// literal keeps a text from being taken for a template.
func literal(text string) string {
	if strings.Contains(text, "{{") || strings.Contains(text, "{%") || strings.Contains(text, "{#") {
		return "{% raw %}" + text + "{% endraw %}"
	}
	return text
}

// importedCommand is the shell command of an entry, run by its user in its shell.
func importedCommand(e *cronfile.Entry) string {
	command := e.Command
	shell := e.Shell
	if shell == "" && e.User != "" {
		shell = "/bin/sh"
	}
	if shell != "" {
		command = shellQuote(shell) + " -c " + shellQuote(command)
	}
	if e.User != "" {
		command = "sudo -n -H -u " + shellQuote(e.User) + " -- " + command
	}
	return command
}

func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./@") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func (a *app) createImported(cmd *cobra.Command, report []importLine, dry, disabled bool) error {
	if dry {
		return nil
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	for _, l := range report {
		if l.rule == nil {
			continue
		}
		l.rule.Enabled = !disabled
		if err := putRule(cmd, c, l.rule); err != nil {
			return fmt.Errorf("line %d of %s: %w", l.Line, l.File, err)
		}
	}
	return nil
}

func (a *app) printImport(out format, report []importLine, dry bool) error {
	if out.machine() {
		return out.print(a.io.Stdout, report)
	}
	taken, lost := 0, 0
	for _, l := range report {
		switch {
		case l.rule != nil:
			taken++
			fmt.Fprintf(a.io.Stdout, "%s:%d: schedule %s.%s\n", l.File, l.Line, schedulePack, l.Schedule)
		case l.Schedule != "":
			fmt.Fprintf(a.io.Stdout, "%s:%d: note: %s\n", l.File, l.Line, l.Note)
		default:
			lost++
			fmt.Fprintf(a.io.Stdout, "%s:%d: NOT taken over: %s\n", l.File, l.Line, l.Note)
		}
	}
	verb := "taken over"
	if dry {
		verb = "can be taken over"
	}
	_, err := fmt.Fprintf(a.io.Stdout, "%d schedules %s, %d lines not\n", taken, verb, lost)
	return err
}

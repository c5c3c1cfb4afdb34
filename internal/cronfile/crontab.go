package cronfile

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"squall/internal/timer"
)

// Entry is one schedule with its command.
type Entry struct {
	Line  int
	Cron  string // the time fields, or @daily and the like; empty with Calendar and Every
	Every time.Duration
	// Calendar is the parameters of core.st2.CronTimer: all fields must fit.
	Calendar map[string]string
	Zone     string // of the time zone database; empty: the server's
	User     string // empty: the crontab's owner
	Command  string
	Shell    string // empty: /bin/sh
	Env      map[string]string
	MailTo   string
	Missed   string        // "last" when what was missed is to be made up for
	Jitter   time.Duration // each run comes up to so much later
	Name     string        // the timer's unit; empty for crontabs
}

// Note is something to be told about a line.
type Note struct {
	Line int
	// Lost says that the line has no schedule in the result.
	Lost bool
	Text string
}

var assignment = regexp.MustCompile(`^\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$`)

// Crontab reads a crontab; of the system's, which names a user in each line,
// when system says so. Assignments count for the lines below them (cron).
func Crontab(text string, system bool) (entries []Entry, notes []Note) {
	env := map[string]string{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		if m := assignment.FindStringSubmatch(line); m != nil {
			env[m[1]] = unquote(m[2])
			continue
		}
		e, err := crontabLine(trimmed, system)
		if err != nil {
			notes = append(notes, Note{n, true, err.Error()})
			continue
		}
		e.Line = n
		notes = append(notes, e.take(env)...)
		entries = append(entries, e)
	}
	return entries, notes
}

// unquote takes matching quotes from around a value, as cron does.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

func crontabLine(line string, system bool) (e Entry, err error) {
	want := 5
	if strings.HasPrefix(line, "@") {
		want = 1
	}
	line = strings.TrimPrefix(line, "-") // of some crons: do not log
	fields, rest := cut(line, want)
	e.Cron = strings.Join(fields, " ")
	if strings.EqualFold(e.Cron, "@reboot") {
		return e, fmt.Errorf("@reboot is no time: there is nothing that it could be taken over as")
	}
	if len(fields) < want || rest == "" {
		return e, fmt.Errorf("the line has no command behind its %d time fields", want)
	}
	if _, err := timer.ParseCrontab(e.Cron, "", timer.At{}); err != nil {
		return e, err
	}
	if system {
		user, command := cut(rest, 1)
		if command == "" {
			return e, fmt.Errorf("the line has no command behind its user")
		}
		e.User, rest = user[0], command
	}
	e.Command, err = percent(rest)
	return e, err
}

// cut returns the first n words of a line and what stands behind them.
func cut(line string, n int) (words []string, rest string) {
	rest = strings.TrimLeft(line, " \t")
	for range n {
		if rest == "" {
			return words, ""
		}
		end := strings.IndexAny(rest, " \t")
		if end < 0 {
			end = len(rest)
		}
		words = append(words, rest[:end])
		rest = strings.TrimLeft(rest[end:], " \t")
	}
	return words, rest
}

// percent turns "\%" into "%". An unescaped one is a newline, and what stands
// behind the first is the command's input (cron).
func percent(command string) (string, error) {
	var b strings.Builder
	input := false
	for i := 0; i < len(command); i++ {
		switch c := command[i]; {
		case c == '\\' && i+1 < len(command) && command[i+1] == '%':
			b.WriteByte('%')
			i++
		case c == '%' && !input:
			input = true
			b.WriteString("\x00")
		case c == '%':
			b.WriteByte('\n')
		default:
			b.WriteByte(c)
		}
	}
	body, stdin, given := strings.Cut(b.String(), "\x00")
	if !given || stdin == "" {
		return strings.TrimSpace(body), nil
	}
	if strings.Contains(stdin, "SQUALL_INPUT") {
		return "", fmt.Errorf("the input behind %% holds SQUALL_INPUT, which marks its end here")
	}
	return fmt.Sprintf("{ %s ; } <<'SQUALL_INPUT'\n%s\nSQUALL_INPUT", strings.TrimSpace(body), stdin), nil
}

// take puts the assignments above an entry where they belong.
func (e *Entry) take(env map[string]string) (notes []Note) {
	for name, value := range env {
		switch name {
		case "SHELL":
			e.Shell = value
		case "MAILTO":
			e.MailTo = value
		case "CRON_TZ", "TZ":
			if _, err := time.LoadLocation(value); err != nil || value == "" || value == "Local" {
				notes = append(notes, Note{e.Line, false, fmt.Sprintf("%s=%s is no time zone that is known here: the server's is taken", name, value)})
				continue
			}
			e.Zone = value
			if name == "TZ" { // for the command only, in cron
				e.Zone = ""
				e.set(name, value)
			}
		case "LOGNAME", "USER", "CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING", "RANDOM_DELAY":
			if name == "RANDOM_DELAY" {
				notes = append(notes, e.randomDelay(value)...)
			}
		default:
			e.set(name, value)
		}
	}
	if e.MailTo != "" {
		notes = append(notes, Note{e.Line, false, fmt.Sprintf("MAILTO=%s: a notification by mail is to be set up for it", e.MailTo)})
	}
	return notes
}

func (e *Entry) set(name, value string) {
	if e.Env == nil {
		e.Env = map[string]string{}
	}
	e.Env[name] = value
}

// randomDelay is cronie's: minutes.
func (e *Entry) randomDelay(value string) []Note {
	minutes, err := time.ParseDuration(value + "m")
	if err != nil || minutes < 0 || minutes >= 24*time.Hour {
		return []Note{{e.Line, false, fmt.Sprintf("RANDOM_DELAY=%s is no number of minutes", value)}}
	}
	e.Jitter = minutes
	return nil
}

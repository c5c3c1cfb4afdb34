package cronfile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"squall/internal/timer"
)

// Systemd reads a timer unit. unit is its file name without the directory, such
// as logrotate.timer; what it starts is started by systemctl.
func Systemd(unit, text string) (entries []Entry, notes []Note) {
	name := strings.TrimSuffix(unit, ".timer")
	starts := name + ".service"
	var jitter time.Duration
	persistent, section, n := false, "", 0
	type at struct {
		line     int
		calendar map[string]string
		zone     string
		every    time.Duration
	}
	var list []at
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' {
			section = line
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || section != "[Timer]" {
			continue
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		lost := func(format string, args ...any) { notes = append(notes, Note{n, true, fmt.Sprintf(format, args...)}) }
		switch key {
		case "OnCalendar":
			if value == "" { // clears the list
				list = nil
				continue
			}
			calendar, zone, err := OnCalendar(value)
			if err != nil {
				lost("OnCalendar=%s: %v", value, err)
				continue
			}
			list = append(list, at{n, calendar, zone, 0})
		case "OnUnitActiveSec", "OnUnitInactiveSec":
			every, err := seconds(value)
			if err != nil || every < time.Second {
				lost("%s=%s: %v", key, value, err)
				continue
			}
			if key == "OnUnitInactiveSec" {
				notes = append(notes, Note{n, false, "OnUnitInactiveSec is counted from start to start here"})
			}
			list = append(list, at{n, nil, "", every})
		case "OnBootSec", "OnStartupSec", "OnActiveSec", "OnClockChange", "OnTimezoneChange":
			lost("%s is no time of the clock: there is nothing that it could be taken over as", key)
		case "RandomizedDelaySec":
			d, err := seconds(value)
			if err != nil {
				notes = append(notes, Note{n, false, fmt.Sprintf("RandomizedDelaySec=%s: %v", value, err)})
			}
			jitter = min(d, 24*time.Hour-time.Second)
		case "Persistent":
			persistent = value == "true" || value == "yes" || value == "on" || value == "1"
		case "Unit":
			starts = value
		}
	}
	for _, a := range list {
		e := Entry{Line: a.line, Name: name, Calendar: a.calendar, Zone: a.zone, Every: a.every, Jitter: jitter, User: "root", Command: "systemctl start " + starts}
		if persistent {
			e.Missed = "last"
		}
		entries = append(entries, e)
	}
	return entries, notes
}

// shorthands of systemd.time(7).
var shorthands = map[string]string{
	"minutely": "*-*-* *:*:00", "hourly": "*-*-* *:00:00", "daily": "*-*-* 00:00:00", "weekly": "Mon *-*-* 00:00:00",
	"monthly": "*-*-01 00:00:00", "quarterly": "*-01,04,07,10-01 00:00:00", "semiannually": "*-01,07-01 00:00:00",
	"yearly": "*-01-01 00:00:00", "annually": "*-01-01 00:00:00",
}

var (
	calendarDate = regexp.MustCompile(`^(?:([^-\s]+)-)?([^-\s]+)-([^-\s]+)$`)
	calendarWord = regexp.MustCompile(`^[A-Za-z]{3,9}((\.\.|,|-)[A-Za-z]{3,9})*$`)
	calendarPart = regexp.MustCompile(`^(\*|\d+(\.\.\d+)?)(/\d+)?$`)
)

// OnCalendar turns an expression of systemd.time(7) into the parameters of
// core.st2.CronTimer, and the zone it names. What those cannot say is an error:
// days from the end of the month, fractions of seconds.
func OnCalendar(text string) (calendar map[string]string, zone string, err error) {
	words := strings.Fields(text)
	if len(words) > 1 {
		last := words[len(words)-1]
		if _, err := time.LoadLocation(last); err == nil && last != "Local" && !calendarWord.MatchString(last) || last == "UTC" {
			zone, words = last, words[:len(words)-1]
		}
	}
	if len(words) == 1 {
		if long, ok := shorthands[strings.ToLower(words[0])]; ok {
			words = strings.Fields(long)
		}
	}
	calendar = map[string]string{"hour": "0", "minute": "0", "second": "0"}
	if len(words) > 0 && calendarWord.MatchString(words[0]) {
		if calendar["day_of_week"], err = weekdaysOf(words[0]); err != nil {
			return nil, "", err
		}
		words = words[1:]
	}
	if len(words) > 0 && !strings.Contains(words[0], ":") {
		if err := dateOf(words[0], calendar); err != nil {
			return nil, "", err
		}
		words = words[1:]
	}
	if len(words) > 0 {
		if err := timeOf(words[0], calendar); err != nil {
			return nil, "", err
		}
		words = words[1:]
	}
	if len(words) > 0 {
		return nil, "", fmt.Errorf("%q is not understood", strings.Join(words, " "))
	}
	for name, v := range calendar {
		if v == "*" {
			calendar[name] = "*"
		}
	}
	return calendar, zone, check(calendar)
}

// check lets the timers say whether they can take it.
func check(calendar map[string]string) error {
	doc := "{"
	sep := ""
	for name, v := range calendar {
		doc += sep + strconv.Quote(name) + ":" + strconv.Quote(v)
		sep = ","
	}
	return timer.Check(timer.Cron, []byte(doc+"}"))
}

func weekdaysOf(text string) (string, error) {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		part = strings.ReplaceAll(part, "..", "-")
		var days []string
		for day := range strings.SplitSeq(part, "-") {
			if len(day) < 3 {
				return "", fmt.Errorf("%q is no day of the week", day)
			}
			days = append(days, strings.ToLower(day[:3]))
		}
		parts = append(parts, strings.Join(days, "-"))
	}
	return strings.Join(parts, ","), nil
}

func dateOf(text string, calendar map[string]string) error {
	if strings.Contains(text, "~") {
		return fmt.Errorf("days counted from the end of the month cannot be taken over")
	}
	m := calendarDate.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("%q is no date", text)
	}
	for i, name := range []string{"year", "month", "day"} {
		if m[i+1] == "" {
			m[i+1] = "*"
		}
		v, err := component(m[i+1])
		if err != nil {
			return err
		}
		calendar[name] = v
	}
	return nil
}

func timeOf(text string, calendar map[string]string) error {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return fmt.Errorf("%q is no time of day", text)
	}
	if strings.Contains(text, ".") && !strings.Contains(text, "..") {
		return fmt.Errorf("fractions of seconds cannot be taken over")
	}
	for i, name := range []string{"hour", "minute", "second"}[:len(parts)] {
		v, err := component(parts[i])
		if err != nil {
			return err
		}
		calendar[name] = v
	}
	return nil
}

// component turns "1..5,7/2" into "1-5,7/2".
func component(text string) (string, error) {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if !calendarPart.MatchString(part) {
			return "", fmt.Errorf("%q is not understood", part)
		}
		parts = append(parts, strings.ReplaceAll(part, "..", "-"))
	}
	return strings.Join(parts, ","), nil
}

// seconds reads a span of systemd: "5min", "1h 30min", "90".
func seconds(text string) (time.Duration, error) {
	units := map[string]time.Duration{
		"": time.Second, "s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
		"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
		"h": time.Hour, "hr": time.Hour, "hour": time.Hour, "hours": time.Hour,
		"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour, "w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
		"ms": time.Millisecond, "msec": time.Millisecond,
	}
	found := span.FindAllStringSubmatch(text, -1)
	if strings.TrimSpace(span.ReplaceAllString(text, "")) != "" || len(found) == 0 {
		return 0, fmt.Errorf("%q is no span of time", text)
	}
	var d time.Duration
	for _, m := range found {
		n, err := strconv.ParseInt(m[1], 10, 32)
		unit, ok := units[m[2]]
		if err != nil || !ok {
			return 0, fmt.Errorf("%q is no span of time", text)
		}
		d += time.Duration(n) * unit
	}
	return d, nil
}

var span = regexp.MustCompile(`(\d+)\s*([a-z]*)`)

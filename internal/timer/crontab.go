package timer

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
)

// crontabFields are the fields of a crontab line. Jenkins keeps H of a day of
// the month within days that every month has.
var crontabFields = [5]struct {
	name     string
	min, max int
	maxH     int
	names    []string // for min, min+1, ...
}{
	{"minute", 0, 59, 59, nil},
	{"hour", 0, 23, 23, nil},
	{"day of month", 1, 31, 28, nil},
	{"month", 1, 12, 12, monthNames},
	{"day of week", 0, 7, 6, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// nicknames are the short forms of crontab(5). @reboot is no schedule.
var nicknames = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// ParseCrontab returns the schedule of the five time fields of a crontab line,
// or of six with the seconds first, or of @daily and the like, in a zone (nil:
// UTC). Lists, ranges, steps after * or a range, and names (three letters) are
// those of Debian's cron; days match when either restricted day field does.
//
// H stands for a value that depends only on key and field, so that many
// schedules written alike are spread over the hour: H, H/15, H(0-29),
// H(9-17)/2. The same key gives the same schedule on every node.
//
// Times that the clock leaves out are made up for at once, those it shows
// twice come once; schedules whose minute or hour starts with * simply follow
// the clock (cron: fixed and wildcard jobs).
func ParseCrontab(text, key string, at At) (Spec, error) {
	parts := strings.Fields(text)
	if len(parts) == 1 && strings.HasPrefix(parts[0], "@") {
		line, ok := nicknames[strings.ToLower(parts[0])]
		if !ok {
			return Spec{}, valueError("%s is no schedule: use one of @hourly, @daily, @weekly, @monthly, @yearly or five fields", parts[0])
		}
		parts = strings.Fields(line)
	}
	seconds := uint64(1)
	switch len(parts) {
	case 5:
	case 6:
		set, _, err := crontabSet("second", parts[0], 0, 59, 59, nil, key)
		if err != nil {
			return Spec{}, err
		}
		seconds, parts = set, parts[1:]
	default:
		return Spec{}, valueError("a crontab schedule has five fields (minute, hour, day of month, month, day of week), or six with the second first, not %d", len(parts))
	}
	var sets [5]uint64
	var stars [5]bool
	for i, f := range crontabFields {
		var err error
		if sets[i], stars[i], err = crontabSet(f.name, parts[i], f.min, f.max, f.maxH, f.names, key); err != nil {
			return Spec{}, err
		}
	}
	minutes, hours, dom, months, dow := sets[0], sets[1], sets[2], sets[3], sets[4]
	dow |= dow >> 7 & 1 // 7 is Sunday, too
	days := calendarOf(func(d *day) bool {
		if months>>d.month&1 == 0 {
			return false
		}
		byDate, byWeekday := dom>>d.day&1 == 1, dow>>((d.weekday+1)%7)&1 == 1
		// A field that starts with * restricts, but does not open the other (cron).
		if stars[2] || stars[4] {
			return byDate && byWeekday
		}
		return byDate || byWeekday
	})
	f := fields[fieldYear]
	c := &cron{
		years: expression{{first: f.min, last: f.max, step: 1}}, days: days, hours: hours, minutes: minutes, seconds: seconds,
		loc: at.zone(), change: crontab{wildcard: stars[0] || stars[1]}, since: at.Now.Unix(),
	}
	return Spec{plan: c, zone: c.loc}, nil
}

// crontab treats changes of the clock as cron(8) does for changes of less than
// three hours; larger ones are treated alike here.
type crontab struct{ wildcard bool }

func (j crontab) repeats() bool { return j.wildcard }

// skipped makes up for all the times left out by one run right after the gap.
func (j crontab) skipped(c *cron, at int64, from, to wall) (int64, bool) {
	if j.wildcard {
		return 0, false
	}
	w, ok := c.nextWall(from)
	return at, ok && w < to
}

// crontabSet reads one field. star reports that it starts with *.
func crontabSet(field, text string, lo, hi, hiH int, names []string, key string) (set uint64, star bool, err error) {
	bad := func(format string, args ...any) (uint64, bool, error) {
		return 0, false, valueError("%s %q: %s", field, text, fmt.Sprintf(format, args...))
	}
	for member := range strings.SplitSeq(text, ",") {
		body, stepText, stepped := strings.Cut(member, "/")
		step := 1
		if stepped {
			if step, err = strconv.Atoi(stepText); err != nil || step < 1 || !isDigits(stepText) {
				return bad("the step %q is not a positive number", stepText)
			}
		}
		first, last, single := lo, hi, false
		switch {
		case body == "*":
		case strings.HasPrefix(body, "H"):
			if first, last, err = crontabHash(body, lo, hiH); err != nil {
				return bad("%v", err)
			}
			h := Spread(key, field)
			if !stepped {
				first += int(h % uint64(last-first+1))
				last = first
				break
			}
			if step > last-first+1 {
				return bad("the step %d is larger than the range %d-%d", step, first, last)
			}
			first += int(h % uint64(step))
		default:
			low, high, ranged := strings.Cut(body, "-")
			single = !ranged
			if first, err = crontabValue(low, lo, hi, names); err != nil {
				return bad("%v", err)
			}
			last = first
			if ranged {
				if last, err = crontabValue(high, lo, hi, names); err != nil {
					return bad("%v", err)
				}
			}
		}
		switch {
		case single && stepped:
			return bad("a step needs a range or *, such as %s-%d/%d", body, hi, step)
		case first > last:
			return bad("the range %s runs backwards", body)
		}
		for v := first; v <= last; v += step {
			set |= 1 << v
		}
	}
	return set, strings.HasPrefix(text, "*"), nil
}

// crontabHash reads the range of H or H(a-b).
func crontabHash(text string, lo, hi int) (first, last int, err error) {
	if text == "H" {
		return lo, hi, nil
	}
	inner, ok := strings.CutPrefix(text, "H(")
	inner, closed := strings.CutSuffix(inner, ")")
	low, high, ranged := strings.Cut(inner, "-")
	if !ok || !closed || !ranged {
		return 0, 0, fmt.Errorf("%q is neither H nor H(first-last)", text)
	}
	if first, err = crontabValue(low, lo, hi, nil); err != nil {
		return 0, 0, err
	}
	if last, err = crontabValue(high, lo, hi, nil); err != nil {
		return 0, 0, err
	}
	if first > last {
		return 0, 0, fmt.Errorf("the range %s runs backwards", inner)
	}
	return first, last, nil
}

func crontabValue(text string, lo, hi int, names []string) (int, error) {
	if i := slices.Index(names, strings.ToLower(text)); i >= 0 {
		return lo + i, nil
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil || !isDigits(text):
		return 0, fmt.Errorf("%q is no number or name that is known here", text)
	case n < lo || n > hi:
		return 0, fmt.Errorf("%d is not in %d-%d", n, lo, hi)
	}
	return n, nil
}

// Spread returns a number that depends only on its arguments, the same in all
// versions of Squall: schedules must not move with an update.
func Spread(key, purpose string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(purpose + "\x00" + key)) // never fails
	x := h.Sum64()
	// FNV's low bits follow the last byte closely; mix them (MurmurHash3's end).
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// Jitter returns the delay, from 0 up to but not including limit, that a
// schedule adds to a nominal instant so that many do not start together. It
// depends on key and instant only: all nodes agree on it, and the nominal
// instant stays what identifies the run.
func Jitter(key string, nominal time.Time, limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return time.Duration(Spread(key, strconv.FormatInt(nominal.UnixNano(), 10)) % uint64(limit))
}

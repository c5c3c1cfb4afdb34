package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"squall/internal/expr/value"
	"squall/internal/timer"
)

// timerSuite runs the folder "timers". A case passes when it equals what either
// recorded version of the scheduler did. Its runner judges for itself and
// reports a difference as an error, because a case allows several outcomes.
func timerSuite() Suite {
	run := func(kind timer.Kind) Runner {
		return func(_ context.Context, c *Case) (any, error) { return nil, timerDifference(kind, c.Raw) }
	}
	return Suite{Name: "timers", Load: loadTimers, Modes: map[string]Runner{
		"cron": run(timer.Cron), "interval": run(timer.Interval), "date": run(timer.Date),
	}}
}

// loadTimers makes one case of every record; the mode is the file's name, the
// category that and the group in the id ("tc-dst-0001").
func loadTimers(root string) ([]*Case, error) {
	files, err := filepath.Glob(filepath.Join(root, "timers", "*.json"))
	if err != nil {
		return nil, err
	}
	sort.Strings(files)
	var out []*Case
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		v, err := value.FromJSON(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		list, ok := v.(*value.List)
		if !ok {
			return nil, fmt.Errorf("%s: not a list of cases", file)
		}
		mode := strings.TrimSuffix(filepath.Base(file), ".json")
		for i, item := range list.Items {
			raw, ok := item.(*value.Dict)
			if !ok {
				return nil, fmt.Errorf("%s: case %d is not an object", file, i)
			}
			id := str(raw, "id")
			group := id[strings.IndexByte(id, '-')+1 : max(strings.LastIndexByte(id, '-'), strings.IndexByte(id, '-')+1)]
			input, _ := raw.GetStr("parameters")
			out = append(out, &Case{Suite: "timers", Category: mode + "/" + group, ID: id, Mode: mode, Input: input, Raw: raw,
				Context: value.NewDict(0), Options: value.NewDict(0)})
		}
	}
	return out, nil
}

// timerRun is what our timer did with a case.
type timerRun struct {
	apiErr, err error
	spec        timer.Spec
	start       time.Time
}

// timerDifference returns nil when the case equals one of its recordings, else
// the difference to the newest.
func timerDifference(kind timer.Kind, raw *value.Dict) error {
	given, _ := raw.GetStr("parameters")
	parameters, err := value.ToJSON(given)
	if err != nil {
		return err
	}
	start := str(raw, "start")
	if kind == timer.Date {
		start = str(raw, "now")
	}
	r := timerRun{apiErr: timer.Check(kind, parameters)}
	if r.start, err = time.Parse(time.RFC3339Nano, start); err != nil {
		return err
	}
	r.spec, r.err = timer.Parse(kind, parameters, timer.At{Now: r.start})
	var last error
	for _, version := range []string{"expect", "expect_3_11"} {
		v, ok := raw.GetStr(version)
		if !ok {
			continue
		}
		want, _ := v.(*value.Dict)
		if last = r.compare(kind, want, timerSkips(raw)); last == nil {
			return nil
		}
	}
	return last
}

func (r timerRun) compare(kind timer.Kind, want *value.Dict, skips []string) error {
	if err := sameTimerError("api_error", want, r.apiErr); err != nil {
		return err
	}
	if err := sameTimerError("error", want, r.err); err != nil || r.err != nil {
		return err
	}
	if kind == timer.Date {
		return r.compareDate(want)
	}
	return r.compareFires(want, skips)
}

func (r timerRun) compareDate(want *value.Dict) error {
	run, err := time.Parse(time.RFC3339Nano, str(want, "run_date"))
	if err != nil {
		return err
	}
	got, ok := r.spec.Next(time.Time{})
	if !ok || !sameInstant(got, run) {
		return fmt.Errorf("want %s, got %s", run, got)
	}
	scheduled, _ := want.GetStr("scheduled")
	if _, ok := r.spec.Next(r.start.Add(-1)); ok != scheduled {
		return fmt.Errorf("want scheduled %v, got %v", scheduled, ok)
	}
	return nil
}

// compareFires goes along both sequences. Fires at the local times in skips,
// which the original loses after a change of the clock, may come or not.
func (r timerRun) compareFires(want *value.Dict, skips []string) error {
	v, _ := want.GetStr("fires")
	list, ok := v.(*value.List)
	if !ok {
		return errors.New("the recording has no fires")
	}
	after := r.start.Add(-1)
	for i, item := range list.Items {
		got, ok := r.spec.Next(after)
		text, isText := item.(string)
		fire, err := time.Parse(time.RFC3339Nano, text)
		if err != nil && isText {
			return err
		}
		for ok && slices.Contains(skips, got.Format("2006-01-02T15:04:05")) && !(isText && sameInstant(got, fire)) {
			got, ok = r.spec.Next(got)
		}
		if !isText {
			if ok {
				return fmt.Errorf("fire %d: want none, got %s", i+1, got)
			}
			return nil
		}
		if !ok || !sameInstant(got, fire) {
			return fmt.Errorf("fire %d: want %s, got %s (%v)", i+1, text, got.Format(time.RFC3339Nano), ok)
		}
		after = got
	}
	return nil
}

// sameTimerError compares an error with the recorded one: presence always,
// class and message where they are the timer's own words.
func sameTimerError(key string, want *value.Dict, got error) error {
	v, _ := want.GetStr(key)
	record, _ := v.(*value.Dict)
	switch {
	case record == nil && got == nil:
		return nil
	case record == nil:
		return fmt.Errorf("want no %s, got %w", key, got)
	case got == nil:
		return fmt.Errorf("want %s %s: %s, got none", key, str(record, "error"), str(record, "message"))
	}
	var e *timer.Error
	if !errors.As(got, &e) {
		return fmt.Errorf("%s without a class: %w", key, got)
	}
	if class := str(record, "error"); class != "ValidationError" && class != "ValueError" {
		return nil
	}
	if e.Class != str(record, "error") || e.Message != str(record, "message") {
		return fmt.Errorf("want %s %s: %s, got %s: %s", key, str(record, "error"), str(record, "message"), e.Class, e.Message)
	}
	return nil
}

// sameInstant allows a microsecond: the originals count in floats.
func sameInstant(a, b time.Time) bool { return a.Sub(b).Abs() <= time.Microsecond }

func timerSkips(raw *value.Dict) (out []string) {
	v, _ := raw.GetStr("skips")
	if list, ok := v.(*value.List); ok {
		for _, item := range list.Items {
			text, _ := item.(string)
			out = append(out, text)
		}
	}
	return out
}

package timer

import (
	"testing"
	"time"
)

var fuzzStart = time.Date(2024, 3, 30, 22, 30, 0, 500, time.UTC)

// checkSpec asks a schedule that came out of a parser for a few instants.
func checkSpec(t *testing.T, s Spec) {
	after := fuzzStart
	for range 5 {
		next, ok := s.Next(after)
		if !ok {
			return
		}
		if !next.After(after) {
			t.Fatalf("after %s comes %s", after, next)
		}
		after = next
	}
}

func FuzzParse(f *testing.F) {
	for _, doc := range []string{
		`{"hour":"*/2","day":"2nd fri,last","timezone":"Europe/Berlin"}`, `{"unit":"weeks","delta":3}`, `{"date":"Friday 10pm"}`,
		`{"year":"9999","week":53,"second":"5-50/7"}`, `{"month":"feb","day":31}`, `[]`, `{"hour":1e400}`,
	} {
		f.Add(uint8(Cron), []byte(doc))
		f.Add(uint8(Interval), []byte(doc))
		f.Add(uint8(Date), []byte(doc))
	}
	f.Fuzz(func(t *testing.T, kind uint8, doc []byte) {
		k := Kind(kind%3 + 1)
		s, err := Parse(k, doc, At{Now: fuzzStart})
		if err != nil {
			return
		}
		if err := Check(k, doc); err != nil {
			t.Fatalf("Parse takes what Check refuses: %v", err)
		}
		checkSpec(t, s)
	})
}

func FuzzParseCrontab(f *testing.F) {
	for _, line := range []string{"*/5 * * * *", "H H(0-3) 1-15/2 jan,feb mon-fri", "@daily", "0 30 2 31 2 *", "H/15 * * * 7"} {
		f.Add(line, "backup")
	}
	f.Fuzz(func(t *testing.T, line, key string) {
		if s, err := ParseCrontab(line, key, At{Now: fuzzStart}); err == nil {
			checkSpec(t, s)
		}
	})
}

func FuzzParseDate(f *testing.F) {
	for _, text := range []string{"2024-03-31T02:30:00.5+03:00", "Fri, 15 Mar 2024 12:30:35 GMT+3", "10 h 36.5", "20.Mar.99 4 pm (CET)", "a.m.1,2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := ParseDate(text, fuzzStart, time.UTC)
		if err == nil && (at.Year() < 0 || at.Year() > 10000) {
			t.Fatalf("%q is %s", text, at)
		}
	})
}

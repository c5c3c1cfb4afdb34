package timer

import (
	"testing"
	"time"
)

var benchCases = []struct{ name, doc string }{
	{"every-minute", `{"second":0,"timezone":"Europe/Berlin"}`},
	{"daily", `{"hour":3,"minute":30,"timezone":"Europe/Berlin"}`},
	{"leap-day", `{"month":2,"day":29,"timezone":"Europe/Berlin"}`},
	{"far-year", `{"year":9999,"timezone":"Europe/Berlin"}`},
	{"never", `{"month":2,"day":31,"timezone":"Europe/Berlin"}`},
}

func BenchmarkCronNext(b *testing.B) {
	at := time.Date(2026, 11, 22, 12, 0, 30, 0, time.UTC)
	for _, c := range benchCases {
		s, err := Parse(Cron, []byte(c.doc), At{})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Next(at)
			}
		})
	}
}

func BenchmarkCronParse(b *testing.B) {
	doc := []byte(`{"hour":"*/2","day_of_week":"mon-fri","timezone":"Europe/Berlin"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(Cron, doc, At{}); err != nil {
			b.Fatal(err)
		}
	}
}

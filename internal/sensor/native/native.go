package native

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"squall/internal/sensor"
	"squall/internal/squall"
)

// All are the sources by runner type.
func All() map[string]sensor.Native {
	return map[string]sensor.Native{
		"file-tail":    tailFile,
		"directory":    watchDirectory,
		"syslog":       receiveSyslog,
		"snmp-trap":    receiveTraps,
		"http-poll":    pollHTTP,
		"imap":         readMail,
		"mqtt":         subscribeMQTT,
		"journal":      followJournal,
		"alertmanager": pollAlertmanager,
		"icinga2":      streamIcinga,
	}
}

// configure reads a source's configuration. Members that belong to the pack and
// not to the source are let pass.
func configure(job *sensor.NativeJob, into any) error {
	if err := json.Unmarshal(job.Config, into); err != nil {
		return squall.Errorf(squall.Invalid, "configuration: %w", err)
	}
	return nil
}

// seconds is a duration in a configuration: a number of seconds, or a text such
// as "5m".
type seconds time.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (s *seconds) UnmarshalJSON(doc []byte) error {
	var n float64
	if json.Unmarshal(doc, &n) == nil && n >= 0 {
		*s = seconds(n * float64(time.Second))
		return nil
	}
	var text string
	if err := json.Unmarshal(doc, &text); err != nil {
		return squall.Errorf(squall.Invalid, "%s is no time: write a number of seconds, or a text such as \"5m\"", doc)
	}
	d, err := time.ParseDuration(text)
	*s = seconds(d)
	return err
}

// or returns the duration, or another one for zero.
func (s seconds) or(other time.Duration) time.Duration {
	if s == 0 {
		return other
	}
	return time.Duration(s)
}

// pause waits; false means that ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// refused lets a source go on behind an event that nobody will ever take.
func refused(ctx context.Context, log *slog.Logger, err error) error {
	if kind := squall.KindOf(err); kind == squall.Invalid || kind == squall.NotFound {
		log.WarnContext(ctx, "an event was refused", "error", err)
		return nil
	}
	return err
}

// place is where a source goes on after a restart, kept in the datastore.
type place struct {
	job  *sensor.NativeJob
	last []byte
	at   time.Time
}

func (p *place) name() string { return p.job.Name + ":place" }

// read fills into with what was kept; false: nothing was.
func (p *place) read(ctx context.Context, into any) (bool, error) {
	text, found, err := p.job.Data.Get(ctx, p.name(), false)
	if err != nil || !found {
		return false, err
	}
	p.last = []byte(text)
	return json.Unmarshal(p.last, into) == nil, nil
}

// savePlaceEvery bounds how often places are written. What lies between the last
// one and a crash is told again, under the same keys.
const savePlaceEvery = 2 * time.Second

// save keeps the place; now and then unless force is set.
func (p *place) save(ctx context.Context, where any, force bool) error {
	if !force && time.Since(p.at) < savePlaceEvery {
		return nil
	}
	doc, err := json.Marshal(where)
	if err != nil || bytes.Equal(doc, p.last) {
		return err
	}
	p.at = time.Now()
	if err := p.job.Data.Set(ctx, p.name(), string(doc), 0, false); err != nil {
		return err
	}
	p.last = doc
	return nil
}

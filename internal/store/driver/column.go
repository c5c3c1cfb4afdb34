package driver

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"squall/internal/squall"
)

// IDBytes returns the twelve bytes of id; nil when it has not the form of an
// identifier. They compare as the identifiers do.
func IDBytes(id squall.ID) []byte {
	if !id.Valid() {
		return nil
	}
	b, err := hex.DecodeString(string(id))
	if err != nil {
		return nil
	}
	return b
}

// Place is IDBytes for lists that go on behind id; empty, in front of all.
func Place(id squall.ID) []byte { return append([]byte{}, IDBytes(id)...) }

// ID returns the identifier kept in b, empty for nil.
func ID(b []byte) squall.ID { return squall.ID(hex.EncodeToString(b)) }

// Micros returns t as stored: microseconds since 1970, 0 for the zero time.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time is the way back from Micros.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// CheckText refuses what PostgreSQL cannot keep in a text column, on both
// databases alike: texts with a NUL character, or that are not UTF-8.
func CheckText(texts ...string) error {
	for _, s := range texts {
		if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
			return squall.Errorf(squall.Invalid, "%q is not a text: it has a NUL character or is not UTF-8", s)
		}
	}
	return nil
}

// AppendLog appends changes to the stored form of a log: JSON arrays
// [state, microseconds, node, reason], each followed by a comma. So a log grows
// by appending to a text column, without being read.
func AppendLog(log []byte, changes ...squall.Change) []byte {
	for _, c := range changes {
		log = append(log, '[', '"')
		log = append(log, c.Status...)
		log = append(log, '"', ',')
		log = strconv.AppendInt(log, Micros(c.At), 10)
		if c.Node != "" || c.Reason != "" {
			log = appendJSON(append(log, ','), c.Node)
		}
		if c.Reason != "" {
			log = appendJSON(append(log, ','), c.Reason)
		}
		log = append(log, ']', ',')
	}
	return log
}

func appendJSON(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("driver: marshal a string: %v", err)) // cannot happen
	}
	return append(b, quoted...)
}

// ParseLog is the way back from AppendLog.
func ParseLog(log []byte) ([]squall.Change, error) {
	if len(log) == 0 {
		return nil, nil
	}
	doc := make([]byte, 0, len(log)+1)
	doc = append(doc, '[')
	doc = append(doc, log[:len(log)-1]...)
	doc = append(doc, ']')
	var entries []logEntry
	if err := json.Unmarshal(doc, &entries); err != nil {
		return nil, fmt.Errorf("parse log: %w", err)
	}
	changes := make([]squall.Change, len(entries))
	for i, e := range entries {
		changes[i] = squall.Change(e)
	}
	return changes, nil
}

type logEntry squall.Change

func (e *logEntry) UnmarshalJSON(data []byte) error {
	var at int64
	fields := []any{&e.Status, &at, &e.Node, &e.Reason} // missing ones stay empty
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	e.At = Time(at)
	return nil
}

// IDBounds returns identifiers between which all executions created strictly
// between after and before lie, given that no identifier's time differs from
// the creation by more than slack. Zero times give nil: no bound. Both bounds
// are exclusive.
func IDBounds(after, before time.Time, slack time.Duration) (low, high []byte) {
	if !after.IsZero() {
		low = secondBytes(after.Add(-slack).Unix() - 1)
	}
	if !before.IsZero() {
		high = secondBytes(before.Add(slack).Unix() + 1)
	}
	return low, high
}

func secondBytes(sec int64) []byte {
	sec = min(max(sec, 0), 1<<32-1)
	b := make([]byte, 12)
	b[0], b[1], b[2], b[3] = byte(sec>>24), byte(sec>>16), byte(sec>>8), byte(sec)
	return b
}

// Skew returns by how much id's time and the creation differ, in whole seconds
// rounded up.
func Skew(id squall.ID, created time.Time) int64 {
	d := created.Sub(id.Time())
	if d < 0 {
		d = -d + time.Second // id.Time is cut to the second
	}
	return int64((d + time.Second - 1) / time.Second)
}

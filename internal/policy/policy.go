package policy

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"squall/internal/squall"
)

// Set is the policies of one action. The nil Set restrains nothing.
type Set struct {
	gates []gatePolicy
	retry []retryPolicy
}

type gatePolicy struct {
	ref        string
	attributes []string
	byAttr     bool
	room       int
	roomFrom   string // the parameter that says how much room there is; empty: room
	cancel     bool
	rate       *Rate
}

type retryPolicy struct {
	ref   string
	on    squall.Status
	count int
	delay time.Duration
}

// The default of max_retry_count, which StackStorm's schema gives.
const defaultRetries = 2

// Compile reads policies. Those that are disabled count for nothing, and so do
// those that say nothing that can be done; problems tells which and why.
func Compile(list []*squall.Policy) (s *Set, problems []error) {
	s = &Set{}
	sorted := slices.SortedFunc(slices.Values(list), func(a, b *squall.Policy) int { return cmp.Compare(a.Ref.String(), b.Ref.String()) })
	for _, p := range sorted {
		if !p.Enabled {
			continue
		}
		if err := s.add(p); err != nil {
			problems = append(problems, fmt.Errorf("policy %s: %w", p.Ref, err))
		}
	}
	return s, problems
}

func (s *Set) add(p *squall.Policy) error {
	var doc struct {
		Threshold  *int64   `json:"threshold"`
		From       string   `json:"threshold_parameter"`
		Action     string   `json:"action"`
		Attributes []string `json:"attributes"`
		RetryOn    string   `json:"retry_on"`
		Count      *int     `json:"max_retry_count"`
		Delay      float64  `json:"delay"`
		Limit      int      `json:"limit"`
		Seconds    float64  `json:"seconds"`
	}
	if len(p.Parameters) > 0 {
		if err := json.Unmarshal(p.Parameters, &doc); err != nil {
			return fmt.Errorf("its parameters: %w", err)
		}
	}
	gate := gatePolicy{ref: p.Ref.String(), cancel: doc.Action == "cancel", attributes: slices.Sorted(slices.Values(doc.Attributes))}
	switch p.Type {
	case "action.concurrency", "action.concurrency.attr":
		if doc.Threshold == nil {
			return fmt.Errorf("it has no threshold")
		}
		gate.room, gate.byAttr = roomOf(*doc.Threshold), p.Type == "action.concurrency.attr"
		s.gates = append(s.gates, gate)
	case "action.concurrency.limit":
		if doc.Threshold == nil || doc.From == "" {
			return fmt.Errorf("it needs a threshold_parameter, and a threshold for executions that are not given it")
		}
		gate.room, gate.roomFrom, gate.byAttr = roomOf(*doc.Threshold), doc.From, true
		s.gates = append(s.gates, gate)
	case "action.rate_limit":
		per := time.Duration(doc.Seconds * float64(time.Second))
		if doc.Limit < 1 || doc.Limit > MaxRate || per <= 0 || per > MaxPer {
			return fmt.Errorf("it needs a limit from 1 to %d and seconds up to %.0f", MaxRate, MaxPer.Seconds())
		}
		gate.rate, gate.byAttr = &Rate{Limit: doc.Limit, Per: per}, len(gate.attributes) > 0
		s.gates = append(s.gates, gate)
	case "action.retry":
		r := retryPolicy{ref: p.Ref.String(), count: defaultRetries, delay: time.Duration(doc.Delay * float64(time.Second))}
		switch doc.RetryOn {
		case "failure":
			r.on = squall.Failed
		case "timeout":
			r.on = squall.Timeout
		default:
			return fmt.Errorf("retry_on is %q, not failure or timeout", doc.RetryOn)
		}
		if doc.Count != nil {
			r.count = *doc.Count
		}
		s.retry = append(s.retry, r)
	default:
		return fmt.Errorf("there are no policies of type %q", p.Type)
	}
	return nil
}

// roomOf bounds a threshold.
func roomOf(threshold int64) int { return int(max(0, min(threshold, 1<<30))) }

// Empty reports whether there is nothing to decide.
func (s *Set) Empty() bool { return s == nil || len(s.gates)+len(s.retry) == 0 }

// Retries reports whether an execution may be run again.
func (s *Set) Retries() bool { return s != nil && len(s.retry) > 0 }

// Gate is what an execution has to pass.
type Gate struct {
	Name   string
	Policy string // its reference
	Room   int    // how many may be inside; unused with Rate
	Cancel bool   // who finds no room is canceled and does not wait
	Rate   *Rate  // how many may pass in a time; nil: Room counts
}

// Gates returns the gates of an execution with these parameters, a JSON object,
// by name, so that whoever locks several does so in the same order everywhere.
//
// st2: parameters are compared as they were given; one that was not given is
// equal only to others that were not, not to its default. The threshold of an
// action.concurrency.limit is no part of its gate's name: executions that are
// given different ones still count each other.
func (s *Set) Gates(parameters json.RawMessage) []Gate {
	if s == nil || len(s.gates) == 0 {
		return nil
	}
	var given map[string]json.RawMessage
	if json.Unmarshal(parameters, &given) != nil {
		given = nil // none were given
	}
	gates := make([]Gate, len(s.gates))
	for i, p := range s.gates {
		gates[i] = Gate{Name: p.ref, Policy: p.ref, Room: p.room, Cancel: p.cancel, Rate: p.rate}
		if p.roomFrom != "" {
			gates[i].Room = roomGiven(given[p.roomFrom], p.room)
		}
		if p.byAttr {
			gates[i].Name += ":" + digest(given, p.attributes)
		}
	}
	slices.SortFunc(gates, func(a, b Gate) int { return cmp.Compare(a.Name, b.Name) })
	return gates
}

// roomGiven reads a threshold that came with an execution: a whole number from 1
// on, also one written as text. Anything else counts as not given, so that a
// configuration's mistake neither stops everything nor lets everything in.
func roomGiven(doc json.RawMessage, otherwise int) int {
	n, err := strconv.ParseInt(strings.Trim(string(doc), `"`), 10, 64)
	if err != nil || n < 1 {
		return otherwise
	}
	return roomOf(n)
}

// digest names the values of attributes without showing them.
func digest(given map[string]json.RawMessage, attributes []string) string {
	h := sha256.New()
	for _, name := range attributes {
		h.Write([]byte(strconv.Quote(name) + "="))
		if doc, ok := given[name]; ok {
			h.Write(canonical(doc))
		}
		h.Write([]byte{'\n'})
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// canonical writes equal JSON values alike: keys sorted, 3.0 as 3.
func canonical(doc json.RawMessage) []byte {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return doc
	}
	out, err := json.Marshal(plainNumbers(v))
	if err != nil {
		return doc
	}
	return out
}

func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") && f == float64(int64(f)) && f < 1<<53 && f > -(1<<53) {
			return json.Number(strconv.FormatInt(int64(f), 10))
		}
		return v
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	}
	return v
}

// Decision says what becomes of an execution at its gates.
type Decision uint8

// The decisions.
const (
	Run    Decision = iota + 1
	Delay           // it waits
	Cancel          // it is canceled
)

// Admit decides about an execution that finds so many inside of each of its
// gates. Gates with a rate are not its business. One that cancels wins.
func Admit(gates []Gate, inside []int) (d Decision, by string) {
	d = Run
	for i, g := range gates {
		switch {
		case g.Rate != nil || inside[i] < g.Room:
		case g.Cancel:
			return Cancel, g.Policy
		case d == Run:
			d, by = Delay, g.Policy
		}
	}
	return d, by
}

// Retry decides whether an execution that ended in a state, having been
// repeated so many times already, is run again, after which delay and by which
// policy.
func (s *Set) Retry(ended squall.Status, before int) (delay time.Duration, by string, again bool) {
	if s == nil {
		return 0, "", false
	}
	for _, r := range s.retry {
		if r.on == ended && before < r.count {
			return r.delay, r.ref, true
		}
	}
	return 0, "", false
}

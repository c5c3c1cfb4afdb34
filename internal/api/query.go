package api

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"squall/internal/api/wire"
	"squall/internal/auth"
	"squall/internal/squall"
)

// page is which part of a list is asked for.
type page struct {
	limit  int // 0: all
	offset int
}

// page reads limit and offset. def is the limit when none is given, 0 for all.
// Bounds and texts are StackStorm's: administrators may ask for more than
// MaxPageSize, and for everything with -1.
func (s *Server) page(r *request, def int) (page, error) {
	p := page{limit: def}
	admin := r.caller.May(auth.ListAll)
	limit, given, err := integer(r.query, "limit")
	switch {
	case err != nil:
		return p, err
	case !given:
		if !admin && (p.limit == 0 || p.limit > s.MaxPageSize) {
			p.limit = s.MaxPageSize
		}
	case limit == 0:
		return p, squall.Errorf(squall.Invalid, `Limit, "0" specified, must be a positive number or -1 for full result set.`)
	case limit < -1:
		return p, squall.Errorf(squall.Invalid, `Limit, "%d" specified, must be a positive number.`, limit)
	case limit == -1 && !admin:
		return p, squall.Errorf(squall.Denied, "Administrator access required to be able to specify limit=-1 and retrieve all the records")
	case limit > int64(s.MaxPageSize) && !admin:
		return p, squall.Errorf(squall.Denied, `Limit "%d" specified, maximum value is "%d"`, limit, s.MaxPageSize)
	default:
		p.limit = int(min(max(limit, 0), math.MaxInt32))
	}
	offset, _, err := integer(r.query, "offset")
	switch {
	case err != nil:
		return p, err
	case offset > math.MaxInt32:
		return p, squall.Errorf(squall.Invalid, `Offset "%s" specified is more than 32-bit int`, r.query.Get("offset"))
	case offset < 0:
		return p, squall.Errorf(squall.Invalid, `Offset "%d" specified must not be negative.`, offset)
	}
	p.offset = int(offset)
	return p, nil
}

// readQuery reads a query string. Of a parameter that is given several times
// the last one counts (st2), so it stands first.
func readQuery(text string) (url.Values, error) {
	q, err := url.ParseQuery(text)
	if err != nil {
		return nil, squall.Errorf(squall.Invalid, "The query string cannot be read: %v", err)
	}
	for _, values := range q {
		slices.Reverse(values)
	}
	return q, nil
}

// integer reads a parameter that is a whole number: digits, and a sign only
// when it is negative (st2). One that is too large is the largest there is.
func integer(q url.Values, name string) (n int64, given bool, err error) {
	if !q.Has(name) {
		return 0, false, nil
	}
	text := q.Get(name)
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, true, squall.Errorf(squall.Invalid, "Parameter %q is not of type integer", name)
	}
	n, _ = strconv.ParseInt(text, 10, 64) // out of range is the nearest that is not
	return n, true, nil
}

// headers tells the client the size of the whole list and of the page.
func (p page) headers(h http.Header, total int) {
	if total >= 0 {
		h.Set("X-Total-Count", strconv.Itoa(total))
	}
	if p.limit > 0 {
		h.Set("X-Limit", strconv.Itoa(p.limit))
	}
}

// slice returns the page of a list that is in memory.
func slice[T any](p page, all []T) []T {
	all = all[min(p.offset, len(all)):]
	if p.limit > 0 {
		all = all[:min(p.limit, len(all))]
	}
	return all
}

// fields reads include_attributes and exclude_attributes. known says whether a
// member exists and has members of its own; excludable lists what may be left
// out, nil for everything known.
func fields(q url.Values, known func(string) (exists, parts bool), excludable []string) (wire.Fields, error) {
	include, exclude := list(q, "include_attributes"), list(q, "exclude_attributes")
	if len(include) > 0 && len(exclude) > 0 {
		return wire.Fields{}, squall.Errorf(squall.Invalid, "exclude_fields and include_fields arguments are mutually exclusive. You need to provide either one or another, but not both.")
	}
	for _, name := range include {
		top, sub, _ := strings.Cut(name, ".")
		exists, parts := known(top)
		switch {
		case !exists:
			return wire.Fields{}, squall.Errorf(squall.Invalid, "Invalid or unsupported include attribute specified: %s", name)
		case sub != "" && !parts:
			return wire.Fields{}, squall.Errorf(squall.Invalid, "Invalid or unsupported include attribute specified: Cannot resolve subfield or operator %s on the field %s", sub, top)
		}
	}
	for i, name := range exclude {
		top, sub, _ := strings.Cut(name, ".")
		exists, parts := known(top)
		switch {
		case !exists || excludable != nil && !slices.Contains(excludable, name):
			return wire.Fields{}, squall.Errorf(squall.Invalid, "Invalid or unsupported exclude attribute specified: %s", name)
		case sub != "" && !parts:
			return wire.Fields{}, squall.Errorf(squall.Invalid, "Invalid or unsupported exclude attribute specified: Cannot resolve subfield or operator %s on the field %s", sub, top)
		}
		exclude[i] = top // st2: who leaves a part out leaves all out
	}
	if len(include) > 0 {
		return wire.Include(include...), nil
	}
	return wire.Exclude(exclude...), nil
}

// executionFieldsOf is fields for executions. st2: what it needs to mask secrets and
// to check rights comes along with parts of the members that hold it.
func executionFieldsOf(q url.Values) (wire.Fields, error) {
	f, err := fields(q, wire.ExecutionField, excludable)
	include := list(q, "include_attributes")
	if err != nil || len(include) == 0 {
		return f, err
	}
	for i, name := range include {
		switch top, _, isPart := strings.Cut(name, "."); {
		case !isPart:
		case top == "action":
			include = append(include, "action.parameters", "action.output_schema", "action.pack", "action.uid")
		case top == "runner":
			include = append(include, "runner.runner_parameters", "runner.output_key")
		case top == "context" || top == "parameters":
			include[i] = top
		}
	}
	return wire.Include(include...), nil
}

// list reads a parameter that holds several values: with commas, repeated, or both.
func list(q url.Values, name string) []string {
	var out []string
	for _, v := range q[name] {
		for item := range strings.SplitSeq(v, ",") {
			if item = strings.TrimSpace(item); item != "" {
				out = append(out, item)
			}
		}
	}
	return out
}

// idsOf reads the filter "id", nil when it is not there.
func idsOf(q url.Values) ([]squall.ID, error) {
	var ids []squall.ID
	for _, text := range list(q, "id") {
		if !squall.ID(text).Valid() {
			return nil, errBadID(text)
		}
		ids = append(ids, squall.ID(text))
	}
	return ids, nil
}

// badID is what st2's database says of what cannot be an identifier.
func badID(text string) string {
	return pyString(text) + " is not a valid ObjectId, it must be a 12-byte input or a 24-character hex string"
}

func errBadID(text string) error { return squall.Errorf(squall.Invalid, "%s", badID(text)) }

// sorting reads "sort": keys between commas, "-" in front for the other way around.
// Keys that are not known are passed over (st2). Without any it is nil.
func sorting[T any](q url.Values, keys map[string]func(T) string) func(a, b T) int {
	var order func(a, b T) int
	for _, key := range slices.Backward(list(q, "sort")) {
		sign, next := 1, order
		name, down := strings.CutPrefix(key, "-")
		if down {
			sign = -1
		}
		of, ok := keys[strings.TrimPrefix(name, "+")]
		if !ok {
			continue
		}
		order = func(a, b T) int {
			if c := sign * strings.Compare(of(a), of(b)); c != 0 || next == nil {
				return c
			}
			return next(a, b)
		}
	}
	return order
}

// sorted sorts all as "sort" says, if it says anything.
func sorted[T any](q url.Values, all []T, keys map[string]func(T) string) {
	if order := sorting(q, keys); order != nil {
		slices.SortStableFunc(all, order)
	}
}

// refuseNames refuses the filter "name" for what has none (st2 fails on it).
func refuseNames(q url.Values) error {
	if q.Get("name") != "" {
		return squall.Errorf(squall.Invalid, `Cannot resolve field "name"`)
	}
	return nil
}

// onlyIDs reads the filter "id" of what has no name.
func onlyIDs(q url.Values) ([]squall.ID, error) {
	if err := refuseNames(q); err != nil {
		return nil, err
	}
	return idsOf(q)
}

// timeOrder reads "sort" where it knows an instant and the identifier only, and
// passes over other keys: whether the oldest come first, and whether that was said.
func timeOrder(q url.Values, instant string) (oldestFirst, said bool) {
	for _, key := range list(q, "sort") {
		name, down := strings.CutPrefix(key, "-")
		if name = strings.TrimPrefix(name, "+"); name == instant || name == "id" {
			return !down, true
		}
	}
	return false, false
}

// flag reads a boolean as StackStorm's router does. One without a value is not
// one.
func flag(q url.Values, name string) (bool, error) {
	if !q.Has(name) {
		return false, nil
	}
	switch strings.ToLower(q.Get(name)) {
	case "false", "0", "no", "n":
		return false, nil
	case "true", "1", "yes", "y":
		return true, nil
	}
	return false, squall.Errorf(squall.Invalid, "Parameter %q is not of type boolean", name)
}

// instant reads a time; the zero time when it is not there.
func instant(q url.Values, name string) (time.Time, error) {
	text := q.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	return parseInstant(name, text)
}

// parseInstant reads the time in the parameter of that name.
func parseInstant(name, text string) (time.Time, error) {
	// A "+" of a zone arrives as a blank when the client did not escape it.
	t, err := wire.ParseTime(text)
	if err != nil {
		t, err = wire.ParseTime(strings.Replace(text, " ", "+", 1))
	}
	if err != nil {
		return time.Time{}, &squall.Error{Kind: squall.Invalid, Msg: "Datetime value does not match expected format.", Err: fmt.Errorf("%s: %w", name, err)}
	}
	return t, nil
}
